# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `mesh_verify`: a snapshot, the checks over it, again until they pass or the time is up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .._checks import inside
from .._checks.baseline import Weighed, weigh
from .._checks.explain.model import Explanation
from .._checks.model import CheckResult
from .._checks.picture import picture
from .._checks.run import run, shown_findings, summary, verdict
from .._checks.snapshot import Snapshot, Source
from .._checks.table import heading, table
from .._errors import MeshError, Unauthorized, Unreachable
from .._intent.verify import VerifyIntent
from .._intent.verify_custom import Resource
from .._kube.client import Client, Deadline
from . import snapshot as snapshots
from .explaining import explain
from .who import cluster

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 5.0
_MOST_ACCEPTED = 200


class VerifyFailed(MeshError):
    """The mesh was verified and found wanting; `details` are the whole result."""


def verify(client: Client, intent: VerifyIntent) -> dict[str, Any]:
    """The module's result; raises VerifyFailed, with the same in its details, when the run counts as failed."""
    until, pause, attempts = Deadline(intent.wait_timeout), _FIRST_PAUSE, 0
    while True:
        attempts += 1
        try:
            seen = _take(client.with_deadline(Deadline(intent.read_timeout)), intent)
        except Unreachable:
            # What waits for a mesh to settle may see the API server go away for a moment.
            if until.left() <= pause:
                raise
            until.sleep(pause)
            continue
        weighed = weigh(run(intent.checks, seen, inside=intent.inside), intent.baseline, _day(seen))
        reason = verdict(weighed.results, intent.fail_on, intent.fail_on_unknown) if intent.checks else ""
        if not reason or until.left() <= pause:
            break
        until.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    answer = None
    if intent.question is not None:
        deadline = Deadline(intent.read_timeout)
        answer = explain(client.with_deadline(deadline), intent.question, inside=intent.inside, deadline=deadline)
    result = shown(weighed, seen, attempts, cluster(client, seen.taken), intent, answer)
    if reason:
        waited = f" (after {intent.wait_timeout:.0f} s and {attempts} attempts)" if intent.wait_timeout else ""
        raise VerifyFailed(f"{reason}{waited}", hint=_hint(weighed.results), details=result)
    return result


def shown(
    weighed: Weighed,
    seen: Snapshot,
    attempts: int,
    where: dict[str, str],
    intent: VerifyIntent,
    answer: Explanation | None = None,
) -> dict[str, Any]:
    """The results in the shape of the return value."""
    results = weighed.results
    findings, left_out = shown_findings(results)
    lines = table(results, heading(seen)) if results else []
    if answer is not None:
        lines = [*answer.lines(), *([""] if lines else []), *lines]
    accepted = [one.shown(result.check) for result in results for one in result.accepted]
    found: dict[str, Any] = {
        "changed": False,
        "checks": [result.shown() for result in results],
        "findings": findings,
        "findings_left_out": left_out,
        "accepted": accepted[:_MOST_ACCEPTED],
        "baseline": weighed.shown(),
        "summary": summary(results),
        "limits": limits(seen, intent),
        "cluster": where,
        "table": lines,
        "attempts": attempts,
        "warnings": [*_unknown(results), *_expired(weighed)],
    }
    if intent.info:
        found["info"] = picture(seen)
    if answer is not None:
        found["explanation"] = answer.shown()
    return found


def limits(seen: Snapshot, intent: VerifyIntent) -> list[str]:
    """What was not looked at, in sentences: by choice, or because it could not be."""
    told = []
    if intent.namespaces is not None:
        told.append(f"Only these namespaces, and those of the control plane, were looked at: {_names(intent)}.")
    if not intent.inside:
        told.append("Neither istiod nor any proxy was asked itself, for port_forward is false.")
    told += inside.sampled(seen)
    told += [source.unseen for source in seen.sources.values() if source.unseen]
    told += [f"{name.replace('_', ' ')}: {source.error}" for name, source in seen.sources.items() if source.error]
    return list(dict.fromkeys(told))


def _names(intent: VerifyIntent) -> str:
    return ", ".join(sorted(intent.namespaces or ()))


def _take(client: Client, intent: VerifyIntent) -> Snapshot:
    seen = snapshots.take(
        client, intent.sources, scope=intent.namespaces, inside=intent.inside, proxy_limit=intent.proxy_limit
    )
    own = {name: _read(client, name, resource) for name, resource in (intent.resources or {}).items()}
    return replace(seen, sources={**seen.sources, **own}) if own else seen


def _read(client: Client, name: str, resource: Resource) -> Source:
    """What a check of the user's own reads. Of Secrets never the values, for messages may quote what they are over."""
    try:
        kind = client.resolve({"apiVersion": resource.api_version, "kind": resource.kind})
        found = client.list(kind, resource.namespace or None, labels=resource.label_selector)
    except (Unauthorized, Unreachable):
        raise
    except MeshError as error:
        return Source(name, error=str(error))
    for item in found:
        item.get("metadata", {}).pop("managedFields", None)
        if resource.kind == "Secret":
            for values in (item.get("data") or {}, item.get("stringData") or {}):
                values.update(dict.fromkeys(values, ""))
            (item["metadata"].get("annotations") or {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return Source(name, tuple(found))


def _day(seen: Snapshot) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seen.taken))


def _unknown(results: Sequence[CheckResult]) -> list[str]:
    """An ok task prints nothing: what could not be seen must not be silent. One reason is told once."""
    reasons: dict[str, list[CheckResult]] = defaultdict(list)
    for result in results:
        if result.status == "unknown":
            reasons[result.reason].append(result)
    told = []
    for reason, found in reasons.items():
        first = found[0].check
        if len(found) == 1:
            told.append(f"{first.id} ({first.title}) is unknown: {reason}")
        else:
            ids = ", ".join(result.check.id for result in found)
            told.append(f"{len(found)} checks are unknown ({ids}): {reason}")
    return told


def _expired(weighed: Weighed) -> list[str]:
    return [
        f"The baseline accepted {entry.check}{f' for {entry.object}' if entry.object else ''} until {entry.expires}: "
        f"it counts again. Its reason was: {entry.reason}"
        for entry in weighed.expired
    ]


def _hint(results: Sequence[CheckResult]) -> str:
    """The remedy of the worst finding, the first of them: what to do next."""
    for severity in ("error", "warning"):
        for result in results:
            for finding in result.findings:
                if finding.severity == severity and finding.remedy:
                    return f"Remedy: {finding.remedy}"
    return "The result's findings and table have all of it."
