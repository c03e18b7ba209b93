# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What to do about each release: decisions from what is wanted and what Helm recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..._desired.helm import DesiredRelease
from ..._desired.manifests import key, label
from ..._desired.values import changed_paths, same_values
from ..._tools.helm_releases import PENDING, Record, Release, last_deployed, latest
from ..differ import clean
from ..plan import Action

Recovery = Literal["", "drop", "rollback", "uninstall"]
_NAMED = 6


@dataclass(slots=True)
class Decision:
    """What happens to one release.

    `recovery` is what must be done first to a release left unfinished: `drop` the unfinished record (nothing was
    ever deployed), `rollback` to revision `back_to`, or finish the `uninstall`.
    """

    desired: DesiredRelease
    action: Action
    reason: str
    recovery: Recovery = ""
    back_to: int = 0
    unfinished: list[Record] = field(default_factory=list)
    take_ownership: bool = False

    @property
    def writes(self) -> bool:
        return self.action != "none"


def decide(desired: DesiredRelease, records: Iterable[Record], release: Release | None) -> Decision:
    """The decision that records and the release in force allow, before anything is rendered or read from the server.

    `none` means: same chart, same values; whether the objects are as they should be is asked next.
    """
    records = list(records)
    newest = latest(records)
    if newest is None:
        return Decision(desired, "create", "not installed")
    if newest.status in PENDING:
        return _unfinished(desired, records, newest)
    if newest.status == "uninstalling":
        return Decision(desired, "recover", f"revision {newest.revision} was left uninstalling", "uninstall")
    if newest.status == "uninstalled":
        return Decision(desired, "create", "uninstalled before; Helm kept its history")
    if release is None:
        return Decision(
            desired,
            "recover",
            f"revision {newest.revision} ({newest.status}) has no readable record",
            "drop",
            unfinished=[newest],
        )
    if newest.status != "deployed":
        return Decision(desired, "recover", f"revision {newest.revision} ended as {newest.status}")
    if release.chart != desired.chart:
        return Decision(desired, "update", f"the chart is {release.chart}, not {desired.chart}")
    if release.version != desired.version:
        return Decision(desired, "update", f"version {release.version} becomes {desired.version}")
    if not same_values(release.values, desired.values):
        paths = changed_paths(release.values, desired.values)
        return Decision(desired, "update", f"values differ: {_some(paths)}")
    return Decision(desired, "none", f"as desired ({release.chart} {release.version}, revision {release.revision})")


def _unfinished(desired: DesiredRelease, records: list[Record], newest: Record) -> Decision:
    back_to = last_deployed(records)
    said = f"revision {newest.revision} was left {newest.status} by a run that did not end"
    if newest.status == "pending-install" or back_to is None:
        # Nothing was ever whole: the record goes, and what it already made is taken up by the installation.
        return Decision(desired, "recover", said, "drop", unfinished=[r for r in records if r.status in PENDING])
    return Decision(
        desired, "recover", f"{said}; back to revision {back_to.revision} first", "rollback", back_to.revision
    )


def manifest_difference(stored: Iterable[Mapping[str, Any]], rendered: Iterable[Mapping[str, Any]]) -> str:
    """In which objects a freshly rendered chart differs from the manifest of the release; "" when in none."""
    before = {key(obj): obj for obj in stored}
    after = {key(obj): obj for obj in rendered}
    names = [
        label(after.get(which) or before[which])
        for which in sorted(before.keys() | after.keys())
        if which not in before or which not in after or clean(dict(before[which])) != clean(dict(after[which]))
    ]
    return f"the chart now renders differently: {_some(names)}" if names else ""


def drift_reason(drifted: Mapping[str, list[str]]) -> str:
    told = [f"{name} ({_some(paths)})" if paths else f"{name} (missing)" for name, paths in sorted(drifted.items())]
    return f"changed since it was installed: {_some(told, 4)}"


def _some(names: list[str], most: int = _NAMED) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
