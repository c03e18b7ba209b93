# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The mesh's root certificates, from the ConfigMaps istio-ca-root-cert. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .snapshot import Snapshot, dig, ref
from .sources import ROOT_CERTIFICATES

_KEY = "root-cert.pem"


@dataclass(frozen=True, slots=True)
class Root:
    """One root certificate: serial in hexadecimal digits, end in seconds since the epoch, who it says it is."""

    serial: str
    ends: float
    subject: str
    self_made: bool
    """istiod made it itself: nothing but an organisation, the trust domain, in its name."""


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots that namespaces are given, and in which ConfigMap each was first seen.

    `readable` is False where certificates cannot be looked into (no `cryptography` package), or are none.
    """

    roots: tuple[Root, ...] = ()
    where: tuple[str, ...] = ()
    readable: bool = True

    def serials(self) -> set[str]:
        return {root.serial for root in self.roots}


def roots_of(snapshot: Snapshot) -> Roots:
    """All roots there are, each once. Raises `Undecided` when the ConfigMaps could not be read."""
    return snapshot.once(_roots)


def _roots(snapshot: Snapshot) -> Roots:
    found: dict[str, Root] = {}
    where: dict[str, str] = {}
    readable = True
    seen: set[str] = set()
    for item in snapshot.items(ROOT_CERTIFICATES):
        text = str(dig(item, "data", _KEY) or "")
        if not text or text in seen:
            continue
        seen.add(text)
        parsed = parse(text)
        readable = readable and parsed is not None
        for root in parsed or ():
            found.setdefault(root.serial, root)
            where.setdefault(root.serial, ref(item))
    return Roots(tuple(found.values()), tuple(where.values()), readable)


def parse(text: str) -> list[Root] | None:
    """The certificates of a PEM text; None where they cannot be looked into."""
    try:
        # Comes with ansible-core; where modules run there may be none. Importing it takes a while, so not before.
        from cryptography import x509
    except ImportError:
        return None
    try:
        return [_root(one) for one in x509.load_pem_x509_certificates(text.encode())]
    except (ValueError, TypeError):
        return None


def _root(one: Any) -> Root:
    # Until release 42 there is only the one without a time zone.
    ends = getattr(one, "not_valid_after_utc", None) or one.not_valid_after.replace(tzinfo=timezone.utc)
    names = [attribute.rfc4514_attribute_name for attribute in one.subject]
    return Root(
        f"{one.serial_number:x}",
        ends.timestamp(),
        one.subject.rfc4514_string(),
        one.issuer == one.subject and names == ["O"],
    )


def day(moment: float) -> str:
    """`2036-11-18`, of seconds since the epoch."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d")
