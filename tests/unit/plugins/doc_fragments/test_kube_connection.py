# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doc fragment and the argument spec say the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.doc_fragments.kube_connection import ModuleDocFragment
from ansible_collections.meshwright.istio.plugins.module_utils._kube.options import CONNECTION_SPEC, ConnectionOptions

DOCUMENTED: dict[str, Any] = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]


def test_both_have_the_same_options() -> None:
    assert DOCUMENTED.keys() == CONNECTION_SPEC.keys()


@pytest.mark.parametrize("name", CONNECTION_SPEC)
def test_an_option_is_documented_as_it_is(name: str) -> None:
    spec, documented = CONNECTION_SPEC[name], DOCUMENTED[name]
    for key in ("type", "aliases", "elements"):
        assert documented.get(key) == spec.get(key), key
    variables = spec["fallback"][1]
    assert any(f"E({variable})" in line for variable in variables for line in documented["description"])


def test_secrets_are_kept_from_logs() -> None:
    assert {name for name, spec in CONNECTION_SPEC.items() if spec.get("no_log")} == {"api_key", "password"}


def test_options_do_not_show_secrets() -> None:
    shown = repr(ConnectionOptions(api_key="hush", password="hush"))
    assert "hush" not in shown
