# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What exists of a mesh that the Sail Operator installs: one snapshot, read in bulk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._checks import mesh as checked
from ..._checks.snapshot import Snapshot, Source, annotations_of, labels_of, name_of, namespace_of
from ..._desired.gateway_api import GROUP as GATEWAY_GROUP
from ..._desired.layout import IN_PLACE, Installed, Layout
from ..._desired.sail import DEFAULT, hold_tag, istiod_of
from ..._desired.sail_served import CRDS, ServedSail, served_by
from ..._desired.sail_values import dig
from ..._errors import BadInput, Forbidden
from ..._intent.mesh import MeshIntent
from ..._intent.versions import Version, parse_version
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..._tools.helm_releases import Record, decode, last_deployed, latest, record
from ..helm.observe import MeshObserved, ReleaseState, record_kind

Obj = dict[str, Any]
RELEASE = "sail-operator"
# The operator's Deployment, of its own chart and bundle, and of OpenShift Service Mesh 3.
_OPERATORS = "control-plane in (sail-operator,servicemesh-operator3)"
SUBSCRIPTION = kinds.KINDS[("operators.coreos.com/v1alpha1", "Subscription")]
OPERATOR_GROUP = kinds.KINDS[("operators.coreos.com/v1", "OperatorGroup")]
CSV = kinds.KINDS[("operators.coreos.com/v1alpha1", "ClusterServiceVersion")]
INSTALL_PLAN = kinds.KINDS[("operators.coreos.com/v1alpha1", "InstallPlan")]
PACKAGES = ("sailoperator", "servicemeshoperator3")


@dataclass(slots=True)
class SailObserved:
    """`served` is None where the operator's kinds are not served. `istios`, `revisions`, `tags` are by name.

    `release` is Helm's record of the operator in the namespace asked for, `release_elsewhere` of others. `istio_crds`
    tells whether Istio's own kinds are there, which come with the operator.
    """

    mesh: MeshObserved
    served: ServedSail | None
    istios: dict[str, Obj]
    revisions: dict[str, Obj]
    tags: dict[str, Obj]
    cni: Obj | None
    ztunnel: Obj | None
    istiods: list[Obj]
    agents: list[Obj]
    operators: list[Obj]
    release: ReleaseState
    release_elsewhere: list[Record]
    subscriptions: list[Obj]
    groups: list[Obj]
    istio_crds: bool = True

    def of(self, name: str) -> dict[str, Obj]:
        """The IstioRevisions of an Istio, by name."""
        uid = dig(self.istios.get(name), "metadata", "uid")
        return {
            one: obj
            for one, obj in self.revisions.items()
            if uid and any(ref.get("uid") == uid for ref in dig(obj, "metadata", "ownerReferences") or ())
        }

    def ztunnel_in(self, namespace: str) -> Obj | None:
        """ztunnel's DaemonSet in a namespace."""
        found = [one for one in node_agents(self.agents, checked.ZTUNNEL) if namespace_of(one) == namespace]
        return found[0] if found else None

    def istiod(self, revision: str, namespace: str) -> Obj | None:
        wanted = (namespace, istiod_of(revision))
        return next((one for one in self.istiods if (namespace_of(one), name_of(one)) == wanted), None)


def observe_sail(client: Client, intent: MeshIntent, driver: str) -> SailObserved:
    """Read the snapshot, all at once."""
    reads: dict[str, Callable[[], Any]] = {
        "version": lambda: client.version().get("gitVersion", ""),
        "namespaces": lambda: client.list(kinds.NAMESPACE, metadata_only=True),
        "crds": lambda: client.list(kinds.CRD, metadata_only=True),
        **{name: lambda name=name: client.get(kinds.CRD, name) for name in CRDS},  # type: ignore[misc]
        "istios": lambda: client.list(kinds.SAIL_ISTIO),
        "revisions": lambda: client.list(kinds.SAIL_REVISION),
        "tags": lambda: client.list(kinds.SAIL_REVISION_TAG),
        "cni": lambda: client.get(kinds.SAIL_CNI, DEFAULT),
        "istiods": lambda: client.list(kinds.DEPLOYMENT, labels="app=istiod"),
        # Only their pods bear a label of their own.
        "daemon_sets": lambda: client.list(kinds.DAEMON_SET),
        "operators": lambda: client.list(kinds.DEPLOYMENT, labels=_OPERATORS),
        "records": lambda: _records(client, intent, driver),
        "subscriptions": lambda: client.list(SUBSCRIPTION),
        "groups": lambda: client.list(OPERATOR_GROUP),
    }
    names = list(reads)
    seen = dict(zip(names, client.many(lambda name: reads[name](), names), strict=True))
    crds = [seen[name] for name in CRDS if seen[name] is not None]
    served = served_by(crds)
    ztunnel = client.get(ztunnel_kind(served), DEFAULT) if served else None
    mine = [known for known in seen["records"] if known.namespace == intent.operator.namespace]
    return SailObserved(
        mesh=MeshObserved(
            server=client.connection.server,
            kubernetes=seen["version"],
            namespaces={name_of(obj): obj for obj in seen["namespaces"]},
            releases={},
            elsewhere=[],
            gateway_crds={name_of(obj): obj for obj in seen["crds"] if name_of(obj).endswith(f".{GATEWAY_GROUP}")},
        ),
        served=served,
        istios={name_of(obj): obj for obj in seen["istios"]},
        revisions={name_of(obj): obj for obj in seen["revisions"]},
        tags={name_of(obj): obj for obj in seen["tags"]},
        cni=seen["cni"],
        ztunnel=ztunnel,
        istiods=seen["istiods"],
        agents=node_agents(seen["daemon_sets"]),
        operators=seen["operators"],
        release=_state(client, mine, driver),
        release_elsewhere=[known for known in seen["records"] if known.namespace != intent.operator.namespace],
        subscriptions=[one for one in seen["subscriptions"] if dig(one, "spec", "name") in PACKAGES],
        groups=seen["groups"],
        istio_crds=any(name_of(obj) == kinds.SIDECAR.resource for obj in seen["crds"]),
    )


def ztunnel_kind(served: ServedSail) -> Kind:
    return kinds.SAIL_ZTUNNEL if served.ztunnel == "v1" else kinds.SAIL_ZTUNNEL_ALPHA


def _records(client: Client, intent: MeshIntent, driver: str) -> list[Record]:
    kind, labels = record_kind(driver), f"owner=helm,name={RELEASE}"
    try:
        found = client.list(kind, labels=labels, metadata_only=True)
    except Forbidden:
        found = client.list(kind, intent.operator.namespace, labels=labels, metadata_only=True)
    return [known for known in map(record, found) if known is not None]


def read_release(client: Client, intent: MeshIntent, driver: str) -> ReleaseState:
    """Helm's records of the operator in its namespace, read once more, as after a wait."""
    mine = [known for known in _records(client, intent, driver) if known.namespace == intent.operator.namespace]
    return _state(client, mine, driver)


def _state(client: Client, records: list[Record], driver: str) -> ReleaseState:
    in_force = last_deployed(records) or latest(records)
    obj = client.get(record_kind(driver), in_force.object_name, in_force.namespace) if in_force else None
    return ReleaseState(records, decode(obj) if obj else None)


def node_agents(daemon_sets: list[Obj], *which: str) -> list[Obj]:
    """The DaemonSets among these that are ztunnels or istio-cnis."""
    seen = Snapshot({"daemonsets": Source("daemonsets", tuple(daemon_sets))})
    return [dict(one) for kind in which or (checked.ZTUNNEL, checked.CNI) for one in checked.components(seen, kind)]


# -- what it amounts to ------------------------------------------------------------------------------------------------


def version_in(text: Any) -> Version | None:
    """The version in a resource; None for an alias, and for what is no version."""
    try:
        return parse_version(str(text or ""))
    except BadInput:
        return None


def revisioned(istio: Mapping[str, Any]) -> bool:
    return bool(dig(istio, "spec", "updateStrategy", "type") == "RevisionBased")


def active_name(istio: Mapping[str, Any]) -> str:
    """The IstioRevision that an Istio is at, or will be at once the operator has seen its version."""
    name = name_of(istio)
    if not revisioned(istio):
        return name
    return f"{name}-{dig(istio, 'spec', 'version') or ''}".replace(".", "-").lower()


def bound_to(observed: SailObserved, resource: Mapping[str, Any] | None) -> str:
    """The IstioRevision that a ZTunnel or a tag is meant for by its own words; "" when it names none."""
    target = dig(resource, "spec", "targetRef") or {}
    if target.get("kind") == "IstioRevision":
        return str(target.get("name") or "")
    if target.get("kind") == "Istio":
        istio = observed.istios.get(str(target.get("name")))
        return active_name(istio) if istio else ""
    return str(dig(resource, "spec", "values", "ztunnel", "revision") or "")


def follows(resource: Mapping[str, Any] | None, name: str) -> bool:
    """Whether a ZTunnel or tag goes wherever the Istio of this name goes."""
    return bool(dig(resource, "spec", "targetRef") == {"kind": "Istio", "name": name})


def installed(intent: MeshIntent, observed: SailObserved) -> Installed:
    """What is there of the mesh of this name."""
    istio = observed.istios.get(intent.name)
    others = tuple(sorted(other_planes(intent, observed)))
    if istio is None:
        return Installed(others=others, other_tags=tuple(sorted(observed.tags)))
    by_revision = revisioned(istio)

    def named(revision: str) -> str:
        return revision if by_revision else IN_PLACE if revision == intent.name else revision

    revisions: dict[str, Version] = {}
    for name, obj in observed.of(intent.name).items():
        version = version_in(dig(obj, "spec", "version"))
        if version is not None and not dig(obj, "metadata", "deletionTimestamp"):
            revisions[named(name)] = version
    active = named(active_name(istio))
    if active not in revisions:
        version = version_in(dig(istio, "spec", "version"))
        if version is None:
            return Installed(by="sail", others=others)
        revisions[active] = version
    tags, other_tags = {}, []
    for name, obj in observed.tags.items():
        revision = bound_to(observed, obj)
        # One whose revision is gone still is this mesh's, if it was named after it.
        lost = by_revision and revision not in observed.revisions and revision.startswith(f"{intent.name}-v")
        if named(revision) in revisions or lost:
            tags[name] = named(revision)
        else:
            other_tags.append(name)
    hold = tags.pop(hold_tag(intent.name), "")
    bound = bound_to(observed, observed.ztunnel) or ("" if by_revision else intent.name)
    layout = Layout(
        revisions=revisions,
        active=active,
        cni=version_in(dig(observed.cni, "spec", "version")),
        ztunnel=version_in(dig(observed.ztunnel, "spec", "version")),
        ztunnel_revision=named(bound) if observed.ztunnel and named(bound) in revisions else "",
        tags=tags,
        hold=hold,
    )
    return Installed("sail", layout, others, tuple(sorted(other_tags)))


def other_planes(intent: MeshIntent, observed: SailObserved) -> set[str]:
    """Control planes that are not of this mesh, as `namespace/revision`."""
    mine = {(dig(obj, "spec", "namespace"), istiod_of(name)) for name, obj in observed.of(intent.name).items()}
    return {
        f"{namespace_of(one)}/{labels_of(one).get('istio.io/rev') or DEFAULT}"
        for one in observed.istiods
        if (namespace_of(one), name_of(one)) not in mine
    }


def by_helm(intent: MeshIntent, observed: SailObserved) -> list[str]:
    """What stands in the way and is no operator's: Helm releases (or what has none) of this mesh's components."""
    found = set()
    for one in observed.istiods:
        if namespace_of(one) == intent.namespace and not of_sail(one):
            found.add(_release(one))
    for one in observed.agents:
        if intent.node_agents and not of_sail(one):
            found.add(_release(one))
    return sorted(found)


def of_sail(obj: Mapping[str, Any]) -> bool:
    """Whether the operator made it."""
    owners = dig(obj, "metadata", "ownerReferences") or ()
    return any(str(ref.get("apiVersion", "")).startswith("sailoperator.io/") for ref in owners)


def _release(obj: Mapping[str, Any]) -> str:
    annotations = annotations_of(obj)
    space, name = annotations.get("meta.helm.sh/release-namespace"), annotations.get("meta.helm.sh/release-name")
    return f"Helm release {space}/{name}" if name else f"{obj.get('kind')} {namespace_of(obj)}/{name_of(obj)}"
