# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""By which gateways traffic comes in to Services. Pure."""

from __future__ import annotations

from collections import defaultdict

from ..snapshot import Obj, dig, labels_of, namespace_of
from .hosts import full, service_of
from .routes import backends
from .scene import GATEWAY, ISTIO_GATEWAY, ROUTES, SERVICE, VIRTUAL_SERVICE, Key
from .traffic import destinations, gateway_name
from .view import MESH, View, parents

Ways = dict[Key, set[tuple[str, str]]]


def gateways_to(view: View) -> Ways:
    """The gateways that route to each Service, as (label, namespace of its pods)."""
    found: Ways = defaultdict(set)
    spaces: dict[Key, set[str]] = {}
    for service in view.scene.all(VIRTUAL_SERVICE):
        home = namespace_of(service)
        for name in dig(service, "spec", "gateways") or ():
            if name == MESH:
                continue
            key = gateway_name(str(name), home)
            gateway = view.scene.get(ISTIO_GATEWAY, *key)
            if gateway is None:
                continue
            if key not in spaces:
                spaces[key] = _pod_namespaces(view, gateway)
            for _where, destination in destinations(service):
                named = service_of(full(str(destination.get("host") or ""), home))
                if named:
                    found[named] |= {(f"Gateway {key[0]}/{key[1]}", space) for space in spaces[key]}
    for kind in ROUTES:
        for route in view.scene.all(kind):
            home = namespace_of(route)
            for parent, namespace, name, _given in parents(route):
                if parent != GATEWAY or view.scene.get(GATEWAY, namespace, name) is None:
                    continue
                for _where, backend in backends(route):
                    if (backend.get("kind") or "Service") == SERVICE.strip("/"):
                        key = (str(backend.get("namespace") or home), str(backend.get("name")))
                        found[key].add((f"Gateway {namespace}/{name}", namespace))
    return found


def _pod_namespaces(view: View, gateway: Obj) -> set[str]:
    """Where the pods are that an Istio Gateway selects: by default in any namespace."""
    chosen = dig(gateway, "spec", "selector") or {}
    if not chosen:
        return set()
    return {
        namespace_of(pod)
        for pods in view.scene.pods.values()
        for pod in pods
        if all(labels_of(pod).get(key) == value for key, value in chosen.items())
    }
