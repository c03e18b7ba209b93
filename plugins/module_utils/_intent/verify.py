# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What `mesh_verify` is asked: which checks, over what, what is accepted, and when that counts as failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._checks import picture
from .._checks.baseline import Entry
from .._checks.explain.model import Question
from .._checks.model import Check
from .._checks.registry import ALWAYS, CATEGORIES, CHECKS
from .._checks.run import FailOn, asks_inside
from .._checks.sources import INSIDE
from .._errors import BadInput
from .explain import question_of
from .verify_baseline import baseline
from .verify_custom import Own, Resource, own_checks
from .verify_names import chosen


@dataclass(frozen=True, slots=True)
class VerifyIntent:
    """The checks to run, in their order, and when the run counts as failed. Times are in seconds.

    `namespaces` None looks at all. `resources` are what checks of the user's own read beside the snapshot, by the name
    of the source that they become. With a `question` and no checks named, it alone is answered.
    """

    checks: tuple[Check, ...]
    fail_on: FailOn = "error"
    fail_on_unknown: bool = False
    wait_timeout: float = 0
    read_timeout: float = 60
    namespaces: frozenset[str] | None = None
    inside: bool = True
    proxy_limit: int = 40
    resources: Mapping[str, Resource] | None = None
    baseline: tuple[Entry, ...] = ()
    info: bool = False
    question: Question | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> VerifyIntent:
        """From a module's parameters. Raises BadInput for what is wrong with them, naming the option."""
        own = own_checks(params.get("custom_checks") or (), CHECKS)
        question = question_of(params["explain"]) if params.get("explain") else None
        checks = _checks(params, own)
        if question is not None and not params.get("checks"):
            checks = ()
        elif not checks:
            raise BadInput("No check is left to run.", hint="`skip` takes away all that `checks` names.")
        for name in ("wait_timeout", "read_timeout", "proxy_limit"):
            if (params.get(name) or 0) < 0:
                raise BadInput(f"`{name}` is {params[name]}, and cannot be less than nothing.", hint="Give 0 or more.")
        if params.get("read_timeout") == 0:
            raise BadInput("`read_timeout` is 0: nothing can be read in no time.", hint="Give at least a few seconds.")
        port_forward = params.get("port_forward")
        limit = params.get("proxy_limit")
        return cls(
            checks=checks,
            fail_on=params.get("fail_on") or "error",
            fail_on_unknown=bool(params.get("fail_on_unknown")),
            wait_timeout=float(params.get("wait_timeout") or 0),
            read_timeout=float(params.get("read_timeout") or 60),
            namespaces=frozenset(params["namespaces"]) if params.get("namespaces") else None,
            inside=True if port_forward is None else bool(port_forward),
            proxy_limit=40 if limit is None else int(limit),
            resources={each.source: each.resource for each in own if each.resource is not None},
            baseline=baseline(params.get("baseline") or (), {check.id for check in (*CHECKS, *_of(own))}),
            info=bool(params.get("info")),
            question=question,
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of all that is read of the cluster, less what only the proxies can tell when they are not asked."""
        asked = [check for check in self.checks if self.inside or not asks_inside(check)]
        names = [name for check in asked for name in (*check.sources, *check.extra)]
        if self.info:
            names += [*picture.SOURCES, *picture.INSIDE_SOURCES]
        own = self.resources or {}
        return tuple(name for name in dict.fromkeys(names) if name not in own and (self.inside or name not in INSIDE))


def _checks(params: Mapping[str, Any], own: tuple[Own, ...]) -> tuple[Check, ...]:
    """The checks named, or all; those of the user's own run always, unless they are skipped."""
    asked, skipped = params.get("checks") or (), params.get("skip") or ()
    there = (*CHECKS, *_of(own))
    categories = (*CATEGORIES, *(("custom",) if own else ()))
    wanted = chosen("checks", asked, there, categories) or {check.id for check in CHECKS}
    wanted |= {ALWAYS.id, *(check.id for check in _of(own))}
    wanted -= chosen("skip", skipped, there, categories)
    return tuple(check for check in there if check.id in wanted)


def _of(own: tuple[Own, ...]) -> list[Check]:
    return [each.custom.check(place) for place, each in enumerate(own)]
