# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Istio versions each release of the Sail Operator knows, and which build of istiod stands for each."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

FIELDS = Path(__file__).resolve().parent / "fields.json"
"""Per operator version: `versions` (the enum of Istio and IstioCNI, newest first), `ztunnelVersions`, and the fields of
`values` of Istio, IstioCNI and ZTunnel with their types. Names as in the CRDs of that release."""
OLDEST_MINOR = {"1.27.3": 24, "1.28.3": 26, "1.30.3": 28}
"""Operator -> the oldest minor version of Istio 1.x that it still installs; older ones in its enum are end-of-life."""
OPERATORS = tuple(OLDEST_MINOR)
LABELLED = {
    "1.27.2": "current",
    "1.27.3": "next",
    "1.28.2": "current",
    "1.28.3": "next",
    "1.29.6": "current",
    "1.30.2": "current",
    "1.30.3": "next",
}
"""The versions that tests use, and the build (as in state.json's `versions`) that bears that label. Any other version
that an operator can install is the current build under another label."""


@functools.cache
def fields(operator: str) -> dict[str, Any]:
    """What fields.json says of an operator's release; the newest one's for a release that is not there."""
    table = json.loads(FIELDS.read_text())
    return dict(table.get(operator) or table[OPERATORS[-1]])


def plain(version: str) -> str:
    """ "1.30.3" for "v1.30.3"."""
    return version.removeprefix("v")


def known(operator: str) -> list[str]:
    """The enum of spec.version, newest first: "v1.30-latest", "v1.30.3", ..."""
    return list(fields(operator)["versions"])


def minor(version: str) -> int:
    """30 for "v1.30.3" and "v1.30-latest"."""
    found = re.match(r"v?1\.(\d+)", version)
    return int(found.group(1)) if found else -1


def is_end_of_life(operator: str, version: str) -> bool:
    return minor(version) < OLDEST_MINOR.get(operator, OLDEST_MINOR[OPERATORS[-1]])


def resolve(operator: str, version: str) -> str | None:
    """The version that an alias stands for ("v1.30-latest" -> "v1.30.3"), any other itself; None for an unknown one."""
    enum = known(operator)
    if version not in enum:
        return None
    if not version.endswith("-latest"):
        return version
    prefix = f"{version.removesuffix('-latest')}."
    return next((each for each in enum if each.startswith(prefix)), None)


def installable(operator: str) -> list[str]:
    """Every version, without aliases and without the leading v, that the operator can install, newest first."""
    return [
        plain(each) for each in known(operator) if not each.endswith("-latest") and not is_end_of_life(operator, each)
    ]


def build(version: str) -> str:
    """ "current" or "next": the build of istiod and the charts that stand for a version ("1.30.3" or "v1.30.3")."""
    return LABELLED.get(plain(version), "current")


def builds() -> dict[str, str]:
    """Every version that some operator can install -> its build."""
    return {version: build(version) for operator in OPERATORS for version in installable(operator)}


def for_state() -> dict[str, Any]:
    """What state.json says under `sail`: the operator's chart versions, and for each the Istio versions that tests use,
    oldest first."""
    versions = {operator: [each for each in LABELLED if each in installable(operator)] for operator in OPERATORS}
    return {"operator_versions": list(OPERATORS), "versions": versions}
