# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A report as JUnit XML, which Jenkins, GitLab and their like show: a suite for each category, a case for each check.

A case fails as the task does. A failed check is a failure; a warning is one only where the run fails for warnings. What
is unknown is skipped, with the reason, so that a run with few rights does not stay red for good; it is an error where
the run fails for it, which it also does when nothing at all could be decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timezone
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .entries import CheckEntry, FindingEntry
from .model import Report
from .path import Step
from .words import moment

_MOST_SAID = 20_000


def junit(report: Report) -> str:
    """The document. Whatever the cluster's text holds, it is well-formed XML."""
    root = Element("testsuites", name=report.title)
    for category in report.categories:
        checks = [check for check in report.checks if check.category == category]
        suite = SubElement(root, "testsuite", name=category)
        _about(suite, report)
        for check in [*checks, *_strangers(report, category, checks)]:
            _case(suite, check, report)
        _count(suite)
    if report.path is not None:
        suite = SubElement(root, "testsuite", name="path")
        _about(suite, report)
        for place, step in enumerate(report.path.steps):
            _step(suite, f"{place + 1} {step.title}", step)
        _count(suite)
    _count(root)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _strangers(report: Report, category: str, checks: list[CheckEntry]) -> Iterable[CheckEntry]:
    """Checks that have findings and no entry of their own."""
    known = {check.id for check in report.checks}
    for finding in report.findings:
        if finding.category == category and finding.check not in known:
            known.add(finding.check)
            status = "failed" if finding.severity == "error" else "warning"
            yield CheckEntry(finding.check, "", category, finding.severity, status, "", 1, 0)


def _about(suite: Element, report: Report) -> None:
    cluster = report.cluster
    time = moment(cluster.time)
    if time is not None:
        # The schema that Jenkins checks against allows no offset here: it is UTC.
        suite.set("timestamp", time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"))
    suite.set("hostname", cluster.name)
    properties = SubElement(suite, "properties")
    for name, value in (
        ("server", cluster.server),
        ("context", cluster.context),
        ("kubernetes", cluster.kubernetes),
        ("collection", report.collection),
    ):
        if value:
            SubElement(properties, "property", name=name, value=value)
    if not len(properties):
        suite.remove(properties)


def _case(suite: Element, check: CheckEntry, report: Report) -> None:
    name = f"{check.id} {check.title}".strip()
    case = SubElement(suite, "testcase", classname=f"meshwright.{check.category}", name=name, time="0")
    found = [finding for finding in report.findings if finding.check == check.id]
    accepted = [finding for finding in report.accepted if finding.check == check.id]
    aside = [f"accepted: {_told(each)}\n  reason: {each.reason or 'none given'}" for each in accepted]
    strict = report.fail_on_unknown or (not report.decided and report.fail_on != "never")
    if check.status == "failed" or (found and check.status == "warning" and report.fail_on == "warning"):
        worst = found[0].title if found else check.reason or check.title
        failure = SubElement(case, "failure", message=worst, type=found[0].severity if found else check.severity)
        failure.text = _joined([*map(_told, found), check.reason])
    else:
        if check.status == "unknown":
            kind = "error" if strict else "skipped"
            aim = SubElement(case, kind, message=f"unknown: {check.reason}" if check.reason else "unknown")
            if strict:
                aim.set("type", "unknown")
        elif check.status == "skipped":
            SubElement(case, "skipped", message=check.reason or "nothing to look at")
        aside = [*map(_told, found), *aside]
    if aside:
        SubElement(case, "system-out").text = _joined(aside)


def _step(suite: Element, name: str, step: Step) -> None:
    case = SubElement(suite, "testcase", classname="meshwright.path", name=name, time="0")
    told = [step.text, *(f"seen: {each}" for each in step.evidence), f"remedy: {step.remedy}" if step.remedy else ""]
    if step.status == "failed":
        SubElement(case, "failure", message=step.text, type="error").text = "\n".join(filter(None, told))
        return
    if step.status == "unknown":
        SubElement(case, "skipped", message=f"unknown: {step.text}")
    SubElement(case, "system-out").text = "\n".join(filter(None, told))


def _told(finding: FindingEntry) -> str:
    lines = [f"{finding.severity}: {finding.title}"]
    lines += [f"  object: {each}" for each in finding.objects]
    lines += [f"  seen: {each}" for each in finding.evidence]
    if finding.remedy:
        lines.append(f"  remedy: {finding.remedy}")
    if finding.docs:
        lines.append(f"  docs: {finding.docs}")
    return "\n".join(lines)


def _joined(parts: Iterable[str]) -> str:
    whole = "\n\n".join(part for part in parts if part)
    return whole if len(whole) <= _MOST_SAID else f"{whole[: _MOST_SAID - 4]} ..."


def _count(element: Element) -> None:
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("errors", str(sum(case.find("error") is not None for case in cases)))
    element.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    element.set("time", "0")
