# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of what ztunnel is told: whom it dials, as which cluster, and whether it is trusted there.

A mesh of the Sail Operator may be Healthy in all its resources while ztunnel dials a Service that does not exist, or
claims to be in a cluster that istiod does not know. So nothing here rests on what the operator says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from . import claims, dialling, mesh, naming, sail
from .dialling import XDS, Dial
from .model import Check, Finding, NotApplicable
from .skew import revision_of, workload_of
from .snapshot import Obj, Snapshot, dig, name_of, namespace_of, number, ref
from .sources import ISTIOD_LOGS

_CATEGORY = "components"
_CLUSTER = "ISTIO_META_CLUSTER_ID"
_DEFAULT_CLUSTER = "Kubernetes"
_TRUSTED = "CA_TRUSTED_NODE_ACCOUNTS"


def reaches_istiod(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0012."""
    for daemon_set in _ztunnels(snapshot):
        # both addresses are mostly one: say it once
        by_address: dict[str, list[Dial]] = {}
        for dial in dialling.dials(daemon_set):
            by_address.setdefault(dial.address, []).append(dial)
        for same in by_address.values():
            yield from _dialled(snapshot, daemon_set, same)


def _dialled(snapshot: Snapshot, daemon_set: Obj, same: list[Dial]) -> Iterator[Finding]:
    dial = same[0]
    what = "istiod" if dial.variable == XDS else "the certificate authority"
    shown = tuple(each.shown for each in same)
    if dial.service is None:
        yield Finding(
            "info",
            f"ztunnel dials {dial.address} for {what}, which is no Service of this cluster: it cannot be checked here.",
            (ref(daemon_set),),
            shown,
            "Look at ztunnel's readiness (MW0010).",
        )
        return
    namespace, name = dial.service
    service = mesh.find_service(snapshot, namespace, name)
    alias = dialling.alias_of(service) if service is not None else None
    problem = mesh.nobody_behind(snapshot, *(alias or dial.service), dial.port)
    if service is not None and dig(service, "spec", "type") == "ExternalName" and alias is None:
        problem = ""
    planes = dialling.behind(snapshot, namespace, name)
    if not problem and dial.variable == XDS and not planes and service is not None and dig(service, "spec", "selector"):
        problem = f"{ref(service)} leads to no istiod that is there"
    if problem:
        operator = sail.word(snapshot, namespace_of(daemon_set))
        yield Finding(
            "error",
            f"ztunnel dials {dial.address} for {what}, and nobody answers there: ambient workloads get no certificates "
            f"and no configuration{_though(operator)}.",
            (ref(daemon_set), *((ref(operator),) if operator is not None else ())),
            (*shown, problem, *_there(snapshot), *_called(operator)),
            _point_it(snapshot, daemon_set, operator),
        )
    elif planes:
        yield from _alias(snapshot, daemon_set, dial, planes[0])


def _alias(snapshot: Snapshot, daemon_set: Obj, dial: Dial, plane: mesh.ControlPlane) -> Iterator[Finding]:
    """An alias in front of a revision of Sail's works, and hides from the operator that ztunnel uses the revision."""
    own = "istiod" if plane.revision == "default" else f"istiod-{plane.revision}"
    if dial.service is None or dial.service[1] == own or naming.agent_revision(daemon_set) == plane.revision:
        return
    if "sail_revisions" not in snapshot.sources or snapshot.problems(["sail_revisions"]):
        return
    for resource in snapshot.items("sail_revisions"):
        if name_of(resource) != plane.revision:
            continue
        used = sail.condition(resource, "InUse").get("status") == "True"
        yield Finding(
            "info" if used else "warning",
            f"ztunnel finds istiod (revision {plane.revision}) through the alias {dial.service[1]}: the operator does "
            f"not know that ztunnel uses this revision{'' if used else ', and may prune it'}.",
            (ref(daemon_set), ref(resource)),
            (dial.shown, f"InUse={sail.condition(resource, 'InUse').get('status') or 'not told'}"),
            "Move the alias before its revision goes, or point ztunnel at the revision itself: "
            + _by_hand(sail.word(snapshot, namespace_of(daemon_set)), plane.revision),
        )


def cluster_name(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0013."""
    planes = mesh.control_planes(snapshot)
    if not planes:
        raise NotApplicable("no istiod runs in this cluster to compare with")
    logged = claims.logged(snapshot)
    for daemon_set in mesh.components(snapshot, mesh.ZTUNNEL):
        claimed = dialling.value_of(daemon_set, _CLUSTER) or _DEFAULT_CLUSTER
        mine = dialling.planes_of(snapshot, daemon_set)
        if claimed in {_cluster(plane) for plane in mine}:
            continue
        operator = sail.word(snapshot, namespace_of(daemon_set))
        wanted = _cluster(mine[0])
        yield Finding(
            "error",
            f'ztunnel claims to be in cluster "{claimed}", istiod knows only "{wanted}": it refuses ztunnel, and '
            f"ambient workloads get no certificates{_though(operator)}.",
            (ref(daemon_set), *(plane.ref for plane in mine), *((ref(operator),) if operator is not None else ())),
            (
                f"{_CLUSTER} of ztunnel: {claimed}",
                *(f"CLUSTER_ID of istiod (revision {plane.revision}): {_cluster(plane)}" for plane in mine),
                *logged.pop(claimed, ()),
                *_called(operator),
            ),
            "Run meshwright.istio.istio_mesh again with the mesh's name and cluster_name: it gives one name to all. By "
            "hand: "
            + (
                "ZTunnel.spec.targetRef {kind: Istio, name: NAME} (operator 1.30 or newer), or "
                f"ZTunnel.spec.values.ztunnel.multiCluster.clusterName: {wanted}"
                if operator is not None
                else f"multiCluster.clusterName={wanted} of the ztunnel chart"
            ),
        )
    yield from _proxies(snapshot, planes, logged)
    yield from claims.of_others(logged)


def _proxies(
    snapshot: Snapshot, planes: list[mesh.ControlPlane], logged: dict[str, tuple[str, ...]]
) -> Iterator[Finding]:
    """Waypoints, gateways and sidecars: a finding for each name that is wrong, not for each pod."""
    clusters = {plane.revision: _cluster(plane) for plane in planes}
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pod in snapshot.items("proxies"):
        claimed, wanted = claimed_cluster(pod), clusters.get(revision_of(pod), "")
        if claimed and wanted and claimed != wanted:
            groups[(claimed, wanted)].append(workload_of(pod))
    for (claimed, wanted), workloads in sorted(groups.items()):
        yield Finding(
            "error",
            f"{len(workloads)} {'proxy claims' if len(workloads) == 1 else 'proxies claim'} to be in cluster "
            f'"{claimed}", istiod knows only "{wanted}": it refuses them when they connect.',
            tuple(sorted(set(workloads))),
            (f"{_CLUSTER} of the proxies: {claimed}", f"CLUSTER_ID of istiod: {wanted}", *logged.pop(claimed, ())),
            "Restart the workloads: kubectl -n NAMESPACE rollout restart deployment NAME.",
        )


def trusted(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0014."""
    for daemon_set in _ztunnels(snapshot):
        account = dig(daemon_set, "spec", "template", "spec", "serviceAccountName") or "default"
        account = f"{namespace_of(daemon_set)}/{account}"
        for plane in dialling.planes_of(snapshot, daemon_set):
            accounts = [text.strip() for text in dialling.value_of(plane.deployment, _TRUSTED).split(",")]
            if account in accounts:
                continue
            yield Finding(
                "error",
                f"istiod (revision {plane.revision}) does not trust ztunnel's service account {account}: it signs no "
                "certificates for ambient workloads.",
                (plane.ref, ref(daemon_set)),
                (f"{_TRUSTED} {', '.join(accounts) or 'is not set'}", f"ztunnel runs as {account}"),
                "Run meshwright.istio.istio_mesh again with ztunnel_namespace. By hand: "
                f"Istio.spec.values.pilot.trustedZtunnelNamespace: {namespace_of(daemon_set)} (Sail), or "
                f"trustedZtunnelNamespace={namespace_of(daemon_set)} of the istiod chart.",
            )


def claimed_cluster(pod: Obj) -> str:
    """The cluster that a proxy says it is in; empty when its pod does not spell it out."""
    for container in (*(dig(pod, "spec", "containers") or ()), *(dig(pod, "spec", "initContainers") or ())):
        if container.get("name") == "istio-proxy":
            for variable in container.get("env") or ():
                if variable.get("name") == _CLUSTER:
                    return str(variable.get("value") or "")
    return ""


def _ztunnels(snapshot: Snapshot) -> list[Obj]:
    found = mesh.components(snapshot, mesh.ZTUNNEL)
    if not found:
        raise NotApplicable("there is no ztunnel")
    return found


def _cluster(plane: mesh.ControlPlane) -> str:
    return dialling.value_of(plane.deployment, "CLUSTER_ID") or _DEFAULT_CLUSTER


def _though(operator: Obj | None) -> str:
    return f", though the operator calls {ref(operator)} Healthy" if operator and sail.called_healthy(operator) else ""


def _called(operator: Obj | None) -> tuple[str, ...]:
    return () if operator is None else (f"{ref(operator)} state {dig(operator, 'status', 'state') or 'none yet'}",)


def _there(snapshot: Snapshot) -> list[str]:
    """The istiods that ztunnel could dial instead."""
    planes = mesh.control_planes(snapshot)
    return [f"istiod there is: {plane.ref} (revision {plane.revision})" for plane in planes] or ["there is no istiod"]


def _point_it(snapshot: Snapshot, daemon_set: Obj, operator: Obj | None) -> str:
    planes = mesh.control_planes(snapshot)
    if not planes:
        return "Bring istiod back: run meshwright.istio.istio_mesh with state: present."
    # an istiod that serves rather than one that never got ready, and one that expects ztunnels
    mine = max(planes, key=lambda plane: (number(plane.deployment, "status", "availableReplicas") > 0, plane.ambient))
    return (
        "Run meshwright.istio.istio_mesh again with the mesh's name: it points ztunnel at its istiod. By hand: "
        + _by_hand(operator, mine.revision)
    )


def _by_hand(operator: Obj | None, revision: str) -> str:
    if operator is not None:
        return (
            "ZTunnel.spec.targetRef {kind: Istio, name: NAME} (operator 1.30 or newer), or "
            f"ZTunnel.spec.values.ztunnel.revision: {revision}, set again at every upgrade"
        )
    return f"revision={'' if revision == 'default' else revision} of the ztunnel chart"


CHECKS = (
    Check(
        12,
        "ztunnel dials an istiod that is there",
        _CATEGORY,
        "error",
        ("istiods", "daemonsets", "services", "endpoint_slices", "sail_ztunnels", "sail_revisions"),
        "Compares the addresses in ztunnel's environment (`XDS_ADDRESS`, `CA_ADDRESS`; by default "
        "`istiod.istio-system.svc:15012`) with the Services that exist: a ready endpoint at that port, and for the "
        "first an istiod behind it. Under revisions the Service is called `istiod-<revision>`, and a ztunnel that "
        "is told no revision dials `istiod`: the Sail Operator then calls every resource Healthy within seconds, "
        "and no ambient workload ever gets a certificate. An alias Service that hides from the operator who uses a "
        "revision is told too. Another certificate authority (cert-manager's istio-csr) only needs to be there.",
        reaches_istiod,
    ),
    Check(
        13,
        "The cluster's name is the same in istiod, ztunnel and proxies",
        _CATEGORY,
        "error",
        ("istiods", "daemonsets", "services", "proxies", "sail_ztunnels"),
        "Compares `CLUSTER_ID` of istiod with `ISTIO_META_CLUSTER_ID` of the ztunnel that dials it, and of the "
        "waypoints, gateways and sidecars of its revision; not set means `Kubernetes`. istiod refuses a client that "
        "names another cluster (in its log, `client claims to be in cluster`). Where istiods' logs can be read, what "
        "they say of the last 15 minutes is told beside, and of clients that are none of these.",
        cluster_name,
        (ISTIOD_LOGS,),
    ),
    Check(
        14,
        "istiod trusts ztunnel's service account",
        _CATEGORY,
        "error",
        ("istiods", "daemonsets", "services"),
        "Is ztunnel's namespace and service account among those that its istiod trusts to ask for the certificates of "
        "others (`CA_TRUSTED_NODE_ACCOUNTS`, from `trustedZtunnelNamespace`)? If not, ztunnel runs and is refused.",
        trusted,
    ),
)
