# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of each object, whatever the requests met: with threads, but without a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import Target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Step
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import carry
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.dispatch import Dispatch
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.outcome import Outcome
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import PolicyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import CONFIG_MAP


class Threads:
    """A client as far as threads go."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(call, items))


def items(count: int) -> list[Item]:
    return [Item({}, Target(CONFIG_MAP, "n", f"c-{number:03}"), step=Step("", "create", "")) for number in range(count)]


def number(item: Item) -> int:
    return int(item.target.name[2:])


def unreachable(*, maybe_done: bool) -> errors.Unreachable:
    error = errors.Unreachable("no answer", target="ConfigMap n/c-010")
    error.maybe_done = maybe_done
    return error


def webhook_down() -> errors.Rejected:
    return errors.Rejected("the webhook did not answer", details={"webhook": "v.istio.io"})


def report(dispatch: Dispatch, every: list[Item]) -> Outcome:
    outcome = Outcome()
    dispatch.report(outcome, every, [])
    found = outcome.applied + outcome.failed + outcome.unknown + outcome.not_sent
    assert sorted(map(number, found)) == list(range(len(every)))
    return outcome


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    ("error", "go_on", "fate", "ends"),
    [
        (errors.Invalid("wrong"), False, "failed", True),
        (errors.Invalid("wrong"), True, "failed", False),
        (errors.SettleTimeout("still there"), True, "failed", False),
        (errors.Forbidden("may not"), True, "failed", False),
        (errors.Unauthorized("who are you"), True, "failed", True),
        (webhook_down(), True, "failed", True),
        (unreachable(maybe_done=True), True, "unknown", True),
        (unreachable(maybe_done=False), True, "not_sent", True),
        (unreachable(maybe_done=True), False, "unknown", True),
    ],
)
def test_what_an_error_ends(error: errors.MeshError, go_on: bool, fate: str, ends: bool, threads: int) -> None:
    """The object in the middle meets it; those under way then are brought to their end."""
    every = items(40)
    written: set[int] = set()

    def write(item: Item) -> None:
        if number(item) == 10:
            raise error
        written.add(number(item))

    client: Any = Threads(threads)
    dispatch = Dispatch(client, go_on=go_on, permitted=lambda: None)
    dispatch.each(write, every)
    outcome = report(dispatch, every)
    assert [number(item) for item in outcome.applied] == sorted(written)
    assert [number(item) for item in getattr(outcome, fate)][:1] == [10]
    assert outcome.errors == [error]
    assert not outcome.complete
    if not ends:
        assert len(outcome.applied) == 39
    elif threads == 1:
        assert written == set(range(10))
        assert len(outcome.not_sent) + len(getattr(outcome, fate)) >= 30


def test_those_under_way_are_waited_for() -> None:
    every = items(9)
    written: list[int] = []
    all_under_way, failed = threading.Barrier(3), threading.Event()

    def write(item: Item) -> None:
        all_under_way.wait(10)
        if number(item) == 0:
            failed.set()
            raise errors.Invalid("wrong")
        assert failed.wait(10)
        time.sleep(0.05)
        written.append(number(item))

    client: Any = Threads(3)
    dispatch = Dispatch(client, go_on=False, permitted=lambda: None)
    dispatch.each(write, every)
    outcome = report(dispatch, every)
    assert sorted(written) == [number(item) for item in outcome.applied] == [1, 2]
    assert len(outcome.not_sent) == 6


def test_a_later_wave_is_not_begun() -> None:
    every = items(6)

    def write(item: Item) -> None:
        if number(item) == 0:
            raise errors.Invalid("wrong")

    client: Any = Threads(1)
    dispatch = Dispatch(client, go_on=False, permitted=lambda: None)
    dispatch.each(write, every[:1])
    dispatch.each(write, every[1:])
    assert len(report(dispatch, every).not_sent) == 5


def test_a_run_that_was_overtaken_stops() -> None:
    """Nothing is sent once the Lease is another's, even where each error is to be collected."""
    every = items(10)
    sent: list[Item] = []

    def permitted() -> None:
        if len(sent) == 3:
            raise errors.GuardRefused("Another run took over.")

    client: Any = Threads(1)
    dispatch = Dispatch(client, go_on=True, permitted=permitted)
    dispatch.each(sent.append, every)
    outcome = report(dispatch, every)
    assert (len(outcome.applied), len(outcome.not_sent), len(outcome.errors)) == (3, 7, 1)


def test_a_mistake_of_ours_is_not_taken_for_an_error_of_an_object() -> None:
    def write(item: Item) -> None:
        raise KeyError(item.label)

    client: Any = Threads(2)
    with pytest.raises(KeyError):
        Dispatch(client, go_on=True, permitted=lambda: None).each(write, items(4))


# -- the error that tells of it --------------------------------------------------------------------------------


def outcome(applied: int, failed: int, not_sent: int, *found: errors.MeshError) -> Outcome:
    every = items(applied + failed + not_sent)
    return Outcome(
        applied=every[:applied],
        failed=every[applied : applied + failed],
        not_sent=every[applied + failed :],
        errors=list(found),
    )


def test_the_first_error_gives_its_class() -> None:
    first = errors.Invalid(
        "Could not apply it: wrong.", status=422, verb="apply", target="ConfigMap n/c-007", hint="Mend"
    )
    error = carry.failure(outcome(7, 2, 91, first, errors.Forbidden("may not")), PolicyIntent())
    assert isinstance(error, errors.Invalid)
    assert (error.status, error.verb, error.target) == (422, "apply", "ConfigMap n/c-007")
    assert error.message == (
        "Of 100 changes 7 written, 0 deleted, 2 failed, 91 not sent. Could not apply it: wrong. Mend may not"
    )
    assert "run again" in error.hint


def test_details_are_bounded() -> None:
    many = [errors.Invalid(f"wrong {number}", target=f"ConfigMap n/c-{number}") for number in range(80)]
    error = carry.failure(outcome(70, 80, 60, *many), PolicyIntent(on_error="continue"))
    assert "wrong 4 And 75 more errors." in error.message
    assert len(error.details["errors"]) == 50
    assert error.details["errors"][1] == {"error": "Invalid", "target": "ConfigMap n/c-1", "message": "wrong 1"}
    assert {name: (told["count"], len(told["objects"])) for name, told in error.details["boundary"].items()} == {
        "applied": (70, 50),
        "deleted": (0, 0),
        "failed": (80, 50),
        "unknown": (0, 0),
        "not_sent": (60, 50),
    }


def test_without_an_error_of_the_server() -> None:
    error = carry.failure(outcome(1, 0, 2, errors.GuardRefused("Another run took over.")), PolicyIntent())
    assert isinstance(error, errors.GuardRefused)
    assert "Of 3 changes 1 written" in error.message


@pytest.mark.parametrize(
    ("returned", "not_returned", "told"),
    [
        ([], [], "There was nothing to take back."),
        (["a", "b"], [], "What was written was taken back: all 2 objects."),
        (["a", "b"], ["c"], "What was written was taken back: 2 objects, while 1 could not be returned."),
        (
            ["a", "b"],
            ["b"],
            "What was written was taken back: all 2 objects (1 of them not wholly as they were).",
        ),
        ([], ["a", "b"], "What was written was taken back: 0 objects, while 2 could not be returned."),
    ],
)
def test_what_is_told_of_a_return(returned: list[str], not_returned: list[str], told: str) -> None:
    found = Outcome(returned=returned, not_returned=[{"object": name, "reason": "why"} for name in not_returned])
    assert found.told_of_return() == told
