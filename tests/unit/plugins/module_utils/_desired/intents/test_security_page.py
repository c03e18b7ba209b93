# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/intents/security.md says of every short form what the code makes of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents import security
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy_security import SECURITY_SPEC

from .security_entries import PAGE, PLANES, elements, forms, planes


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
    expected = [each for each in yaml.safe_load_all(body) if each] if kind == "yaml" else body
    assert outcome(form, plane) == (kind, expected)


def test_every_short_form_is_on_the_page() -> None:
    shown = {key for form, _said in FORMS for element in form for key in element}
    scope = {"namespace", "mesh", "name", "service", "workload", "gateway", "waypoint_service_account", "trust_domain"}
    assert SECURITY_SPEC["options"].keys() - scope <= shown
    text = PAGE.read_text(encoding="utf-8")
    assert not [name for name in scope if f"`{name}" not in text]
