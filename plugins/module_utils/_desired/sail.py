# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Sail Operator's resources that a mesh is made of. Pure.

Two things that the operator calls Healthy, and that cut ambient traffic all the same, cannot come about here: ztunnel
is always told which revision's istiod to dial, and its own cluster name and network are always written, equal to
istiod's, from which it does not take them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._intent.mesh import MeshIntent
from .._intent.versions import Version
from .layout import IN_PLACE, istiod_name
from .sail_served import GROUP, ServedSail
from .sail_values import SailKind, dig, sail_specs
from .values import put

DEFAULT = "default"
# What both istiod and ztunnel assume when nothing is said.
CLUSTER = "Kubernetes"
# A value that no chart reads: changing it is how the operator is made to look again at what it believes to be done.
NUDGE = "meshwright.io/looked-at-again"
NUDGE_PATH = ("spec", "values", "ztunnel", "Annotations")
Obj = dict[str, Any]


def sail_revision(intent: MeshIntent, revision: str) -> str:
    """The name of a layout's revision as the operator has it: in place, the mesh's own name."""
    return intent.name if revision == IN_PLACE and not intent.revisioned else revision


def hold_tag(name: str) -> str:
    """The tag that keeps a mesh's previous revision referenced."""
    return f"{name}-previous"


def istiod_of(sail_name: str) -> str:
    """The Deployment and Service of an IstioRevision."""
    return istiod_name(sail_name)


def spelled(version: Version) -> str:
    """A version as the resources spell it: `v1.30.3`."""
    return f"v{version}"


def istio(intent: MeshIntent, version: Version) -> Obj:
    """The control plane: one Istio resource of the mesh's name."""
    strategy: Obj = {"type": "InPlace"}
    if intent.revisioned:
        strategy = {
            "type": "RevisionBased",
            "inactiveRevisionDeletionGracePeriodSeconds": intent.inactive_revision_grace,
        }
    spec: Obj = {"version": spelled(version), "namespace": intent.namespace, "updateStrategy": strategy}
    spec |= _spec_of(intent, "Istio")
    if intent.mode == "ambient":
        # istiod signs for ztunnels of this namespace only; what it assumes differs from platform to platform.
        put(spec, ("values", "pilot", "trustedZtunnelNamespace"), intent.ztunnel_namespace)
    return _object("v1", "Istio", intent.name, spec)


def istio_cni(intent: MeshIntent, version: Version) -> Obj:
    spec: Obj = {"version": spelled(version), "namespace": intent.cni_namespace}
    return _object("v1", "IstioCNI", DEFAULT, spec | _spec_of(intent, "IstioCNI"))


def ztunnel(
    intent: MeshIntent,
    version: Version,
    revision: str,
    served: ServedSail,
    live: Mapping[str, Any] | None = None,
    live_istio: Mapping[str, Any] | None = None,
) -> Obj:
    """ztunnel, bound to a revision of the layout.

    `live_istio` tells the cluster name and network of an istiod for which the intent names none; a mark that `live`
    bears of having been looked at again stays on it.
    """
    spec: Obj = {"version": spelled(version), "namespace": intent.ztunnel_namespace}
    spec |= _spec_of(intent, "ZTunnel")
    cluster, network = identity(intent, live_istio)
    put(spec, ("values", "ztunnel", "multiCluster", "clusterName"), cluster)
    if network and served.network:
        put(spec, ("values", "ztunnel", "network"), network)
    elif network:
        # Releases before 1.28 have no such value, of which the chart makes this variable.
        spec["values"]["ztunnel"].pop("network", None)
        put(spec, ("values", "ztunnel", "env", "NETWORK"), network)
    name = sail_revision(intent, revision)
    if served.target_ref:
        target = {"kind": "IstioRevision", "name": name} if intent.revisioned else {"kind": "Istio", "name": name}
        spec["targetRef"] = target
    elif name != DEFAULT:
        put(spec, ("values", "ztunnel", "revision"), name)
    mark = dig(live, *NUDGE_PATH, NUDGE)
    if mark:
        put(spec, (*NUDGE_PATH[1:], NUDGE), mark)
    return _object(served.ztunnel, "ZTunnel", DEFAULT, spec)


def nudged(desired: Mapping[str, Any], live: Mapping[str, Any]) -> Obj:
    """The same ZTunnel, changed in a way that only makes the operator look at it again."""
    result: Obj = {**desired, "spec": {**desired["spec"], "values": _copy(desired["spec"]["values"])}}
    generation = dig(live, "metadata", "generation") or 0
    put(result, (*NUDGE_PATH, NUDGE), f"after-generation-{generation}")
    return result


def tag(name: str, revision: str) -> Obj:
    """A revision tag; it names the revision itself, so that no change of the Istio moves it."""
    return _object("v1", "IstioRevisionTag", name, {"targetRef": {"kind": "IstioRevision", "name": revision}})


def identity(intent: MeshIntent, live_istio: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """(cluster name, network) that istiod has, or will have: as asked for, else as the Istio says already."""
    values = (sail_specs(intent).get("Istio") or {}).get("values") or {}
    there = dig(live_istio, "spec", "values")
    cluster = dig(values, "global", "multiCluster", "clusterName") or dig(
        there, "global", "multiCluster", "clusterName"
    )
    network = dig(values, "global", "network") or dig(there, "global", "network")
    return str(cluster or CLUSTER), str(network or "")


def _spec_of(intent: MeshIntent, kind: SailKind) -> Obj:
    return sail_specs(intent).get(kind) or {}


def _object(version: str, kind: str, name: str, spec: Obj) -> Obj:
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _copy(value: Any) -> Any:
    return {key: _copy(below) for key, below in value.items()} if isinstance(value, Mapping) else value
