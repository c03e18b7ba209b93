# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What proxies use, as the metrics server has it: an addition that many clusters lack."""

from __future__ import annotations

from collections.abc import Iterator

from .._checks import sources
from .._checks.snapshot import Obj, Snapshot, name_of, namespace_of
from .._kube.client import Deadline
from .._kube.kinds import Kind
from .snapshot_pods import PROXY_LABEL
from .snapshot_reads import Read
from .snapshot_scope import Look

_METRICS = Kind("metrics.k8s.io", "v1beta1", "PodMetrics", "pods")
# ztunnel's pods have no canonical name.
_LABELS = (PROXY_LABEL, "app=ztunnel")
# Seconds: an aggregated API that is down is not worth waiting for.
_WAIT = 5.0


def _usage(look: Look) -> Iterator[Obj]:
    look.client = look.client.with_deadline(Deadline(min(_WAIT, look.client.deadline.left())))
    for labels in _LABELS:
        for item in look.list(_METRICS, labels=labels):
            containers = [
                {"name": each.get("name"), "usage": each.get("usage") or {}} for each in item.get("containers") or ()
            ]
            yield {
                "apiVersion": _METRICS.api_version,
                "kind": _METRICS.kind,
                "metadata": {"name": name_of(item), "namespace": namespace_of(item)},
                "containers": containers,
            }


def _served(seen: Snapshot) -> bool:
    return any((item["group"], item["kind"]) == (_METRICS.group, _METRICS.kind) for item in seen.items("api"))


USAGE_READS: tuple[Read, ...] = (Read(sources.POD_METRICS, _usage, ("api",), served=_served),)
