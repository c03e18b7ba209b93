# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Trees of Helm values: paths, merging, and the comparison of what was set twice. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]


def leaves(tree: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path; lists and empty dictionaries are leaves."""
    for key, value in tree.items():
        path = (*above, str(key))
        if isinstance(value, Mapping) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def put(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Set one leaf, making the dictionaries above it."""
    for key in path[:-1]:
        below = tree.get(key)
        if not isinstance(below, dict):
            below = tree[key] = {}
        tree = below
    # A copy: what is set beneath it later must not reach into the caller's own dictionary.
    tree[path[-1]] = merge(value, {}) if isinstance(value, Mapping) else value


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A new tree: dictionaries merged, everything else of `above` wins."""
    merged = {key: merge(value, {}) if isinstance(value, Mapping) else value for key, value in below.items()}
    for key, value in above.items():
        known = merged.get(key)
        if isinstance(value, Mapping):
            merged[key] = merge(known if isinstance(known, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def same_values(one: Any, other: Any) -> bool:
    """Whether two trees of values say the same to a chart; a key set to nothing says the same as no key."""
    return bool(_plain(one) == _plain(other))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        plain = {str(key): _plain(below) for key, below in value.items()}
        return {key: below for key, below in plain.items() if below is not None and below != {}}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Dotted paths whose values differ between two trees, sorted: names only, no values."""
    one, other = dict(leaves(before)), dict(leaves(after))
    return sorted(
        ".".join(path) for path in one.keys() | other.keys() if not same_values(one.get(path), other.get(path))
    )
