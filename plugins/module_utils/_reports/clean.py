# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What comes from a cluster, made fit to be written anywhere: bounded, and without characters that hide or break."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST_TEXT = 600
LONGEST_FACT = 300

_MOST_ENTRIES = 1000
_DEEPEST = 8

# Control characters and lone surrogates, which XML and UTF-8 refuse, and marks that turn the direction of text, which
# make a name look like another one.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
_SPACES = re.compile(r"[\t\n\r\f\v\u2028\u2029 ]+")


def text(value: Any, most: int = LONGEST_TEXT) -> str:
    """The value on one line, at most so many characters long; empty for None. What is unfit becomes U+FFFD."""
    if value is None:
        return ""
    line = _SPACES.sub(" ", str(value)[: most * 4]).strip()
    line = _UNFIT.sub("\N{REPLACEMENT CHARACTER}", line)
    return line if len(line) <= most else f"{line[: most - 4]} ..."


def texts(values: Any, most: int, longest: int = LONGEST_FACT) -> tuple[str, ...]:
    """The values as texts, the rest counted in a last one. A single string counts as one; anything else as none."""
    if isinstance(values, str):
        values = (values,)
    if not isinstance(values, Iterable) or isinstance(values, Mapping):
        return ()
    found = [each for each in (text(value, longest) for value in values) if each]
    return (*found[:most], f"and {len(found) - most} more") if len(found) > most else tuple(found)


def number(value: Any) -> int:
    """The value as a count; 0 for what is none."""
    return int(max(0.0, amount(value)))


def amount(value: Any) -> float:
    """The value as a quantity; 0 for what is none."""
    if isinstance(value, (int, float)) and abs(value) < 1e15:
        return float(value)
    return 0.0


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any, most: int = _MOST_ENTRIES) -> list[Mapping[str, Any]]:
    """The mappings among a list's entries, at most so many; none when it is no list."""
    if not isinstance(value, (list, tuple)):
        return []
    return [each for each in value if isinstance(each, Mapping)][:most]


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON can say it, bounded in depth, breadth and length of each text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value if abs(value) < 1e15 else None
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {text(key, 200): plain(each, depth + 1) for key, each in list(value.items())[:_MOST_ENTRIES]}
    if isinstance(value, (list, tuple, set, frozenset)):
        entries = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [plain(each, depth + 1) for each in list(entries)[:_MOST_ENTRIES]]
    return text(value)
