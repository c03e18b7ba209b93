# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The enforcement account: which policy is carried out for which workload, against which clients, and by whom. Pure.

See docs/enforcement-account.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..model import bounded
from ..snapshot import Obj, namespace_of, ref
from .account_ledger import Ledger
from .account_model import Row
from .scene import SERVICE_ENTRY
from .view import View

_MOST = 100
_MOST_BY = 5
_LAST = ("gap", "unknown", "bound")
_VANISHED = "nothing of this policy is for this workload any more"


def account(view: View, namespaces: Collection[str] | None = None) -> list[Row]:
    """A row for each policy, workload (of these namespaces) and class of clients, by policy and workload.

    For a workload with several pods the worst counts. PeerAuthentication STRICT has rows for clients outside alone.
    """
    return view.once(Ledger).rows(None if namespaces is None else frozenset(namespaces))


def enforcers(view: View, policy: Obj) -> dict[str, frozenset[str]]:
    """By pod (`namespace/name`), whose configuration has this policy for it: sidecar, gateway, ztunnel, waypoint N/N.

    Waypoints whether or not they have pods. A pod that nobody has the policy for is left out.
    """
    return view.once(Ledger).enforcers(policy)


def workloads(view: View, namespaces: Collection[str] | None = None) -> set[str]:
    """What there is that rows may be for, as they name it: workloads of these namespaces, and ServiceEntries."""
    scene, paths = view.scene, view.once(Ledger).paths
    spaces = scene.pods if namespaces is None else namespaces
    found = (paths.of(pod) for namespace in spaces for pod in scene.pods.get(namespace, ()))
    entries = (one for one in scene.all(SERVICE_ENTRY) if namespaces is None or namespace_of(one) in namespaces)
    return {facts.workload for facts in found if facts is not None} | {ref(entry) for entry in entries}


def opened(before: Sequence[Row], after: Sequence[Row], standing: Collection[str] | None = None) -> list[Row]:
    """The rows of `after` that were bound in `before` and are not any more, in the order of `before`.

    A row that has vanished counts as a gap while its workload is still there. `standing` are those that are; without
    them a workload is there if any row of `after` is for it, and so is every workload of a policy that still has rows.
    """
    now = {(row.policy, row.workload, row.client): row for row in after}
    policies, seen = {row.policy for row in after}, {row.workload for row in after}
    found = []
    for row in before:
        if row.verdict != "bound":
            continue
        same = now.get((row.policy, row.workload, row.client))
        if same is not None:
            if same.verdict != "bound":
                found.append(same)
        elif row.workload in standing if standing is not None else row.workload in seen or row.policy in policies:
            found.append(replace(row, verdict="gap", by=(), reason=_VANISHED))
    return found


def accepted(row: Row, accept: Collection[str]) -> bool:
    """Whether one of these names, as `accept_gaps` has them, is for this row: see Row.names."""
    return not row.names.isdisjoint(accept)


def shown(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For results: each gap and unknown (at most 100 of each), then what is bound, counted by policy and client.

    What is left out is an entry with `verdict` and `more`, how many.
    """
    kept: dict[str, list[dict[str, Any]]] = {verdict: [] for verdict in _LAST}
    counted: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.verdict == "bound":
            counted[(row.policy, row.client)].append(row)
        else:
            kept[row.verdict].append(
                {
                    "verdict": row.verdict,
                    "policy": bounded(row.policy),
                    "workload": bounded(row.workload),
                    "client": row.client,
                    "present": row.present,
                    "reason": bounded(row.reason),
                }
            )
    for (policy, client), found in counted.items():
        by = sorted({one for row in found for one in row.by})
        kept["bound"].append(
            {
                "verdict": "bound",
                "policy": bounded(policy),
                "client": client,
                "workloads": len(found),
                "by": [bounded(one) for one in by[:_MOST_BY]],
                **({"by_more": len(by) - _MOST_BY} if len(by) > _MOST_BY else {}),
            }
        )
    lines: list[dict[str, Any]] = []
    for verdict in _LAST:
        lines += kept[verdict][:_MOST]
        if len(kept[verdict]) > _MOST:
            lines.append({"verdict": verdict, "more": len(kept[verdict]) - _MOST})
    return lines
