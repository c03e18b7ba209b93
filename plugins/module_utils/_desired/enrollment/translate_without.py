# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""From sidecars to ambient without a waypoint: what nobody would carry out any more. Pure."""

from __future__ import annotations

from ..._checks.policy.model import some
from ..._checks.policy.scene import AUTHORIZATION, TELEMETRY, Waypoint
from ..._checks.policy.view import View, action
from ..._checks.snapshot import ref
from .translate_model import Draft, is_dry_run
from .translate_policies import PLUGINS, Policy, policies

_WAY_OUT = "Give `waypoint`, and the policy is translated; or use ports, principals and namespaces only."


def without(view: View, namespace: str) -> Draft:
    """Nothing is written: what ztunnel carries out stays as it is."""
    draft = Draft(namespace)
    known = policies(view, namespace, Waypoint(namespace, ""), for_proxies_only=True)
    for one in (*known.own, *known.mesh):
        effect = _effect(one)
        if effect:
            draft.block(one.live, f"{effect} ({some(list(one.proxies))})", _WAY_OUT)
        else:
            draft.note(f"{ref(one.obj)} will have no effect on ambient workloads ({some(list(one.proxies))}).")
    return draft


def _effect(one: Policy) -> str:
    """What becomes of what only a proxy carries out; "" when nobody is let in or kept out by it."""
    if one.kind == TELEMETRY or is_dry_run(one.obj) or (one.kind == AUTHORIZATION and action(one.obj) == "AUDIT"):
        return ""
    if one.kind in PLUGINS:
        return "would run nowhere: what it is to limit or to check passes"
    if one.allows:
        return "would be an outage: ztunnel leaves out rules that it cannot read, and then nobody is admitted by them"
    if one.kind == AUTHORIZATION and action(one.obj) == "DENY":
        return "would be a hole, or with ports an outage: ztunnel does not read what it is to deny"
    return "would be a hole: nobody checks what it is for"
