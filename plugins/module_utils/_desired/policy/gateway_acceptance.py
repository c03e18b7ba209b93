# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether istiod took a Gateway, a route or another object of the Gateway API. Pure.

Seen with istiod 1.31: nothing is written on a route whose parent Gateway is missing, or is of a class that nobody
serves, or is a waypoint; `ResolvedWaypoints` is True even where there is no waypoint, its message tells; a Gateway with
a bad listener among good ones is `Accepted`, for the reason `ListenersNotValid`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..._kube.readiness import condition
from .verdict import Obj, Says, Surroundings, Verdict, awaited, read

GATEWAY_API = "gateway.networking.k8s.io"
# Controllers that play the parent of routes; a waypoint's does not, routes attach to the Services behind it.
_ROUTING = ("istio.io/eastwest-controller", "istio.io/agentgateway-controller")
_WAYPOINTS = ("istio.io/mesh-controller", "istio.io/agentgateway-waypoint-controller")
_PARENTS = {
    (GATEWAY_API, "Gateway"),
    (GATEWAY_API, "ListenerSet"),
    ("", "Service"),
    ("networking.istio.io", "ServiceEntry"),
}
_NO_STATUS = Verdict("nothing", "this istiod writes no condition on Gateway API kinds")
_WORST: tuple[Says, ...] = ("refused", "limited", "waiting", "accepted", "nothing")


def parents(route: Obj) -> Iterator[tuple[str, str, str, Obj]]:
    """Group, kind and namespace of each parent of a route, and the reference itself."""
    meta = route.get("metadata") or {}
    for ref in (route.get("spec") or {}).get("parentRefs") or ():
        group = ref.get("group", GATEWAY_API)
        yield group, ref.get("kind") or "Gateway", ref.get("namespace") or meta.get("namespace") or "", ref


def route(obj: Obj, around: Surroundings) -> Verdict:
    """Routes: each parent that is istiod's to report on must have accepted it, with all references resolved."""
    if not around.statuses:
        return _NO_STATUS
    namespace = obj["metadata"]["namespace"]
    reported = (obj.get("status") or {}).get("parents") or ()
    others: list[str] = []
    said: list[Verdict] = []
    asked = False
    for group, kind, home, ref in parents(obj):
        asked = True
        verdict = _silent(group, kind, home, ref, around)
        if verdict is not None:
            if verdict.says == "nothing":
                others.append(verdict.detail)
            else:
                said.append(verdict)
            continue
        own = [one for one in reported if around.ours(str(one.get("controllerName", "")))]
        entry = next((one for one in own if _same_parent(one, group, kind, home, ref, namespace)), None)
        said.append(_parent(obj, entry, f"{kind} {home}/{ref.get('name')}", around.captured(home)))
    if not asked:
        return Verdict("nothing", "it has no parent, so that nobody takes it")
    if not said:
        return Verdict("nothing", "; ".join(others))
    return min(said, key=lambda one: _WORST.index(one.says))


def _silent(group: str, kind: str, home: str, ref: Obj, around: Surroundings) -> Verdict | None:
    """Why istiod will report nothing of this parent; None when it will."""
    if (group, kind) not in _PARENTS:
        return Verdict("nothing", f"its parent {kind} {home}/{ref.get('name')} is left to others")
    if kind != "Gateway" or not around.known:
        return None
    name = f"Gateway {home}/{ref.get('name')}"
    found = around.gateways.get((home, str(ref.get("name"))))
    if found is None:
        return _without(f"its parent {name} does not exist", "NoSuchParent")
    controller = around.classes.get(found)
    if controller is None:
        return _without(f"its parent {name} is of the class {found}, which does not exist", "NoSuchParent")
    if controller in _WAYPOINTS:
        words = f"its parent {name} is a waypoint, which takes no routes: attach it to the Service"
        return Verdict("refused", words, "Accepted", "NoMatchingParent", words, fixed=True)
    if controller != around.controller and controller not in _ROUTING:
        return Verdict("nothing", f"its parent {name} is left to {controller}")
    return None


def _without(words: str, reason: str) -> Verdict:
    return Verdict("refused", words, "Accepted", reason, words)


def _same_parent(entry: Obj, group: str, kind: str, home: str, ref: Obj, namespace: str) -> bool:
    seen = entry.get("parentRef") or {}
    return (
        seen.get("name") == ref.get("name")
        and seen.get("group", GATEWAY_API) == group
        and (seen.get("kind") or "Gateway") == kind
        and (seen.get("namespace") or namespace) == home
        and seen.get("sectionName") == ref.get("sectionName")
        and seen.get("port") == ref.get("port")
    )


def _parent(obj: Obj, entry: Obj | None, name: str, captured: bool) -> Verdict:
    """What one parent's entry in the status says."""
    if entry is None:
        return awaited("Accepted", f" by {name}")
    controller = str(entry.get("controllerName", ""))
    view = {"metadata": {"generation": obj["metadata"].get("generation")}, "status": entry}
    for wanted in ("Accepted", "ResolvedRefs"):
        found = condition(view, wanted)
        if found is None:
            return awaited(wanted, f" by {name}")
        verdict = read(found, controller=controller, about=f"{name}: ")
        if verdict.says != "accepted":
            return verdict
    waypoints = condition(view, "ResolvedWaypoints")
    remark = ""
    if captured and waypoints and "resolved" not in str(waypoints.get("message")):
        remark = f"{name}: {waypoints.get('message')}"
    return Verdict("accepted", f"accepted by {name}", "Accepted", "Accepted", controller=controller, remark=remark)


def gateway(obj: Obj, around: Surroundings) -> Verdict:
    """Gateway of the Gateway API: accepted with all its listeners, and programmed."""
    if not around.statuses:
        return _NO_STATUS
    name = str((obj.get("spec") or {}).get("gatewayClassName"))
    controller = around.classes.get(name) if around.known else around.controller
    if controller is None:
        words = f"no GatewayClass is named {name}, so that no controller takes it"
        return Verdict("refused", words, "Accepted", "NoSuchClass", words)
    if not around.ours(controller):
        return Verdict("nothing", f"its class {name} is left to {controller}")
    return _accepted_and_programmed(obj, controller)


def listener_set(obj: Obj, around: Surroundings) -> Verdict:
    if not around.statuses:
        return _NO_STATUS
    ref = (obj.get("spec") or {}).get("parentRef") or {}
    home = ref.get("namespace") or obj["metadata"]["namespace"]
    silent = _silent(GATEWAY_API, "Gateway", home, ref, around)
    if silent is not None and not (silent.says == "refused" and silent.fixed):
        return silent
    return _accepted_and_programmed(obj, "istiod")


def _accepted_and_programmed(obj: Obj, controller: str) -> Verdict:
    listeners = "; ".join(_bad_listeners(obj))
    for wanted in ("Accepted", "Programmed"):
        entry = condition(dict(obj), wanted)
        if entry is None or entry.get("status") == "Unknown":
            return awaited(wanted)
        if entry.get("reason") == "ListenersNotValid" and listeners:
            entry = {**entry, "message": f"{str(entry.get('message')).rstrip('.')}. {listeners}"}
        verdict = read(entry, controller=controller, good=(wanted,))
        if verdict.says != "accepted":
            return verdict
    return Verdict("accepted", "Accepted and Programmed", "Programmed", "Programmed", controller=controller)


def _bad_listeners(obj: Obj) -> Iterator[str]:
    for listener in (obj.get("status") or {}).get("listeners") or ():
        for entry in listener.get("conditions") or ():
            if entry.get("status") == ("True" if entry.get("type") == "Conflicted" else "False"):
                yield f"Listener {listener.get('name')}: {entry.get('reason')}: {entry.get('message')}"


def gateway_class(obj: Obj, around: Surroundings) -> Verdict:
    controller = str((obj.get("spec") or {}).get("controllerName"))
    if not around.ours(controller) or not around.statuses:
        return Verdict("nothing", f"it is left to {controller}")
    entry = condition(dict(obj), "Accepted")
    if entry is None or entry.get("status") == "Unknown":
        return awaited("Accepted")
    return read(entry, controller=controller)


def backend_policy(obj: Obj, around: Surroundings) -> Verdict:
    """BackendTLSPolicy: istiod reports once a route leads to what it is for, so it is not waited for."""
    for entry in (obj.get("status") or {}).get("ancestors") or ():
        controller = str(entry.get("controllerName", ""))
        view = {"metadata": {"generation": obj["metadata"].get("generation")}, "status": entry}
        found = condition(view, "Accepted") if around.ours(controller) else None
        if found is not None:
            return read(found, controller=controller)
    return Verdict("nothing", "istiod writes conditions on it only once a route leads to its target")
