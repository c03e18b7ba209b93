# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""From a waypoint to sidecars: copies by selector, for who has a sidecar already; in the end for all. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from ..._checks.policy.identities import rules_of
from ..._checks.policy.model import some
from ..._checks.policy.scene import (
    AUTHORIZATION,
    GATEWAY,
    GATEWAY_CLASS,
    NAMESPACE,
    SERVICE,
    USE_WAYPOINT,
    Waypoint,
    kind_of,
)
from ..._checks.policy.view import View, action, target_kind, targets
from ..._checks.skew import workload_of
from ..._checks.snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .translate_model import (
    Draft,
    is_changed,
    made,
    named,
    origin_of,
    own,
    owner,
    plain,
    principal,
    role_of,
    widen,
)
from .translate_policies import of_namespace, origin_exists, origin_in
from .translate_rules import Unknown, mapped, narrowed_for, only_by_waypoint, ports_behind, qualified, takes_ports
from .translate_targets import as_client, is_of_waypoint, only_calls, pods_behind, serves_others, services_of

_WAYPOINT_CLASS = "istio-waypoint"
_ALL = "for all of its pods, which have a sidecar now"


class Back:
    """One namespace's policies, whose Services lose their waypoint in the end."""

    def __init__(self, view: View, namespace: str, *, trust_domain: str, pods: Sequence[Obj] = ()) -> None:
        self.view, self.namespace, self.trust_domain, self.pods = view, namespace, trust_domain, pods
        self.made = Draft(namespace)
        space = view.scene.get(NAMESPACE, "", namespace)
        self.waypoint: Waypoint | None = view.scene.waypoint_label(space) if space is not None else None
        # Which Services go by a waypoint now, by name.
        self.led = {
            name_of(one): one for one in services_of(view, namespace) if view.scene.waypoint_of(one) is not None
        }

    def draft(self) -> Draft:
        """Everything, in an order that is the same each time."""
        if self.namespace == self.view.scene.root:
            return self.made
        copies = []
        for obj in of_namespace(self.view, self.namespace):
            role = role_of(obj)
            if role == "protection":
                # It would cut who calls the first workload that has a sidecar again.
                self.made.first_remove.append(obj)
            elif role == "admission":
                self.made.remove.append(obj)
            elif targets(obj):
                self._targeted(obj)
            elif role == "sidecar":
                copies.append(obj)
            else:
                self._stays(obj)
        self._elsewhere()
        for obj in copies:
            self._finished(obj)
        return self.made

    # -- those by targetRefs -------------------------------------------------------------------------------------

    def _targeted(self, obj: Obj) -> None:
        """A policy of this namespace that a waypoint carries out."""
        draft = self.made
        if role_of(obj) == "waypoint" and origin_exists(self.view, obj):
            # What it stands for is for the workloads themselves.
            draft.remove.append(obj)
            return
        services, whole, others = self._aims(obj)
        if not services and not whole:
            return
        bound = [name for name in services if USE_WAYPOINT in labels_of(self.led[name])]
        if bound:
            draft.block(
                obj,
                f"is for Service {some(bound)}, which names its waypoint itself: clients in ambient would go on by it, "
                "and the sidecars would see it in their place",
                "Take the label istio.io/use-waypoint off that Service.",
            )
            return
        if not self._copied(obj, services, whole=whole):
            return
        if others:
            self._less(obj, others)
        elif whole and self.waypoint is not None and serves_others(self.view, self.waypoint):
            draft.note(f"{ref(obj)} stays: the waypoint {self.waypoint} serves other namespaces too.")
        else:
            draft.remove.append(obj)
        who = owner(obj)
        if who:
            draft.note(f"{ref(obj)} is managed by others ({who}): change it there too, or they bring it back.")

    def _aims(self, obj: Obj) -> tuple[list[str], bool, list[Any]]:
        """Its Services that go by a waypoint; whether it is for all that does; and its targets beside these."""
        services, others, whole = [], [], False
        for target in targets(obj):
            name = str(target.get("name"))
            if target_kind(target) == SERVICE and name in self.led:
                services.append(name)
            elif target_kind(target) == SERVICE and self.view.scene.get(SERVICE, self.namespace, name) is not None:
                if not dig(self.view.scene.get(SERVICE, self.namespace, name) or {}, "spec", "selector"):
                    self.made.block(
                        obj,
                        f"is for Service {name}, which has no selector: no sidecar can be told to carry it out",
                        "Delete it, or keep the waypoint for that Service.",
                    )
                others.append(target)
            elif target_kind(target) == GATEWAY and self.waypoint == Waypoint(self.namespace, name):
                whole = True
            else:
                others.append(target)
        return services, whole, others

    def _elsewhere(self) -> None:
        """Policies of other namespaces that a waypoint carries out for this one."""
        scene = self.view.scene
        if not self.led:
            return
        far = self.waypoint is not None and self.waypoint.namespace != self.namespace
        if far and self.waypoint is not None:
            for obj in of_namespace(self.view, self.waypoint.namespace):
                if any(target_kind(one) == GATEWAY and one.get("name") == self.waypoint.name for one in targets(obj)):
                    self._copied(obj, [], whole=True)
        for obj in of_namespace(self.view, scene.root):
            if any(target_kind(one) == GATEWAY_CLASS and one.get("name") == _WAYPOINT_CLASS for one in targets(obj)):
                self.made.block(
                    obj,
                    "is for all waypoints, and no sidecar will carry it out",
                    "Make one without targetRefs beside it, for the workloads of this namespace.",
                )

    # -- copies --------------------------------------------------------------------------------------------------

    def _copied(self, obj: Obj, services: list[str], *, whole: bool) -> bool:
        """Make a policy's copies for sidecars; whether that can be done."""
        names = sorted(self.led) if whole else sorted(services)
        if not whole:
            for name in names:
                if self._shared(obj, name, names):
                    return False
        try:
            parts = list(self._parts(obj, names, whole=whole))
        except Unknown as why:
            self.made.block(
                obj,
                f"names ports of its Service, and at a sidecar those of its pods count. {why}",
                "Write the number in the Service's targetPort, or name no ports in the policy.",
            )
            return False
        waypoint = (
            principal(as_client(self.view, self.waypoint), self.trust_domain) if self.waypoint is not None else ""
        )
        for name, spec in parts:
            final = made(obj, "sidecar", self.namespace, name, spec)
            there = self.view.scene.get(kind_of(obj), self.namespace, name)
            if there is not None and there.get("spec") == plain(final)["spec"]:
                self.made.create.append(plain(final))
                continue
            first = narrowed_for(final, waypoint)
            self.made.create.append(first)
            before = first if there is None or not role_of(there) else there
            self.made.last_edit.append((before, _next(before, plain(final)), _ALL))
        return True

    def _parts(self, obj: Obj, names: list[str], *, whole: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each copy's name and spec."""
        body = {k: v for k, v in (obj.get("spec") or {}).items() if k not in ("targetRef", "targetRefs", "rules")}
        authorization = kind_of(obj) == AUTHORIZATION
        rules = (rules_of(obj) if namespace_of(obj) == self.namespace else qualified(obj)) if authorization else []
        ports = authorization and takes_ports(obj)
        if whole and not ports and self._all_led():
            yield self._name(obj, ""), {**body, **({"rules": deepcopy(rules)} if rules else {})}
            return
        for name in names:
            service = self.led[name]
            judged = mapped(rules, ports_behind(service, self.pods)) if ports else deepcopy(rules)
            if rules and not judged and action(obj) != "ALLOW":
                continue
            labels = dict(dig(service, "spec", "selector") or {})
            spec = {"selector": {"matchLabels": labels}, **body, **({"rules": judged} if judged else {})}
            yield self._name(obj, name if len(names) > 1 or self._siblings(obj) else ""), spec

    def _name(self, obj: Obj, service: str) -> str:
        """What was translated gets its name back; others keep theirs beside `-sidecar`."""
        if role_of(obj) == "waypoint":
            base, suffix = origin_of(obj).rpartition("/")[2], ""
        else:
            home = namespace_of(obj)
            base, suffix = name_of(obj) if home == self.namespace else f"{home}-{name_of(obj)}", "-sidecar"
        return named(base, f"{'-' if service else ''}{service}{suffix}")

    def _siblings(self, obj: Obj) -> bool:
        """Whether it is one of several copies of the same policy."""
        return role_of(obj) == "waypoint" and any(
            one is not obj and role_of(one) == "waypoint" and origin_of(one) == origin_of(obj)
            for one in of_namespace(self.view, self.namespace)
        )

    def _all_led(self) -> bool:
        """Whether a policy without a selector is for just what goes by the waypoint now."""
        led = {id(pod) for service in self.led.values() for pod in pods_behind(self.view, service)}
        return all(
            id(pod) in led or only_calls(pod) or is_of_waypoint(self.view, pod)
            for pod in self.view.scene.pods.get(self.namespace, ())
        )

    def _shared(self, obj: Obj, name: str, names: list[str]) -> bool:
        """Whether other Services lead to the same pods, which a selector cannot tell from this one; says so."""
        pods = pods_behind(self.view, self.led[name])
        mine = {id(pod) for pod in pods}
        for other, service in sorted(self.led.items()):
            if other in names or dig(service, "spec", "clusterIP") == "None":
                continue
            both = sorted({workload_of(pod) for pod in pods_behind(self.view, service) if id(pod) in mine})
            if both:
                self.made.block(
                    obj,
                    f"is for Service {name} and not for Service {other}, and both lead to {some(both)}: a sidecar does "
                    "not know by which a request came",
                    "Let the policy be for both, or give each Service workloads of its own.",
                )
                return True
        return False

    # -- those by selector ---------------------------------------------------------------------------------------

    def _stays(self, obj: Obj) -> None:
        """What an earlier move changed in place becomes as it was; what was written for waypoints only cannot stay."""
        draft = self.made
        if is_changed(obj):
            draft.last_edit.append((obj, widen(obj), "as it was before it was made for a waypoint"))
            return
        for waypoint in sorted({str(self.view.scene.waypoint_of(one)) for one in self.led.values()}):
            home, _slash, name = waypoint.partition("/")
            if kind_of(obj) == AUTHORIZATION and only_by_waypoint(obj, self._principal(Waypoint(home, name))):
                draft.block(
                    obj,
                    f"lets in nobody but the waypoint {waypoint}, by which clients with a sidecar do not come",
                    "Delete it.",
                )
                return

    def _principal(self, waypoint: Waypoint) -> str:
        return principal(as_client(self.view, waypoint), self.trust_domain)

    def _finished(self, obj: Obj) -> None:
        """A copy of an interrupted move that nothing makes any more: its original goes by no waypoint, or is gone."""
        draft = self.made
        if name_of(obj) in {name_of(one) for one in draft.create if one["kind"] == obj["kind"]}:
            return
        source = origin_in(self.view, obj)
        if source is not None and ref(source) in {one.obj for one in draft.impossible}:
            return
        draft.last_edit.append((obj, _next(obj, plain(obj)), _ALL))
        if source is None or source in draft.remove or namespace_of(source) != self.namespace:
            return
        rest = [one for one in targets(source) if not self._done(one)]
        if not rest:
            draft.remove.append(source)
        elif len(rest) < len(targets(source)) and not any(before is source for before, _after, _why in draft.last_edit):
            self._less(source, rest)

    def _done(self, target: Any) -> bool:
        """Whether nobody carries a policy out for this target any more."""
        name = str(target.get("name"))
        if target_kind(target) == GATEWAY:
            named_by = self.view.scene.get(GATEWAY, self.namespace, name)
            ours = named_by is not None and self.view.scene.is_waypoint(named_by)
            return ours and not serves_others(self.view, Waypoint(self.namespace, name))
        return target_kind(target) == SERVICE and name not in self.led

    def _less(self, obj: Obj, rest: list[Any]) -> None:
        after = own(obj)
        after["spec"] = {**after["spec"], "targetRefs": rest}
        self.made.last_edit.append((obj, after, "no more for Services whose workloads have sidecars"))


def _next(before: Obj, after: Obj) -> dict[str, Any]:
    """`after` as the next version of what is there."""
    found: dict[str, Any] = json.loads(json.dumps(after))
    meta = before.get("metadata") or {}
    for key in ("resourceVersion", "uid"):
        if meta.get(key):
            found["metadata"][key] = meta[key]
    return found
