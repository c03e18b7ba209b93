# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Istio versions as images, labels and people write them: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .snapshot import Obj, dig, labels_of

_VERSION = re.compile(r"^v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+.](.*))?$")
# Charts built from source carry this instead of a version.
_UNSTAMPED = "1.0.0"


class Version(NamedTuple):
    """A version, comparable; a variant such as `distroless` does not take part."""

    major: int
    minor: int
    patch: int = 0

    @property
    def line(self) -> tuple[int, int]:
        """The minor release line, `(1, 31)`."""
        return (self.major, self.minor)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse(text: str) -> Version | None:
    """`1.31.1`, `v1.31`, `1.31.1-distroless`, `1.31-alpha.abc`; None for what is no version (`latest`, a digest)."""
    found = _VERSION.match(text.strip())
    if found is None or text.strip() == _UNSTAMPED:
        return None
    return Version(int(found[1]), int(found[2]), int(found[3] or 0))


def of_image(image: str) -> Version | None:
    """The version in an image's tag, None without a tag that is a version."""
    path = image.split("@", 1)[0]
    colon, tag = path.rpartition(":")[1:]
    # registry:5000/name has a colon, but no tag behind it
    return parse(tag) if colon and "/" not in tag else None


def of_workload(workload: Obj, container: str | None = None) -> Version | None:
    """The version of a Deployment, DaemonSet or Pod: by its container's image, else by the standard labels."""
    spec = dig(workload, "spec", "template", "spec") or dig(workload, "spec") or {}
    for found in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        if isinstance(found, Mapping) and container in (None, found.get("name")):
            version = of_image(str(found.get("image", "")))
            if version is not None:
                return version
    for labels in (labels_of(workload), dig(workload, "spec", "template", "metadata", "labels") or {}):
        version = parse(str(labels.get("app.kubernetes.io/version", "")))
        if version is not None:
            return version
    return None
