# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Elements of `traffic` as Ansible hands them to the module, and what they expand to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents import traffic
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy_traffic import TRAFFIC_SPEC

SIDECAR = DataPlane("sidecar")
WAYPOINT = DataPlane("ambient", "shop/waypoint")
# What a rule may have in the Gateway API's standard channel; the experimental one adds `retry`.
STANDARD = frozenset({"backendRefs", "filters", "matches", "name", "timeouts"})


def service(name: str, *ports: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """A live Service of the namespace `shop`."""
    filled = {"selector": {"app": name}, "ports": list(ports), "clusterIP": "10.0.0.1", "type": "ClusterIP", **spec}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": filled}


HTTP = {"name": "http", "port": 9080, "protocol": "TCP", "targetPort": 8080}
REVIEWS = service("reviews", HTTP)


def planes(plane: DataPlane, *services: Mapping[str, Any], **more: Any) -> Planes:
    """Of the namespace `shop`; by default with the Service `reviews` in it."""
    live = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in services or (REVIEWS,)}
    return Planes({"shop": plane}, live, **more)


def elements(*given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Through the argument spec, in the namespace `shop` where they name none."""
    checked = ArgumentSpecValidator({"traffic": TRAFFIC_SPEC}).validate({"traffic": [dict(each) for each in given]})
    assert not checked.error_messages, checked.error_messages
    found: list[dict[str, Any]] = checked.validated_parameters["traffic"]
    return [{**each, "namespace": each["namespace"] or "shop"} for each in found]


def expanded(known: Planes, *given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects, in order."""
    return [document.obj for document in traffic.expand(elements(*given), known)]


def refused(known: Planes, *given: Mapping[str, Any]) -> list[str]:
    """What is wrong with these elements, a line each."""
    try:
        traffic.expand(elements(*given), known)
    except BadInput as error:
        return error.message.splitlines()
    raise AssertionError("it was taken")
