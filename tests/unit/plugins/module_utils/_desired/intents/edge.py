# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short forms of limits, gateways, egress and telemetry, as Ansible hands them over, and their pages' examples."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput

_PLUGINS = "ansible_collections.meshwright.istio.plugins.module_utils"
_PAGES = Path(__file__).parents[6] / "docs" / "intents"
SERVICES = {
    ("shop", "reviews"): {
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": {"selector": {"app": "reviews"}, "ports": [{"port": 9080, "protocol": "TCP"}]},
    }
}
# A namespace `shop` of each kind; what a page says holds for it.
PLANES = {
    "sidecars": Planes({"shop": DataPlane("sidecar")}, SERVICES),
    "waypoint": Planes({"shop": DataPlane("ambient", "shop/waypoint")}, SERVICES),
    "ambient": Planes({"shop": DataPlane("ambient")}, SERVICES),
    "outside": Planes({"shop": DataPlane("none")}, SERVICES),
}
# What the pages call them. An expansion under `On every data plane` must hold for all three.
TITLES = {
    "With sidecars:": ("sidecars",),
    "With a waypoint:": ("waypoint",),
    "With sidecars or a waypoint:": ("sidecars", "waypoint"),
    "In ambient without a waypoint:": ("ambient",),
    "In ambient, with a waypoint or without:": ("ambient", "waypoint"),
    "With sidecars, and in ambient without a waypoint:": ("sidecars", "ambient"),
    "On every data plane:": ("sidecars", "waypoint", "ambient"),
}


def shorts(family: str, text: str) -> list[dict[str, Any]]:
    """The elements of `<family>: [...]`, in YAML, validated and filled in as the module's option would be."""
    spec = importlib.import_module(f"{_PLUGINS}._intent.policy_{family}")
    validator = ArgumentSpecValidator({family: getattr(spec, f"{family.upper()}_SPEC")})
    result = validator.validate(yaml.safe_load(text))
    assert not result.error_messages, result.error_messages
    return [{**entry, "namespace": entry.get("namespace")} for entry in result.validated_parameters[family]]


def made(family: str, text: str, planes: Planes) -> list[dict[str, Any]]:
    """The objects that the elements expand to."""
    module = importlib.import_module(f"{_PLUGINS}._desired.intents.{family}")
    return [document.obj for document in module.expand(shorts(family, text), planes)]


def refusal(family: str, text: str, planes: Planes) -> str:
    """Why the elements are refused."""
    with pytest.raises(BadInput) as refused:
        made(family, text, planes)
    return str(refused.value)


def examples(family: str) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """(heading, short form, data planes, expected) of a family's page, in its order.

    `expected` is YAML of the objects, or the words of the refusal, prefixed by `refused: `.
    """
    heading = short = ""
    said = ""
    lines = iter((_PAGES / f"{family}.md").read_text().splitlines())
    for line in lines:
        if line.startswith("## "):
            heading, short = line[3:], ""
        if not line.startswith("```"):
            said = line or said
            continue
        block = "\n".join(iter(lambda: next(lines), "```"))
        if block.startswith(f"{family}:"):
            short = block
        elif said in TITLES:
            yield heading, short, TITLES[said], f"refused: {block}" if line == "```text" else block


def holds(family: str, short: str, kinds: tuple[str, ...], expected: str) -> None:
    """That the page says what the code makes."""
    for kind in kinds:
        if expected.startswith("refused: "):
            told = refusal(family, short, PLANES[kind])
            assert told.split() == expected.removeprefix("refused: ").split()
        else:
            assert made(family, short, PLANES[kind]) == list(yaml.safe_load_all(expected))
