# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading `metadata.managedFields`: which fields a manager owns, and how lists are keyed. Pure.

The format (FieldsV1): `f:name` a field, `k:{"name":"x"}` an item of a keyed list, `v:"x"` an item of a set,
`.` the thing itself; `{}` a leaf, which for a map or list means that it is owned whole (atomic).
"""

from __future__ import annotations

import base64
import json
from typing import Any

Obj = dict[str, Any]


def applied_entry(live: Obj, manager: str) -> Obj | None:
    """The entry of a manager's server-side applies, of the object itself (not of a subresource); None without one."""
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            found: Obj = entry
            return found
    return None


def owned_part(live: Obj, manager: str) -> Obj:
    """What a manager's applies put into an object and still own: applied again by it, it changes nothing.

    With kind, name and namespace, and no more for a manager without an entry: applied by it, that gives up what it
    has come to own since. Shares its values with `live`.
    """
    meta = live.get("metadata") or {}
    named = {key: meta[key] for key in ("name", "namespace") if meta.get(key)}
    entry = applied_entry(live, manager) or {}
    owned = entry.get("fieldsV1") or {".": {}}
    part = _part(owned, live)
    if live.get("kind") == "Secret" and "f:stringData" in owned:
        # Never stored: the server keeps it as data, which then nobody owns.
        held = live.get("data") or {}
        keys = [name[2:] for name in owned["f:stringData"] if name[2:] in held]
        part["stringData"] = {key: base64.b64decode(held[key]).decode() for key in keys}
    part["metadata"] = {**part.get("metadata", {}), **named}
    return {"apiVersion": live.get("apiVersion"), "kind": live.get("kind"), **part}


def _part(owned: Obj, live: Any) -> Any:
    """Of `live` what `owned` (FieldsV1 below that field) names."""
    if not owned:
        return live
    if isinstance(live, dict):
        return {
            name[2:]: _part(below, live[name[2:]])
            for name, below in owned.items()
            if name.startswith("f:") and name[2:] in live
        }
    if isinstance(live, list):
        return _list_part(owned, live)
    return live


def _list_part(owned: Obj, live: list[Any]) -> list[Any]:
    """The items that are owned, in the order in which they stand."""
    values = [json.loads(name[2:]) for name in owned if name.startswith("v:")]
    keys = [(parsed_key(name), below) for name, below in owned.items() if name.startswith("k:")]
    places = {int(name[2:]): below for name, below in owned.items() if name.startswith("i:")}
    kept = []
    for at, item in enumerate(live):
        if any(exact(item, value) for value in values):
            kept.append(item)
        elif at in places:
            kept.append(_part(places[at], item))
        elif isinstance(item, dict):
            for key, below in keys:
                if _has_key(key, item):
                    part = _part(below, item)
                    # An item cannot be told from its neighbours without at least a part of its key.
                    kept.append(part if any(field in part for field in key) else {**key, **part})
                    break
    return kept


def lost_paths(before: Obj, after: Obj, manager: str) -> dict[str, list[str]]:
    """Which fields of `before` another manager no longer owns in `after`, by manager; paths as `spec.http`."""
    found: dict[str, list[str]] = {}
    there = {_owner(entry): entry.get("fieldsV1") or {} for entry in _entries(after)}
    for entry in _entries(before):
        if entry.get("manager") == manager and entry.get("operation") == "Apply":
            continue
        paths: list[str] = []
        _lost(entry.get("fieldsV1") or {}, there.get(_owner(entry)), "", paths)
        if paths:
            found.setdefault(str(entry.get("manager")), []).extend(paths)
    return found


def _entries(obj: Obj) -> list[Obj]:
    """The managed fields of the object itself, not of its subresources."""
    entries = (obj.get("metadata") or {}).get("managedFields") or []
    return [entry for entry in entries if not entry.get("subresource")]


def _owner(entry: Obj) -> tuple[Any, ...]:
    return entry.get("manager"), entry.get("operation"), entry.get("apiVersion")


def _lost(before: Obj, after: Obj | None, path: str, found: list[str]) -> None:
    for name, below in before.items():
        if name == ".":
            continue
        here = f"{path}.{name[2:]}" if path else name[2:]
        if after is None or name not in after:
            found.append(here)
        else:
            _lost(below, after[name], here, found)


def exact(left: Any, right: Any) -> bool:
    """JSON equality. Python's `==` would take `true` for 1."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(exact(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(exact(one, other) for one, other in zip(left, right, strict=True))
        )
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def owns_exactly(owned: Obj, desired: Any, live: Any) -> bool:
    """Whether `owned` (FieldsV1 below some field) is exactly desired's fields, and `live` has desired's values."""
    if not owned or owned.keys() == {"."}:
        # A leaf, or an empty map or list that was applied as such.
        return not (owned and desired) and desired is not None and exact(desired, live)
    if isinstance(desired, dict):
        return isinstance(live, dict) and _map_owned(owned, desired, live)
    if isinstance(desired, list):
        return isinstance(live, list) and _list_owned(owned, desired, live)
    return False


def _map_owned(owned: Obj, desired: Obj, live: Obj) -> bool:
    count = len(owned) - ("." in owned)
    if count != len(desired):
        return False
    for key, value in desired.items():
        below = owned.get(f"f:{key}")
        if below is None or key not in live or not owns_exactly(below, value, live[key]):
            return False
    return True


def _list_owned(owned: Obj, desired: list[Any], live: list[Any]) -> bool:
    names = [name for name in owned if name != "."]
    if len(names) != len(desired):
        return False
    if all(name.startswith("v:") for name in names):
        values = [json.loads(name[2:]) for name in names]
        return all(value in values for value in desired) and _in_order(desired, live)
    if not all(name.startswith("k:") for name in names):
        return False
    positions = []
    for item in desired:
        found = [name for name in names if isinstance(item, dict) and _may_be(parsed_key(name), item)]
        if len(found) != 1:
            return False
        key = parsed_key(found[0])
        place = next((at for at, other in enumerate(live) if isinstance(other, dict) and _has_key(key, other)), None)
        if place is None or not owns_exactly(owned[found[0]], item, live[place]):
            return False
        positions.append(place)
    # Order is part of what is applied.
    return positions == sorted(positions) and len(set(positions)) == len(positions)


def _in_order(desired: list[Any], live: list[Any]) -> bool:
    rest = iter(live)
    return all(any(exact(value, other) for other in rest) for value in desired)


def parsed_key(name: str) -> Obj:
    """The key of a keyed list's item, such as {"port": 80, "protocol": "TCP"}."""
    key: Obj = json.loads(name[2:])
    return key


def _has_key(key: Obj, item: Obj) -> bool:
    return all(field in item and exact(item[field], value) for field, value in key.items())


def _may_be(key: Obj, item: Obj) -> bool:
    """As `_has_key`, but a key field that the item leaves out may be one that the schema defaults (`protocol`)."""
    return all(exact(item[field], value) if field in item else True for field, value in key.items()) and any(
        field in item for field in key
    )


def merge_fields(live: Obj) -> Obj:
    """What all managers together own: tells which lists are keyed, sets, or atomic."""
    merged: Obj = {}
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        _merge(merged, entry.get("fieldsV1") or {})
    return merged


def _merge(into: Obj, fields: Obj) -> None:
    for name, below in fields.items():
        _merge(into.setdefault(name, {}), below)


def scaled_by_others(live: Obj) -> bool:
    """Whether `spec.replicas` was last set through the scale subresource: an autoscaler's, not ours."""
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        if entry.get("subresource") == "scale" and "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {}):
            return True
    return False
