# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of who is enrolled, and by which control plane: the labels of namespaces and pods, and what runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from . import mesh, naming
from .model import Check, Finding, NotApplicable, counted
from .skew import revision_of, workload_of
from .snapshot import Obj, Snapshot, annotations_of, labels_of, name_of, namespace_of, ref

_CATEGORY = "enrollment"
_RESTART = "kubectl -n NAMESPACE rollout restart deployment NAME"


def both_modes(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0020."""
    hooks = _injectors(snapshot)
    for namespace in snapshot.items("namespaces"):
        labels = labels_of(namespace)
        if labels.get(naming.MODE) != "ambient":
            continue
        asked = [f"{key}={labels[key]}" for key in (naming.INJECTION, naming.REVISION) if key in labels]
        injecting = naming.injecting(hooks, labels, {})
        if not injecting and labels.get(naming.INJECTION) != "enabled":
            continue
        yield Finding(
            "warning" if injecting else "info",
            f"{ref(namespace)} asks for both modes: "
            + (
                "its new pods get a sidecar, and ambient captures none that has one."
                if injecting
                else "no injector answers its injection label, so its pods are in ambient mode."
            ),
            (ref(namespace),),
            (
                f"labels {naming.MODE}=ambient, {', '.join(asked) or 'none for injection'}",
                *(f"revision {revision} would inject" for revision in sorted(injecting)),
            ),
            f"Keep one: kubectl label namespace {name_of(namespace)} {naming.MODE}- (sidecars), or "
            f"{naming.INJECTION}- {naming.REVISION}- and a restart of its pods (ambient).",
        )


def labels_resolve(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0021."""
    hooks, namespaces = _injectors(snapshot), snapshot.items("namespaces")
    known = naming.known(snapshot)
    lost: dict[str, list[str]] = defaultdict(list)
    for namespace in namespaces:
        labels = labels_of(namespace)
        injection, revision = labels.get(naming.INJECTION), labels.get(naming.REVISION)
        if injection == "enabled":
            injecting = naming.injecting(hooks, labels, {})
            if not injecting:
                lost[f"{naming.INJECTION}=enabled"].append(ref(namespace))
            elif revision and _without_injection(hooks, labels) != injecting:
                yield _ignored(namespace, revision, injecting)
        elif injection != "disabled" and revision and revision not in known:
            lost[f"{naming.REVISION}={revision}"].append(ref(namespace))
    decided = {
        name_of(item)
        for item in namespaces
        if naming.INJECTION in labels_of(item) or naming.REVISION in labels_of(item)
    }
    for pod in snapshot.items("revision_pods"):
        revision = labels_of(pod)[naming.REVISION]
        refused = labels_of(pod).get(naming.INJECT) == "false"
        # a label of the namespace wins over the pod's
        if revision not in known and not refused and namespace_of(pod) not in decided:
            lost[f"{naming.REVISION}={revision}"].append(workload_of(pod))
    for label, who in sorted(lost.items()):
        default = label.startswith(naming.INJECTION)
        yield Finding(
            "error",
            f"Label {label} "
            + (
                "finds no injector, for there is no revision or tag named default"
                if default
                else "names no revision and no tag"
            )
            + ": new pods start without a sidecar, and no istiod serves gateways and waypoints there.",
            tuple(dict.fromkeys(who)),
            (f"revisions and tags there are: {', '.join(sorted(known)) or 'none'}",),
            "Make the tag default (default_tag of meshwright.istio.istio_mesh), or label with a revision that is there."
            if default
            else "Label with a revision or tag that is there, or make this tag (tags of meshwright.istio.istio_mesh); "
            "then restart the pods.",
        )


def _without_injection(hooks: list[mesh.Webhook], labels: Mapping[str, str]) -> set[str]:
    """Who would inject if the label istio-injection were not there to decide."""
    return naming.injecting(hooks, {key: value for key, value in labels.items() if key != naming.INJECTION}, {})


def _ignored(namespace: Obj, revision: str, injecting: set[str]) -> Finding:
    return Finding(
        "warning",
        f"{ref(namespace)} is labelled for revision {revision}, but {naming.INJECTION}=enabled beats that: its pods "
        f"are injected by {', '.join(sorted(injecting))}.",
        (ref(namespace),),
        (f"labels {naming.INJECTION}=enabled, {naming.REVISION}={revision}",),
        f"kubectl label namespace {name_of(namespace)} {naming.INJECTION}-",
    )


def led_elsewhere(snapshot: Snapshot, pods: Iterable[Obj]) -> Iterator[tuple[Obj, str, frozenset[str] | None]]:
    """Pods with a proxy of another revision than their labels lead to: the pod, its revision, and who would inject it.

    None instead of who would inject it: there is no istiod of its revision, nor outside of this cluster.
    """
    revisions = {plane.revision for plane in mesh.control_planes(snapshot)}
    hooks = mesh.injectors(snapshot)
    namespaces = {name_of(item): labels_of(item) for item in snapshot.items("namespaces")}
    outside: bool | None = None
    seen: dict[tuple[str, str | None, str | None], frozenset[str]] = {}
    for pod in pods:
        runs, labels = revision_of(pod), labels_of(pod)
        if runs not in revisions:
            outside = bool(mesh.remote_control_plane(snapshot)) if outside is None else outside
            if not outside:
                yield pod, runs, None
            continue
        if naming.STATUS not in annotations_of(pod):
            continue
        # thousands of pods have a handful of answers
        key = (namespace_of(pod), labels.get(naming.REVISION), labels.get(naming.INJECT))
        if key not in seen:
            asked = {
                name: value for name, value in zip((naming.REVISION, naming.INJECT), key[1:], strict=True) if value
            }
            seen[key] = frozenset(naming.injecting(hooks, namespaces.get(key[0], {}), asked))
        if seen[key] and runs not in seen[key]:
            yield pod, runs, seen[key]


def old_revision(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0022."""
    revisions = {plane.revision for plane in mesh.require_control_planes(snapshot)}
    groups: dict[tuple[str, frozenset[str]], list[str]] = defaultdict(list)
    gone: dict[str, list[str]] = defaultdict(list)
    for pod, runs, wanted in led_elsewhere(snapshot, snapshot.items("proxies")):
        if wanted is None:
            gone[runs].append(workload_of(pod))
        else:
            groups[(runs, wanted)].append(workload_of(pod))
    for runs, workloads in sorted(gone.items()):
        yield Finding(
            "error",
            f"{_proxies(workloads)} of revision {runs}, whose istiod is gone: no configuration, no new certificates.",
            tuple(sorted(set(workloads))),
            (f"revisions there are: {', '.join(sorted(revisions))}",),
            f"Label namespace or Gateway with a revision that is there, and restart: {_RESTART}",
        )
    for (runs, leading), workloads in sorted(groups.items(), key=lambda item: (item[0][0], sorted(item[0][1]))):
        names = ", ".join(sorted(leading))
        yield Finding(
            "warning",
            f"{_proxies(workloads)} of revision {runs}, their labels lead to {names}: not restarted since it moved.",
            tuple(sorted(set(workloads))),
            (f"injected by revision {runs}", f"would be injected by {names}"),
            f"{_RESTART}; meshwright.istio.mesh_upgrade (stage: shift) does so in batches.",
        )


def _proxies(workloads: list[str]) -> str:
    return f"{counted(len(workloads), 'pod')} {'is' if len(workloads) == 1 else 'are'}"


def _injectors(snapshot: Snapshot) -> list[mesh.Webhook]:
    hooks = mesh.injectors(snapshot)
    if not hooks and not mesh.control_planes(snapshot):
        raise NotApplicable("there is neither an istiod nor an injector")
    return hooks


CHECKS = (
    Check(
        20,
        "No namespace asks for both modes",
        _CATEGORY,
        "warning",
        ("istiods", "mutating_webhooks", "namespaces"),
        "A namespace with `istio.io/dataplane-mode=ambient` whose pods an injector would give a sidecar: those pods "
        "are not captured by ambient, while the ones that were there before the label are. Right for a moment on "
        "the way from one mode to the other, wrong as a state.",
        both_modes,
    ),
    Check(
        21,
        "Labels name a revision or tag that is there",
        _CATEGORY,
        "error",
        ("istiods", "mutating_webhooks", "namespaces", "revision_pods"),
        "For each namespace and pod with `istio.io/rev`, is there a revision or tag of that name; for each "
        "namespace with `istio-injection=enabled`, is there an injector for it (a revision or tag named `default`)? "
        "If not, new pods start without a sidecar, silently. A namespace with both labels is injected by the "
        "default one: a warning where the other names a different revision.",
        labels_resolve,
    ),
    Check(
        22,
        "Pods run the revision that their labels lead to",
        _CATEGORY,
        "error",
        ("istiods", "mutating_webhooks", "services", "namespaces", "proxies"),
        "Compares the revision that injected each pod with the one that would inject it now, by the injectors' own "
        "selectors: pods that were not restarted since their label or tag moved are a warning. Proxies (waypoints too) "
        "of a revision that has no istiod any more are an error.",
        old_revision,
    ),
)
