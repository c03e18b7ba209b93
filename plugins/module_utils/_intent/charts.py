# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Where charts come from, as options say it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._errors import BadInput


@dataclass(frozen=True, slots=True)
class ChartSource:
    """Where charts come from; `location` is a URL, an OCI reference or a path."""

    kind: Literal["repository", "oci", "path"]
    location: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    validate_certs: bool = True


def chart_source(given: Mapping[str, Any], default: str, option: str = "charts") -> ChartSource:
    """The source that options name, else the repository `default`. Raises BadInput naming `option` and the way out."""
    common = {
        "username": given.get("username") or "",
        "password": given.get("password") or "",
        "ca_file": given.get("ca_file") or "",
        "validate_certs": given.get("validate_certs", True),
    }
    if given.get("path"):
        return ChartSource("path", given["path"], **common)
    if given.get("oci"):
        location = given["oci"].removesuffix("/")
        if not location.startswith("oci://"):
            raise BadInput(
                f"{option}.oci: {location!r} is not an OCI reference.",
                hint="It starts with oci:// and names the folder of the charts, such as oci://registry.example.com/istio.",
            )
        return ChartSource("oci", location, **common)
    location = (given.get("repository") or default).removesuffix("/")
    if not location.startswith(("http://", "https://")):
        raise BadInput(
            f"{option}.repository: {location!r} is not an http or https URL.",
            hint=f"For a folder or archives use {option}.path, for a registry {option}.oci.",
        )
    if "@" in location.split("//", 1)[1].split("/", 1)[0]:
        raise BadInput(
            f"{option}.repository holds credentials.", hint=f"Give them as {option}.username and {option}.password."
        )
    return ChartSource("repository", location, **common)
