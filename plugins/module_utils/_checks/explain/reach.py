# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the client's sidecar knows of a Service: what a Sidecar resource hides, and what istiod sent. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..policy.hosts import full, matches
from ..policy.scene import SIDECAR
from ..policy.view import selector
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from ..sources import MESH_CONFIGS
from .client import Client
from .model import Status, Step
from .sight import CONFIG, Sight, some

_SIDECAR, _SENT = "The client's Sidecar", "What istiod sent"


def host_of(service: Obj) -> str:
    return f"{name_of(service)}.{namespace_of(service)}.svc.cluster.local"


def scope_steps(sight: Sight, client: Client, service: Obj) -> Iterator[Step]:
    """A Sidecar resource that keeps the host from the client's proxy."""
    if client.mode != "sidecar" or client.pod is None:
        return
    chosen = _sidecar(sight, client.pod)
    egress = dig(chosen or {}, "spec", "egress")
    if chosen is None or not egress:
        return
    home, host = namespace_of(chosen), host_of(service)
    for listener in egress:
        for given in listener.get("hosts") or ():
            scope, _slash, name = str(given).rpartition("/")
            scope = client.namespace if scope == "." else scope
            if scope in ("*", namespace_of(service)) and matches(full(name, home) if name != "*" else "*", host):
                return
    only = _outbound(sight, chosen) == "REGISTRY_ONLY"
    yield Step(
        "sidecar-scope",
        _SIDECAR,
        "broken" if only else "warning",
        f"{ref(chosen)} leaves {host} out of what the client's sidecar knows: "
        + ("requests get 502 (REGISTRY_ONLY)." if only else "they pass as unknown traffic, without routes and mTLS."),
        (ref(chosen), ref(service)),
        tuple(str(given) for listener in egress for given in listener.get("hosts") or ()),
        f"Add {namespace_of(service)}/{host} to egress.hosts of {ref(chosen)}.",
    )


def _outbound(sight: Sight, chosen: Obj) -> str:
    """What becomes of hosts that a sidecar does not know: as its Sidecar says, else as the mesh does."""
    of_mesh = (dig(one, "mesh", "outboundTrafficPolicy", "mode") for one in sight.extra(MESH_CONFIGS))
    return str(dig(chosen, "spec", "outboundTrafficPolicy", "mode") or next(filter(None, of_mesh), "ALLOW_ANY"))


def _sidecar(sight: Sight, pod: Obj) -> Obj | None:
    """The Sidecar of a pod: one that selects it, else its namespace's, else the root namespace's."""
    mine = [one for one in sight.scene.all(SIDECAR) if namespace_of(one) in (namespace_of(pod), sight.scene.root)]
    labels = labels_of(pod)
    for one in mine:
        wanted = selector(one)
        if wanted and namespace_of(one) == namespace_of(pod) and all(labels.get(k) == v for k, v in wanted.items()):
            return one
    for namespace in (namespace_of(pod), sight.scene.root):
        for one in mine:
            if not selector(one) and namespace_of(one) == namespace:
                return one
    return None


def sent_steps(sight: Sight, client: Client, service: Obj, lost: Status) -> Iterator[Step]:
    """What istiod really sent to the client's sidecar for this host; `lost` is the status where that is nothing."""
    if client.pod is None:
        return
    host = host_of(service)
    for item in sight.extra(CONFIG):
        if (namespace_of(item), name_of(item)) != (namespace_of(client.pod), name_of(client.pod)):
            continue
        clusters = [str(one) for one in item.get("clusters") or () if str(one).endswith(f"|{host}")]
        if clusters:
            yield Step(
                "sent",
                _SENT,
                "ok",
                f"The client's sidecar knows {some(clusters)}.",
                (ref(client.pod),),
                tuple(clusters),
            )
        else:
            yield Step(
                "sent",
                _SENT,
                lost,
                f"istiod has sent the client's sidecar no cluster for {host}: it does not know this Service.",
                (ref(client.pod), ref(service)),
                (f"{len(item.get('clusters') or ())} clusters were sent",),
                "A Sidecar resource, exportTo or discoverySelectors keep it away.",
            )
