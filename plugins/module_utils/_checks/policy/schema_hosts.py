# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Hosts, ports, labels and exportTo, as istiod's validation wants them. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..snapshot import Obj, dig, namespace_of
from .model import some

_LABEL = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_WILD_LABEL = re.compile(r"(?:\*|(?:\*|\*-)?(?:[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?))")


def bad_host(host: Any) -> str:
    """Why a host that may be a wildcard is none; empty when it is one."""
    text = str(host or "")
    if not text:
        return "an empty host"
    if len(text) > 255:
        return f"a host of {len(text)} characters (at most 255)"
    first, dot, rest = text.partition(".")
    if not _WILD_LABEL.fullmatch(first) or len(first) > 63:
        return f"the host {text}, which is no domain name"
    if dot:
        labels = rest.split(".")
        if labels[-1] == "":
            labels = labels[:-1]
        if not all(_LABEL.fullmatch(label) for label in labels) or (labels and labels[-1].isdecimal()):
            return f"the host {text}, which is no domain name"
    return ""


def is_address(text: str) -> bool:
    return ":" in text or bool(re.fullmatch(r"\d+(\.\d+){3}", text))


def bad_port(number: Any) -> bool:
    return not isinstance(number, int) or not 1 <= number <= 65535


def exported(obj: Obj, *, nobody: bool = False) -> Iterator[str]:
    given = [str(one) for one in dig(obj, "spec", "exportTo") or ()]
    if not given:
        return
    home = namespace_of(obj)
    names = [home if one == "." else one for one in given]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        yield f"exportTo names {some(twice)} twice"
    if "*" in names and len(names) > 1:
        yield "exportTo has * beside others"
    if "~" in names and not nobody:
        yield "exportTo is ~, which only a ServiceEntry may say"
    elif "~" in names and len(names) > 1:
        yield "exportTo has ~ beside others"


def is_label(text: str) -> bool:
    return bool(_LABEL.fullmatch(text)) and len(text) <= 63


def no_wildcards(labels: Any) -> Iterator[str]:
    if any("*" in str(part) for item in labels.items() for part in item) or "" in labels:
        yield "its selector has a wildcard or an empty label"
