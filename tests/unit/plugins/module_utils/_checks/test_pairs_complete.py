# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check has a pair of states, one that triggers it and one that does not: on a real cluster, or recorded."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID, CHECKS

from tests.integration.verify.cases.all import CASES

from .recorded_pairs import PAIRS
from .snapshots import outcome

HERE = Path(__file__).resolve().parent
NAME = "RECORDED_PAIRS"


def told(result: CheckResult) -> list[str]:
    """What it found that is wrong; a word for information is none."""
    return [finding.title for finding in result.findings if finding.severity != "info"]


@pytest.mark.parametrize("check", PAIRS)
def test_the_clean_state_does_not_trigger_it(check: str) -> None:
    result = outcome(check, PAIRS[check].clean())
    assert (result.status, told(result)) == ("passed", [])


@pytest.mark.parametrize("check", PAIRS)
def test_the_broken_state_triggers_it(check: str) -> None:
    result = outcome(check, PAIRS[check].broken())
    assert result.status in ("failed", "warning")
    assert told(result)
    assert all(finding.remedy for finding in result.findings)


def test_every_check_has_a_pair() -> None:
    covered = {*PAIRS, *(case.check for case in CASES), *elsewhere()}
    assert sorted(check.id for check in CHECKS if check.id not in covered) == []


def test_pairs_are_of_checks_that_there_are() -> None:
    assert sorted({*PAIRS, *(case.check for case in CASES), *elsewhere()} - set(BY_ID)) == []


def test_every_recorded_pair_names_a_test_that_there_is() -> None:
    for path in sorted(HERE.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        absent = {test for test in _pairs(tree).values() if test.rpartition("::")[2] not in tests}
        assert not absent, f"{path.name}: {NAME} names tests that are not there: {', '.join(sorted(absent))}"


def elsewhere() -> set[str]:
    """The checks whose pairs other modules of tests name."""
    return {check for path in HERE.rglob("test_*.py") for check in _pairs(ast.parse(path.read_text(encoding="utf-8")))}


def _pairs(tree: ast.Module) -> dict[str, str]:
    for node in tree.body:
        targets: list[Any] = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        value = getattr(node, "value", None)
        if any(isinstance(one, ast.Name) and one.id == NAME for one in targets) and value is not None:
            found: dict[str, str] = ast.literal_eval(value)
            return found
    return {}
