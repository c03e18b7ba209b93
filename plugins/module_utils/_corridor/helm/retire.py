# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Revisions that a layout no longer has: uninstalled, once nothing uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

from ..._desired.layout import Installed, Layout, Part, istiod_name
from ..._desired.manifests import label, shown
from ..._desired.tags import ALIAS, alias_target
from ..._errors import GuardRefused
from ..._kube import kinds
from ..mesh.context import MeshRun
from ..mesh.leftovers import elections_of
from ..objects import ObjectEngine
from ..plan import Step
from ..usage import Usage, read_usage
from .apply import stored_objects
from .observe import MeshObserved


def plan_retire(
    run: MeshRun, observed: MeshObserved, installed: Installed, layout: Layout, parts: Set[Part], base_asks: str
) -> list[Step]:
    """A step for each revision that goes. `base_asks` is the revision that the default validator will ask.

    Raises GuardRefused naming what uses one of them.
    """
    going = going_of(installed, layout) if "retire" in parts else []
    if not going:
        return []
    guard_unused(going, _as_planned(read_usage(run.client), layout, parts), base_asks)
    if "tags" not in parts:
        _guard_alias(run, going)
    steps = []
    for revision in going:
        state = observed.releases[istiod_name(revision)]
        before = {label(obj): shown(obj) for obj in stored_objects(run.client, state.release)}
        steps.append(
            Step(f"release/{istiod_name(revision)}", "delete", "nothing uses it", before=before, predicted_by="local")
        )
    return steps


def going_of(installed: Installed, layout: Layout) -> list[str]:
    """This mesh's revisions that the layout does not have."""
    return sorted(set(installed.layout.revisions) - set(layout.revisions)) if installed.layout else []


def guard_unused(going: Iterable[str], usage: Usage, base_asks: str) -> None:
    """Refuse to retire what is in use."""
    used = {}
    for revision in going:
        names = usage.of(revision)
        if base_asks == revision:
            names = ["ValidatingWebhookConfiguration istiod-default-validator", *names]
        if names:
            used[revision] = names
    if used:
        told = "; ".join(f"{revision} by {', '.join(names[:10])}" for revision, names in used.items())
        raise GuardRefused(
            f"A revision that is to go is in use: {told}.",
            hint="Move these to another revision and restart their pods first.",
            details={"used_by": used},
        )


def _guard_alias(run: MeshRun, going: list[str]) -> None:
    led = alias_target(run.client.get(kinds.SERVICE, ALIAS, run.intent.namespace))
    if led in going:
        raise GuardRefused(
            f"A revision that is to go is in use: {led} by the alias Service {run.intent.namespace}/{ALIAS}.",
            hint="Move the alias first, with the tags.",
        )


def _as_planned(usage: Usage, layout: Layout, parts: Set[Part]) -> Usage:
    """The usage once the same plan has moved tags and ztunnel."""
    if "tags" in parts:
        usage = replace(usage, tags={**usage.tags, **layout.tags})
    if "ztunnel" in parts and layout.ztunnel is not None:
        usage = replace(usage, ztunnels=dict.fromkeys(usage.ztunnels, layout.ztunnel_revision))
    return usage


def carry_retire(run: MeshRun, observed: MeshObserved, going: Iterable[str], base_asks: str) -> None:
    """Look once more that nothing uses them, then uninstall, and wait until their istiods are gone."""
    revisions = list(going)
    if not revisions:
        return
    guard_unused(revisions, read_usage(run.client), base_asks)
    engine = ObjectEngine(run.client, manager="meshwright-mesh")
    for revision in revisions:
        remove_revision(run, engine, observed, revision)


def remove_revision(run: MeshRun, engine: ObjectEngine, observed: MeshObserved, revision: str) -> None:
    """Uninstall one revision; wait for its objects and pods; then what it elected itself by."""
    name, space = istiod_name(revision), run.intent.namespace
    state = observed.releases[name]
    run.helm_side.helm.uninstall(name, space, timeout=run.client.deadline.left())
    engine.absent([obj for obj in stored_objects(run.client, state.release) if not kept(obj)])
    selector = f"app=istiod,istio.io/rev={revision}"
    pods = run.client.list(kinds.POD, space, labels=selector, metadata_only=True)
    engine.absent([(kinds.POD, pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods])
    engine.absent(elections_of(run.client, space, revision))


def kept(obj: Mapping[str, Any]) -> bool:
    """Whether Helm leaves the object behind on purpose."""
    return bool((obj["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep")
