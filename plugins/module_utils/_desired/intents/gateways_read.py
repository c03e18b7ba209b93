# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""An element of `gateways` as both APIs make objects of it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tls:
    """`mode` is simple, mutual or passthrough; the Secret's name and namespace are "" with the last."""

    mode: str
    credential: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests of a path go. `path` is a whole path if `exact`, else the beginning of one, by its segments."""

    service: str
    namespace: str
    port: int
    exact: bool = False
    path: str = "/"
    method: str = ""
    headers: Mapping[str, str] | None = None
    rewrite: str = ""
    timeout: str = ""


@dataclass(frozen=True, slots=True)
class Exposure:
    """`hosts` is empty for all hosts; `existing` is (namespace, name) of a gateway that is there, or None."""

    name: str
    namespace: str
    hosts: Sequence[str]
    port: int
    http_port: int
    tls: Tls | None
    redirect: bool
    existing: tuple[str, str] | None
    section: str
    gateway_class: str
    selector: Mapping[str, str]
    from_all: bool
    routes: Sequence[Route]

    @property
    def passthrough(self) -> bool:
        return self.tls is not None and self.tls.mode == "passthrough"
