# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The request of `waypoint`: which waypoint, for whom, and what it runs on. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._checks.policy.scene import Waypoint
from .._errors import BadInput
from .label_selector import label_selector
from .waypoint_infrastructure import Infrastructure, infrastructure

State = Literal["present", "absent", "rendered"]
Traffic = Literal["service", "workload", "all", "none"]
Ref = tuple[str, str]

_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
# A waypoint's name becomes a label's value and a Service's name.
_LABEL = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Enroll:
    """What is to use the waypoint: names of namespaces; of the others (namespace, name)."""

    namespaces: tuple[str, ...] = ()
    services: tuple[Ref, ...] = ()
    service_entries: tuple[Ref, ...] = ()
    pods: tuple[Ref, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.namespaces or self.services or self.service_entries or self.pods)

    @property
    def homes(self) -> tuple[str, ...]:
        """The namespaces in which something is enrolled, sorted."""
        refs = (*self.services, *self.service_entries, *self.pods)
        return tuple(sorted({*self.namespaces, *(namespace for namespace, name in refs)}))


@dataclass(frozen=True, slots=True)
class Canary:
    """A second waypoint that takes `weight` percent of new connections to what is enrolled."""

    waypoint: Waypoint
    weight: int = 0


@dataclass(frozen=True, slots=True)
class WaypointIntent:
    """One waypoint. `allowed` is `same`, `all`, or a label selector of namespaces.

    `ingress` is None where nothing is said of it. `accept` names dependents that `absent` may leave without their
    waypoint. `made_for` is "" or the text of the annotation meshwright.io/made-for. `wait_timeout` is in seconds.
    """

    state: State
    waypoint: Waypoint
    traffic: Traffic = "service"
    revision: str = ""
    gateway_class: str = "istio-waypoint"
    allowed: str = "same"
    enroll: Enroll = field(default_factory=Enroll)
    ingress: bool | None = None
    canary: Canary | None = None
    infrastructure: Infrastructure = field(default_factory=Infrastructure)
    made_for: str = ""
    accept: frozenset[str] = frozenset()
    istio_namespace: str = "istio-system"
    force_conflicts: bool = False
    wait: bool = True
    wait_timeout: int = 300


def waypoint_intent(params: Mapping[str, Any]) -> WaypointIntent:
    """The intent of checked module parameters. Raises BadInput that names the option and the way out."""
    name, namespace = _name("name", params["name"]), _name("namespace", params["namespace"], _NAMESPACE)
    if name == "none":
        raise BadInput("name: `none` means no waypoint in istio.io/use-waypoint.", hint="Choose another name.")
    if params["wait_timeout"] < 1:
        raise BadInput(f"wait_timeout: {params['wait_timeout']} is too small.", hint="Use at least 1 (second).")
    intent = WaypointIntent(
        state=params["state"],
        waypoint=Waypoint(namespace, name),
        traffic=params["for"],
        revision=_text(params, "revision"),
        gateway_class=_text(params, "gateway_class") or "istio-waypoint",
        allowed=_text(params, "allowed_namespaces") or "same",
        enroll=_enroll(params.get("enroll") or {}, namespace),
        ingress=params.get("ingress"),
        canary=_canary(params.get("canary"), namespace),
        infrastructure=infrastructure(params),
        made_for=_text(params, "made_for"),
        accept=frozenset(str(each).strip() for each in params.get("accept_dependents") or ()),
        istio_namespace=_text(params, "istio_namespace") or "istio-system",
        force_conflicts=bool(params.get("force_conflicts")),
        wait=bool(params.get("wait", True)),
        wait_timeout=params["wait_timeout"],
    )
    if intent.allowed not in ("same", "all"):
        label_selector(intent.allowed, "allowed_namespaces")
    if intent.state != "absent":
        _agreeing(intent)
    return intent


def _text(params: Mapping[str, Any], option: str) -> str:
    return str(params.get(option) or "").strip()


def _name(option: str, given: Any, pattern: re.Pattern[str] = _LABEL) -> str:
    name = str(given).strip()
    if not pattern.fullmatch(name):
        raise BadInput(
            f"{option}: {given!r} is no name that Kubernetes takes here.",
            hint="Use lower case letters, digits and `-`, at most 63 of them, beginning and ending with one that is "
            "not `-`.",
        )
    return name


def _enroll(given: Mapping[str, Any], home: str) -> Enroll:
    return Enroll(
        namespaces=tuple(
            dict.fromkeys(_name("enroll.namespaces", each, _NAMESPACE) for each in given.get("namespaces") or ())
        ),
        services=_refs("services", given, home),
        service_entries=_refs("service_entries", given, home),
        pods=_refs("pods", given, home),
    )


def _refs(option: str, given: Mapping[str, Any], home: str) -> tuple[Ref, ...]:
    """(namespace, name) of each; a name alone is in the waypoint's own namespace."""
    found: list[Ref] = []
    for each in given.get(option) or ():
        text = str(each).strip()
        namespace, slash, name = text.rpartition("/")
        if not name or (slash and not namespace) or "/" in namespace:
            raise BadInput(f"enroll.{option}: {each!r} is neither `name` nor `namespace/name`.", hint="Write one.")
        where = f"enroll.{option}"
        found.append((_name(where, namespace, _NAMESPACE) if slash else home, _name(where, name, _SUBDOMAIN)))
    return tuple(dict.fromkeys(found))


def _canary(given: Mapping[str, Any] | None, home: str) -> Canary | None:
    if given is None:
        return None
    weight = given.get("weight") or 0
    if not 0 <= weight <= 100:
        raise BadInput(f"canary.weight: {weight} is no percentage.", hint="Use 0 to 100.")
    namespace = _name("canary.namespace", given.get("namespace") or home, _NAMESPACE)
    return Canary(Waypoint(namespace, _name("canary.name", given["name"])), weight)


def _agreeing(intent: WaypointIntent) -> None:
    """What the options say of each other."""
    enroll, waypoint = intent.enroll, intent.waypoint
    if enroll and not intent.wait:
        raise BadInput(
            "wait: false with enroll: what uses a waypoint that is not ready has either no policy or no traffic.",
            hint="Leave wait out; or make the waypoint first, and enroll in a later task.",
        )
    _for_whom(intent)
    away = [home for home in enroll.homes if home != waypoint.namespace]
    if away and intent.allowed == "same":
        raise BadInput(
            f"allowed_namespaces: with `same`, {waypoint} takes nothing of namespace {', '.join(away)}, which enroll "
            "names.",
            hint="Set allowed_namespaces to `all`, or to a label selector that chooses these namespaces.",
        )
    bindable = bool(enroll.namespaces or enroll.services or enroll.service_entries)
    for option, given in (("ingress", intent.ingress), ("canary", intent.canary)):
        if given is not None and not bindable:
            raise BadInput(
                f"{option} is for what is enrolled: namespaces, Services or ServiceEntries, and enroll names none.",
                hint=f"Name them in enroll, or leave {option} out.",
            )
    if intent.canary is not None and intent.canary.waypoint == waypoint:
        raise BadInput(f"canary: {waypoint} cannot be the canary of itself.", hint="Name another waypoint.")


def _for_whom(intent: WaypointIntent) -> None:
    """A waypoint takes only the traffic it is for: whoever names it for other traffic goes straight."""
    enroll, traffic = intent.enroll, intent.traffic
    if traffic == "none" and enroll:
        raise BadInput("for: a waypoint for `none` takes no traffic, and enroll names some.", hint="Use another `for`.")
    if traffic == "workload" and (enroll.services or enroll.service_entries):
        raise BadInput(
            "for: a waypoint for `workload` takes no traffic that goes to a Service or ServiceEntry; enroll has some.",
            hint="Set for: service, or for: all.",
        )
    if traffic == "service" and enroll.pods:
        raise BadInput(
            "for: a waypoint for `service` takes no traffic that goes straight to a pod; enroll.pods names some.",
            hint="Set for: workload, or for: all.",
        )
    if traffic == "workload" and (intent.ingress or intent.canary):
        raise BadInput(
            "for: ingress and canary are for traffic to Services, which a waypoint for `workload` does not take.",
            hint="Set for: service, or for: all.",
        )
