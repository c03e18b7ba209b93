# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page's colours can be read, light and dark, and its sheet is whole."""

from __future__ import annotations

import re

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._reports.page.style import style

PAIRS = [
    *((ink, ground) for ink in ("ink", "soft") for ground in ("paper", "card", "faint")),
    *((tone, f"{tone}-wash") for tone in ("bad", "warn", "odd", "note", "good", "quiet")),
    *((tone, "card") for tone in ("bad", "warn", "odd", "note", "good", "accent")),
    ("on", "bad"),
    ("paper", "ink"),
]


def palettes() -> dict[str, dict[str, str]]:
    found = [
        dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", block)) for block in re.findall(r"{color-scheme:[^}]*}", style())
    ]
    return {"light": found[0], "dark": found[1]}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS, ids=[f"{ink} on {ground}" for ink, ground in PAIRS])
def test_text_stands_out_as_wcag_asks(name: str, ink: str, ground: str) -> None:
    """4.5 to 1, as WCAG 2.2 AA asks of text."""
    palette = palettes()[name]
    darker, lighter = sorted((luminance(palette[ink]), luminance(palette[ground])))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_sheet_is_whole() -> None:
    sheet = style()
    assert sheet.count("{") == sheet.count("}")
    assert set(re.findall(r"var\(--([\w-]+)\)", sheet)) <= set(re.findall(r"--([\w-]+):", sheet))
