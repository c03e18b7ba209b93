# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.
"""Reading what decides whether istiod says something of an object: its pods, namespaces, classes, Gateways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..._checks.selectors import matches
from ..._desired.intents.planes import DataPlane
from ..._desired.policy.acceptance import own_waypoint, targets
from ..._desired.policy.gateway_acceptance import parents
from ..._desired.policy.verdict import CONTROLLER, Surroundings
from ..._errors import BadInput, Forbidden
from ..._kube.client import Client
from ..._kube.kinds import (
    AUTHORIZATION_POLICY,
    GATEWAY,
    GATEWAY_CLASS,
    NAMESPACE,
    POD,
    SERVICE,
    SERVICE_ENTRY,
    VALIDATING_WEBHOOK,
    Kind,
)
from ..items import Item
from ..live import Obj, Target, observe
from .context import plane_of

# From so many namespaces on, all are read at once, by their metadata.
_ALL_FROM = 4
_REDIRECTION = "ambient.istio.io/redirection"
_ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")


def everywhere(_kind: Kind) -> bool:
    """For `observe`: what is spread over many namespaces may be read at once, of whatever kind."""
    return True


def survey(
    client: Client, written: Sequence[Item], istiods: Sequence[Obj], root: str
) -> tuple[Surroundings, list[str]]:
    """What is around the objects written; and the permissions that were missing, in words, which leave it unknown."""
    missing: list[str] = []
    by_kind: dict[str, list[Obj]] = {}
    for item in written:
        by_kind.setdefault(item.target.kind.kind, []).append(item.obj)
    policies = [item.obj for item in written if item.target.kind.resource == AUTHORIZATION_POLICY.resource]
    routes = [obj for name in _ROUTES for obj in by_kind.get(name, ())]
    own = [item.obj for item in written if item.target.kind.resource == GATEWAY.resource]
    sets = by_kind.get("ListenerSet", [])
    gateways = {_where(obj): _class(obj) for obj in own}
    named = {*_of_policies(policies), *_of_routes(routes), *_of_sets(sets)} - set(gateways)
    namespaces = {obj["metadata"]["namespace"] for obj in (*policies, *routes)}

    def read_gateways() -> None:
        found = observe(client, [Target(GATEWAY, *where) for where in sorted(named)], widely=everywhere)
        gateways.update({(str(one.namespace), one.name): _class(obj) for one, obj in found.items()})

    def read_classes() -> None:
        for obj in client.list(GATEWAY_CLASS):
            classes[obj["metadata"]["name"]] = str(obj["spec"].get("controllerName"))

    classes: dict[str, str] = {}
    planes: dict[str, DataPlane] = {}
    reads: list[Callable[[], None]] = []
    if named:
        reads.append(read_gateways)
    if own or sets or any(group == GATEWAY.group for route in routes for group, *_rest in parents(route)):
        reads.append(read_classes)
    if namespaces:
        reads.append(lambda: planes.update(_planes(client, namespaces, whole=root in namespaces)))

    def attempt(read: Callable[[], None]) -> None:
        try:
            read()
        except Forbidden as error:
            missing.append(str(error))

    client.many(attempt, reads)
    around = Surroundings(
        known=bool(istiods) and not missing,
        ambient=not istiods or any(_says(pod, "PILOT_ENABLE_AMBIENT", "false") for pod in istiods),
        statuses=not istiods or any(_says(pod, "PILOT_ENABLE_GATEWAY_API_STATUS", "true") for pod in istiods),
        planes=planes,
        classes=classes,
        gateways=gateways,
        services={},
        root=root,
        controller=next(
            filter(None, (_value(pod, "PILOT_GATEWAY_API_CONTROLLER_NAME") for pod in istiods)), CONTROLLER
        ),
    )
    return around, missing


def look_at_services(client: Client, policies: Iterable[Obj], around: Surroundings) -> None:
    """Add to `around` which waypoints the Services and ServiceEntries that policies target will have, if any."""
    wanted = {}
    for policy in policies:
        for ref in targets(policy):
            where = (ref.get("namespace") or policy["metadata"]["namespace"], str(ref.get("name")))
            kind = {"Service": SERVICE, "ServiceEntry": SERVICE_ENTRY}.get(str(ref.get("kind")))
            if kind is not None and where not in around.services:
                wanted[Target(kind, *where)] = where
    if not wanted:
        return
    try:
        found = observe(client, wanted, widely=everywhere)
    except Forbidden:
        # What may not be read may come.
        around.services.update(dict.fromkeys(wanted.values(), "?"))
        return
    named: dict[tuple[str, str], str] = {}
    for one, where in wanted.items():
        obj = found.get(one)
        waypoint = own_waypoint(obj) if obj is not None else ""
        plane = around.planes.get(where[0])
        named[where] = (plane.waypoint if plane else "") if waypoint is None else waypoint
    waypoints = {Target(GATEWAY, *waypoint.split("/", 1)) for waypoint in named.values() if waypoint}
    try:
        there = {f"{one.namespace}/{one.name}" for one in observe(client, waypoints)}
    except Forbidden:
        there = set(named.values())
    # A waypoint that nobody made will never run.
    around.services.update({where: waypoint if waypoint in there else "" for where, waypoint in named.items()})


class Validators:
    """istiod's validating webhooks, read once: a revision that is not the default one may judge only what names it."""

    def __init__(self, client: Client) -> None:
        try:
            found = client.list(VALIDATING_WEBHOOK)
        except Forbidden:
            found = []
        self._hooks = [
            ({group for rule in hook.get("rules") or () for group in rule.get("apiGroups") or ()}, hook)
            for configuration in found
            for hook in configuration.get("webhooks") or ()
            if str(hook.get("name", "")).endswith("istio.io")
        ]

    def pass_by(self, obj: Obj) -> bool:
        """Whether none of them is asked about such an object, though it is of a kind that they judge."""
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        labels = obj["metadata"].get("labels") or {}
        asked = [hook for groups, hook in self._hooks if group in groups]
        return bool(asked) and not any(matches(hook.get("objectSelector"), labels) for hook in asked)


def not_captured(client: Client, policies: Iterable[Obj], root: str) -> set[tuple[str, str]]:
    """Of these policies those, by namespace and name, whose pods are there and none of them is captured by ztunnel.

    So is a gateway's in an ambient namespace: what ztunnel cannot do is nothing to it.
    """
    found: dict[str, list[Obj]] = {}
    exempt = set()
    for policy in policies:
        namespace, name = _where(policy)
        selector = (policy.get("spec") or {}).get("selector")
        if not selector or namespace == root:
            continue  # It is for pods yet to come, or of other namespaces.
        try:
            if namespace not in found:
                found[namespace] = client.list(POD, namespace, metadata_only=True)
        except Forbidden:
            found[namespace] = []
        pods = [pod["metadata"] for pod in found[namespace] if matches(selector, pod["metadata"].get("labels") or {})]
        if pods and not any((pod.get("annotations") or {}).get(_REDIRECTION) == "enabled" for pod in pods):
            exempt.add((namespace, name))
    return exempt


def _planes(client: Client, names: set[str], *, whole: bool) -> dict[str, DataPlane]:
    """The data planes of these namespaces, or (`whole`) of all, since a policy of the root namespace is for all."""
    if whole or len(names) >= _ALL_FROM:
        try:
            found = client.list(NAMESPACE, metadata_only=True)
        except Forbidden:
            if whole:
                raise
            found = list(observe(client, [Target(NAMESPACE, None, name) for name in sorted(names)]).values())
    else:
        found = list(observe(client, [Target(NAMESPACE, None, name) for name in sorted(names)]).values())
    return {obj["metadata"]["name"]: _plane(obj) for obj in found}


def _plane(namespace: Obj) -> DataPlane:
    try:
        return plane_of(namespace, {})
    except BadInput:
        # Labelled for both: what is injected is never captured.
        return DataPlane("sidecar")


def _where(obj: Obj) -> tuple[str, str]:
    return str(obj["metadata"].get("namespace")), str(obj["metadata"]["name"])


def _class(gateway: Obj) -> str:
    return str((gateway.get("spec") or {}).get("gatewayClassName"))


def _of_policies(policies: Iterable[Obj]) -> Iterable[tuple[str, str]]:
    for policy in policies:
        for ref in targets(policy):
            if ref.get("kind") == "Gateway":
                yield str(ref.get("namespace") or policy["metadata"]["namespace"]), str(ref.get("name"))


def _of_routes(routes: Iterable[Obj]) -> Iterable[tuple[str, str]]:
    for route in routes:
        for group, kind, home, ref in parents(route):
            if group == GATEWAY.group and kind == "Gateway":
                yield home, str(ref.get("name"))


def _of_sets(sets: Iterable[Obj]) -> Iterable[tuple[str, str]]:
    for one in sets:
        ref = (one.get("spec") or {}).get("parentRef") or {}
        yield str(ref.get("namespace") or one["metadata"]["namespace"]), str(ref.get("name"))


def _says(pod: Obj, variable: str, otherwise: str) -> bool:
    """Whether a variable of istiod's is true."""
    return (_value(pod, variable) or otherwise).lower() in ("true", "1", "t")


def _value(pod: Obj, variable: str) -> str:
    """A variable of istiod's; "" when it is not set."""
    for container in (pod.get("spec") or {}).get("containers") or ():
        for one in container.get("env") or ():
            if one.get("name") == variable:
                return str(one.get("value") or "")
    return ""
