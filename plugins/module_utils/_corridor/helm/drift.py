# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether a release's objects are as its manifest says, and what the server makes of those that are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._desired.manifests import label
from ..._errors import Invalid
from ..._kube.client import Client
from ..differ import before_after, drift, same
from ..live import observe, target

# Helm's own field manager, so that what we re-apply of its manifest stays Helm's.
HELM_MANAGER = "helm"
Live = dict[str, "dict[str, Any] | None"]


@dataclass(frozen=True, slots=True)
class Drifted:
    """One object that is not as its manifest says; `paths` is empty when it is missing altogether."""

    desired: dict[str, Any]
    paths: list[str]
    before: dict[str, Any]
    after: dict[str, Any]


def read_live(client: Client, objects: Iterable[Mapping[str, Any]]) -> Live:
    """Each object as it is on the server now, by label; None when missing."""
    wanted = list(objects)
    targets = [target(client.resolve(obj), obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in wanted]
    found = observe(client, targets)
    return {label(obj): found.get(one) for obj, one in zip(wanted, targets, strict=True)}


def find_drift(client: Client, objects: Iterable[dict[str, Any]], live: Live) -> dict[str, Drifted]:
    """The objects that differ from their manifest, by label.

    Compared here first; only what seems to differ is put to the server as a dry run, whose answer decides: it knows
    what defaulting and normalising make of a value.
    """
    suspects = []
    for obj in objects:
        there = live.get(label(obj))
        paths = [] if there is None else drift(obj, there)
        if there is None or paths:
            suspects.append((obj, there, paths))

    def ask(suspect: tuple[dict[str, Any], dict[str, Any] | None, list[str]]) -> Drifted | None:
        obj, there, paths = suspect
        if there is None:
            return Drifted(obj, paths, *before_after(None, obj))
        try:
            predicted = client.apply(obj, manager=HELM_MANAGER, force=True, dry_run=True)
        except Invalid:  # What was edited may make the way back invalid in place; that it differs is certain.
            return Drifted(obj, paths, *before_after(there, obj))
        return None if same(there, predicted) else Drifted(obj, paths, *before_after(there, predicted))

    found = client.many(ask, suspects)
    return {label(one.desired): one for one in found if one is not None}
