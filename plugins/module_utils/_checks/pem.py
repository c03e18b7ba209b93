# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Certificates as PEM text: whose they are and how long they hold. Pure; Python's own OpenSSL reads them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of an authority. Times are in seconds since the epoch, `serial` is in hexadecimal digits."""

    subject: str
    serial: str
    not_before: float
    not_after: float


@lru_cache(maxsize=64)
def authorities(text: str) -> tuple[Certificate, ...]:
    """The authorities' certificates in a PEM text, each once; others are passed over.

    Raises ValueError, in words, for what holds none or cannot be understood.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"it holds no certificates in PEM: {error}") from error
    found = tuple(
        Certificate(
            subject=_subject(entry.get("subject")),
            serial=f"{int(str(entry['serialNumber']), 16):x}",
            not_before=ssl.cert_time_to_seconds(str(entry["notBefore"])),
            not_after=ssl.cert_time_to_seconds(str(entry["notAfter"])),
        )
        for entry in context.get_ca_certs()
    )
    if not found:
        raise ValueError("it holds no certificate of an authority")
    return found


def _subject(given: object) -> str:
    """`O=cluster.local`, of the parts that Python gives as pairs in pairs."""
    short = {"organizationName": "O", "organizationalUnitName": "OU", "commonName": "CN"}
    parts = given if isinstance(given, tuple) else ()
    return ", ".join(f"{short.get(key, key)}={value}" for part in parts for key, value in part)
