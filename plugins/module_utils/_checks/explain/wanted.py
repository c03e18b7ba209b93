# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a question needs beside the sources of all checks: single pods, workloads, Services, Secrets. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from ..._errors import BadInput
from .. import selectors
from ..policy.scene import GATEWAY, GATEWAY_NAME, ISTIO_GATEWAY
from ..snapshot import Obj, Snapshot, Undecided, dig, labels_of, name_of, namespace_of
from . import gateway, gateway_backends, gateway_istio
from .component import component_of
from .exposure import gateways_before
from .model import Place, Question
from .sight import Sight, is_ready

Key = tuple[str, str]
# A few pods tell as much as all: they are of one template.
_PODS_EACH = 4
_MOST_SERVICES = 20


@dataclass(slots=True)
class Wanted:
    """By (namespace, name). `troubled` are pods whose events tell why; `logs` those whose log does; `proxies` are asked
    for their certificate; `client` is one with a sidecar, of which istiod is asked what it sent."""

    pods: dict[Key, None] = field(default_factory=dict)
    workloads: dict[Key, None] = field(default_factory=dict)
    services: dict[Key, None] = field(default_factory=dict)
    secrets: dict[Key, None] = field(default_factory=dict)
    troubled: dict[Key, None] = field(default_factory=dict)
    logs: dict[Key, None] = field(default_factory=dict)
    proxies: dict[Key, None] = field(default_factory=dict)
    client: Key | None = None


def wanted(snapshot: Snapshot, question: Question) -> Wanted:
    """What to read for the question, by what the snapshot shows already. Nothing is missed for what it lacks."""
    sight, found = Sight(snapshot, question), Wanted()
    for place in (question.pod, question.source):
        if place is not None:
            found.workloads[(place.namespace, place.name)] = None
            with suppress(Undecided, BadInput):
                work = sight.workload(place, "pod")
                _pods(sight, found, [work.pod, *work.pods] if work.pods else [])
                mode = sight.mode(work.pod) if work.pods else "none"
                if mode in ("sidecar", "gateway"):
                    found.proxies[(namespace_of(work.pod), name_of(work.pod))] = None
                if place is question.source and mode == "sidecar":
                    found.client = (namespace_of(work.pod), name_of(work.pod))
    with suppress(Undecided):
        if question.target is not None:
            _service(sight, found, question.target)
        if question.gateway is not None:
            place = question.gateway
            for kind in (GATEWAY, ISTIO_GATEWAY):
                one = sight.scene.get(kind, place.namespace, place.name)
                if one is not None:
                    _gateway(sight, found, one)
    return found


def _service(sight: Sight, found: Wanted, place: Place) -> None:
    found.services[(place.namespace, place.name)] = None
    # Mostly the workload behind a Service has its name: it tells why there are no pods.
    found.workloads[(place.namespace, place.name)] = None
    service = sight.service(place.namespace, place.name)
    if service is None:
        return
    _pods(sight, found, sight.selected(service))
    if sight.question.source is None:
        for one, _routes in gateways_before(sight, service):
            _gateway(sight, found, one)


def _gateway(sight: Sight, found: Wanted, one: Obj) -> None:
    if str(one.get("apiVersion", "")).startswith("networking.istio.io"):
        chosen = dig(one, "spec", "selector") or {}
        pods = [pod for pod in _all(sight) if selectors.selects(chosen, labels_of(pod))]
        behind = gateway_istio.backends_of(gateway_istio.routes_of(sight, one))
        for server in dig(one, "spec", "servers") or ():
            name = str(dig(server, "tls", "credentialName") or "")
            if name and "://" not in name:
                found.secrets.update({(namespace_of(pod), name): None for pod in pods})
    else:
        home = namespace_of(one)
        pods = [pod for pod in sight.scene.pods.get(home, ()) if labels_of(pod).get(GATEWAY_NAME) == name_of(one)]
        behind = gateway_backends.backend_services(list(gateway.routes_of(sight, one)))
    _pods(sight, found, pods)
    found.services.update(dict.fromkeys(behind[:_MOST_SERVICES]))


def _all(sight: Sight) -> Iterator[Obj]:
    for pods in sight.scene.pods.values():
        yield from pods


def _pods(sight: Sight, found: Wanted, pods: list[Obj]) -> None:
    """The first few, those in trouble first."""
    for pod in sorted(pods, key=is_ready)[:_PODS_EACH]:
        key = (namespace_of(pod), name_of(pod))
        found.pods[key] = None
        if not is_ready(pod):
            found.troubled[key] = None
            with suppress(Undecided):
                if component_of(sight, pod) is not None:
                    found.logs[key] = None
