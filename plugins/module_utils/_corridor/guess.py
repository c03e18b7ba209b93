# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What applying an object would make of the live one, told without asking the server. Pure."""

from __future__ import annotations

import base64
from typing import Any

from . import differ, fields

Obj = dict[str, Any]


def guess(desired: Obj, live: Obj, *managers: str) -> tuple[list[str], Obj]:
    """Paths of the fields that applying `desired` would change ([]: none), and the object it would make.

    Fields that the `managers` applied before and `desired` does not name any more go. What the server defaults,
    mutates or refuses is not known here.
    """
    paths = differ.drift(desired, live)
    gone: list[str] = []
    after = _plain(live)
    for manager in managers:
        mine = fields.owned_part(live, manager)
        mine.pop("apiVersion", None)
        _surplus(mine, desired, "", gone)
        after = less(after, mine, desired)
    return [*paths, *(path for path in dict.fromkeys(gone) if path not in paths)], _over(after, _plain(desired))


def _plain(obj: Obj) -> Obj:
    """A Secret's text as the server keeps it."""
    if obj.get("kind") != "Secret" or not obj.get("stringData"):
        return obj
    encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in obj["stringData"].items()}
    plain = {key: value for key, value in obj.items() if key != "stringData"}
    return {**plain, "data": {**(obj.get("data") or {}), **encoded}}


def _surplus(mine: Any, desired: Any, path: str, found: list[str]) -> None:
    """Paths that only `mine` has; of a list, that it has more items."""
    if isinstance(mine, list) and isinstance(desired, list) and len(mine) > len(desired):
        found.append(path)
    if not isinstance(mine, dict) or not isinstance(desired, dict):
        return
    if desired.get("kind") == "Secret" and not path:
        desired = _plain(desired)
    for key, value in mine.items():
        below = f"{path}.{key}" if path else key
        if key not in desired:
            found.append(below)
        else:
            _surplus(value, desired[key], below, found)


def less(live: Any, mine: Any, desired: Any) -> Any:
    """`live` without what only `mine` has of it."""
    if not (isinstance(live, dict) and isinstance(mine, dict) and isinstance(desired, dict)):
        return live
    kept = {}
    for key, value in live.items():
        if key not in mine:
            kept[key] = value
        elif key in desired:
            kept[key] = less(value, mine[key], desired[key])
        elif isinstance(value, dict) and isinstance(mine[key], dict) and value.keys() - mine[key].keys():
            kept[key] = less(value, mine[key], {})
    return kept


def _over(live: Any, desired: Any) -> Any:
    if isinstance(live, dict) and isinstance(desired, dict):
        return {**live, **{key: _over(live.get(key), value) for key, value in desired.items()}}
    if isinstance(live, list) and isinstance(desired, list) and len(live) == len(desired):
        return [_over(one, other) for one, other in zip(live, desired, strict=True)]
    return desired
