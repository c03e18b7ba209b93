# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of the user's own as they are written: each with an id, a source or a resource, and a query that compiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from .._checks import custom
from .._checks.custom import Custom
from .._checks.model import Check
from .._checks.sources import ALL_SERVICES, INSIDE, JOURNALS, MESH_CONFIGS, OF_KIND, PODS, ROOT_CERTIFICATES
from .._errors import BadInput

_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]{1,39}")
# What is read for other checks and has a shape that stays: see docs/verify.md.
SOURCES: tuple[str, ...] = (
    "namespaces",
    "nodes",
    PODS,
    ALL_SERVICES,
    ROOT_CERTIFICATES,
    MESH_CONFIGS,
    JOURNALS,
    "istiods",
    "daemonsets",
    "mutating_webhooks",
    "validating_webhooks",
    *OF_KIND.values(),
    *INSIDE,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """Objects of one kind: in a namespace or in all, with these labels or any."""

    api_version: str
    kind: str
    namespace: str = ""
    label_selector: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """A check of the user's own, and the resource that it reads, if it is not for sources of the snapshot."""

    custom: Custom
    resource: Resource | None = None

    @property
    def source(self) -> str:
        """The name of the source that its resource becomes."""
        return self.custom.sources[0]


def own_checks(given: Iterable[Mapping[str, Any]], there: Sequence[Check]) -> tuple[Own, ...]:
    """The checks, in their order. Raises BadInput, naming the check and the option."""
    found: dict[str, Own] = {}
    for place, entry in enumerate(given):
        where = f"custom_checks[{place}]"
        if not custom.HAS_JMESPATH:
            raise BadInput(
                "`custom_checks` needs the Python package jmespath where the module runs.",
                hint="Install it, for instance by pip install jmespath.",
            )
        name = str(entry["id"])
        if not _ID.fullmatch(name) or name.upper().startswith("MW"):
            raise BadInput(
                f"`{where}.id` is {name}.",
                hint="Use letters, digits, dots and dashes, such as TEAM-1; identifiers beginning with MW are taken.",
            )
        if name in found or any(name.lower() in (check.id.lower(), check.category) for check in there):
            raise BadInput(
                f"`{where}.id` is {name}, which there is already.", hint="Give each check a name of its own."
            )
        found[name] = _own(entry, where, name)
    return tuple(found.values())


def _own(entry: Mapping[str, Any], where: str, name: str) -> Own:
    sources, resource = [str(each) for each in entry.get("sources") or ()], entry.get("resource")
    if bool(sources) == bool(resource):
        raise BadInput(
            f"`{where}` ({name}) has {'both sources and' if sources else 'neither sources nor'} resource.",
            hint="Name sources of the snapshot, or a resource to read.",
        )
    for source in sources:
        if source not in SOURCES:
            close = get_close_matches(source, SOURCES, n=1)
            known = f"Did you mean {close[0]}?" if close else f"There are {', '.join(SOURCES)}."
            raise BadInput(f"`{where}.sources` ({name}) names {source}, which is no source.", hint=known)
    read = None
    if resource:
        read = Resource(
            str(resource["api_version"]),
            str(resource["kind"]),
            str(resource.get("namespace") or ""),
            str(resource.get("label_selector") or ""),
        )
        sources = [f"resource of {name}"]
    query, text = str(entry["query"]), str(entry.get("text") or "")
    for option, expression in (("query", query), *(("text", each) for each in custom.expressions(text))):
        problem = custom.problem(expression)
        if problem:
            raise BadInput(f"`{where}.{option}` ({name}) is no JMESPath: {problem}", hint="See https://jmespath.org.")
    return Own(
        Custom(
            id=name,
            title=str(entry["title"]),
            severity=entry.get("severity") or "warning",
            sources=tuple(sources),
            query=query,
            message=text,
            remedy=str(entry.get("remedy") or ""),
        ),
        read,
    )
