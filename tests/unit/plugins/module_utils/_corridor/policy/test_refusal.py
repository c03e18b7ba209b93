# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors and findings, told at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.findings import Finding
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.refusal import refuse
from ansible_collections.meshwright.istio.plugins.module_utils._errors import GuardRefused, Invalid, Rejected
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import PolicyIntent

HOST = Finding("semantic", "unknown-host", "VirtualService a/b", "No Service c.", "Make it.")
STRICT = Finding("lockout", "not-enrolled", "PeerAuthentication a/b", "Three pods lose traffic.")
MINOR = Finding("semantic", "selects-nothing", "AuthorizationPolicy a/b", "No workload.", severity="warning")


def intent(**options: Any) -> PolicyIntent:
    return PolicyIntent(**options)


def test_nothing_against_it() -> None:
    assert refuse([], [], intent()) == []


def test_warnings_only_warn() -> None:
    assert refuse([], [MINOR], intent()) == ["AuthorizationPolicy a/b: No workload."]


def test_findings_refuse_and_name_their_options() -> None:
    with pytest.raises(GuardRefused) as caught:
        refuse([], [HOST, STRICT, MINOR], intent())
    said = str(caught.value)
    assert "for 2 reasons" in said
    assert "VirtualService a/b: No Service c. Make it." in said
    assert "set lockout_guard and semantic_guard to warn or accept" in said
    assert [each["rule"] for each in caught.value.details["findings"]] == [
        "unknown-host",
        "not-enrolled",
        "selects-nothing",
    ]


def test_each_guard_by_its_own_option() -> None:
    assert refuse([], [HOST], intent(semantic_guard="warn")) == ["VirtualService a/b: No Service c. Make it."]
    assert refuse([], [HOST, MINOR], intent(semantic_guard="accept")) == []
    with pytest.raises(GuardRefused, match="set lockout_guard to"):
        refuse([], [HOST, STRICT], intent(semantic_guard="accept"))


def test_errors_come_first_and_nothing_is_left_out() -> None:
    errors = [Invalid("Bad a.", target="A a"), Rejected("Bad b.", target="B b")]
    with pytest.raises(Invalid) as caught:
        refuse(errors, [HOST], intent())
    said = str(caught.value)
    assert "2 objects were refused:\n- Bad a.\n- Bad b." in said
    assert "The guards object too, for 1 reason:\n- VirtualService a/b: No Service c." in said
    assert said.endswith("Nothing was written.")
    assert len(caught.value.details["errors"]) == 2
    assert len(caught.value.details["findings"]) == 1
