# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What restarts because a mesh changes hands: pods whose template is another one afterwards, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.layout import Layout, istiod_name
from ..._desired.manifests import digest, label
from ..._desired.values import changed_paths
from ..._intent.mesh import MeshIntent
from ..._kube.client import Client
from ..._kube.kinds import DAEMON_SET, DEPLOYMENT
from ..live import observe, target

_KINDS = ("Deployment", "DaemonSet")
_NAMED = 5
_RESETS = "; restarted node by node, which resets long connections of its node's pods"


def templates(client: Client, intent: MeshIntent, layout: Layout) -> dict[str, str]:
    """The digest of each workload's pod template, by label."""
    wanted = [target(DEPLOYMENT, intent.namespace, istiod_name(revision)) for revision in layout.revisions]
    if layout.cni is not None:
        wanted.append(target(DAEMON_SET, intent.cni_namespace, "istio-cni-node"))
    if layout.ztunnel is not None:
        wanted.append(target(DAEMON_SET, intent.ztunnel_namespace, "ztunnel"))
    return {
        label({"kind": one.kind.kind, **obj}): digest(_template(obj)) for one, obj in observe(client, wanted).items()
    }


def told(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Sentences on what restarted and what did not."""
    notes = []
    for name, known in sorted(before.items()):
        if name not in after:
            notes.append(f"{name} is gone")
        elif after[name] == known:
            notes.append(f"{name} was not restarted: its pod template is the same")
        else:
            notes.append(f"{name} was restarted: its pod template changed{_RESETS if 'ztunnel' in name else ''}")
    return notes


def predicted(now: Iterable[Mapping[str, Any]], then: Iterable[Mapping[str, Any]]) -> list[str]:
    """Sentences on what will restart, from the manifests that are in force and those that will be."""
    before = {label(obj): _template(obj) for obj in now if obj.get("kind") in _KINDS}
    notes = []
    for obj in then:
        name, new = label(obj), _template(obj)
        old = before.get(name)
        if not old or not new or old == new:
            continue
        paths = changed_paths(old, new)
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        resets = _RESETS if "ztunnel" in name else ""
        notes.append(
            f"{name} will be restarted, since its pod template changes: {', '.join(paths[:_NAMED])}{more}{resets}"
        )
    return notes


def _template(obj: Any) -> Mapping[str, Any]:
    if not isinstance(obj, Mapping):
        return {}
    found = (obj.get("spec") or {}).get("template")
    return found if isinstance(found, Mapping) else {}
