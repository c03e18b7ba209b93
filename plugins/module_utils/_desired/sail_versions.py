# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which release of the Sail Operator installs which Istio, and what each serves. Pure.

Source: the operator's own releases. What a cluster serves is read from its CRDs; this table chooses a release to
install, says what an offline rendering is for, and where the end of life of an Istio begins, which the CRDs do not say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .._errors import BadInput
from .._intent.versions import Version, parse_version


class OperatorRelease(NamedTuple):
    """A release of the operator, and the Istio versions that it can install."""

    version: Version
    oldest: Version
    newest: Version

    def installs(self, istio: Version) -> bool:
        return self.oldest <= istio <= self.newest and not istio.pre


def _release(version: str, oldest: str, newest: str) -> OperatorRelease:
    return OperatorRelease(parse_version(version), parse_version(oldest), parse_version(newest))


RELEASES: tuple[OperatorRelease, ...] = (
    _release("1.26.3", "1.24.0", "1.26.3"),
    _release("1.27.3", "1.24.0", "1.27.3"),
    _release("1.28.3", "1.26.0", "1.28.3"),
    _release("1.29.2", "1.27.0", "1.29.2"),
    _release("1.30.3", "1.28.0", "1.30.3"),
)
# Istio versions between those bounds that a release does not have, since they came after it.
_NEWEST_PATCH: dict[str, dict[int, int]] = {
    "1.26.3": {24: 6, 25: 3},
    "1.27.3": {24: 6, 25: 5, 26: 6},
    "1.28.3": {26: 8, 27: 5},
    "1.29.2": {},
    "1.30.3": {28: 10, 29: 6},
}
ZTUNNEL_V1 = 28
TARGET_REF = 30
"""The operator's minor versions since which ZTunnel is served as v1, and has `spec.targetRef`."""


def operators_for(istio: Version) -> list[Version]:
    """The known releases that install this Istio, oldest first."""
    return [release.version for release in RELEASES if _has(release, istio)]


def choose_operator(istio: Version, others: Iterable[Version] = ()) -> Version | None:
    """The newest known release that installs this Istio, and `others` too where one can; None when none is known."""
    fitting = [release for release in RELEASES if _has(release, istio)]
    if not fitting:
        return None
    wanted = list(others)
    keeping = [release for release in fitting if all(_has(release, other) for other in wanted)]
    return (keeping or fitting)[-1].version


def _has(release: OperatorRelease, istio: Version) -> bool:
    newest = _NEWEST_PATCH[str(release.version)].get(istio.minor)
    return release.installs(istio) and (newest is None or istio.patch <= newest)


def installable(served: Iterable[str]) -> list[Version]:
    """Of the versions that an operator's CRD lists (`v1.30.3`, aliases among them), those it installs, newest first.

    Versions past their end of life stay in the list of the CRD, and end in an error.
    """
    found = []
    for text in served:
        try:
            found.append(parse_version(text))
        except BadInput:
            continue
    if not found:
        return []
    newest = max(found)
    bound = next((release.oldest for release in RELEASES if release.version.minor == newest.minor), None)
    return sorted((one for one in found if bound is None or one >= bound), reverse=True)


def alias_of(text: str) -> bool:
    """Whether a version in a resource is an alias, such as `v1.30-latest`."""
    try:
        parse_version(text)
    except BadInput:
        return bool(text)
    return False
