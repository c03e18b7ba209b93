# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of blockers, its page, and what the code reports, say the same."""

from __future__ import annotations

import re

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import RISKS
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.blockers_table import BLOCKERS

from tests.conftest import ROOT

_UTILS = ROOT / "plugins" / "module_utils"
_SOURCES = (
    *(_UTILS / "_desired" / "enrollment").glob("*.py"),
    *(_UTILS / "_corridor" / "enrollment").glob("*.py"),
)
_RESTARTS = _UTILS / "_corridor" / "workloads.py"
_REPORTS = (
    r'\bblocked\(\s*"([a-z0-9-]+)"',
    r'\bBlocker\(\s*"([a-z0-9-]+)"',
    r'\bAnswer\(\s*id="([a-z-]+)"',
    # The one id that translation has.
    r'\bBLOCKED = "([a-z-]+)"',
)


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs" / "blockers.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| `[a-z0-9-]+` \|", line)]
    assert rows == [f"| `{name}` | {rule.when} | {rule.what} | {rule.way_out} |" for name, rule in BLOCKERS.items()]


def test_the_code_reports_these_blockers_and_no_others() -> None:
    reported: set[str] = set()
    for path in _SOURCES:
        text = path.read_text(encoding="utf-8")
        reported |= {found for pattern in _REPORTS for found in re.findall(pattern, text)}
    # As restarts name what hinders them.
    reported |= set(re.findall(r'\("([a-z-]+)", (?:f?"|message)', _RESTARTS.read_text(encoding="utf-8")))
    assert reported == set(BLOCKERS)


def test_risks_of_restarts_are_blockers() -> None:
    assert RISKS.issubset(BLOCKERS)
