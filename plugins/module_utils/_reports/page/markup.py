# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""HTML that is escaped because it cannot be built otherwise: what is not `Markup` becomes text."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any, TypeAlias

_VOID = frozenset(("br", "hr", "input", "meta", "link"))
_NAMES = {"cls": "class", "for_": "for"}


class Markup(str):
    """Text that is HTML already. Only this package makes it, from its own words and from what it has escaped."""


Child: TypeAlias = str | Markup | Iterable[Any] | None


def el(tag: str, *children: Child, **attributes: Any) -> Markup:
    """An element. Children are text, markup, None, or an iterable of these; text is escaped.

    An attribute of True stands alone, one of False or None is left out; `data_x` is written data-x, `cls` class.
    """
    said = "".join(
        f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
        for name, value in ((_NAMES.get(key, key.replace("_", "-")), value) for key, value in attributes.items())
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Markup(f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{join(children)}</{tag}>")


def join(children: Child) -> Markup:
    """Children one after the other, as `el` takes them."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(html.escape(children))
    return Markup("".join(map(join, children)))


def data(value: Any) -> Markup:
    """JSON for within a script element: nothing in it ends the element, or a line of script."""
    said = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(said.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
