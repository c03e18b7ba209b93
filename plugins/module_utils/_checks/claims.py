# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiods' logs say of clients that name a wrong cluster (MW0013). Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress

from .model import Finding
from .snapshot import Snapshot, Undecided, name_of, namespace_of
from .sources import ISTIOD_LOGS

_CLAIM = re.compile(r'client from (?P<address>\S+?)(?::\d+)?: .*claims to be in cluster \\?"(?P<claimed>[^"\\]*)')
_TOLD = 3


def logged(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Evidence by the cluster that was claimed; nothing where no log could be read."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with suppress(Undecided):
        for item in snapshot.items(ISTIOD_LOGS):
            for line in item.get("lines") or ():
                if match := _CLAIM.search(line):
                    pod = f"Pod {namespace_of(item)}/{name_of(item)}"
                    found[match["claimed"]][pod].append(f"{match['address']} at {line.split()[0]}")
    return {
        claimed: tuple(
            f'{pod} logs: client claims to be in cluster "{claimed}", {len(who)} times in the last 15 minutes, last '
            f"from {who[-1]}"
            for pod, who in sorted(pods.items())
        )[:_TOLD]
        for claimed, pods in found.items()
    }


def of_others(left: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Claims that no configuration seen here explains."""
    for claimed, lines in sorted(left.items()):
        yield Finding(
            "warning",
            f'istiod has refused clients that claim to be in cluster "{claimed}", and no ztunnel or proxy seen here is '
            "told so any more: it was mended since, or they are virtual machines or other clusters'.",
            tuple(dict.fromkeys(line.partition(" logs:")[0] for line in lines)),
            lines,
            "Run the check again in 15 minutes. If it stays, find the client by its address, and give it the cluster "
            "name that istiod knows.",
        )
