# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The waypoint of a Service: named, there, standing, bound; and whether this client goes by it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .. import sources
from ..policy.scene import GATEWAY, NAMESPACE, USE_WAYPOINT, Waypoint
from ..policy.waypoints import waypoint as judge_waypoint
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .admission import for_waypoint
from .client import Client
from .model import Step
from .sight import Sight

_TITLE, _USES = "The Service's waypoint", "This client and the waypoint"
_INGRESS = "istio.io/ingress-use-waypoint"
_BOUND = "istio.io/WaypointBound"


@dataclass(slots=True)
class Passage:
    """`named` is what the labels say; `used` whether this client's requests really go by it."""

    named: Waypoint | None = None
    used: bool = False


def waypoint_steps(sight: Sight, client: Client, service: Obj, passage: Passage) -> Iterator[Step]:
    """Judges the waypoint, and notes in `passage` whether it is on the way."""
    named = passage.named = sight.scene.waypoint_of(service)
    if named is None:
        home = namespace_of(service)
        if USE_WAYPOINT not in labels_of(service) and sight.scene.get(NAMESPACE, "", home) is None:
            yield Step("waypoint", _TITLE, "unknown", sight.unread(NAMESPACE, home), (ref(service),))
            return
        yield Step(
            "waypoint",
            _TITLE,
            "info",
            "It uses no waypoint: ztunnel or sidecars alone are on the way"
            + ("." if client.mode != "ambient" else ", and nothing of HTTP is read or routed."),
            (ref(service),),
        )
        return
    objects = (ref(service), f"Gateway {named}")
    problems = list(judge_waypoint(sight.view, service, named))
    for problem in problems:
        yield Step(
            "waypoint",
            _TITLE,
            "broken" if problem.severity == "error" else "warning",
            f"{ref(service)} {problem.message}.",
            objects,
            tuple(_conditions(sight, service, named)),
            problem.hint,
        )
    state = sight.scene.waypoint_state(named)
    if not problems:
        yield from _standing(sight, service, named, state, objects)
    # One without a ready pod is still the way: it fails closed.
    there = state in ("up", "down") and all(problem.rule == "waypoint-down" for problem in problems)
    yield from _uses(sight, client, service, named, passage, there)


def _standing(sight: Sight, service: Obj, named: Waypoint, state: str, objects: tuple[str, ...]) -> Iterator[Step]:
    facts = tuple(_conditions(sight, service, named))
    bound = _condition(service, _BOUND)
    if state == "unknown":
        yield Step("waypoint", _TITLE, "unknown", f"The waypoint {named} could not be read.", objects, facts)
    elif state == "new":
        yield Step(
            "waypoint",
            _TITLE,
            "broken",
            f"The waypoint {named} is not programmed yet: traffic goes straight, and what it is to enforce is not "
            "enforced.",
            objects,
            facts,
            f"kubectl -n {named.namespace} describe gateway {named.name}",
        )
    elif bound and bound.get("status") == "False":
        yield Step(
            "waypoint",
            _TITLE,
            "broken",
            f"The waypoint stands, but {ref(service)} is not bound to it: traffic goes straight.",
            objects,
            facts,
            str(bound.get("message") or f"kubectl -n {named.namespace} describe gateway {named.name}"),
        )
    elif _unknown_to_ztunnel(sight, service, named):
        yield Step(
            "waypoint",
            _TITLE,
            "broken",
            f"ztunnel does not know that {ref(service)} goes by {named}: traffic goes straight.",
            objects,
            facts,
            "See that istiod serves ztunnel (explain a ztunnel pod), and that the label is on Service or namespace.",
        )
    else:
        yield Step(
            "waypoint", _TITLE, "ok", f"The waypoint {named} stands, and the Service is bound to it.", objects, facts
        )


def _uses(sight: Sight, client: Client, service: Obj, named: Waypoint, passage: Passage, there: bool) -> Iterator[Step]:
    if not there:
        return
    if client.mode == "ambient" or (client.mode == "gateway" and _by_ingress(sight, service)):
        passage.used = True
        if client.mode == "ambient":
            yield Step(
                "goes-by", _USES, "ok", f"{client.told} is ambient: its requests go by {named}.", (f"Gateway {named}",)
            )
        else:
            yield Step("goes-by", _USES, "ok", f"Gateways go by {named} too ({_INGRESS}).", (ref(service),))
        return
    who = {
        "sidecar": "has a sidecar, and sidecars go round waypoints",
        "gateway": f"is a gateway, and gateways go round waypoints without {_INGRESS}=true",
        "none": "speaks plain text, which goes round waypoints",
    }[client.mode]
    lost = _guarding(sight, service, named)
    yield Step(
        "goes-by",
        _USES,
        "warning" if lost else "info",
        f"{client.told} {who}: "
        + (
            f"what {named} is to enforce does not hold for it ({', '.join(lost)})."
            if lost
            else f"nothing of {named} applies to it."
        ),
        (f"Gateway {named}", *lost),
        (),
        f"kubectl -n {namespace_of(service)} label service {name_of(service)} {_INGRESS}=true"
        if client.mode == "gateway"
        else "Move the client to ambient mode (meshwright.istio.mesh_enrollment), or protect the workloads by a DENY "
        "with notPrincipals of the waypoint's service account."
        if lost
        else "",
    )


def _by_ingress(sight: Sight, service: Obj) -> bool:
    space = sight.scene.namespaces.get(namespace_of(service), {})
    return (labels_of(service).get(_INGRESS) or space.get(_INGRESS)) == "true"


def _guarding(sight: Sight, service: Obj, named: Waypoint) -> tuple[str, ...]:
    """What the waypoint enforces or routes for this Service."""
    policies = [ref(one) for one in for_waypoint(sight, service, named)]
    routes = [ref(one) for one in sight.view.routes_to.get((namespace_of(service), name_of(service)), ())]
    return tuple((*policies, *routes)[:6])


def _conditions(sight: Sight, service: Obj, named: Waypoint) -> Iterator[str]:
    """What istiod says of Service and Gateway."""
    bound = _condition(service, _BOUND)
    if bound:
        why = f"{bound.get('reason') or ''} {bound.get('message') or ''}"
        yield f"{ref(service)}: WaypointBound={bound.get('status')} {why}"
    gateway = sight.scene.get(GATEWAY, *named)
    for item in dig(gateway or {}, "status", "conditions") or ():
        if item.get("status") != "True":
            why = item.get("message") or item.get("reason")
            yield f"Gateway {named}: {item.get('type')}={item.get('status')} {why}"


def _condition(obj: Obj, name: str) -> Obj:
    return next((item for item in dig(obj, "status", "conditions") or () if item.get("type") == name), {})


def _unknown_to_ztunnel(sight: Sight, service: Obj, named: Waypoint) -> bool:
    """Whether a ztunnel that was asked knows the Service without its waypoint."""
    for dump in sight.extra(sources.ZTUNNEL_DUMPS):
        for one in dump.get("services") or ():
            if (one.get("namespace"), one.get("name")) == (namespace_of(service), name_of(service)):
                return bool(one.get("waypoint") != str(named))
    return False
