# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""NetworkPolicies between two ends: the mesh comes by port 15008, whatever port the application listens on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import selectors
from ..policy.scene import NETWORK_POLICY
from ..snapshot import Obj, labels_of, namespace_of, ref
from .client import Client, tunnels
from .model import Step
from .sight import Sight

_TITLE = "NetworkPolicies"
HBONE = 15008


def network_steps(sight: Sight, client: Client, pod: Obj, port: int) -> Iterator[Step]:
    """Whether NetworkPolicies let the client out, and let it in at the port by which it really comes."""
    spaces = {namespace_of(pod), *({namespace_of(client.pod)} if client.pod is not None else ())}
    if reason := sight.unread(NETWORK_POLICY, *sorted(spaces)):
        yield Step("network", _TITLE, "unknown", reason, (ref(pod),))
        return
    mode = sight.mode(pod)
    tunnelled = tunnels(client, pod, mode)
    wanted = HBONE if tunnelled else port
    shown = f"{wanted}{' (HBONE)' if tunnelled else ''}"
    entering = _of(sight, pod, "Ingress")
    barred = _barred(sight, entering, "ingress", client.pod, client.namespace, wanted)
    if entering and barred:
        yield Step(
            "network",
            _TITLE,
            "broken",
            f"{ref(entering[0])} does not let {client.told} in at port {shown}: connections time out.",
            tuple(ref(one) for one in entering),
            (f"{len(entering)} NetworkPolicies are for {ref(pod)}, {barred}",),
            f"Add port {wanted} (TCP) to an ingress rule that is for the client."
            + (" All traffic of the mesh comes by it." if tunnelled else ""),
        )
        return
    leaving = _of(sight, client.pod, "Egress") if client.pod is not None else []
    if leaving:
        barred = _barred(sight, leaving, "egress", pod, namespace_of(pod), wanted)
        if barred:
            yield Step(
                "network",
                _TITLE,
                "broken",
                f"{ref(leaving[0])} does not let {client.told} out to port {shown}: connections time out.",
                tuple(ref(one) for one in leaving),
                (f"{len(leaving)} NetworkPolicies are for the client, {barred}",),
                f"Add port {wanted} (TCP) to an egress rule that is for the server.",
            )
            return
    names = tuple(ref(one) for one in (*entering, *leaving))
    text = f"They let the client in at port {shown}." if names else "None is in the way."
    yield Step("network", _TITLE, "ok", text, names)


def _of(sight: Sight, pod: Obj, direction: str) -> list[Obj]:
    found = []
    for policy in sight.scene.all(NETWORK_POLICY):
        spec = policy.get("spec") or {}
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
        if (
            namespace_of(policy) == namespace_of(pod)
            and direction in types
            and selectors.matches(spec.get("podSelector"), labels_of(pod))
        ):
            found.append(policy)
    return found


def _barred(sight: Sight, policies: list[Obj], field: str, peer: Obj | None, namespace: str, port: int) -> str:
    """Why none of these policies lets the peer pass; empty when one does, or when it cannot be said."""
    side, ported = "from" if field == "ingress" else "to", False
    for policy in policies:
        for rule in (policy.get("spec") or {}).get(field) or ():
            if not _port(rule, port):
                continue
            ported = True
            peers = rule.get(side)
            if not peers or any(_peer(sight, one, namespace_of(policy), peer, namespace) for one in peers):
                return ""
    return (
        f"none with a rule for this {'client' if side == 'from' else 'server'}" if ported else f"none with port {port}"
    )


def _port(rule: Any, port: int) -> bool:
    ports = rule.get("ports")
    if not ports or not port:
        return True
    for entry in ports:
        given, end = entry.get("port"), entry.get("endPort")
        if given is None or given == port or (isinstance(given, int) and end and given <= port <= end):
            return True
        # A name is one of the application's ports, and never that of the mesh.
        if isinstance(given, str) and port != HBONE:
            return True
    return False


def _peer(sight: Sight, peer: Any, home: str, pod: Obj | None, namespace: str) -> bool:
    if peer.get("ipBlock"):
        # An address is not known here: it may be the client's.
        return True
    chosen = peer.get("namespaceSelector")
    if not namespace:
        # From outside of the cluster only addresses are let in.
        return False
    if chosen is None:
        if namespace != home:
            return False
    elif not selectors.matches(
        chosen, {"kubernetes.io/metadata.name": namespace, **sight.scene.namespaces.get(namespace, {})}
    ):
        return False
    wanted = peer.get("podSelector")
    return wanted is None or pod is None or selectors.matches(wanted, labels_of(pod))
