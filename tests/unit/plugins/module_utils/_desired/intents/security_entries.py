# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Elements of `security` as Ansible hands them to the module, and what they expand to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents import security
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy_security import SECURITY_SPEC

SIDECAR = DataPlane("sidecar")
WAYPOINT = DataPlane("ambient", "shop/waypoint")
AMBIENT = DataPlane("ambient")
FAR = DataPlane("ambient", "edge/shared")
POD = {"selector": {"matchLabels": {"app": "reviews"}}}
SERVICE = {"targetRefs": [{"group": "", "kind": "Service", "name": "reviews"}]}


def service(name: str, *ports: Mapping[str, Any], selector: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A live Service of the namespace `shop`."""
    labels = {"app": name} if selector is None else selector
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": labels, "ports": list(ports)}}


REVIEWS = service("reviews", {"port": 80, "targetPort": 9080})


def planes(plane: DataPlane | None, *services: Mapping[str, Any], **more: Any) -> Planes:
    """Of the namespace `shop`; by default with the Service `reviews` in it, with None as offline."""
    live = {("shop", each["metadata"]["name"]): each for each in services or (REVIEWS,)}
    return Planes({"shop": plane} if plane else {}, live, **more)


def elements(*given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Through the argument spec, in the namespace `shop` where they name none."""
    checked = ArgumentSpecValidator({"security": SECURITY_SPEC}).validate({"security": [dict(each) for each in given]})
    assert not checked.error_messages, checked.error_messages
    return [{**each, "namespace": each["namespace"] or "shop"} for each in checked.validated_parameters["security"]]


def made(where: Planes | DataPlane, *given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The objects' specs by their names."""
    known = where if isinstance(where, Planes) else planes(where)
    return {each.obj["metadata"]["name"]: each.obj["spec"] for each in security.expand(elements(*given), known)}


def refused(where: Planes | DataPlane, *given: Mapping[str, Any]) -> str:
    """What the refusal says; "" where nothing is refused."""
    try:
        made(where, *given)
    except BadInput as wrong:
        return str(wrong)
    return ""


PAGE = Path(__file__).parents[6] / "docs" / "intents" / "security.md"
PLANES = {"sidecar": SIDECAR, "waypoint": WAYPOINT, "ambient": AMBIENT}
BLOCK = re.compile(r"^```(yaml|text) ([a-z ]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def forms() -> list[tuple[list[dict[str, Any]], dict[str, tuple[str, str]]]]:
    """Each short form of the page with what it says of each data plane."""
    found: list[tuple[list[dict[str, Any]], dict[str, tuple[str, str]]]] = []
    for kind, names, body in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if names == "form":
            found.append((yaml.safe_load(body)["security"], {}))
        else:
            found[-1][1].update(dict.fromkeys(names.split(), (kind, body)))
    return found
