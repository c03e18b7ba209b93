# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Why a ztunnel is not ready: whom it dials, as which cluster, whether it is trusted, what istiod's log says. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .. import dialling, mesh, sources
from .. import ztunnel as checks
from ..model import Finding, NotApplicable
from ..snapshot import Obj, Snapshot, Undecided, dig, name_of, namespace_of, number, ref
from .model import Step
from .sight import Sight, is_ready

_ASKED = (
    ("dials", "The istiod that it dials", checks.reaches_istiod, "It dials an istiod that is there."),
    ("cluster", "The cluster that it claims to be in", checks.cluster_name, "Its cluster's name is istiod's."),
    ("trusted", "istiod trusts it", checks.trusted, "istiod trusts its service account."),
)
_LOG, _UPDATE = "istiod's log", "The DaemonSet's update"
_CLAIM = "client claims to be in cluster"


def ztunnel_pod_steps(sight: Sight, daemon_set: Obj) -> Iterator[Step]:
    """What a ztunnel needs in order to get ready, in the order in which it needs it."""
    for step, title, ask, fine in _ASKED:
        yield from _asked(sight.snapshot, daemon_set, step, title, ask, fine)
    yield from _istiod(sight, daemon_set)
    yield from _claims(sight, daemon_set)
    yield from _update(sight, daemon_set)


def cause_of(sight: Sight, daemon_set: Obj) -> Step | None:
    """The first thing that keeps a ztunnel from getting ready; None when none can be seen."""
    steps = (*_before(sight, daemon_set), *_claims(sight, daemon_set))
    return next((step for step in steps if step.status == "broken"), None)


def _before(sight: Sight, daemon_set: Obj) -> Iterator[Step]:
    for step, title, ask, fine in _ASKED:
        try:
            yield from _asked(sight.snapshot, daemon_set, step, title, ask, fine)
        except Undecided:
            continue


def _asked(snapshot: Snapshot, daemon_set: Obj, step: str, title: str, ask: object, fine: str) -> Iterator[Step]:
    try:
        found: list[Finding] = list(ask(snapshot))  # type: ignore[operator]
    except NotApplicable as reason:
        yield Step(step, title, "broken", f"It cannot be: {reason}.", (ref(daemon_set),))
        return
    mine = [one for one in found if ref(daemon_set) in one.objects]
    for finding in mine:
        status = {"error": "broken", "warning": "warning"}.get(finding.severity, "info")
        yield Step(step, title, status, finding.title, finding.objects, finding.evidence, finding.remedy)  # type: ignore[arg-type]
    if not any(finding.severity == "error" for finding in mine):
        yield Step(step, title, "ok", fine, (ref(daemon_set),))


def _istiod(sight: Sight, daemon_set: Obj) -> Iterator[Step]:
    title = "An istiod is ready for it"
    planes = dialling.planes_of(sight.snapshot, daemon_set)
    for plane in planes:
        ready = number(plane.deployment, "status", "readyReplicas")
        text = f"{plane.ref} has {ready} ready replicas."
        yield Step(
            "istiod",
            title,
            "ok" if ready else "broken",
            text if ready else f"{plane.ref} has no ready replica: ztunnel gets no configuration and no certificates.",
            (plane.ref,),
            () if ready else tuple(mesh.pods_in_trouble(sight.snapshot, plane.deployment)),
            "" if ready else f"kubectl -n {plane.namespace} describe deployment {plane.name}",
        )


def _claims(sight: Sight, daemon_set: Obj) -> Iterator[Step]:
    """What istiod says of those that it refuses."""
    source = sight.snapshot.sources.get(sources.ISTIOD_LOGS)
    if source is None or source.error:
        return
    lines = [str(line) for item in source.items for line in item.get("lines") or () if _CLAIM in str(line)]
    if not lines:
        return
    told = lines[-1][lines[-1].index(_CLAIM) :]
    yield Step(
        "refused",
        _LOG,
        "warning" if _all_ready(sight, daemon_set) else "broken",
        f"istiod refuses clients that name another cluster: {told}.",
        (ref(daemon_set), *(ref(item) for item in source.items if item.get("lines"))),
        tuple(lines[-2:]),
        "Give one cluster name to all: cluster_name of meshwright.istio.istio_mesh. By hand: "
        "ZTunnel.spec.values.ztunnel.multiCluster.clusterName (Sail; not values.global), or multiCluster.clusterName "
        "of the ztunnel chart; istiod's is values.global.multiCluster.clusterName.",
    )


def _all_ready(sight: Sight, daemon_set: Obj) -> bool:
    return all(is_ready(pod) for pod in mesh.pods_of(sight.snapshot, daemon_set))


def _update(sight: Sight, daemon_set: Obj) -> Iterator[Step]:
    desired = number(daemon_set, "status", "desiredNumberScheduled")
    updated, ready = number(daemon_set, "status", "updatedNumberScheduled"), number(daemon_set, "status", "numberReady")
    counts = f"desired {desired}, updated {updated}, ready {ready}"
    where, name = namespace_of(daemon_set), name_of(daemon_set)
    if updated < desired:
        looks = ", although it looks ready" if ready >= desired else ""
        yield Step(
            "update",
            _UPDATE,
            "broken",
            f"The update is stuck at {updated} of {desired} nodes{looks}: old pods serve on, the new ones do not get "
            "up.",
            (ref(daemon_set),),
            (counts, f"updateStrategy {dig(daemon_set, 'spec', 'updateStrategy', 'type') or 'RollingUpdate'}"),
            f"kubectl -n {where} rollout status daemonset {name}; mend what the steps before this one say.",
        )
    else:
        yield Step("update", _UPDATE, "ok", f"All pods are of the present generation ({counts}).", (ref(daemon_set),))
