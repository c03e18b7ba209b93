# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the agent keeps of a pod. With 10,000 of them, whole objects would cost it hundreds of megabytes."""

from __future__ import annotations

from typing import Any

from . import launch, proxies

Object = dict[str, Any]
_METADATA = ("name", "namespace", "uid", "labels", "annotations", "deletionTimestamp")
_SPEC = ("nodeName", "hostNetwork", "serviceAccountName")


def pod(item: Object) -> Object:
    """A pod with what the simulators read; istiod's pods whole, less managed fields; of proxies, their container."""
    item["metadata"].pop("managedFields", None)
    if launch.pilot_container(item):
        return item
    metadata = {name: value for name, value in item["metadata"].items() if name in _METADATA}
    spec: Object = {name: value for name, value in item["spec"].items() if name in _SPEC}
    proxy = proxies.proxy_container(item)
    spec["containers"] = [proxy] if proxy else []
    found = item.get("status", {})
    ready = [each for each in found.get("conditions", ()) if each["type"] == "Ready"]
    status = {"podIP": found.get("podIP"), "phase": found.get("phase"), "conditions": ready}
    return {"metadata": metadata, "spec": spec, "status": status}
