# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Label selectors as kubectl takes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.label_selector import label_selector


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team=shop", {"matchLabels": {"team": "shop"}}),
        ("team == shop , istio.io/rev=", {"matchLabels": {"team": "shop", "istio.io/rev": ""}}),
        ("team!=shop", {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["shop"]}]}),
        ("env in (test, stage)", {"matchExpressions": [{"key": "env", "operator": "In", "values": ["test", "stage"]}]}),
        ("env notin (live)", {"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["live"]}]}),
        (
            "mesh,! legacy",
            {
                "matchExpressions": [
                    {"key": "mesh", "operator": "Exists"},
                    {"key": "legacy", "operator": "DoesNotExist"},
                ]
            },
        ),
    ],
)
def test_a_selector_is_read(text: str, expected: dict[str, Any]) -> None:
    assert label_selector(text, "allowed_namespaces") == expected


@pytest.mark.parametrize("text", ["", "a=b,", "a=b=c", "in (a)", "a in ()(", "a in (b c)", "a=b,a=c", "-a"])
def test_what_is_no_selector_is_refused_by_option(text: str) -> None:
    with pytest.raises(BadInput, match=r"allowed_namespaces"):
        label_selector(text, "allowed_namespaces")
