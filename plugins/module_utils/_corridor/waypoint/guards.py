# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What stands against a waypoint, named before the first write. Pure, over what was read."""

from __future__ import annotations

from collections.abc import Iterable

from ..._checks.policy.scene import NAMESPACE, SERVICE, kind_of
from ..._checks.selectors import matches
from ..._checks.snapshot import Obj, dig, labels_of, name_of, ref
from ..._desired.waypoints import FOR_LABEL, MESH_CONTROLLERS, patches
from ..._errors import BadInput, GuardRefused
from ..._intent.label_selector import label_selector
from ..._intent.waypoint import WaypointIntent
from .around import Around, istiod_of
from .labels import OWN_SERVICES
from .losses import admits

# The minor releases of Istio that brought what not all of them have.
PATCHES_SINCE = (1, 26)
CANARY_SINCE = (1, 31)
_MANAGED = "gateway.istio.io/managed"


def guard(around: Around, intent: WaypointIntent) -> None:
    """Raise GuardRefused or BadInput that says what is missing, and the way out."""
    _guard_gateway_api(around)
    _guard_istiod(around, intent)
    _guard_namespaces(around, intent)
    _guard_revision(around, intent)
    _guard_class(around, intent)
    _guard_gateway(around, intent)
    _guard_version(around, intent)
    _guard_allowed(around, intent)
    _guard_canary(around, intent)


def _guard_gateway_api(around: Around) -> None:
    if not around.served:
        raise GuardRefused(
            "This cluster does not serve gateway.networking.k8s.io/v1: a waypoint is a Gateway of the Gateway API.",
            hint="Install its CRDs; istio_mesh does so with gateway_api.manage: true, its default.",
        )


def _guard_istiod(around: Around, intent: WaypointIntent) -> None:
    if not around.istiods and not around.injectors:
        raise GuardRefused(
            "No istiod runs in this cluster: nobody would make anything of a waypoint's Gateway.",
            hint="Install the mesh first, with istio_mesh.",
        )
    homes = sorted({one.namespace for one in around.istiods})
    if homes and intent.istio_namespace not in homes:
        raise BadInput(
            f"istio_namespace: no istiod runs in namespace {intent.istio_namespace}, but in {', '.join(homes)}.",
            hint=f"Set istio_namespace: {homes[0]}.",
        )


def _guard_namespaces(around: Around, intent: WaypointIntent) -> None:
    home = intent.waypoint.namespace
    if home not in around.namespaces:
        raise BadInput(f"namespace: {home} does not exist.", hint="Make it first, or correct the name.")
    if dig(around.namespaces[home], "metadata", "deletionTimestamp"):
        raise GuardRefused(f"Namespace {home} is being deleted.", hint="Wait until it is gone, and make it anew.")
    if missing := sorted(set(intent.enroll.homes) - set(around.namespaces)):
        plural = "do" if len(missing) > 1 else "does"
        raise BadInput(
            f"enroll: namespace {', '.join(missing)} {plural} not exist.", hint="Make it first, or correct the name."
        )


def _guard_revision(around: Around, intent: WaypointIntent) -> None:
    usage = around.usage
    revisions = sorted({*usage.revisions, *around.injectors} - set(usage.tags))
    there = f"revisions {', '.join(revisions) or 'none'}; tags {', '.join(sorted(usage.tags)) or 'none'}"
    asked, _istiod = istiod_of(around, intent)
    if not asked:
        raise GuardRefused(
            f"Gateway {intent.waypoint} would name no revision, nor does its namespace, and no revision or tag is the "
            "default: no istiod would take it up.",
            hint=f"Set revision to one of those there are: {there}.",
            details={"revisions": revisions, "tags": sorted(usage.tags)},
        )
    if asked in revisions or asked in usage.tags:
        return
    where = "revision: there" if intent.revision else f"The label istio.io/rev of namespace {intent.waypoint.namespace}"
    said = f"is neither a revision nor a tag {asked}" if intent.revision else f"names {asked}, which is neither"
    raise BadInput(
        f"{where} {said}.",
        hint=f"Use one of those there are: {there}.",
        details={"revisions": revisions, "tags": sorted(usage.tags)},
    )


def _guard_class(around: Around, intent: WaypointIntent) -> None:
    found = around.classes.get(intent.gateway_class)
    waypoints = sorted(name for name, one in around.classes.items() if _controller(one) in MESH_CONTROLLERS)
    there = f"Classes for waypoints: {', '.join(waypoints) or 'none'}."
    if found is None:
        raise GuardRefused(
            f"GatewayClass {intent.gateway_class} does not exist: nobody would make anything of the Gateway.",
            hint=f"{there} istiod makes istio-waypoint itself when it runs with the profile for ambient "
            "(PILOT_ENABLE_AMBIENT).",
        )
    if _controller(found) not in MESH_CONTROLLERS:
        raise BadInput(
            f"gateway_class: {intent.gateway_class} is not for waypoints; its controller is {_controller(found)}.",
            hint=there,
        )
    accepted = next((c for c in dig(found, "status", "conditions") or () if c.get("type") == "Accepted"), None)
    if accepted is not None and accepted.get("status") == "False":
        raise GuardRefused(
            f"GatewayClass {intent.gateway_class} is refused: {accepted.get('message') or accepted.get('reason')}.",
            hint="Its controller says why; a Gateway of it would stay without pods.",
        )


def _controller(gateway_class: Obj) -> str:
    return str(dig(gateway_class, "spec", "controllerName") or "")


def _guard_gateway(around: Around, intent: WaypointIntent) -> None:
    """What stands there under the waypoint's name must be a waypoint."""
    live = around.gateway
    if live is None:
        return
    name = str(dig(live, "spec", "gatewayClassName"))
    if not is_waypoint(around, live):
        raise GuardRefused(
            f"{ref(live)} is no waypoint: its class is {name}. This run would make one of it.",
            hint="Choose another name for the waypoint.",
        )
    if name != intent.gateway_class and dig(live, "metadata", "deletionTimestamp") is None:
        raise GuardRefused(
            f"{ref(live)} is a waypoint of the class {name}: both classes would want its Deployment.",
            hint=f"Set gateway_class: {name}; or make one beside it, and move over to that with canary.",
        )


def is_waypoint(around: Around, gateway: Obj) -> bool:
    """Whether a Gateway is a waypoint, by its class; one whose class is not there by the class's name."""
    name = str(dig(gateway, "spec", "gatewayClassName"))
    found = around.classes.get(name)
    return _controller(found) in MESH_CONTROLLERS if found is not None else "waypoint" in name


def _guard_version(around: Around, intent: WaypointIntent) -> None:
    _asked, istiod = istiod_of(around, intent)
    if istiod is None or istiod.version is None:
        return
    line = istiod.version.line
    if patches(intent.infrastructure, intent.waypoint.name) and line < PATCHES_SINCE:
        raise BadInput(
            f"istiod {istiod.version} (revision {istiod.revision}) cannot alter what it makes of a Gateway: replicas, "
            "autoscaling, disruption_budget, resources and placement need Istio 1.26.",
            hint="Leave them out (labels and annotations work), or upgrade.",
        )
    if intent.canary is not None and line < CANARY_SINCE:
        raise BadInput(
            f"canary: istiod {istiod.version} (revision {istiod.revision}) knows no canary waypoints; they came with "
            "Istio 1.31, as alpha.",
            hint="Leave canary out; move namespace by namespace or Service by Service instead, by enroll.",
        )


def _guard_allowed(around: Around, intent: WaypointIntent) -> None:
    """A selector must choose the namespaces that enroll names; what `same` leaves out is known without looking."""
    if intent.allowed in ("same", "all"):
        return
    selector = label_selector(intent.allowed, "allowed_namespaces")
    left_out = [name for name in intent.enroll.homes if not matches(selector, labels_of(around.namespaces[name]))]
    if left_out:
        raise BadInput(
            f"allowed_namespaces: {intent.allowed!r} does not choose namespace {', '.join(left_out)}, which enroll "
            "names: what is there could not attach to the waypoint.",
            hint="Label the namespace so that it is chosen, widen the selector, or leave it out of enroll.",
        )


def _guard_canary(around: Around, intent: WaypointIntent) -> None:
    canary, live = intent.canary, around.canary
    if canary is None:
        return
    if live is None:
        raise BadInput(
            f"canary: Gateway {canary.waypoint} does not exist.", hint="Make that waypoint first, in a task of its own."
        )
    if not is_waypoint(around, live):
        raise BadInput(f"canary: {ref(live)} is no waypoint.", hint="Name a waypoint.")
    traffic = labels_of(live).get(FOR_LABEL, "service")
    if traffic not in ("service", "all"):
        raise BadInput(
            f"canary: {ref(live)} is for {traffic}, and a canary takes traffic to Services.",
            hint="Make it with for: service, or for: all.",
        )
    if not dig(live, "status", "addresses"):
        raise GuardRefused(
            f"canary: {ref(live)} has no address: it never had a ready pod, and istiod would pass over it.",
            hint="Get it ready first.",
        )
    refused = [name for name in intent.enroll.homes if not admits(live, name, labels_of(around.namespaces[name]))]
    if refused:
        raise BadInput(
            f"canary: {ref(live)} takes nothing of namespace {', '.join(refused)}, which enroll names.",
            hint="Open its allowed_namespaces.",
        )


def guard_targets(targets: Iterable[Obj]) -> None:
    """Raise BadInput when something that is to use the waypoint never can."""
    for one in targets:
        if kind_of(one) != SERVICE:
            continue
        if dig(one, "spec", "type") == "ExternalName":
            raise BadInput(
                f"enroll: {ref(one)} is of type ExternalName, and no waypoint stands before such a Service.",
                hint="Leave it out; enroll the Service it stands for, or a ServiceEntry.",
            )
        if labels_of(one).get(_MANAGED) in OWN_SERVICES:
            raise BadInput(f"enroll: {ref(one)} is a waypoint's own.", hint="Leave it out.")


def not_ambient(around: Around, intent: WaypointIntent, targets: Iterable[Obj]) -> list[str]:
    """Namespaces with something enrolled whose pods are not in ambient: their own clients pass the waypoint by."""
    homes = {*intent.enroll.homes, *(name_of(one) for one in targets if kind_of(one) == NAMESPACE)}
    return sorted(
        home
        for home in homes
        if labels_of(around.namespaces.get(home) or {}).get("istio.io/dataplane-mode") != "ambient"
    )
