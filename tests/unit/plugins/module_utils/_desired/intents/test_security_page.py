# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/intents/security.md says of every short form what the code makes of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents import security
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy_security import SECURITY_SPEC

from .security_entries import AMBIENT, SIDECAR, WAYPOINT, elements, planes

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


def outcome(form: list[dict[str, Any]], plane: str) -> tuple[str, Any]:
    """The objects, or the words of the refusal."""
    try:
        return "yaml", [each.obj for each in security.expand(elements(*form), planes(PLANES[plane]))]
    except BadInput as wrong:
        return "text", f"{wrong.message}\n"


FORMS = forms()


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(("form", "said"), FORMS, ids=[str(index) for index in range(len(FORMS))])
def test_expansion(form: list[dict[str, Any]], said: dict[str, tuple[str, str]], plane: str) -> None:
    kind, body = said.get(plane, ("yaml", ""))
    assert outcome(form, plane) == (
        kind,
        [each for each in yaml.safe_load_all(body) if each] if kind == "yaml" else body,
    )


def test_every_short_form_is_on_the_page() -> None:
    shown = {key for form, _said in FORMS for element in form for key in element}
    scope = {"namespace", "mesh", "name", "service", "workload", "gateway", "waypoint_service_account", "trust_domain"}
    assert SECURITY_SPEC["options"].keys() - scope <= shown
    text = PAGE.read_text(encoding="utf-8")
    assert not [name for name in scope if f"`{name}" not in text]
