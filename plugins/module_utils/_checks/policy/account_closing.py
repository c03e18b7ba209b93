# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Who refuses clients that come past a waypoint, so that what the waypoint enforces is no gap for them. Pure."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from ..snapshot import Obj, name_of, namespace_of, ref
from .account_groups import enforces, matching
from .account_model import ClientClass, Held, bound, unknown
from .account_paths import Facts
from .account_proxies import Proxies
from .ambient import http_fields
from .identities import rules_of
from .scene import AUTHORIZATION, PEER_AUTHENTICATION
from .view import action, targets

STRICT = "mtls STRICT"


class Closing:
    """Of one view."""

    def __init__(self, proxies: Proxies) -> None:
        self.proxies = proxies
        self.paths = proxies.paths
        self.scene = proxies.paths.view.scene
        self._shut: dict[int, Held | None] = {}

    def refused(self, facts: Facts, client: ClientClass) -> Held | None:
        """Who refuses all clients of this class that come straight to the pod; None when some may be served.

        Unknown where what might refuse them was not read.
        """
        if facts.mode not in ("sidecar", "ambient"):
            return None
        if client == "outside" and (held := self._outside(facts)) is not None and held.verdict == "bound":
            return held
        if id(facts.pod) not in self._shut:
            self._shut[id(facts.pod)] = self._past(facts)
        if (held := self._shut[id(facts.pod)]) is not None:
            return held
        return self._outside(facts) if client == "outside" else None

    def _outside(self, facts: Facts) -> Held | None:
        """Clients without mTLS."""
        refusals = self.paths.refusals
        refusal = refusals.of(facts.pod)
        if refusal is not None and refusal.ports is None and not refusal.exempt:
            return bound(STRICT)
        by = refusals.denied_to_all(facts.pod) or refusals.by_identity(facts.pod)
        if by is not None and enforces(by):
            return bound(ref(by))
        if not self.scene.knows(PEER_AUTHENTICATION, namespace_of(facts.pod)):
            return unknown("PeerAuthentications could not be read, which may refuse such clients")
        return None

    def _past(self, facts: Facts) -> Held | None:
        """All who do not come by a waypoint: by a DENY for them, or since ALLOW policies admit waypoints alone."""
        for namespace in dict.fromkeys((namespace_of(facts.pod), self.scene.root)):
            for policy in self._protections.get(namespace, ()):
                if matching(policy, facts.pod):
                    return bound(f"protection {namespace_of(policy)}/{name_of(policy)}")
        allowing = [policy for policy in self.paths.refusals.allowing(facts.pod) if enforces(policy)]
        if allowing and all(
            self.proxies.only_waypoints_come(policy, rule) for policy in allowing for rule in rules_of(policy)
        ):
            return bound(f"protection {namespace_of(allowing[0])}/{name_of(allowing[0])}")
        return None

    @cached_property
    def _protections(self) -> dict[str, list[Obj]]:
        found: dict[str, list[Obj]] = defaultdict(list)
        for policy in self.scene.all(AUTHORIZATION):
            if action(policy) != "DENY" or targets(policy) or not enforces(policy) or http_fields(policy):
                continue
            if any(self.proxies.only_waypoints_pass(rule) for rule in rules_of(policy)):
                found[namespace_of(policy)].append(policy)
        return found
