# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether what the client sends is what the server takes: mTLS, HBONE or plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..policy.hosts import exported
from ..policy.mtls import Refusals
from ..policy.scene import PEER_AUTHENTICATION, Mode
from ..policy.view import selector
from ..snapshot import Obj, dig, labels_of, meta, name_of, namespace_of, ref
from .client import Client, tunnels
from .model import Step
from .server import Server
from .sight import Sight, is_ready

_TITLE = "mTLS"


def rule_for(sight: Sight, host: str, client: str, service: str) -> list[Obj]:
    """The DestinationRules that count for a host: of the client's namespace, else the Service's, else the root's."""
    visible = [one for one in sight.view.rules.of(host) if (to := exported(one)) is None or client in to]
    for namespace in dict.fromkeys((client, service, sight.scene.root)):
        mine = [one for one in visible if namespace_of(one) == namespace]
        if mine:
            exact = [one for one in mine if "*" not in str(dig(one, "spec", "host"))]
            return sorted(exact or mine, key=lambda one: (str(meta(one).get("creationTimestamp") or ""), name_of(one)))
    return []


def tls_of(rules: list[Obj], port: Obj | None) -> tuple[str, Obj | None]:
    """The TLS mode that DestinationRules say for a port, and the rule; empty when they say none."""
    number = (port or {}).get("port")
    for rule in rules:
        policy: Any = dig(rule, "spec", "trafficPolicy") or {}
        for one in policy.get("portLevelSettings") or ():
            if dig(one, "port", "number") == number and dig(one, "tls", "mode"):
                return str(dig(one, "tls", "mode")), rule
        if mode := dig(policy, "tls", "mode"):
            return str(mode), rule
    return "", None


def mtls_steps(
    sight: Sight, client: Client, server: Server, *, waypoint: bool, exposed: bool = False
) -> Iterator[Step]:
    """`waypoint`: the client's requests go by a waypoint, which speaks HBONE to the server; `exposed`: by gateways."""
    pod, service = server.pod, server.service
    if pod is None or service is None:
        return
    mode = sight.mode(pod)
    unread = sight.unread(PEER_AUTHENTICATION, namespace_of(pod), sight.scene.root)
    asked = _asked(sight, server)
    if unread and asked is None and mode != "none":
        yield Step("mtls", _TITLE, "unknown", unread, (ref(pod),))
        return
    told, rule = _told(sight, client, server)
    how, why = _sends(client, pod, mode, told) if mode != "none" else ("plain", "the server has no proxy")
    sends, why = ("hbone", "by its waypoint") if waypoint else (how, why)
    objects = (ref(pod), *((ref(rule),) if rule is not None else ()), *((ref(asked),) if asked is not None else ()))
    if mode == "none":
        if told in ("ISTIO_MUTUAL", "MUTUAL") and client.mode in ("sidecar", "gateway"):
            yield Step(
                "mtls",
                _TITLE,
                "broken",
                f"{_ref(rule)} lets clients send {told}, and the server has no proxy to answer it: connections fail.",
                objects,
                (f"tls.mode {told}",),
                f"Take tls out of {_ref(rule)}, or enroll the server (meshwright.istio.mesh_enrollment).",
            )
            return
        yield Step("mtls", _TITLE, "info", "The server is outside of the mesh: it is reached in plain text.", objects)
        return
    if asked is not None and sends == "plain":
        if not client.in_mesh and client.pod is None and not client.namespace:
            yield Step(
                "mtls",
                _TITLE,
                "info" if exposed else "warning",
                f"{ref(asked)} refuses clients outside of the mesh (STRICT); port-forward and probes of the kubelet "
                "pass, gateways of the mesh too.",
                objects,
                (),
                "Come by a gateway of the mesh, enroll the client, or exempt the port by portLevelMtls.",
            )
            return
        yield Step(
            "mtls",
            _TITLE,
            "broken",
            f"{client.told} sends plain text ({why}), and {ref(asked)} refuses it (STRICT): "
            + (
                "ztunnel resets the connection."
                if mode == "ambient"
                else "the server's sidecar closes the connection, HTTP clients see 503 or a reset."
            ),
            objects,
            (f"{ref(asked)}: STRICT", *((f"{_ref(rule)}: tls.mode {told}",) if rule is not None else ())),
            f"Take tls out of {_ref(rule)}; sidecars then choose mTLS by themselves."
            if rule is not None and told in ("DISABLE", "SIMPLE")
            else "Enroll the client (meshwright.istio.mesh_enrollment) and restart it, or exempt the port by "
            "portLevelMtls PERMISSIVE.",
        )
    elif sends == "tls":
        yield Step(
            "mtls",
            _TITLE,
            "broken" if asked is not None else "warning",
            f"{_ref(rule)} lets clients send TLS of their own ({told}), which the server's proxy takes for the "
            f"application's{' and refuses (STRICT)' if asked is not None else ''}.",
            objects,
            (f"tls.mode {told}",),
            f"Take tls out of {_ref(rule)}, unless the application speaks TLS itself.",
        )
    elif sends == "mtls" and mode == "sidecar" and _disabled(sight, pod):
        yield Step(
            "mtls",
            _TITLE,
            "broken" if told == "ISTIO_MUTUAL" else "info",
            f"The server takes plain text only (PeerAuthentication DISABLE); clients send {told or 'what it takes'}.",
            objects,
            (),
            f"Take tls out of {_ref(rule)}." if told else "",
        )
    elif sends == "plain":
        yield Step(
            "mtls",
            _TITLE,
            "info",
            f"{client.told} sends plain text ({why}); the server takes both (PERMISSIVE).",
            objects,
        )
    else:
        strict = f"; {ref(asked)} asks for it (STRICT)" if asked is not None else "; the server takes both (PERMISSIVE)"
        yield Step(
            "mtls",
            _TITLE,
            "ok",
            f"The client speaks {'HBONE, which is mTLS' if sends == 'hbone' else 'mTLS'} ({why}){strict}.",
            objects,
        )


def with_identity(sight: Sight, client: Client, server: Server) -> bool:
    """Whether the server sees who the client is: only where mTLS reaches it."""
    pod = server.pod
    if pod is None or not client.in_mesh:
        return False
    return _sends(client, pod, sight.mode(pod), _told(sight, client, server)[0])[0] in ("hbone", "mtls")


def _asked(sight: Sight, server: Server) -> Obj | None:
    """The PeerAuthentication by which some ready pod refuses plain text at this port."""
    refusals = sight.view.once(Refusals)
    for pod in sorted(server.pods, key=lambda one: not is_ready(one)):
        refusal = refusals.of(pod)
        if sight.mode(pod) != "none" and refusal is not None and refusal.covers(server.number):
            return refusal.cause
    return None


def _told(sight: Sight, client: Client, server: Server) -> tuple[str, Obj | None]:
    """What DestinationRules let the client's proxy send: ztunnel takes none."""
    if client.mode not in ("sidecar", "gateway") or server.service is None:
        return "", None
    home = namespace_of(server.service)
    host = f"{name_of(server.service)}.{home}.svc.cluster.local"
    return tls_of(rule_for(sight, host, client.namespace, home), server.port)


def _sends(client: Client, pod: Obj, mode: Mode, told: str) -> tuple[str, str]:
    """`hbone`, `mtls`, `tls` or `plain`, and by what."""
    if client.mode == "none":
        return "plain", "it is not in the mesh"
    if told == "DISABLE":
        return "plain", "tls.mode DISABLE"
    if told in ("SIMPLE", "MUTUAL"):
        return "tls", told
    if tunnels(client, pod, mode):
        return "hbone", "by ztunnel" if client.mode == "ambient" else "by its proxy"
    if mode == "ambient" or client.mode == "ambient":
        other = "the server" if client.mode == "ambient" else "the client"
        return "plain", f"{other} has a sidecar that speaks no HBONE: it was injected before ambient mode came"
    return "mtls", "by its proxy"


def _disabled(sight: Sight, pod: Obj) -> bool:
    refusals = sight.view.once(Refusals)
    own = [
        one
        for one in refusals.workloads.get(namespace_of(pod), ())
        if all(labels_of(pod).get(key) == value for key, value in selector(one).items())
    ]
    for policy in (*own, refusals.spaces.get(namespace_of(pod)), refusals.mesh):
        mode = dig(policy, "spec", "mtls", "mode") if policy is not None else None
        if mode and mode != "UNSET":
            return bool(mode == "DISABLE")
    return False


def _ref(rule: Obj | None) -> str:
    return ref(rule) if rule is not None else "a DestinationRule"
