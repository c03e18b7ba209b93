# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The baseline as it is written: every entry says what, why, and may say until when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from .._checks.baseline import Entry
from .._errors import BadInput
from .verify_names import plain


def baseline(entries: Iterable[Mapping[str, Any]], ids: Collection[str]) -> tuple[Entry, ...]:
    """The entries, in their order. `ids` are the checks that there are. Raises BadInput, naming the entry."""
    known = {plain(each): each for each in ids}
    known |= {str(int(each[2:])): each for each in ids if each.startswith("MW") and each[2:].isdigit()}
    found = []
    for place, entry in enumerate(entries):
        where = f"baseline[{place}]"
        check = known.get(plain(str(entry["check"])))
        if check is None:
            raise BadInput(f"`{where}.check` is {entry['check']}, which is no check.", hint="See docs/checks.md.")
        reason = str(entry.get("reason") or "").strip()
        if not reason:
            raise BadInput(f"`{where}.reason` is empty.", hint="Say why this is accepted: whoever reads it later asks.")
        found.append(Entry(check, str(entry.get("object") or ""), reason, _day(entry.get("expires"), where)))
    return tuple(found)


def _day(given: Any, where: str) -> str:
    """A date as YYYY-MM-DD; YAML makes dates of such texts by itself."""
    if given in (None, ""):
        return ""
    text = str(given).strip()[:10]
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadInput(
            f"`{where}.expires` is {given}, which is no date.", hint="Write the last day as 2027-03-31."
        ) from None
