# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of the Sail Operator's resources: what the operator says of them, read as it is meant.

Their status says whether the operator did its work, not whether the mesh works: the checks of ztunnel look further.
"""

from __future__ import annotations

from collections.abc import Iterator

from .model import Check, Finding, NotApplicable, Severity
from .snapshot import Obj, Snapshot, annotations_of, dig, meta, name_of, number, ref

# What a reason asks for. Whatever is not here is told by the condition's own message.
_REMEDIES = {
    "IstiodNotReady": "kubectl -n {namespace} describe pods -l app=istiod",
    "DaemonSetNotReady": "kubectl -n {namespace} get pods -o wide; MW0009 and MW0010 look at the DaemonSet itself.",
    "RefNotFound": "Point spec.targetRef of {ref} at a resource that exists, or delete it.",
    "NameAlreadyExists": "Rename it: a revision and a tag cannot share a name.",
    "ActiveRevisionNotFound": "kubectl get istiorevisions; kubectl describe {kind}.sailoperator.io {name}",
    "ZTunnelNotFound": "Run meshwright.istio.istio_mesh (method: sail, mode: ambient); it creates ZTunnel default.",
    "IstioCNINotFound": "Run meshwright.istio.istio_mesh (method: sail, mode: ambient); it creates IstioCNI default.",
    "ZTunnelNotHealthy": "kubectl describe ztunnels.sailoperator.io default",
    "IstioCNINotHealthy": "kubectl describe istiocnis.sailoperator.io default",
}
_DESCRIBE = "kubectl describe {kind}.sailoperator.io {name}"
_DEPENDENCIES = "DependenciesHealthy"


def istios(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0002."""
    _require(snapshot, "sail_istios")
    found = snapshot.items("sail_istios")
    if not found:
        raise NotApplicable("there is no Istio resource: the control plane, if any, is not Sail's")
    for resource in found:
        yield from judged(resource)


def revisions(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0003."""
    _require(snapshot, "sail_revisions", "sail_istios")
    active = active_revisions(snapshot)
    found = snapshot.items("sail_revisions")
    if not found:
        raise NotApplicable("there is no IstioRevision resource")
    for resource in found:
        wanted = name_of(resource) in active or condition(resource, "InUse").get("status") == "True"
        yield from judged(resource, "error" if wanted else "warning")


def components(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0006."""
    _require(snapshot, "sail_cnis", "sail_ztunnels")
    found = [*snapshot.items("sail_cnis"), *snapshot.items("sail_ztunnels")]
    if not found:
        raise NotApplicable(
            "there is no IstioCNI and no ZTunnel resource: istio-cni and ztunnel, if any, are not Sail's"
        )
    for resource in found:
        yield from judged(resource)


def judged(
    resource: Obj, severity: Severity = "error", kinds: tuple[str, ...] = ("Reconciled", "Ready")
) -> list[Finding]:
    """What is wrong with a resource by its own conditions of its present generation; at most one finding.

    `kinds` are the conditions that must be True. An unhealthy dependency of a resource that is ready is a warning.
    """
    missing = [kind for kind in kinds if not condition(resource, kind)]
    bad = [kind for kind in kinds if kind not in missing and condition(resource, kind).get("status") != "True"]
    behind = number(resource, "status", "observedGeneration") < int(meta(resource).get("generation") or 0)
    dependent = condition(resource, _DEPENDENCIES)
    if bad or missing or behind:
        title = _title(resource, bad, behind)
    elif dependent and dependent.get("status") != "True":
        severity, bad = "warning", [_DEPENDENCIES]
        title = f"{ref(resource)} is ready, but what it depends on is not: {_told(dependent)}."
    else:
        return []
    reason = str(condition(resource, bad[0]).get("reason") or "") if bad else ""
    return [
        Finding(
            severity,
            title,
            (ref(resource),),
            tuple(_evidence(resource, bad, missing, behind)),
            _REMEDIES.get(reason, _DESCRIBE).format(
                ref=ref(resource),
                kind=str(resource.get("kind", "")).lower(),
                name=name_of(resource),
                namespace=dig(resource, "spec", "namespace") or "NAMESPACE",
            ),
        )
    ]


def condition(resource: Obj, kind: str) -> Obj:
    """The condition of that type, empty when the operator has not written it."""
    for item in dig(resource, "status", "conditions") or ():
        if item.get("type") == kind:
            return item  # type: ignore[no-any-return]
    return {}


def active_revisions(snapshot: Snapshot) -> set[str]:
    """The names of the revisions that an Istio resource calls its active one."""
    names = {str(dig(item, "status", "activeRevisionName") or "") for item in snapshot.items("sail_istios")}
    return names - {""}


def word(snapshot: Snapshot, namespace: str) -> Obj | None:
    """The ZTunnel resource that installed ztunnel into this namespace; None without Sail, or where it is not known."""
    if "sail_ztunnels" not in snapshot.sources or snapshot.problems(["sail_ztunnels"]):
        return None
    for resource in snapshot.items("sail_ztunnels"):
        if dig(resource, "spec", "namespace") == namespace:
            return resource
    return None


def called_healthy(resource: Obj | None) -> bool:
    """Does the operator say that all is well with it?"""
    return resource is not None and dig(resource, "status", "state") == "Healthy"


def _title(resource: Obj, bad: list[str], behind: bool) -> str:
    if not dig(resource, "status", "conditions"):
        return f"{ref(resource)} has no status yet: does an operator run?"
    if not bad:
        return f"{ref(resource)} was changed and the operator has not acted on it yet."
    first = condition(resource, bad[0])
    if not first.get("reason"):
        return f"{ref(resource)} has not been judged by the operator yet."
    return f"{ref(resource)} is not {'ready' if bad[0] == 'Ready' else 'reconciled'}: {_told(first)}."


def _told(item: Obj) -> str:
    message = str(item.get("message") or "").rstrip(".")
    return f"{item.get('reason') or 'no reason given'}{', ' + message if message else ''}"


def _evidence(resource: Obj, bad: list[str], missing: list[str], behind: bool) -> Iterator[str]:
    yield f"state {dig(resource, 'status', 'state') or 'none yet'}"
    for kind in bad:
        item = condition(resource, kind)
        yield f"{kind}={item.get('status')} {item.get('reason') or ''}: {item.get('message') or ''}"
    for kind in missing:
        yield f"condition {kind} is absent"
    if behind:
        observed = number(resource, "status", "observedGeneration")
        generation = int(meta(resource).get("generation") or 0)
        yield f"generation {generation}, observed {observed}: the conditions are those of an older change"
    active = dig(resource, "status", "activeRevisionName")
    if active:
        yield f"active revision {active}"
    if annotations_of(resource).get("sailoperator.io/ignore") == "true":
        yield "annotation sailoperator.io/ignore: the operator leaves it alone"


def _require(snapshot: Snapshot, *sources: str) -> None:
    """Not applicable where the cluster knows none of these kinds."""
    served = [snapshot.served(source) for source in sources]
    if not any(served):
        raise NotApplicable("the Sail Operator is not installed: its kinds are not served")


CHECKS = (
    Check(
        2,
        "Sail: Istio is ready",
        "control plane",
        "error",
        ("sail_istios",),
        "Where the Sail Operator installs the control plane: is each Istio resource Reconciled and Ready for its "
        "present generation? The finding gives reason and message of the first condition that is not True, which is "
        "what the operator calls its state. Ready with a dependency missing (`ZTunnelNotFound` before there is a "
        "ZTunnel) is a warning. That the operator calls it Healthy does not mean that ztunnel finds its istiod: see "
        "MW0012, MW0013.",
        istios,
    ),
    Check(
        3,
        "Sail: all IstioRevisions are reconciled",
        "control plane",
        "error",
        ("sail_revisions", "sail_istios"),
        "As MW0002, for each IstioRevision and its own generation: after an upgrade in place the Istio resource is "
        "Healthy at its new generation while its IstioRevision is not yet. What is wrong with a revision that is "
        "neither active nor in use is a warning. That nothing uses a revision is no failure here; MW0004 looks at "
        "that.",
        revisions,
    ),
    Check(
        6,
        "Sail: IstioCNI and ZTunnel are ready",
        "components",
        "error",
        ("sail_cnis", "sail_ztunnels"),
        "As MW0002, for IstioCNI and ZTunnel (`DaemonSetNotReady`, `ReconcileError` and their messages). Skipped "
        "where there is no Sail. Ready is not the whole truth: MW0009 and MW0010 look at the DaemonSets themselves, "
        "MW0012 and MW0013 at whom ztunnel dials and as whom.",
        components,
    ),
)
