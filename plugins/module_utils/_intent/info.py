# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What `mesh_info` is asked: which parts of the picture, of which namespaces, and whether proxies are asked too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._checks.picture import PARTS, sources_of
from .._checks.sources import INSIDE
from .._errors import BadInput

INFO_SPEC: dict[str, dict[str, Any]] = {
    "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "port_forward": {"type": "bool", "default": True},
    "proxy_limit": {"type": "int", "default": 40},
    "read_timeout": {"type": "int", "default": 60},
}


@dataclass(frozen=True, slots=True)
class InfoIntent:
    """The parts to gather, in their order. `namespaces` None tells of all. `read_timeout` is in seconds."""

    parts: tuple[str, ...] = PARTS
    namespaces: frozenset[str] | None = None
    inside: bool = True
    proxy_limit: int = 40
    read_timeout: float = 60

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> InfoIntent:
        """From a module's parameters. Raises BadInput for numbers that make no sense, and for nothing to gather."""
        gather = params.get("gather")
        parts = PARTS if gather is None else tuple(part for part in PARTS if part in gather)
        if not parts:
            raise BadInput("`gather` is empty, so there is nothing to tell.", hint="Leave it out to gather all.")
        for name, least in (("proxy_limit", 0), ("read_timeout", 1)):
            if params.get(name) is not None and params[name] < least:
                raise BadInput(f"`{name}` is {params[name]}.", hint=f"Give {least} or more.")
        if any(not str(name).strip() for name in params.get("namespaces") or ()):
            raise BadInput("`namespaces` holds an empty name.", hint="Leave the option out to tell of all namespaces.")
        port_forward, limit = params.get("port_forward"), params.get("proxy_limit")
        return cls(
            parts=parts,
            namespaces=frozenset(params["namespaces"]) if params.get("namespaces") else None,
            inside=True if port_forward is None else bool(port_forward),
            proxy_limit=40 if limit is None else int(limit),
            read_timeout=float(params.get("read_timeout") or 60),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of what these parts read, less what only proxies can tell where they are not asked."""
        return tuple(name for name in sources_of(self.parts) if self.inside or name not in INSIDE)
