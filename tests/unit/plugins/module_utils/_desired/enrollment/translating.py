# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translating policies in tests: a namespace `shop` with sidecars, and what its policies become."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import (
    Translation,
    to_sidecars,
    to_waypoint,
)

from ..._checks.policy.policies import Obj, app, obj, pod, service, space, view, waypoint

OWN = Waypoint("shop", "waypoint")
FAR = Waypoint("edge", "shared")
BY = "cluster.local/ns/shop/sa/waypoint"
PATHS: Obj = {"to": [{"operation": {"methods": ["GET"], "paths": ["/api/*"]}}]}
CLIENT: Obj = {"from": [{"source": {"principals": ["cluster.local/ns/web/sa/front"]}}]}
OTHERS: Obj = {"from": [{"source": {"notPrincipals": ["cluster.local/ns/web/sa/front"]}}]}
PORTS: Obj = {"to": [{"operation": {"ports": ["9080"]}}]}
ADMITS: Obj = {"from": [{"source": {"principals": [BY]}}]}
INJECTED: Obj = {"security.istio.io/tlsMode": "istio"}


def sidecar(name: str = "reviews", **labels: str) -> Obj:
    """A pod with a sidecar, as the injector makes it."""
    return pod(name, mode="sidecar", labels={**INJECTED, **labels})


def leads(name: str = "reviews", *ports: Obj, selector: Obj | None = None, **meta: Any) -> Obj:
    """A Service; by default from port 80 to 9080."""
    found = service(name, **meta)
    found["spec"].update(
        selector=selector or {"app": name}, ports=list(ports) or [{"port": 80, "targetPort": 9080, "name": "http"}]
    )
    return found


def shop(*objects: Obj) -> list[Obj]:
    """The namespace with its own waypoint and the workload `reviews`."""
    return [space("shop", {"istio-injection": "enabled"}), *waypoint(), sidecar(), leads(), *objects]


def forth(*objects: Obj, protect: bool = False, by: Waypoint = OWN, **more: Any) -> Translation:
    """Of these objects and no others."""
    return to_waypoint(view(*objects), "shop", by, protect=protect, **more)


def back(*objects: Obj) -> Translation:
    return to_sidecars(view(*objects), "shop")


def applied(objects: list[Obj], done: Translation, *, ends: bool = False) -> list[Obj]:
    """The objects after what comes before the restarts; `ends`: after all of it."""
    found = {_key(one): deepcopy(dict(one)) for one in objects}
    found.update({_key(one): dict(one) for one in done.create})
    found.update({_key(edit.after): dict(edit.after) for edit in done.edit})
    for one in done.first_remove:
        del found[_key(one)]
    if ends:
        found.update({_key(one): dict(one) for one in done.protection})
        found.update({_key(edit.after): dict(edit.after) for edit in done.last_edit})
        for one in done.remove:
            del found[_key(one)]
    return list(found.values())


def named(objects: Any) -> dict[str, Obj]:
    """Specs by `Kind/name`."""
    return {f"{one['kind']}/{one['metadata']['name']}": one["spec"] for one in objects}


def edited(done: Translation) -> dict[str, Obj]:
    return named([edit.after for edit in done.edit])


def refusals(done: Translation) -> str:
    return "\n".join(one.told for one in done.impossible)


def request_authentication(name: str = "jwt", selector: Obj | None = None, **spec: Any) -> Obj:
    chosen = {"selector": selector} if selector else {}
    rules = {"jwtRules": [{"issuer": "https://issuer.example"}]}
    return obj("security.istio.io/v1", "RequestAuthentication", name, "shop", {**chosen, **rules, **spec})


def plugin(name: str = "filter", selector: Obj | None = None, **spec: Any) -> Obj:
    chosen = {"selector": selector} if selector else {}
    return obj("extensions.istio.io/v1alpha1", "WasmPlugin", name, "shop", {**chosen, "url": "oci://x/y", **spec})


def telemetry(name: str = "traces", selector: Obj | None = None, **spec: Any) -> Obj:
    chosen = {"selector": selector} if selector else {}
    return obj("telemetry.istio.io/v1", "Telemetry", name, "shop", {**chosen, **spec})


def to(*names: str, kind: str = "Service") -> list[Obj]:
    group = "" if kind == "Service" else "gateway.networking.k8s.io"
    return [{"group": group, "kind": kind, "name": name} for name in names]


def only_sidecars(**labels: str) -> Obj:
    return {"matchLabels": {**labels, **INJECTED}}


def viewed(*objects: Obj) -> View:
    return view(*objects)


def _key(one: Mapping[str, Any]) -> tuple[str, str, str]:
    return one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]


REVIEWS = app()
