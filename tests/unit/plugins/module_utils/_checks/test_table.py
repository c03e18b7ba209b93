# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table as a terminal shows it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult, Finding
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID, CHECKS
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._checks.table import heading, table

from .snapshots import healthy, load


@pytest.mark.parametrize("name", ["embedded-ambient", "ztunnel-rollout-stuck", "istiod-down"])
def test_fits_a_terminal_of_100_columns_even_inside_debugs_json(name: str) -> None:
    seen = load(name)
    printed = json.dumps({"msg": table(run(CHECKS, seen), heading(seen))}, indent=4).splitlines()
    assert max(len(line) for line in printed) <= 100
    assert not [line for line in printed if "\\" in line]


def test_one_row_for_each_check_and_the_counts_last() -> None:
    lines = table(run(CHECKS, healthy()), heading(healthy()))
    assert lines[0] == "ambient mesh: istiod 1.31.1 (namespace istio-system, revision default)"
    assert [line[:6] for line in lines if line.startswith("MW")] == [check.id for check in CHECKS]
    assert lines[-1].startswith(f"{len(CHECKS)} checks: ")
    assert ", 1 warning, 0 failed, 0 unknown, " in lines[-1]


def test_what_was_found_stands_beneath_its_check() -> None:
    lines = table(run([BY_ID["MW0010"], BY_ID["MW0011"]], load("ztunnel-rollout-stuck")))
    row = next(place for place, line in enumerate(lines) if line.startswith("MW0010"))
    assert "FAILED" in lines[row]
    assert lines[row + 1].strip().startswith("error: ztunnel is updated on 0 of 1 nodes")
    assert any(line.strip().startswith("remedy") for line in lines[row:])


def test_text_of_the_cluster_cannot_break_the_layout() -> None:
    finding = Finding("error", 'a "quoted"\nname \x1b[31mred', ("Pod x/" + "y" * 200,), ("tab\there",), "z")
    lines = table([CheckResult(BY_ID["MW0010"], "failed", "", (finding,))])
    assert all(char.isprintable() for line in lines for char in line)
    assert not any('"' in line for line in lines)


def test_a_mesh_that_cannot_be_seen_has_no_heading() -> None:
    assert heading(Snapshot()) == ""


def test_a_kind_is_named_once() -> None:
    finding = Finding("error", "x", ("Pod a/b", "Pod a/c", "Node d", "Pod e/f"))
    lines = table([CheckResult(BY_ID["MW0010"], "failed", "", (finding,))])
    assert any(line.endswith("Pod a/b, a/c, Node d, Pod e/f") for line in lines)


def test_many_findings_are_counted() -> None:
    findings = tuple(Finding("warning", f"number {number}") for number in range(25))
    lines = table([CheckResult(BY_ID["MW0010"], "warning", "", findings)])
    assert any("and 15 findings more" in line for line in lines)
