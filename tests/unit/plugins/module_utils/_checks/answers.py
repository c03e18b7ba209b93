# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod and proxies answered, recorded or made up, as sources of a snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.inside import moment
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_metrics as metrics
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_parse as parse

Obj = dict[str, Any]

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
# When the meshes were recorded, by and large.
RECORDED = moment("2026-11-21T11:40:00Z") or 0.0


def body(name: str, folder: str = "inside") -> bytes:
    return (FIXTURES / folder / name).read_bytes()


def said(pod: str, **parts: Any) -> Obj:
    """What a pod answered: `pod` is ns/name."""
    namespace, _slash, name = pod.partition("/")
    return {"kind": "Pod", "metadata": {"namespace": namespace, "name": name}, "error": "", **parts}


def pods_of(name: str) -> list[Obj]:
    """The pods of a recorded mesh."""
    found: list[Obj] = json.loads(body(f"recorded-{name}-pods.json"))["pods"]
    return found


def sync_of(name: str) -> Obj:
    folder, file = ("inside", f"recorded-{name}-syncz.json")
    if not (FIXTURES / folder / file).exists():
        folder, file = "istiod", f"syncz-{name}.json"
    return said("istio-system/istiod-1", revision="default", **parse.sync(body(file, folder)))


def dump_of(name: str, pod: str = "istio-system/ztunnel-1", node: str = "node-01") -> Obj:
    return said(pod, node=node, **parse.ztunnel_dump(body(f"recorded-{name}-ztunnel-dump.json")))


def traffic_of(name: str) -> Obj:
    found = metrics.traffic_metrics(body(f"recorded-{name}-ztunnel-metrics.txt"))
    return said("istio-system/ztunnel-1", node="node-01", **found)


def istiod(*, ready: int = 1, replicas: int = 1, revision: str = "default", **status: Any) -> Obj:
    """An ambient control plane's Deployment."""
    container = {"name": "discovery", "env": [{"name": "PILOT_ENABLE_AMBIENT", "value": "true"}]}
    labels = {"app": "istiod", "istio.io/rev": revision}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
        "status": {**({"readyReplicas": ready} if ready else {}), **status},
    }


def seen(lists: Mapping[str, Iterable[Obj]], taken: float = RECORDED) -> Snapshot:
    """A snapshot of these lists; `errors` among them: the reasons for which others could not be read."""
    given = {"istiods": [istiod()], **lists}
    return Snapshot({name: Source(name, tuple(items)) for name, items in given.items()}, taken)


def without(base: Snapshot, name: str, reason: str = "may not get pods/portforward") -> Snapshot:
    return replace(base, sources={**base.sources, name: Source(name, error=reason)}, _made={})


def run(check: str, lists: Mapping[str, Iterable[Obj]], taken: float = RECORDED) -> CheckResult:
    return run_one(BY_ID[check], seen(lists, taken))


def told(result: CheckResult) -> list[tuple[str, str]]:
    return [(finding.severity, finding.title) for finding in result.findings]
