# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is new and what is fixed between two runs of the check-up. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MOST = 200
Key = tuple[str, str]


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """`since` (when the earlier run was), `new` and `fixed`: lists of {check, severity, object, title}.

    Both are results of mesh_verify, or its JSON reports. A finding is told by its check and one of its objects, since
    its sentence has counts in it; one without objects by its check. What a check found that cannot be looked at now is
    not fixed, what one finds that could not look then may be old: that is not new either, unless it had looked.
    """
    then, there = _by_key(before), _by_key(now)
    looked_then, looked_now = _looked(before), _looked(now)
    new = [_shown(there[key], key) for key in there if key not in then and key[0] in looked_then]
    fixed = [_shown(then[key], key) for key in then if key not in there and key[0] in looked_now]
    found: dict[str, Any] = {
        "since": str((before.get("cluster") or {}).get("time") or ""),
        "new": new[:_MOST],
        "fixed": fixed[:_MOST],
    }
    left_out = max(0, len(new) - _MOST) + max(0, len(fixed) - _MOST)
    return {**found, "left_out": left_out} if left_out else found


def _by_key(result: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    # What was accepted meanwhile is still there, and what is accepted no longer was there before.
    return {key: one for one in (*_list(result, "findings"), *_list(result, "accepted")) for key in _keys(one)}


def _keys(finding: Mapping[str, Any]) -> Iterator[Key]:
    check = str(finding.get("check"))
    objects = finding.get("objects") or [""]
    for one in objects:
        # Of many objects the rest is only counted, by another number each time.
        if not str(one).startswith("and "):
            yield check, str(one)


def _looked(result: Mapping[str, Any]) -> set[str]:
    return {
        str(one.get("id")) for one in _list(result, "checks") if one.get("status") in ("passed", "warning", "failed")
    }


def _list(result: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [one for one in result.get(name) or () if isinstance(one, Mapping)]


def _shown(finding: Mapping[str, Any], key: Key) -> dict[str, str]:
    return {
        "check": key[0],
        "severity": str(finding.get("severity") or ""),
        "object": key[1],
        "title": str(finding.get("title") or ""),
    }
