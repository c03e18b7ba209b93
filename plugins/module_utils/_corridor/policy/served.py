# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The kinds that a task's objects, or an apply set's annotations, name: as the API server serves them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..._desired.policy.applyset import GroupKind
from ..._errors import Forbidden, NotFound
from ..._kube.client import Client
from ..._kube.kinds import CRD, KINDS, Kind, known

# apiVersion and kind.
Named = tuple[str, str]


def resolve(client: Client, names: Iterable[Named]) -> tuple[dict[Named, Kind], dict[Named, NotFound]]:
    """The kinds, and why a kind could not be resolved. Kinds of the table are not asked for."""
    found: dict[Named, Kind] = {}
    unknown: list[Named] = []
    for name in dict.fromkeys(names):
        if kind := known(*name):
            found[name] = kind
        else:
            unknown.append(name)

    def ask(name: Named) -> Kind | NotFound:
        try:
            return client.resolve({"apiVersion": name[0], "kind": name[1]})
        except NotFound as error:
            return error

    lacking: dict[Named, NotFound] = {}
    for name, answer in zip(unknown, client.many(ask, unknown), strict=True):
        if isinstance(answer, Kind):
            found[name] = answer
        else:
            lacking[name] = answer
    return found, lacking


def unserved(client: Client, kinds: Iterable[Kind]) -> set[Kind]:
    """Those of the kinds that the API server does not serve. One request per group and version."""
    groups: dict[tuple[str, str], list[Kind]] = {}
    for kind in dict.fromkeys(kinds):
        if kind.group:
            groups.setdefault((kind.group, kind.version), []).append(kind)
    asked = list(groups.values())
    # The first of each group pays, the others find its answer.
    client.many(lambda group: client.served(group[0]), asked)
    return {kind for group in asked for kind in group if not client.served(kind)}


def why_unserved(client: Client, kind: Kind) -> NotFound:
    """The error about a kind that is not served: its CRD is missing, or has other versions."""
    try:
        crd = client.get(CRD, kind.resource)
    except Forbidden:
        crd = None
    named = f"The API server does not serve {kind.kind} of {kind.api_version}"
    details = {"unserved": True, "crd": kind.resource}
    if crd is None:
        return NotFound(
            f"{named}: the CustomResourceDefinition {kind.resource} is missing.",
            status=404,
            verb="get",
            hint=_brings(kind.group),
            details=details,
        )
    versions = [str(each.get("name")) for each in crd["spec"].get("versions") or [] if each.get("served")]
    return NotFound(
        f"{named}: its CustomResourceDefinition {kind.resource} serves {', '.join(versions) or 'no version'}.",
        status=404,
        verb="get",
        hint=f"Write it in a version that is served, or install the {kind.resource} that has {kind.version}.",
        details={**details, "served": versions},
    )


def _brings(group: str) -> str:
    if group.endswith("istio.io"):
        return "Istio's CRDs come with the mesh: install it first (istio_mesh)."
    if group == "gateway.networking.k8s.io":
        return "Install the Gateway API's CRDs first (istio_mesh brings them)."
    return "Install its CustomResourceDefinition first."


def served_kinds(client: Client, names: Iterable[GroupKind], given: Mapping[GroupKind, Kind]) -> dict[GroupKind, Kind]:
    """Kinds that are known by group and kind only, in a version that is served; those that are gone are left out."""
    found = {name: given[name] for name in names if name in given}
    rest = [name for name in dict.fromkeys(names) if name not in given]
    for name, kind in zip(rest, client.many(lambda name: _served(client, *name), rest), strict=True):
        if kind is not None:
            found[name] = kind
    return found


def _served(client: Client, group: str, kind: str) -> Kind | None:
    for row in KINDS.values():
        if row.group == group and row.kind == kind and (not group or client.served(row)):
            return row
    try:
        versions = client.raw("GET", f"/apis/{group}" if group else "/api").json().get("versions") or []
    except NotFound:
        return None
    for each in versions:
        try:
            return client.resolve({"apiVersion": each["groupVersion"] if group else str(each), "kind": kind})
        except NotFound:
            continue
    return None
