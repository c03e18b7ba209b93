# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The named simulator `load-balancer`: gives Services of type LoadBalancer an address of the documentation range."""

from __future__ import annotations

from typing import Any

from ..api import MERGE, Api, ApiError
from .watcher import Change

Object = dict[str, Any]
NETWORK = "203.0.113"


def needs_address(service: Object) -> bool:
    waiting = not service.get("status", {}).get("loadBalancer", {}).get("ingress")
    own_class = service["spec"].get("loadBalancerClass")
    return service["spec"].get("type") == "LoadBalancer" and waiting and not own_class


class LoadBalancers:
    """Addresses are never used twice at a time; the 255th Service stays pending, as in a cloud whose pool is empty."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._services: dict[str, Object] = {}
        self._waiting: set[str] = set()

    def on_change(self, change: Change) -> None:
        if change.kind == "Service":
            self._waiting.discard(change.key)
            if change.now is None:
                self._services.pop(change.key, None)
                return
            self._services[change.key] = change.now
            if needs_address(change.now):
                self._waiting.add(change.key)

    def tick(self, now: float) -> None:
        for key in sorted(self._waiting):
            if address := self._free():
                self._assign(self._services[key], address)
                self._waiting.discard(key)

    def _free(self) -> str | None:
        used = {
            ingress.get("ip")
            for service in self._services.values()
            for ingress in service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
        }
        return next((ip for last in range(1, 255) if (ip := f"{NETWORK}.{last}") not in used), None)

    def _assign(self, service: Object, address: str) -> None:
        metadata = service["metadata"]
        status = {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}}
        path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}/status"
        try:
            self._api.request("PATCH", path, {"status": status}, content_type=MERGE)
        except ApiError as error:
            if error.code != 404:
                raise
        # Known at once, so that the next Service of this tick gets another address.
        service.setdefault("status", {}).update(status)
