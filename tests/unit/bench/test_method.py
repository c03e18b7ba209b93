# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark's method: what counts as a run, in which order, and what is made of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.method import Case, Timed, measure


def case(name: str, log: Path, says: str = "failed=0", throttled: Sequence[int] = ()) -> Case:
    script = f"open({str(log)!r}, 'a').write({name!r}); print({says!r})"
    answers = iter(throttled)
    return Case(name, [sys.executable, "-S", "-c", script], {}, lambda: next(answers, 0))


def test_ours_and_the_peers_take_turns_after_a_warm_up_that_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    timed = measure([case("a", log), case("b", log)], runs=2, say=lambda _words: None)
    assert log.read_text() in {"baabba", "abbaab"}
    assert [len(timed[name].seconds) for name in ("a", "b", "machine")] == [2, 2, 2]


def test_throttled_answers_are_counted_but_not_those_of_the_warm_up(tmp_path: Path) -> None:
    timed = measure([case("a", tmp_path / "log", throttled=[0, 9, 12])], runs=1, say=lambda _words: None)
    assert timed["a"].throttled == 3


@pytest.mark.parametrize("says", ["failed=1", ""])
def test_a_process_that_does_not_do_what_it_should_is_no_run(tmp_path: Path, says: str) -> None:
    with pytest.raises(RuntimeError, match="'failed=0' wanted"):
        measure([case("a", tmp_path / "log", says)], runs=1, say=lambda _words: None)


def test_the_median_is_shown_with_its_spread() -> None:
    summary = Timed([2.0, 1.0, 4.0]).summary()
    assert (summary["median"], summary["min"], summary["max"], summary["spread"]) == (2.0, 1.0, 4.0, 1.5)
