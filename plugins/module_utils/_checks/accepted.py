# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Check of what istiod says of AuthorizationPolicies: whether those who are to carry them out took them as written."""

from __future__ import annotations

from collections.abc import Iterator

from . import mesh, sources
from .inside import age
from .model import Check, Finding, NotApplicable, Severity
from .policy import scene as kinds
from .policy.ambient import ambient_in_scope, http_fields
from .policy.model import some
from .policy.seen import need, sources_of, view_of
from .policy.view import View, action, target_kind, targets
from .snapshot import Obj, Snapshot, annotations_of, dig, meta, namespace_of, ref

ZTUNNEL, WAYPOINT = "ZtunnelAccepted", "WaypointAccepted"
_DRY_RUN = "istio.io/dry-run"
# istiod writes within a fraction of a second.
_GRACE = 10.0
_MAKE = "Make a waypoint (meshwright.istio.waypoint), and name it or the Service in targetRefs."
_WHY = {
    "AncestorNotBound": "the Service that it is for uses no waypoint",
    "TargetNotFound": "what it is for does not exist",
    "Invalid": "no waypoint stands before anything that its targetRefs name",
}


def accepted(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0030."""
    if not mesh.is_ambient(snapshot):
        raise NotApplicable("the mesh has no ambient mode: istiod writes no status on policies")
    view = view_of(snapshot)
    for policy in snapshot.items(_POLICIES):
        if targets(policy):
            if _for_waypoints(view, policy):
                yield from _by_waypoint(snapshot, policy)
        elif ambient_in_scope(view, policy):
            # istiod writes this on those for sidecars too, to whom it means nothing
            yield from _by_ztunnel(snapshot, policy)
    need(snapshot, CHECKS[0].sources)


def _for_waypoints(view: View, policy: Obj) -> bool:
    """Whether waypoints are to carry it out: ingress gateways take theirs without a status."""
    for target in targets(policy):
        if target_kind(target) == kinds.GATEWAY:
            gateway = view.scene.get(kinds.GATEWAY, namespace_of(policy), str(target.get("name")))
            if gateway is not None and not view.scene.is_waypoint(gateway):
                return False
    return True


def _by_waypoint(snapshot: Snapshot, policy: Obj) -> Iterator[Finding]:
    state = _condition(policy, WAYPOINT)
    if state is None:
        yield from _silent(snapshot, policy, WAYPOINT)
        return
    reason = str(state.get("reason"))
    if state.get("status") != "True":
        why = _WHY.get(reason, f"reason {reason}")
        hole = action(policy) in ("DENY", "CUSTOM")
        yield _finding(
            policy,
            state,
            "error",
            f"is enforced by nobody, since {why}: "
            + ("what it is to refuse passes." if hole else "those whom it does not name pass too."),
            "Label the Service or its namespace istio.io/use-waypoint with a waypoint that is there, or correct "
            "targetRefs.",
        )
    elif reason != "Accepted":
        yield _finding(
            policy,
            state,
            "error",
            "is enforced for some of what its targetRefs name only: for the others it counts for nothing.",
            "Correct targetRefs, or give those Services a waypoint.",
        )
    else:
        yield from _behind(policy, state)


def _by_ztunnel(snapshot: Snapshot, policy: Obj) -> Iterator[Finding]:
    state = _condition(policy, ZTUNNEL)
    if state is None:
        yield from _silent(snapshot, policy, ZTUNNEL)
        return
    dry = annotations_of(policy).get(_DRY_RUN, "").lower() in ("true", "1", "t")
    if state.get("status") != "True" or state.get("reason") != "Accepted":
        if dry:
            severity: Severity = "info"
            effect = "is a dry run, which ztunnel does not take part in: nothing is logged for ambient workloads."
            remedy = "Try it at a waypoint (targetRefs), or leave it."
        else:
            severity, effect, remedy = _as_ztunnel_takes_it(policy)
        yield _finding(policy, state, severity, effect, remedy)
    else:
        yield from _behind(policy, state)


def _as_ztunnel_takes_it(policy: Obj) -> tuple[Severity, str, str]:
    """What comes of a policy that ztunnel cannot take as written; seen on a genuine one."""
    fields = http_fields(policy)
    if action(policy) not in ("ALLOW", "DENY"):
        what = f"has action {action(policy)}, which ztunnel does not carry out: for ambient workloads it is not there."
        return ("warning" if action(policy) == "AUDIT" else "error"), what, _MAKE
    if not fields:
        return "error", "is not taken by ztunnel as it is written.", "See what istiod says of it, and correct it."
    named = f"shows ZtunnelAccepted, but not as written: ztunnel knows no HTTP ({some(fields)}). "
    if action(policy) == "DENY":
        return (
            "error",
            f"{named}Though istiod calls that more restrictive, a DENY by such fields alone fails open, and one with "
            "ports cuts them for everybody.",
            f"{_MAKE} Or use ports, principals and namespaces only.",
        )
    return (
        "error",
        f"{named}Such rules of an ALLOW are left out: whom they are to admit is refused.",
        f"{_MAKE} Or use ports, principals and namespaces only.",
    )


def _behind(policy: Obj, state: Obj) -> Iterator[Finding]:
    seen, now = _number(state.get("observedGeneration")), _number(meta(policy).get("generation"))
    if seen < now:
        yield _finding(
            policy,
            state,
            "warning",
            f"was changed since istiod accepted it (generation {seen} of {now}): it is not said that the change "
            "counts.",
            "Look again in a moment; if it stays, see whether an istiod is up and its log.",
        )


def _silent(snapshot: Snapshot, policy: Obj, condition: str) -> Iterator[Finding]:
    if age(snapshot, policy) < _GRACE:
        return
    yield Finding(
        "info",
        f"{ref(policy)} has no {condition}: istiod has not said that anybody carries it out.",
        (ref(policy),),
        (f"generation {meta(policy).get('generation')}, no condition {condition}",),
        "See whether an istiod is up that writes status (older ones do not), and sees this namespace (MW0015).",
    )


def _finding(policy: Obj, state: Obj, severity: Severity, effect: str, remedy: str) -> Finding:
    return Finding(
        severity,
        f"{ref(policy)} {effect}",
        (ref(policy),),
        (
            f"{state.get('type')} is {state.get('status')}, reason {state.get('reason')}, observed generation "
            f"{state.get('observedGeneration')} of {meta(policy).get('generation')}",
            f"istiod: {state.get('message') or 'no message'}",
        ),
        remedy,
    )


def _condition(policy: Obj, name: str) -> Obj | None:
    for item in dig(policy, "status", "conditions") or ():
        if item.get("type") == name:
            found: Obj = item
            return found
    return None


def _number(value: object) -> int:
    """A generation: istiod writes this one as text."""
    return int(str(value)) if str(value).isdigit() else 0


_POLICIES = sources.OF_KIND[kinds.AUTHORIZATION]
_SOURCES = sources_of(kinds.AUTHORIZATION, kinds.GATEWAY)

CHECKS = (
    Check(
        30,
        "AuthorizationPolicies are accepted as written",
        "policy",
        "error",
        ("istiods", "daemonsets", *_SOURCES),
        "What istiod says of each AuthorizationPolicy that ztunnel (`ZtunnelAccepted`) or a waypoint "
        "(`WaypointAccepted`) is to carry out. The reason counts, not only the status: ztunnel accepts a policy with "
        "fields of HTTP with status True and reason UnsupportedValue, and then does something else than is written. "
        "Policies that only sidecars or ingress gateways carry out have no status.",
        accepted,
        (sources.MESH_CONFIGS,),
    ),
)
