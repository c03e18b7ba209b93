# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots for the tables: recorded ones, and the same with one thing changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "snapshots"
SAIL = ("sail_istios", "sail_revisions", "sail_tags", "sail_cnis", "sail_ztunnels")
ENROLLED = {"shop", "bank"}
_NAMES = ("name", "namespace")
Edit = Callable[[list[dict[str, Any]]], Any]


def recorded(name: str) -> dict[str, list[dict[str, Any]]]:
    """The lists of objects of a fixture, by source; each call gives a copy of its own."""
    content = json.loads((FIXTURES / f"{name}.json").read_text())
    return {key: value for key, value in content.items() if key != "about"}


def snapshot(lists: dict[str, list[dict[str, Any]]], *, unserved: Iterable[str] = ()) -> Snapshot:
    read = {name: Source(name, tuple(items)) for name, items in lists.items()}
    return Snapshot({**read, **{name: Source(name, served=False) for name in unserved}})


def load(name: str) -> Snapshot:
    return snapshot(recorded(name))


def healthy(**edits: Edit) -> Snapshot:
    """The embedded ambient mesh; each keyword names a source and a function that changes its list in place.

    Its namespace shop is ambient, with a workload and a Service web behind a waypoint; bank has sidecars in its teller.
    """
    return _edited(recorded("embedded-ambient"), edits)


def bare(**edits: Edit) -> Snapshot:
    """The same mesh while nothing is enrolled."""
    lists = recorded("embedded-ambient")
    for items in lists.values():
        items[:] = [
            item
            for item in items
            if not {item.get("metadata", {}).get(key) for key in ("name", "namespace")} & ENROLLED
        ]
    return _edited(lists, edits)


def _edited(lists: dict[str, list[dict[str, Any]]], edits: dict[str, Edit]) -> Snapshot:
    for name, edit in edits.items():
        edit(lists.setdefault(name, []))
    return snapshot(lists, unserved=SAIL)


def broken(base: Snapshot, name: str, error: str = "may not list this") -> Snapshot:
    """The same with one source that could not be read."""
    return Snapshot({**base.sources, name: Source(name, error=error)})


def outcome(check: str, seen: Snapshot) -> CheckResult:
    return run_one(BY_ID[check], seen)


def severities(result: CheckResult) -> list[str]:
    return [finding.severity for finding in result.findings]


def named(name: str) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Picks the object of that name out of a list."""
    return lambda items: next(item for item in items if item["metadata"]["name"] == name)


def put(name: str, *path: str | int, value: Any) -> Edit:
    """An edit: set a field of the object of that name."""

    def edit(items: list[dict[str, Any]]) -> None:
        place: Any = named(name)(items)
        for key in path[:-1]:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        place[path[-1]] = value

    return edit


def drop(*names: str) -> Edit:
    """An edit: take objects away; without names, all of them."""

    def edit(items: list[dict[str, Any]]) -> None:
        items[:] = [item for item in items if names and item["metadata"]["name"] not in names]

    return edit


def twin(name: str, other: str, **changes: Any) -> Edit:
    """An edit: add a copy of an object under another name, with top-level or metadata fields replaced."""

    def edit(items: list[dict[str, Any]]) -> None:
        added = copy.deepcopy(named(name)(items))
        added["metadata"]["name"] = other
        for key, value in changes.items():
            (added["metadata"] if key == "labels" else added)[key] = value
        items.append(added)

    return edit


# -- a second control plane, and who uses it ---------------------------------------------------------------------------


def canary(revision: str = "next", version: str = "1.32.0", tag: str = "") -> dict[str, Edit]:
    """Edits: istiod of a revision beside the first, with Service, endpoints and injector; and a tag on it."""
    own = f"istiod-{revision}"
    labels = {"app": "istiod", "istio.io/rev": revision}

    def deployment(items: list[dict[str, Any]]) -> None:
        twin("istiod", own, labels=labels)(items)
        spec = items[-1]["spec"]
        spec["selector"]["matchLabels"] = labels
        spec["template"]["metadata"]["labels"] = labels
        container = spec["template"]["spec"]["containers"][0]
        container["image"] = f"istio/pilot:{version}"
        container["env"] = [item for item in container["env"] if item["name"] != "REVISION"]

    def service(items: list[dict[str, Any]]) -> None:
        twin("istiod", own, labels=labels)(items)
        items[-1]["spec"]["selector"] = labels

    def slices(items: list[dict[str, Any]]) -> None:
        added = copy.deepcopy(next(item for item in items if _service(item) == "istiod"))
        added["metadata"]["name"], added["metadata"]["labels"] = own, {"kubernetes.io/service-name": own}
        items.append(added)

    def injectors(items: list[dict[str, Any]]) -> None:
        items.append(injector(revision))
        if tag:
            items.append(injector(revision, tag))

    return {"istiods": deployment, "services": service, "endpoint_slices": slices, "mutating_webhooks": injectors}


def injector(revision: str, tag: str = "", service: str = "") -> dict[str, Any]:
    """The injector of a revision, or of a tag on it, as the istiod chart renders it: the webhook for namespaces."""
    selected = {"key": "istio.io/rev", "operator": "In", "values": [tag or revision]}
    unset = {"key": "istio-injection", "operator": "DoesNotExist"}
    enabled = {"key": "istio-injection", "operator": "In", "values": ["enabled"]}
    wanted = {"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}
    by_namespace = [{"matchExpressions": [selected, unset]}]
    if (tag or revision) == "default":
        by_namespace.append({"matchExpressions": [enabled]})
    where = {"namespace": "istio-system", "name": service or f"istiod-{revision}", "port": 443}
    return {
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": f"istio-revision-tag-{tag}" if tag else f"istio-sidecar-injector-{revision}",
            "labels": {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})},
        },
        "webhooks": [
            {
                "name": "rev.namespace.sidecar-injector.istio.io",
                "clientConfig": {"service": where, "caBundle": "x"},
                "namespaceSelector": selector,
                "objectSelector": {"matchExpressions": [wanted]},
            }
            for selector in by_namespace
        ],
    }


def namespace(name: str, **labels: str) -> dict[str, Any]:
    """A namespace; `rev`, `injection` and `mode` stand for Istio's labels."""
    keys = {"rev": "istio.io/rev", "injection": "istio-injection", "mode": "istio.io/dataplane-mode"}
    return {"kind": "Namespace", "metadata": {"name": name, "labels": {keys[key]: labels[key] for key in labels}}}


def sidecar(name: str, where: str, revision: str, cluster: str = "Kubernetes", **labels: str) -> dict[str, Any]:
    """A pod with a sidecar, as the snapshot has it."""
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": where,
            "labels": labels,
            "annotations": {"sidecar.istio.io/status": json.dumps({"revision": revision})},
        },
        "spec": {
            "containers": [{"name": "app", "image": "app:1"}],
            "initContainers": [
                {
                    "name": "istio-proxy",
                    "image": "istio/proxyv2:1.31.1",
                    "env": [{"name": "ISTIO_META_CLUSTER_ID", "value": cluster}],
                }
            ],
        },
        "status": {"phase": "Running"},
    }


def waypoint(where: str, revision: str) -> dict[str, Any]:
    """A waypoint's pod, as the snapshot has it."""
    pod = sidecar("waypoint", where, revision)
    pod["metadata"]["annotations"] = {"istio.io/rev": revision}
    pod["spec"]["containers"] = pod["spec"].pop("initContainers")
    return pod


def add(*objects: dict[str, Any]) -> Edit:
    """An edit: more objects."""
    return lambda items: items.extend(copy.deepcopy(list(objects)))


def both(*edits: Edit) -> Edit:
    """An edit: one after the other."""

    def edit(items: list[dict[str, Any]]) -> None:
        for each in edits:
            each(items)

    return edit


def environment(name: str, variable: str, value: str | None) -> Edit:
    """An edit: an environment variable of a workload's first container; None takes it away."""

    def edit(items: list[dict[str, Any]]) -> None:
        container = named(name)(items)["spec"]["template"]["spec"]["containers"][0]
        kept = [item for item in container.get("env") or () if item["name"] != variable]
        container["env"] = kept if value is None else [*kept, {"name": variable, "value": value}]

    return edit


def _service(piece: dict[str, Any]) -> str:
    return str(piece["metadata"]["labels"].get("kubernetes.io/service-name"))
