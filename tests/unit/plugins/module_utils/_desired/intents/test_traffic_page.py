# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/intents/traffic.md shows what the code makes, and leaves no short form out."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.doc_fragments.policy_traffic import ModuleDocFragment
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy_traffic import TRAFFIC_SPEC

from .traffic_entries import expanded, refused
from .traffic_page import PLANES, Form, forms


@pytest.mark.parametrize("form", forms(), ids=lambda form: form.title)
def test_each_expansion_is_what_the_code_makes(form: Form) -> None:
    assert form.objects, "no expansion is shown"
    for label, objects in form.objects.items():
        assert expanded(PLANES[label], *form.elements) == objects, label
    for label, words in form.refusals.items():
        assert " ".join(refused(PLANES[label], *form.elements)) == words, label


def test_every_short_form_is_shown_for_both_data_planes() -> None:
    about = {"host", "namespace", "name", "port", "selector", "versions"}
    shown = {
        option
        for form in forms()
        if {"With sidecars", "Behind a waypoint"} <= set(form.objects) | set(form.refusals)
        for element in form.elements
        for option in element
    }
    assert set(TRAFFIC_SPEC["options"]) - about - shown == {"gateways", "gateway_hosts"}
    assert any("At gateways" in form.objects for form in forms())


def test_the_documentation_says_what_the_argument_spec_says() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["traffic"]
    keys = ("type", "elements", "required", "default", "choices")

    def shape(option: dict[str, object], children: str) -> dict[str, object]:
        found = {key: option[key] for key in keys if key in option}
        below = option.get(children)
        return (
            {**found, "options": {name: shape(each, children) for name, each in below.items()}}
            if isinstance(below, dict)
            else found
        )

    assert shape(documented, "suboptions") == shape(TRAFFIC_SPEC, "options")
