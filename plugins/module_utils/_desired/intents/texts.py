# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the short forms share: reading durations, percents and hosts, and collecting what is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..._errors import BadInput

T = TypeVar("T")
_MOST = 30
_UNITS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class Complaints:
    """What is wrong with a family's elements, so that all of it is told at once."""

    def __init__(self, family: str) -> None:
        self.family = family
        self.found: list[str] = []

    def element(self, index: int, name: str = "") -> Element:
        """The element at this place of the list, named for people."""
        return Element(f"{self.family}[{index}]" + (f" ({name})" if name else ""), self)

    def done(self) -> None:
        """Raises BadInput that names each element, if anything is wrong."""
        if not self.found:
            return
        more = len(self.found) - _MOST
        lines = self.found[:_MOST] + ([f"and {more} more"] if more > 0 else [])
        raise BadInput("\n".join(lines), details={"errors": self.found[:_MOST]})


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a family's list. `origin` is what messages and Documents call it: `traffic[2] (reviews)`."""

    origin: str
    complaints: Complaints

    def wrong(self, what: str) -> None:
        """Notes what is wrong, in a sentence that names the option."""
        self.complaints.found.append(f"{self.origin}: {what}")

    def read(self, option: str, parse: Callable[[Any], T], value: Any) -> T | None:
        """`parse(value)`; None when the value is None, or when `parse` raised BadInput, which is noted."""
        if value is None:
            return None
        try:
            return parse(value)
        except BadInput as wrong:
            self.wrong(f"{option}: {wrong}")
            return None


def milliseconds(text: str) -> int:
    """A duration as Istio writes it (`1h`, `1m30s`, `0.5s`, `20ms`), at least a millisecond. Raises BadInput."""
    text = str(text)
    total = 0.0
    if _DURATION.fullmatch(text):
        total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if total < 1:
        raise BadInput(f"{text!r} is no duration of at least 1ms.", hint="Write it as 1h, 1m, 1s, 1.5s or 1ms.")
    return round(total)


def duration(text: str) -> str:
    """The duration as both Istio and the Gateway API take it: whole seconds, or else milliseconds. Raises BadInput."""
    total = milliseconds(text)
    whole = f"{total // 1000}s" if total % 1000 == 0 else f"{total}ms"
    # The Gateway API allows five digits.
    if len(whole.rstrip("ms")) > 5:
        hours, rest = divmod(total, _UNITS["h"])
        minutes, rest = divmod(rest, _UNITS["m"])
        seconds, rest = divmod(rest, _UNITS["s"])
        parts = ((hours, "h"), (minutes, "m"), (seconds, "s"), (rest, "ms"))
        whole = "".join(f"{number}{unit}" for number, unit in parts if number)
    return whole


def percent(value: float) -> float:
    """A percentage from 0 to 100, an int where it is whole. Raises BadInput."""
    if not 0 <= value <= 100:
        raise BadInput(f"{value:g} is no percentage.", hint="Give 0 to 100.")
    return int(value) if value == int(value) else value


def port(value: int) -> int:
    """A port's number. Raises BadInput."""
    if not 1 <= value <= 65535:
        raise BadInput(f"{value} is no port.", hint="Give 1 to 65535.")
    return value


def dns_label(text: str) -> str:
    """A name as Services and versions have it: lower-case letters, digits, dashes, at most 63. Raises BadInput."""
    if not _LABEL.fullmatch(str(text)):
        raise BadInput(f"{text!r} is no name.", hint="Use lower-case letters, digits and dashes, at most 63.")
    return text


def dns_subdomain(text: str) -> str:
    """A name as most objects have it: such names with dots between them, at most 253. Raises BadInput."""
    if len(str(text)) > 253 or not all(_LABEL.fullmatch(part) for part in str(text).split(".")):
        raise BadInput(f"{text!r} is no name.", hint="Use lower-case letters, digits, dashes and dots.")
    return text


@dataclass(frozen=True, slots=True)
class Host:
    """A host that traffic goes to. `service` is "" for one outside the cluster; then `namespace` is the element's.

    `text` is what Istio's objects in the element's namespace call it: a Service of the same namespace by its name
    alone, which is right whatever the cluster's domain is.
    """

    text: str
    service: str
    namespace: str


def host(text: str, namespace: str | None) -> Host:
    """A host from a Service's name, `name.namespace.svc[.domain]`, or the name of one outside. Raises BadInput."""
    labels = str(text).split(".")
    wildcard = labels[0] == "*" and len(labels) > 1
    if not all(_LABEL.fullmatch(label) for label in labels[wildcard:]):
        raise BadInput(f"{text!r} is no host.", hint="Give a Service's name, or a fully qualified domain name.")
    if len(labels) == 1:
        if not namespace:
            raise BadInput(f"{text} is a Service of no namespace.", hint="Give `namespace`.")
        return Host(text, text, namespace)
    if len(labels) > 2 and labels[2] == "svc" and not wildcard:
        full = text if len(labels) > 3 else f"{text}.cluster.local"
        return Host(labels[0] if labels[1] == namespace else full, labels[0], labels[1])
    return Host(text, "", namespace or "")
