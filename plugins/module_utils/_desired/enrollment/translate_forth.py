# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""From sidecars to a waypoint: copies by targetRefs, the originals for pods with a sidecar, and then away. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ..._checks.policy.identities import rules_of, spares
from ..._checks.policy.model import some
from ..._checks.policy.scene import AUTHORIZATION, REQUEST_AUTHENTICATION, Waypoint
from ..._checks.policy.view import View, action
from ..._checks.snapshot import Obj, name_of, namespace_of, ref
from .translate_beside import Beside
from .translate_model import (
    Draft,
    is_dry_run,
    made,
    named,
    origin,
    origin_ref,
    own,
    owner,
    principal,
    role_of,
    with_rules,
)
from .translate_notes import notes
from .translate_past import past
from .translate_policies import (
    PLUGINS,
    Policy,
    about_left_out,
    clashes,
    origin_exists,
    policies,
    unplugged,
)
from .translate_rules import (
    Unknown,
    hits,
    mapped,
    names_waypoint,
    narrowed_for,
    ports_at,
    qualified,
    sparing_where_hit,
    takes_client,
    takes_ports,
    unmatched,
)
from .translate_targets import MOST_TARGETS, as_client, gateway_ref, service_ref

_WORKLOAD_DOMAIN = "cluster.local"
_LEAVE = "Accepted, it stays as it is; ztunnel takes an ALLOW that it cannot read for a denial, and a DENY for nothing."


class Forth:
    """One namespace's policies, once its label names this waypoint."""

    def __init__(
        self,
        view: View,
        namespace: str,
        waypoint: Waypoint,
        *,
        protect: bool,
        trust_domain: str,
        pods: Sequence[Obj] = (),
    ) -> None:
        self.view, self.namespace, self.waypoint, self.protect = view, namespace, waypoint, protect
        self.trust_domain, self.pods = trust_domain, pods
        self.client = as_client(view, waypoint)
        self.principal = principal(self.client, trust_domain)
        self.known = policies(view, namespace, waypoint)
        self.made = Draft(namespace)

    def draft(self) -> Draft:
        """Everything, in an order that is the same each time."""
        draft = self.made
        if self.namespace == self.view.scene.root:
            draft.note(f"Policies of the root namespace {self.namespace} are for the whole mesh: none is translated.")
            return draft
        wanted = self._wanted()
        copied, carried = [], []
        for one in self.known.mesh:
            if self._mesh(one, wanted):
                copied.append(one)
        for one in self.known.own:
            if one.proxies:
                if self._carried(one):
                    carried.append(one)
            elif id(one) in wanted and self._kept(one):
                copied.append(one)
        beside = Beside(self.view, self.namespace, self.client, self.principal, self.known)
        draft.create += beside.admissions([*copied, *carried])
        judging = [one for one in carried if one.kind in (AUTHORIZATION, REQUEST_AUTHENTICATION, *PLUGINS)]
        judging = [one for one in judging if not is_dry_run(one.obj) and action(one.obj) != "AUDIT"]
        if self.protect:
            draft.protection += beside.protections(judging)
        staying = [one for one in (*self.known.own, *self.known.mesh) if one.allows and not one.proxies]
        past(draft, self.view, judging, staying, protect=self.protect)
        self._left_over()
        notes(draft, self.view, carried, judging, protect=self.protect)
        return draft

    # -- which ---------------------------------------------------------------------------------------------------

    def _wanted(self) -> set[int]:
        """What the waypoint is to judge, by identity; with one ALLOW all others that are for the same workloads.

        Otherwise who is admitted by another would be refused at the waypoint.
        """
        every = [one for one in (*self.known.own, *self.known.mesh) if one.kind == AUTHORIZATION]
        found = {id(one) for one in every if one.proxies or self._by_client(one)}
        # One of the mesh that admits nobody says nothing that the others' copies do not say.
        allowing = [one for one in every if one.allows and (one in self.known.own or rules_of(one.obj))]
        marks: set[Any] = set()
        for one in allowing:
            if id(one) in found:
                marks |= one.marks
        more = True
        while more:
            more = False
            for one in allowing:
                if id(one) not in found and one.marks & marks:
                    found.add(id(one))
                    marks |= one.marks
                    more = True
        return found

    def _by_client(self, one: Policy) -> bool:
        """Whether ztunnel would judge the waypoint in the client's place."""
        away = any(waypoint is not None for _service, waypoint in one.reach.elsewhere)
        if not takes_client(one.obj) or not (one.reach.services or one.reach.wider or away):
            return False
        # A DENY for those who go round the waypoint is right where it is.
        return action(one.obj) != "DENY" or not spares(one.obj, *self.client)

    # -- one policy ----------------------------------------------------------------------------------------------

    def _carried(self, one: Policy) -> bool:
        """What only a proxy carries out goes to the waypoint altogether."""
        draft = self.made
        if self._refused(one) or not about_left_out(one, draft, whole=True):
            return False
        if not one.reach.services and not one.reach.whole:
            if not one.reach.bare:
                draft.block(
                    one.live,
                    "is for no pod and no Service that is there: once its workload comes, nobody carries it out",
                    "Delete it, or deploy the workload and its Service first.",
                )
            return False
        if not self._copy(one, rules_of(one.obj), name_of(one.obj)):
            return False
        after = narrowed_for(one.live, self.principal)
        draft.change(one.live, after, "narrowed to pods with a sidecar; the waypoint judges for the others")
        draft.remove.append(after)
        self._owned(one)
        return True

    def _kept(self, one: Policy) -> bool:
        """What ztunnel carries out stays there; the waypoint judges beside it, whom ztunnel cannot see."""
        draft = self.made
        if self._refused(one) or not about_left_out(one, draft, whole=False):
            return False
        if not one.reach.services and not one.reach.whole:
            return False
        if not self._copy(one, rules_of(one.obj), name_of(one.obj)):
            return False
        if action(one.obj) == "DENY":
            rules = sparing_where_hit(one.obj, self.client, self.principal)
            after = with_rules(one.live, rules)
            draft.change(one.live, after, f"lets the waypoint {self.waypoint} by, which judges the clients itself")
            if after != own(one.live):
                self._owned(one)
        return True

    def _mesh(self, one: Policy, wanted: set[int]) -> bool:
        """One of the root namespace is not this move's to change: at most it is copied."""
        draft = self.made
        if one.proxies:
            draft.block(
                one.live,
                f"is of the whole mesh and for {some(sorted(_workloads(one)))} too, and neither ztunnel nor a waypoint "
                f"carries it out ({some(list(one.proxies))}). {_LEAVE}",
                "Make one with targetRefs to the GatewayClass istio-waypoint in that namespace, and give this one the "
                "selector security.istio.io/tlsMode: istio, by which it is for sidecars only.",
            )
            return False
        if id(one) not in wanted or not (one.reach.services or one.reach.whole):
            return False
        if self._refused(one) or not about_left_out(one, draft, whole=False):
            return False
        if action(one.obj) == "DENY" and hits(one.obj, self.client):
            draft.block(
                one.live,
                f"is of the whole mesh and denies what comes by the waypoint {self.waypoint}, whoever the client is",
                f"Add the principal {self.principal} to its notPrincipals.",
            )
            return False
        return self._copy(one, qualified(one.obj), f"{namespace_of(one.obj)}-{name_of(one.obj)}")

    def _refused(self, one: Policy) -> bool:
        """Say why a policy cannot be translated at all; whether it is so."""
        draft = self.made
        why = unmatched(one.obj) if one.kind == AUTHORIZATION else unplugged(one.obj)
        if why:
            said = why if one.kind != AUTHORIZATION else f"looks at {why}"
            draft.block(one.live, f"{said}. {_LEAVE if one.proxies else ''}".strip(), "Write it without, or delete it.")
            return True
        if one.proxies and one.reach.gateways:
            draft.block(
                one.live,
                f"is for gateways too ({some(list(one.reach.gateways))}): they need it where it is, and ambient "
                f"workloads must not have it there. {_LEAVE}",
                "Split it: one for the gateways by their labels, one for the workloads by theirs.",
            )
            return True
        if one.proxies and one.reach.unmarked:
            draft.block(
                one.live,
                f"is for {some(list(one.reach.unmarked))}, whose pods have a sidecar but not the label "
                "security.istio.io/tlsMode: istio, by which those with a sidecar are told from others",
                "Take the label's other value out of the pod template, and restart it.",
            )
            return True
        if (
            not one.proxies
            and self.trust_domain != _WORKLOAD_DOMAIN
            and _WORKLOAD_DOMAIN in json.dumps(rules_of(one.obj))
        ):
            draft.block(
                one.live,
                f"names principals of {_WORKLOAD_DOMAIN}, and the mesh's trust domain is {self.trust_domain}: sidecars "
                "take the one for the other, ztunnel does not",
                f"Write {self.trust_domain} in its principals.",
            )
            return True
        return False

    # -- copies --------------------------------------------------------------------------------------------------

    def _copy(self, one: Policy, rules: list[Any], base: str) -> bool:
        """Make the copies of one policy for the waypoint; False when it cannot be said what its ports are there."""
        said = origin(one.obj, self.namespace)
        try:
            parts = list(self._parts(one, rules))
        except Unknown as why:
            self.made.block(
                one.live,
                f"names ports of its pods, and at the waypoint the Service's count. {why}",
                "Write the number in the Service's targetPort, or name no ports in the policy.",
            )
            return False
        body = {key: value for key, value in (one.obj.get("spec") or {}).items() if key not in ("selector", "rules")}
        for index, (refs, judged) in enumerate(parts):
            suffix = "-waypoint" if index == 0 else f"-waypoint-{index + 1}"
            name = named(base, suffix)
            if clashes(self.view, one.kind, self.namespace, name, said, "waypoint"):
                name = named(base, f"-{hashlib.sha256(said.encode()).hexdigest()[:8]}{suffix}")
            spec = {"targetRefs": refs, **body, **({"rules": judged} if judged else {})}
            self.made.create.append(made(one.obj, "waypoint", self.namespace, name, spec))
        return True

    def _parts(self, one: Policy, rules: list[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
        """What each copy is for, and its rules: together the Services where ports are called the same."""
        if one.kind != AUTHORIZATION:
            yield from self._split([gateway_ref(self.waypoint)] if one.reach.whole else one.reach.refs, [])
            return
        if action(one.obj) == "DENY":
            # At the waypoint nobody comes by the waypoint.
            rules = [rule for rule in rules if not names_waypoint(rule, self.principal)]
        if one.reach.whole and not takes_ports(one.obj):
            groups = [([gateway_ref(self.waypoint)], rules)]
        else:
            alike: dict[str, tuple[list[Any], list[Any]]] = {}
            for service in one.reach.services:
                judged = mapped(rules, ports_at(service, self.pods))
                key = json.dumps(judged, sort_keys=True)
                alike.setdefault(key, ([], judged))[0].append(service_ref(service))
            groups = list(alike.values())
        for refs, judged in groups:
            # Without a rule an ALLOW admits nobody, and any other does nothing.
            if judged or action(one.obj) == "ALLOW":
                yield from self._split(refs, judged)

    def _split(self, refs: list[Any], rules: list[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
        for start in range(0, len(refs), MOST_TARGETS):
            yield refs[start : start + MOST_TARGETS], rules

    # -- the rest ------------------------------------------------------------------------------------------------

    def _left_over(self) -> None:
        """What earlier moves made and nobody needs any more."""
        draft = self.made
        draft.remove += self.known.left_over
        kept = {(obj["kind"], name_of(obj)) for obj in (*draft.create, *draft.protection)}
        blocked = {one.obj for one in draft.impossible}
        for obj in self.known.earlier:
            if (obj["kind"], name_of(obj)) in kept or origin_ref(obj) in blocked:
                continue
            # A copy whose original is gone is what stands now; one whose original is there would have been made again.
            if role_of(obj) != "waypoint" or origin_exists(self.view, obj):
                draft.remove.append(obj)

    def _owned(self, one: Policy) -> None:
        who = owner(one.obj)
        if who:
            self.made.note(
                f"{ref(one.obj)} is managed by others ({who}): change it there too, or they bring it back as it was."
            )


def _workloads(one: Policy) -> set[str]:
    return {name_of(pod).rpartition("-")[0] or name_of(pod) for pod in one.reach.pods}
