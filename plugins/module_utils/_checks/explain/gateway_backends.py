# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is behind a gateway of the Gateway API: the routes attached, their backends, and who is let in. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import counted
from ..policy.judge import judge
from ..policy.routes import backends
from ..policy.scene import NAMESPACE, SERVICE, Waypoint
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .admission import admission_steps, for_waypoint
from .decision import Who
from .model import Step
from .sight import Sight, is_ready, some

_ROUTES, _BACKENDS = "Its routes", "Backends"
_JUDGED_HERE = (
    "weights",
    "unknown-host",
    "unknown-port",
    "no-reference-grant",
    "parent-refuses",
    "unknown-section",
    "unknown-gateway",
)


def route_steps(sight: Sight, gateway: Obj, routes: Sequence[Obj]) -> Iterator[Step]:
    """Which routes are attached, and which want to be and are refused."""
    attached = sum(int(one.get("attachedRoutes") or 0) for one in dig(gateway, "status", "listeners") or ())
    if not routes:
        yield Step(
            "routes",
            _ROUTES,
            "broken",
            "No route is attached: every request gets 404, and TCP is closed.",
            (ref(gateway),),
            (f"attachedRoutes {attached}",),
            f"Apply an HTTPRoute whose parentRefs name {ref(gateway)}, with its namespace where it is another.",
        )
        return
    for route in routes:
        problems = [one for one in judge(sight.view, route) if one.rule in _JUDGED_HERE]
        refused = list(_refused(route, gateway))
        for problem in problems:
            yield Step(
                "routes",
                _ROUTES,
                "broken" if problem.severity == "error" else "warning",
                f"{ref(route)} {problem.message}.",
                (ref(route), ref(gateway)),
                tuple(refused),
                problem.hint.replace(" in the same task", ""),
            )
        if refused and not problems:
            yield Step(
                "routes",
                _ROUTES,
                "broken",
                f"istiod does not take {ref(route)} for this Gateway: {refused[0]}.",
                (ref(route), ref(gateway)),
                tuple(refused),
                f"kubectl -n {namespace_of(route)} describe {str(route.get('kind')).lower()} {name_of(route)}",
            )
        elif not refused and not problems:
            hosts = [str(one) for one in dig(route, "spec", "hostnames") or ()]
            yield Step(
                "routes",
                _ROUTES,
                "ok",
                f"{ref(route)} is attached, for {some(hosts) or 'every host of the listeners'}.",
                (ref(route),),
            )


def _refused(route: Obj, gateway: Obj) -> Iterator[str]:
    """What istiod has against a route at this Gateway."""
    for one in dig(route, "status", "parents") or ():
        parent = one.get("parentRef") or {}
        if str(parent.get("name")) != name_of(gateway) or str(parent.get("kind") or "Gateway") != "Gateway":
            continue
        for item in one.get("conditions") or ():
            if item.get("status") == "False":
                yield f"{item.get('type')}=False ({item.get('reason')}): {item.get('message')}"


def backend_services(routes: Sequence[Obj]) -> list[tuple[str, str]]:
    """(namespace, name) of the Services behind routes."""
    found: dict[tuple[str, str], None] = {}
    for route in routes:
        for _where, backend in backends(route):
            if (backend.get("kind") or "Service") == SERVICE.strip("/"):
                found[(str(backend.get("namespace") or namespace_of(route)), str(backend.get("name")))] = None
    return list(found)


def backend_steps(sight: Sight, gateway: Obj, routes: Sequence[Obj]) -> Iterator[Step]:
    """Whether somebody stands behind each backend, and whether policies admit clients at the gateway itself."""
    yield from services_behind(sight, backend_services(routes))
    who = Who("", "", "", 0, sight.trust_domain)
    key = (namespace_of(gateway), name_of(gateway))
    policies = [one for one in for_waypoint(sight, None, key) if "waypoint" not in str(dig(one, "spec", "targetRefs"))]
    if policies:
        yield from admission_steps(
            sight, policies, who, "a client from outside", "gateway", (ref(gateway),), "authorization", key[0]
        )


def services_behind(sight: Sight, services: Sequence[tuple[str, str]]) -> Iterator[Step]:
    """One step for each Service that is missing or has nobody behind it, one for those that are in order."""
    fine = []
    for namespace, name in services[:20]:
        service = sight.service(namespace, name)
        if service is None:
            yield Step(
                "backends",
                _BACKENDS,
                "broken",
                f"The backend Service {namespace}/{name} does not exist: its requests get 500 or 503.",
                (f"Service {namespace}/{name}",),
                (),
                sight.close_services(namespace, name) or "Make it, or correct the route.",
            )
            continue
        found = sight.endpoints(service, None)
        if found is None:
            pods = sight.selected(service)
            found = sum(1 for pod in pods if is_ready(pod)), len(pods)
        if not found[0] and dig(service, "spec", "type") != "ExternalName":
            yield Step(
                "backends",
                _BACKENDS,
                "broken",
                f"{ref(service)} has no ready endpoint: its requests get 503.",
                (ref(service),),
                (),
                f"explain: to {namespace}/{name}",
            )
        else:
            fine.append(ref(service))
    if fine:
        yield Step("backends", _BACKENDS, "ok", f"Somebody answers behind {some(fine)}.", tuple(fine))


def waypoint_role(sight: Sight, gateway: Obj) -> Iterator[Step]:
    """For whom a waypoint stands."""
    named = Waypoint(namespace_of(gateway), name_of(gateway))
    kind = labels_of(gateway).get("istio.io/waypoint-for", "service")
    users = [
        ref(one)
        for scene_kind in (SERVICE, NAMESPACE)
        for one in sight.scene.all(scene_kind)
        if sight.scene.waypoint_label(one) == named
    ]
    title = "What it is a waypoint for"
    if not users:
        yield Step(
            "waypoint",
            title,
            "warning",
            f"It is a waypoint for {kind}, and no Service and no namespace is labelled to use it: nothing goes by it.",
            (ref(gateway),),
            (),
            f"kubectl label namespace {named.namespace} istio.io/use-waypoint={named.name}",
        )
    else:
        yield Step(
            "waypoint",
            title,
            "ok",
            f"It is a waypoint for {kind}; {counted(len(users), 'object')} use it: {some(users)}.",
            tuple(users),
        )
