# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod's log says of clients that name a wrong cluster, beside MW0013."""

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_parse as parse

from .answers import body, said
from .snapshots import environment, healthy, outcome, snapshot

LINES = parse.log_lines(body("recorded-wrong-cluster-name-istiod-log.txt"))["lines"]
LOG = [said("istio-system/istiod-1", revision="default", lines=LINES)]


def wrong(cluster: str, lines: bool = True) -> list[tuple[str, tuple[str, ...]]]:
    seen = healthy(
        daemonsets=environment("ztunnel", "ISTIO_META_CLUSTER_ID", cluster),
        istiod_logs=lambda items: items.__setitem__(slice(None), LOG if lines else []),
    )
    return [(finding.severity, finding.evidence) for finding in outcome("MW0013", seen).findings]


def test_only_lines_that_tell_are_kept() -> None:
    assert len(LINES) == 6
    assert all("claims to be in cluster" in line for line in LINES)


def test_the_log_is_evidence() -> None:
    ((severity, evidence),) = wrong("wrong-cluster")
    assert severity == "error"
    assert evidence[-1].startswith(
        'Pod istio-system/istiod-1 logs: client claims to be in cluster "wrong-cluster", 6 times in the last 15 '
        "minutes, last from 10.244.0.21 at 2026-11-21T11:26:47"
    )


def test_claims_that_nothing_explains_are_told() -> None:
    found = wrong("Kubernetes")
    assert [severity for severity, _evidence in found] == ["warning"]
    assert wrong("Kubernetes", lines=False) == []


def test_without_logs_it_is_decided_all_the_same() -> None:
    base = healthy()
    lists = {
        name: [dict(item) for item in source.items] for name, source in base.sources.items() if name != "istiod_logs"
    }
    assert outcome("MW0013", snapshot(lists, unserved=["sail_ztunnels"])).status == "passed"
