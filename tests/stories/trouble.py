# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong beside a playbook while it runs, and what is seen meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from .telling import Story

_REJECT = "harness.meshwright.io/reject"
_PAUSE = 0.2


@contextmanager
def beside(act: Callable[[], object]) -> Iterator[None]:
    """Does `act` again and again while the block runs; one that fails, as over a pod that is gone, is tried again."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(_PAUSE):
            with suppress(AssertionError):
                act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def watched(look: Callable[[], str]) -> Iterator[set[str]]:
    """Whatever `look` gave while the block ran."""
    seen: set[str] = set()
    with beside(lambda: seen.add(look())):
        yield seen


@contextmanager
def rejecting(story: Story, namespace: str, revision: str) -> Iterator[None]:
    """The proxies of a namespace reject the clusters that this revision sends them, as soon as they are there."""

    def spoil() -> None:
        for pod in story.kubectl.json("get", "pods", "--namespace", namespace)["items"]:
            marks = pod["metadata"].get("annotations", {})
            if marks.get("istio.io/rev") == revision and _REJECT not in marks:
                name = pod["metadata"]["name"]
                story.kubectl("annotate", "pod", "--namespace", namespace, name, f"{_REJECT}=cds")

    with beside(spoil):
        yield
