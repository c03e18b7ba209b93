# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Policy as a snapshot shows it: its scene, and all that judging says of every object in it; each made once. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from .. import mesh, sources
from ..model import Finding, NotApplicable
from ..snapshot import Obj, Snapshot, Undecided, dig, labels_of, name_of, namespace_of, ref
from . import scene as kinds
from .judge import JUDGED, judge
from .model import Judged
from .scene import GATEWAY_NAME, Key, Scene
from .view import View

# Where the objects of each kind are read from; some kinds are parts of one source.
SOURCE_OF: dict[str, str] = {
    kinds.NAMESPACE: "namespaces",
    kinds.POD: sources.PODS,
    kinds.GATEWAY_POD: sources.PODS,
    kinds.EXCUSED_POD: sources.PODS,
    kinds.SERVICE: sources.ALL_SERVICES,
    kinds.VALIDATING: "validating_webhooks",
    kinds.MUTATING: "mutating_webhooks",
    **sources.OF_KIND,
}

# What decides how all policy is judged: a check names these beside the kinds that it is about.
GROUND: tuple[str, ...] = ("istiods", "namespaces", sources.PODS, sources.ALL_SERVICES)
# What is only asked where it is there: which namespace is the root one, and whether there are other clusters.
BESIDE: tuple[str, ...] = ("mutating_webhooks", sources.MESH_CONFIGS, sources.REMOTE_SECRETS)

_DEFAULT_ROOT = "istio-system"
# An object as people name it, in a subject: `Service shop/web`.
_LABEL = re.compile(r"\b([A-Z][A-Za-z]+) ([a-z0-9.-]+/[a-z0-9.-]+)")


def scene_of(snapshot: Snapshot) -> Scene:
    """The scene of a snapshot. A source that could not be read is a kind that the scene does not know."""
    return snapshot.once(_scene)


def view_of(snapshot: Snapshot) -> View:
    return snapshot.once(_view)


def judged(snapshot: Snapshot) -> Mapping[str, list[Judged]]:
    """What judging says of all objects of all judged kinds, by rule; each problem once, in the order of the objects."""
    return snapshot.once(_judged)


def sources_of(*of_kinds: str) -> tuple[str, ...]:
    """The names of the sources that a check reads which is about objects of these kinds."""
    return tuple(dict.fromkeys((*(SOURCE_OF[kind] for kind in of_kinds), *GROUND)))


def need(snapshot: Snapshot, names: Iterable[str]) -> None:
    """To be asked when all that was seen has been told: raises `Undecided` if one of these could not be read."""
    for name in names:
        snapshot.items(name)


def finding(one: Judged, evidence: Iterable[str] = ()) -> Finding:
    """A problem that judging found, as a finding of its object and of what it names."""
    title = f"{ref(one.obj)} {one.message}".rstrip(".") + "."
    named = [f"{kind} {name}" for kind, name in _LABEL.findall(one.subject)]
    # Judging speaks to who is about to write; here all is written already.
    hint = one.hint.replace(" in the same task", "")
    related = tuple(label for label in dict.fromkeys(named) if label != ref(one.obj))
    return Finding(one.severity, title, (ref(one.obj),), tuple(evidence), hint, related)


def found(
    snapshot: Snapshot,
    rules: Iterable[str],
    names: Iterable[str],
    *,
    keep: Callable[[Judged], bool] = lambda one: True,
) -> Iterator[Finding]:
    """What judging found by these rules, of what is to be kept; `names` are the sources that it takes.

    Raises `NotApplicable` in a cluster without a mesh, and `Undecided` at the end when a source could not be read.
    """
    mesh_here(snapshot)
    problems = judged(snapshot)
    for rule in rules:
        for one in problems.get(rule, ()):
            if keep(one):
                yield finding(one)
    need(snapshot, names)


def mesh_here(snapshot: Snapshot) -> None:
    """Raises `NotApplicable` where no control plane looks at the cluster: there policy means nothing."""
    if mesh.control_planes(snapshot):
        return
    with suppress(Undecided):
        if mesh.injectors(snapshot):
            # Of a control plane that runs outside.
            return
    raise NotApplicable("no istiod runs in this cluster")


def root_of(snapshot: Snapshot) -> str:
    """The mesh's root namespace: as its configuration says, else where its control plane is."""
    with suppress(Undecided):
        for config in snapshot.items(sources.MESH_CONFIGS):
            if root := dig(config, "mesh", "rootNamespace"):
                return str(root)
    with suppress(Undecided):
        for plane in mesh.control_planes(snapshot):
            return plane.namespace
    return _DEFAULT_ROOT


def _scene(snapshot: Snapshot) -> Scene:
    objects: dict[str, Mapping[Key, Obj]] = {}
    partial: dict[str, frozenset[str]] = {}
    for kind, name in SOURCE_OF.items():
        source = snapshot.sources.get(name)
        if source is None or source.error:
            continue
        items: Iterable[Obj] = source.items
        if kind == kinds.GATEWAY_POD:
            items = (pod for pod in items if GATEWAY_NAME in labels_of(pod))
        elif kind == kinds.EXCUSED_POD:
            items = (pod for pod in items if _excused(pod))
        objects[kind] = {(namespace_of(obj), name_of(obj)): obj for obj in items}
        if source.namespaces is not None:
            partial[kind] = source.namespaces
    return Scene(objects, root=root_of(snapshot), partial=partial)


def _excused(pod: Obj) -> bool:
    return dig(pod, "status", "phase") == "Pending" or bool(dig(pod, "spec", "hostNetwork"))


def _view(snapshot: Snapshot) -> View:
    return View(scene_of(snapshot))


def _judged(snapshot: Snapshot) -> dict[str, list[Judged]]:
    view = view_of(snapshot)
    several = multicluster(snapshot)
    found: dict[str, dict[tuple[str, str, str], Judged]] = defaultdict(dict)
    for kind in JUDGED:
        for obj in view.scene.all(kind):
            for one in judge(view, obj):
                if several and one.rule == "unknown-host":
                    told = f"{one.message}, unless another cluster of the mesh has it"
                    one = replace(one, message=told, severity="warning")
                known = found[one.rule].get(one.identity)
                if known is None or (one.severity == "error" != known.severity):
                    found[one.rule][one.identity] = one
    return {rule: list(problems.values()) for rule, problems in found.items()}


def multicluster(snapshot: Snapshot) -> bool:
    """Whether other clusters are known; whoever may not see their secrets is not told that there are none."""
    source = snapshot.sources.get(sources.REMOTE_SECRETS)
    return source is not None and bool(source.items)
