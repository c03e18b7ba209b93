# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of rules, its page, and what the code reports, say the same."""

from __future__ import annotations

import re

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.rules import RULES

from tests.conftest import ROOT

_SOURCES = (
    *(ROOT / "plugins" / "module_utils" / "_checks" / "policy").glob("*.py"),
    ROOT / "plugins" / "module_utils" / "_corridor" / "policy" / "guards.py",
)
_PAGE = ROOT / "docs" / "policy-guards.md"


def test_the_page_has_the_table() -> None:
    rows = [
        line for line in _PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| `[a-z-]+` \| (sem|lock)", line)
    ]
    assert rows == [
        f"| `{name}` | {rule.guard} | {', '.join(rule.severities)} | {rule.what} | {rule.way_out} |"
        for name, rule in RULES.items()
    ]


def test_the_code_reports_these_rules_and_no_others() -> None:
    reported: set[str] = set()
    for path in _SOURCES:
        if path.name == "rules.py":
            continue
        text = path.read_text(encoding="utf-8")
        reported |= set(re.findall(r'Judged\(\s*"([a-z-]+)"', text))
        reported |= set(re.findall(r'Finding\(\s*"(?:semantic|lockout)",\s*"([a-z-]+)"', text))
    assert reported == set(RULES)
