# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/intents/traffic.md as data: each short form, and what the page says of it on each data plane."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes

from .traffic_entries import SIDECAR, STANDARD, WAYPOINT, planes

PAGE = Path(__file__).parents[6] / "docs" / "intents" / "traffic.md"
ASKED = "Asked for"
PLANES: dict[str, Planes] = {
    "With sidecars": planes(SIDECAR),
    "At gateways": planes(WAYPOINT),
    "Behind a waypoint": planes(WAYPOINT, route_fields=STANDARD),
    "Behind a waypoint, with the experimental channel": planes(WAYPOINT, route_fields=STANDARD | {"retry"}),
    "In ambient without a waypoint": planes(DataPlane("ambient")),
    "Not in the mesh": planes(DataPlane("none")),
}
_BLOCK = re.compile(r"^(?P<label>[A-Z][^\n]*):\n\n```(?P<kind>yaml|text)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Form:
    """A section of the page: its elements, and by label the objects they become, or the words that refuse them."""

    title: str
    elements: list[dict[str, Any]]
    objects: dict[str, list[dict[str, Any]]]
    refusals: dict[str, str]


def forms() -> list[Form]:
    """All sections that ask for something."""
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        blocks = [match.groupdict() for match in _BLOCK.finditer(section)]
        asked = [block for block in blocks if block["label"] == ASKED]
        if asked:
            others = [block for block in blocks if block["label"] != ASKED]
            found.append(
                Form(
                    section.splitlines()[0],
                    yaml.safe_load(asked[0]["text"])["traffic"],
                    {
                        each["label"]: list(yaml.safe_load_all(each["text"]))
                        for each in others
                        if each["kind"] == "yaml"
                    },
                    {each["label"]: " ".join(each["text"].split()) for each in others if each["kind"] == "text"},
                )
            )
    return found
