# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What of an observation is this mesh, and what are others. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..._desired.layout import DEFAULT_TAG, IN_PLACE, Installed, Layout
from ..._errors import BadInput
from ..._intent.mesh import RELEASES, MeshIntent
from ..._intent.versions import Version, parse_version
from ..._tools.helm_releases import Release
from ..usage import REVISION_LABEL, TAG_LABEL
from .observe import MeshObserved, ReleaseState

_SAIL = "sailoperator.io/"
_VERSION_LABEL = "app.kubernetes.io/version"
_GONE = ("uninstalled",)


def installed(intent: MeshIntent, observed: MeshObserved) -> Installed:
    """This mesh's control planes are the revisions named after it; the one in place (`default`) is this mesh's too
    where the mesh goes in place, or has its name and no revision."""
    by_helm = revisions_by_helm(observed.releases)
    by_sail = _revisions_by_sail(intent, observed.istiods)
    mine = _own(intent, by_helm)
    method = "helm" if mine else "sail" if _own(intent, by_sail) or _own_resource(intent, observed.sail) else None
    if method == "sail":
        mine = _own(intent, by_sail)
    tags, other_tags = _tags(intent, observed.tags, mine)
    others = _others(intent, observed, mine, by_helm)
    foreign = {other.rpartition("/")[2] for other in others}
    return Installed(
        by=method,  # type: ignore[arg-type]
        layout=_layout(intent, observed, mine, tags, foreign) if mine else None,
        others=others,
        other_tags=other_tags,
    )


def revisions_by_helm(releases: Mapping[str, ReleaseState], *, all_of_them: bool = False) -> dict[str, Version]:
    """Version by revision, of every istiod release in the mesh's namespace; uninstalled ones only if all are asked."""
    found = {}
    for name, state in releases.items():
        if name in RELEASES.values() and name != RELEASES["istiod"]:
            continue
        newest = state.latest
        if newest is None or (newest.status in _GONE and not all_of_them):
            continue
        revision = name.removeprefix(RELEASES["istiod"]).removeprefix("-") or IN_PLACE
        found[revision] = version_of(state.release)
    return found


def version_of(release: Release | None) -> Version:
    """The chart's version; 0.0.0 with the text as its pre-release where it is none."""
    text = release.version if release else ""
    try:
        return parse_version(text)
    except BadInput:
        return Version(0, 0, 0, text or "unknown")


def belongs(intent: MeshIntent, revision: str) -> bool:
    """Whether a revision is named after this mesh."""
    return revision.startswith(f"{intent.name}-v")


def _own(intent: MeshIntent, revisions: Mapping[str, Version]) -> dict[str, Version]:
    named = {name: version for name, version in revisions.items() if belongs(intent, name)}
    in_place = {name: version for name, version in revisions.items() if name == IN_PLACE}
    if not intent.revisioned:
        return in_place or named
    return named or (in_place if intent.name == IN_PLACE else {})


def to_remove(intent: MeshIntent, releases: Mapping[str, ReleaseState]) -> list[str]:
    """The revisions that go with this mesh: those of its name, and the one in place where that is its name.

    Whether the strategy is said does not matter: removing a second mesh twice must not take the first.
    """
    found = revisions_by_helm(releases, all_of_them=True)
    return sorted(name for name in found if belongs(intent, name) or (name == IN_PLACE == intent.name))


def _revisions_by_sail(intent: MeshIntent, istiods: Iterable[Mapping[str, Any]]) -> dict[str, Version]:
    found = {}
    for obj in istiods:
        meta = obj["metadata"]
        owners = meta.get("ownerReferences") or []
        if meta["namespace"] == intent.namespace and any(
            str(owner.get("apiVersion", "")).startswith(_SAIL) for owner in owners
        ):
            found[_revision(obj)] = _labelled(obj)
    return found


def _own_resource(intent: MeshIntent, resources: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the Sail Operator is told to install this mesh, though no istiod of it is there yet."""
    return any(
        obj["metadata"]["name"] == intent.name and (obj.get("spec") or {}).get("namespace") == intent.namespace
        for obj in resources
    )


def _revision(obj: Mapping[str, Any]) -> str:
    return str((obj["metadata"].get("labels") or {}).get(REVISION_LABEL) or IN_PLACE)


def _labelled(obj: Mapping[str, Any]) -> Version:
    text = str((obj["metadata"].get("labels") or {}).get(_VERSION_LABEL) or "")
    try:
        return parse_version(text)
    except BadInput:
        return Version(0, 0, 0, text or "unknown")


def _tags(
    intent: MeshIntent, webhooks: Iterable[Mapping[str, Any]], mine: Mapping[str, Version]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """This mesh's tags with their revisions, those of revisions that are gone among them; and the others' tags."""
    tags, others = {}, set()
    for obj in webhooks:
        tag, revision = obj["metadata"]["labels"][TAG_LABEL], _revision(obj)
        if revision in mine or belongs(intent, revision):
            tags[tag] = revision
        else:
            others.add(tag)
    return tags, tuple(sorted(others - tags.keys()))


def _layout(
    intent: MeshIntent,
    observed: MeshObserved,
    revisions: Mapping[str, Version],
    tags: Mapping[str, str],
    others: Collection[str],
) -> Layout:
    base, cni = observed.release(RELEASES["base"]), observed.release(RELEASES["cni"])
    ztunnel = observed.release(RELEASES["ztunnel"])
    bound = bound_to(ztunnel)
    if not intent.node_agents or bound in others:
        cni, ztunnel, bound = None, None, ""
    return Layout(
        revisions=dict(revisions),
        active=_active(revisions, tags, bound),
        crds=version_of(base) if base else None,
        cni=version_of(cni) if cni else None,
        ztunnel=version_of(ztunnel) if ztunnel else None,
        ztunnel_revision=bound,
        tags=dict(tags),
    )


def bound_to(ztunnel: Release | None) -> str:
    """The revision whose istiod this release of ztunnel dials; "" without one."""
    return str(ztunnel.values.get("revision") or IN_PLACE) if ztunnel else ""


def _active(revisions: Mapping[str, Version], tags: Mapping[str, str], ztunnel: str) -> str:
    """The newest; where nothing else tells which revision workloads are on, the oldest of those with a tag, or of all:
    a canary is the newer one, until it is the only one."""
    if ztunnel or DEFAULT_TAG in tags:
        return max(revisions, key=lambda name: (revisions[name], name))
    tagged = [name for name in revisions if name in tags.values()]
    return min(tagged or revisions, key=lambda name: (revisions[name], name))


def _others(
    intent: MeshIntent, observed: MeshObserved, mine: Mapping[str, Version], by_helm: Mapping[str, Version]
) -> tuple[str, ...]:
    running = {(obj["metadata"]["namespace"], _revision(obj)) for obj in observed.istiods}
    recorded = {(intent.namespace, revision) for revision in by_helm}
    return tuple(
        sorted(
            f"{namespace}/{revision}"
            for namespace, revision in running | recorded
            if namespace != intent.namespace or not (revision in mine or belongs(intent, revision))
        )
    )
