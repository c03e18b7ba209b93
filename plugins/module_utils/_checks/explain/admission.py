# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether policies admit the client: at the waypoint, and at the server's ztunnel or sidecar. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..policy.scene import AUTHORIZATION, GATEWAY, GATEWAY_CLASS, REQUEST_AUTHENTICATION, SERVICE, Waypoint
from ..policy.view import action, selector, target_kind, targets
from ..snapshot import Obj, annotations_of, labels_of, meta, name_of, namespace_of, ref
from .decision import Decision, Who, decide
from .model import Step
from .sight import Sight, some

_AT = {"ztunnel": "ztunnel", "sidecar": "the sidecar", "waypoint": "the waypoint", "gateway": "the gateway"}
_REFUSAL = {
    "ztunnel": "the connection is reset (http status: 401 Unauthorized in the client's ztunnel)",
    "sidecar": "HTTP gets 403 RBAC: access denied, TCP is closed",
    "waypoint": "HTTP gets 403 RBAC: access denied",
    "gateway": "HTTP gets 403 RBAC: access denied",
}


def for_pod(sight: Sight, pod: Obj) -> list[Obj]:
    """The AuthorizationPolicies that the pod's own proxy enforces: by selector, of its namespace and of the root."""
    return [one for one in _of_spaces(sight, AUTHORIZATION, namespace_of(pod)) if _selects(one, pod)]


def for_waypoint(sight: Sight, service: Obj | None, waypoint: tuple[str, str]) -> list[Obj]:
    """Those that a waypoint enforces: for the Service, for its Gateway, or for all waypoints."""
    return _targeting(sight, AUTHORIZATION, service, waypoint)


def admission_steps(
    sight: Sight,
    policies: Sequence[Obj],
    who: Who,
    client: str,
    place: str,
    objects: tuple[str, ...],
    step: str,
    home: str,
) -> Iterator[Step]:
    """One step: what these policies come to for the client; `place` is ztunnel, sidecar, waypoint or gateway.

    `home` is the namespace of the proxy that asks.
    """
    title = f"Authorization at {_AT[place]}"
    unread = sight.unread(AUTHORIZATION, home, sight.scene.root)
    if not policies:
        fine = "No AuthorizationPolicy is in the way: everybody is admitted."
        yield Step(step, title, "unknown" if unread else "ok", unread or fine, objects)
        return
    found = [decide(policy, who, http=place != "ztunnel") for policy in policies]
    whom = who.identity or f"{client} (without an identity)"
    status, text, remedy = _outcome(found, whom, place)
    facts = tuple(_fact(one) for one in found)
    yield Step(step, title, status, text, tuple(ref(one.policy) for one in found) + objects, facts, remedy)  # type: ignore[arg-type]
    if unread and status != "broken":
        yield Step(step, title, "unknown", unread, objects)
    lost = [one for one in found if one.ignored or (place == "ztunnel" and one.action == "CUSTOM")]
    if lost:
        yield Step(
            f"{step}-http",
            title,
            "warning",
            f"ztunnel knows nothing of HTTP and asks nobody: {some(ref(one.policy) for one in lost)} is not enforced "
            "as it is written.",
            tuple(ref(one.policy) for one in lost),
            tuple(f"{ref(one.policy)}: {some(one.ignored) or 'action CUSTOM'}" for one in lost),
            "Make a waypoint (meshwright.istio.waypoint), and name it or the Service in targetRefs.",
        )


def _outcome(found: Sequence[Decision], whom: str, place: str) -> tuple[str, str, str]:
    refusal = _REFUSAL[place]
    denying = [one for one in found if one.action == "DENY"]
    allowing = [one for one in found if one.action == "ALLOW"]
    custom = [one for one in found if one.action == "CUSTOM" and one.matched != "no" and place != "ztunnel"]
    for one in denying:
        if one.matched == "yes":
            return (
                "broken",
                f"{ref(one.policy)} denies {whom}: {refusal}.",
                f"Take the client out of the rules of {ref(one.policy)}, if it is to be admitted.",
            )
    admitted = [one for one in allowing if one.matched == "yes"]
    perhaps = [one for one in allowing if one.matched == "depends"]
    if allowing and not admitted and not perhaps:
        return (
            "broken",
            f"ALLOW policies are there, and none admits {whom}: {refusal}.",
            f"Add the client's principal or namespace to {some(ref(one.policy) for one in allowing)}.",
        )
    depends = [one for one in denying if one.matched == "depends"]
    if depends:
        one = depends[0]
        return "info", f"It depends on the request: {ref(one.policy)} denies {'; '.join(one.on)}.", ""
    if allowing and not admitted:
        one = perhaps[0]
        return "info", f"It depends on the request: {ref(one.policy)} admits only {'; '.join(one.on)}.", ""
    if custom:
        return "info", f"It depends on the external authorizer of {ref(custom[0].policy)}.", ""
    if admitted:
        return "ok", f"{ref(admitted[0].policy)} admits {whom}.", ""
    return "ok", f"None of {len(found)} policies denies {whom}.", ""


def _fact(one: Decision) -> str:
    said = {"yes": "is about this client", "no": "is not about this client", "depends": "depends on the request"}
    told = said[one.matched]
    if one.action == "ALLOW":
        told = {"yes": "admits it", "no": "does not admit it", "depends": "may admit it"}[one.matched]
    elif one.action == "DENY":
        told = {"yes": "denies it", "no": "does not deny it", "depends": "may deny it"}[one.matched]
    return (
        f"{one.action} {namespace_of(one.policy)}/{name_of(one.policy)} {told}{f': {some(one.on)}' if one.on else ''}"
    )


def token_steps(sight: Sight, pod: Obj | None, service: Obj | None, waypoint: Waypoint | None) -> Iterator[Step]:
    """RequestAuthentications on the way: a wrong token is refused, a missing one only by a policy."""
    found = []
    if pod is not None and sight.mode(pod) in ("sidecar", "gateway"):
        found += [one for one in _of_spaces(sight, REQUEST_AUTHENTICATION, namespace_of(pod)) if _selects(one, pod)]
    if waypoint is not None:
        found += _targeting(sight, REQUEST_AUTHENTICATION, service, waypoint)
    if found:
        yield Step(
            "token",
            "Tokens (JWT)",
            "info",
            "A request with a token that is not valid gets 401; one without a token passes, unless a policy wants one.",
            tuple(dict.fromkeys(ref(one) for one in found)),
        )


def _of_spaces(sight: Sight, kind: str, namespace: str) -> list[Obj]:
    spaces = (namespace, sight.scene.root)
    return sorted(
        (one for one in sight.scene.all(kind) if namespace_of(one) in spaces and not targets(one) and not _dry(one)),
        key=lambda one: (action(one) != "DENY", str(meta(one).get("creationTimestamp") or ""), name_of(one)),
    )


def _selects(policy: Obj, pod: Obj) -> bool:
    labels = labels_of(pod)
    return all(labels.get(key) == value for key, value in selector(policy).items())


def _dry(policy: Obj) -> bool:
    """Whether a policy only logs what it would decide."""
    return annotations_of(policy).get("istio.io/dry-run") == "true"


def _targeting(sight: Sight, kind: str, service: Obj | None, waypoint: tuple[str, str]) -> list[Obj]:
    found = []
    for policy in sight.scene.all(kind):
        home = namespace_of(policy)
        for given in () if _dry(policy) else targets(policy):
            target, name = target_kind(given), str(given.get("name"))
            if (
                (target == GATEWAY and (home, name) == waypoint)
                or (target == GATEWAY_CLASS and home == sight.scene.root and name == "istio-waypoint")
                or (
                    target == SERVICE
                    and service is not None
                    and (home, name) == (namespace_of(service), name_of(service))
                )
            ):
                found.append(policy)
                break
    return sorted(found, key=lambda one: (action(one) != "DENY", name_of(one)))
