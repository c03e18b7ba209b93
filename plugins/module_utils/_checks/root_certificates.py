# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The mesh's root certificates, from the ConfigMaps istio-ca-root-cert. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from . import pem
from .snapshot import Snapshot, dig, ref
from .sources import ROOT_CERTIFICATES

_KEY = "root-cert.pem"


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots that namespaces are given, each once, and the ConfigMap that it was first seen in.

    `problem` is why another ConfigMap could not be understood; empty when all could.
    """

    roots: tuple[tuple[pem.Certificate, str], ...] = ()
    problem: str = ""

    def serials(self) -> set[str]:
        return {root.serial for root, _where in self.roots}

    def lines(self) -> tuple[str, ...]:
        return tuple(f"{root.subject}, serial {root.serial}, in {where}" for root, where in self.roots)


def roots_of(snapshot: Snapshot) -> Roots:
    """All roots there are. Raises `Undecided` when the ConfigMaps could not be read."""
    return snapshot.once(_roots)


def _roots(snapshot: Snapshot) -> Roots:
    found: dict[str, tuple[pem.Certificate, str]] = {}
    problem = ""
    for item in snapshot.items(ROOT_CERTIFICATES):
        try:
            for root in pem.authorities(str(dig(item, "data", _KEY) or "")):
                found.setdefault(root.serial, (root, ref(item)))
        except ValueError as error:
            problem = f"{ref(item)}: {error}"
    return Roots(tuple(found.values()), problem)


def self_made(root: pem.Certificate) -> bool:
    """istiod made it itself: its name is nothing but an organisation, the trust domain."""
    return root.subject.startswith("O=") and ", " not in root.subject


def day(moment: float) -> str:
    """`2036-11-18`, of seconds since the epoch."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d")
