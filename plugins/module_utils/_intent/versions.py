# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Istio versions and what follows from them: order, supported hops, the Kubernetes versions they run on. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from .._errors import BadInput

# Minor version of Istio -> oldest and newest minor version of Kubernetes 1.x that the project supports it on.
# Source: istio.io, "Support status of Istio releases"; the oldest of 1.31 from its own installer's check.
KUBERNETES_SUPPORT: dict[int, tuple[int, int]] = {
    24: (28, 31),
    25: (29, 32),
    26: (29, 33),
    27: (29, 33),
    28: (30, 34),
    29: (31, 35),
    30: (32, 36),
    31: (32, 36),
}
OLDEST_MINOR = min(KUBERNETES_SUPPORT)
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_KUBERNETES = re.compile(r"v?(\d+)\.(\d+)")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; a pre-release (`1.31.0-beta.0`) is older than its release."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")

    def _key(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        parts = (
            tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in self.pre.split(".")) if self.pre else ()
        )
        return (self.major, self.minor, self.patch, not self.pre, parts)

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()


def parse_version(text: str, what: str = "version") -> Version:
    """`1.31.1` or `v1.31.1-beta.0` as a Version; anything else is BadInput that names `what`."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise BadInput(
            f"{what}: {text!r} is not a full version.",
            hint="Name all three numbers, such as 1.31.1: a range would make the same run install different things.",
        )
    return Version(int(match[1]), int(match[2]), int(match[3]), match[4] or "")


def hop_problem(current: Version, wanted: Version) -> tuple[str, str]:
    """Why an in-place change from `current` to `wanted` is unsafe: (kind, sentence), or ("", "") when it is supported.

    kind is `downgrade` or `skip`. Istio supports upgrades in place by one minor version.
    """
    if wanted < current:
        return "downgrade", f"{wanted} is older than the {current} that is installed"
    if current.major != wanted.major or wanted.minor - current.minor > 1:
        return (
            "skip",
            f"from {current} to {wanted} skips minor versions; Istio supports an upgrade in place by one minor",
        )
    return "", ""


def kubernetes_problem(istio: Version, kubernetes: str) -> tuple[str, str]:
    """What is wrong with this Istio on this Kubernetes (`v1.35.4`): (severity, sentence).

    severity is `refuse` (older than Istio supports), `warn` (newer than it was tested on), `note`
    (no table for this Istio version) or "" when the pair is supported.
    """
    match = _KUBERNETES.match(kubernetes)
    if match is None:
        return "note", f"the server's version {kubernetes!r} could not be read, so it was not checked"
    minor = int(match[2])
    if istio.major != 1 or istio.minor not in KUBERNETES_SUPPORT:
        return (
            "note",
            f"no table of Kubernetes versions is known for Istio {istio}, so Kubernetes 1.{minor} was not checked",
        )
    oldest, newest = KUBERNETES_SUPPORT[istio.minor]
    supported = f"Istio 1.{istio.minor} supports Kubernetes 1.{oldest} to 1.{newest}"
    if minor < oldest:
        return "refuse", f"{supported}; this server is 1.{minor}"
    if minor > newest:
        return "warn", f"{supported}; this server is newer (1.{minor}) and untested with it"
    return "", ""
