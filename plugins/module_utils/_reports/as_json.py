# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A report as JSON, by the schema in docs/report.schema.json."""

from __future__ import annotations

import json
from typing import Any

from .entries import Change, FindingEntry
from .model import Report
from .words import verdict

SCHEMA = "meshwright.io/report/v1"


def as_json(report: Report) -> str:
    """The document: its keys in a fixed order, its lists in the report's."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The same as plain data."""
    changes = report.changes
    return {
        "schema": SCHEMA,
        "title": report.title,
        "collection": report.collection,
        "cluster": {
            "server": report.cluster.server,
            "context": report.cluster.context,
            "kubernetes": report.cluster.kubernetes,
            "time": report.cluster.time,
        },
        "verdict": {"status": report.status, "text": verdict(report)},
        "summary": dict(report.summary),
        "checks": [
            {
                "id": check.id,
                "title": check.title,
                "category": check.category,
                "severity": check.severity,
                "status": check.status,
                "reason": check.reason,
                "findings": check.findings,
                "accepted": check.accepted,
            }
            for check in report.checks
        ],
        "findings": [_finding(each) for each in report.findings],
        "accepted": [
            {**_finding(each), "accepted": {"reason": each.reason, "expires": each.expires}} for each in report.accepted
        ],
        "changes": None
        if changes is None
        else {
            "since": changes.since,
            "new": [_change(each) for each in changes.new],
            "fixed": [_change(each) for each in changes.fixed],
        },
        "expired": list(report.expired),
        "unused": list(report.unused),
        "limits": list(report.limits),
        "mesh": None if report.mesh is None else dict(report.mesh.facts),
        "waves": [
            {
                "name": wave.name,
                "status": wave.status,
                "namespaces": list(wave.namespaces),
                "done": wave.done,
                "total": wave.total,
                "detail": wave.detail,
            }
            for wave in report.waves
        ],
        "explanation": None if report.path is None else dict(report.path.facts),
        "left_out": dict(report.left_out),
    }


def _finding(finding: FindingEntry) -> dict[str, Any]:
    return {
        "check": finding.check,
        "category": finding.category,
        "severity": finding.severity,
        "title": finding.title,
        "objects": list(finding.objects),
        "namespaces": list(finding.namespaces),
        "evidence": list(finding.evidence),
        "remedy": finding.remedy,
        "docs": finding.docs,
        "new": finding.new,
    }


def _change(change: Change) -> dict[str, Any]:
    return {"check": change.check, "title": change.title, "objects": list(change.objects)}
