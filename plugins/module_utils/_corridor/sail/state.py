# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A mesh by Sail as results show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._desired.sail_values import dig
from ..._intent.mesh import MeshIntent
from ..._kube.client import Client
from ..._kube.readiness import readiness
from ..mesh.result import revisions_state
from .observe import SailObserved, bound_to, installed
from .operator import operator_version

_SHOWN = ("type", "status", "reason", "message")


def sail_state(client: Client, intent: MeshIntent, observed: SailObserved) -> dict[str, Any]:
    """Where it is, its revisions and tags, and each component's resource with state and conditions."""
    found = installed(intent, observed)
    layout = found.layout
    components: dict[str, Any] = {}
    if observed.operators or observed.release.release or observed.subscriptions:
        version = operator_version(observed)
        places = sorted({str(dig(one, "metadata", "namespace")) for one in observed.operators})
        components["operator"] = {"version": str(version) if version else None, "namespace": ", ".join(places)}
    istio = observed.istios.get(intent.name)
    if istio is not None:
        components["istiod"] = _component(istio) | {"revision": layout.active if layout else None}
    if observed.cni is not None and intent.node_agents:
        components["cni"] = _component(observed.cni)
    if observed.ztunnel is not None and intent.node_agents:
        components["ztunnel"] = _component(observed.ztunnel) | {"revision": bound_to(observed, observed.ztunnel)}
    return {
        "method": "sail",
        "name": intent.name,
        "mode": intent.mode,
        "namespace": intent.namespace,
        "version": str(layout.revisions.get(layout.serving, layout.version)) if layout else None,
        "server": observed.mesh.server,
        "kubernetes": observed.mesh.kubernetes,
        "components": components,
        **revisions_state(client, found),
    }


def _component(obj: Mapping[str, Any]) -> dict[str, Any]:
    state = readiness(dict(obj))
    return {
        "resource": f"{obj['kind']}/{dig(obj, 'metadata', 'name')}",
        "namespace": dig(obj, "spec", "namespace"),
        "version": str(dig(obj, "spec", "version") or "").removeprefix("v"),
        "state": dig(obj, "status", "state") or "",
        "ready": state.ready,
        "conditions": [
            {key: entry[key] for key in _SHOWN if entry.get(key)} for entry in dig(obj, "status", "conditions") or ()
        ],
    }
