# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What must hold before the first write: pure judgements over what was read, each naming the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.helm import NETWORK_LABEL, looked_after
from ..._desired.layout import IN_PLACE, Installed, Layout
from ..._errors import BadInput, GuardRefused
from ..._intent.mesh import RELEASES, MeshIntent
from ..._intent.versions import Version, hop_problem, kubernetes_problem, parse_version
from ..._tools.helm_releases import Record, Release

_AGENTS = ("cni", "ztunnel")
_ENFORCE = "pod-security.kubernetes.io/enforce"
_FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")


def guard_kubernetes(intent: MeshIntent, kubernetes: str) -> tuple[list[str], list[str]]:
    """(warnings, notes) about the server's version. Raises GuardRefused when Istio does not support it."""
    severity, sentence = kubernetes_problem(intent.version, kubernetes)
    if severity == "refuse":
        raise GuardRefused(
            f"{sentence}.", hint="Choose an older Istio or a newer cluster; preflight: false skips this."
        )
    return ([f"{sentence}."] if severity == "warn" else []), ([sentence] if severity == "note" else [])


def hop_from(installed: Installed, layout: Layout) -> Version | None:
    """The version that the layout's control plane follows upon; None where it follows upon none."""
    there = installed.layout
    if there is None:
        return None
    if layout.active in there.revisions:
        return there.revisions[layout.active]
    return there.revisions.get(there.serving) or there.version


def guard_hop(intent: MeshIntent, current: Version | None) -> list[str]:
    """Refuse an unsafe change of version; returns notes on what was allowed."""
    if current is None:
        return []
    if not current.major:
        return [f"the installed version {current.pre!r} is no version, so the hop was not checked"]
    problem, sentence = hop_problem(current, intent.version)
    allowed = {"downgrade": intent.allow_downgrade, "skip": intent.allow_version_skip}
    if problem and not allowed[problem]:
        option = {"downgrade": "allow_downgrade", "skip": "allow_version_skip"}[problem]
        way = "Go one minor version at a time" if problem == "skip" else "Keep the newer version"
        raise GuardRefused(
            f"istiod: {sentence}.", hint=f"{way}, or set {option}: true.", details={"installed": str(current)}
        )
    return [f"{sentence}; allowed by option"] if problem else []


def guard_elsewhere(intent: MeshIntent, elsewhere: Iterable[Record]) -> None:
    """Refuse when what a cluster has once is recorded in another namespace than asked for: two would fight over it.

    By revisions, another mesh may have its own istiod, and the CRDs, elsewhere.
    """
    once = [component for component in intent.components if not intent.revisioned or component in _AGENTS]
    wanted = {RELEASES[component] for component in once if intent.node_agents or component not in _AGENTS}
    found = sorted({f"{known.namespace}/{known.name}" for known in elsewhere if known.name in wanted})
    if found:
        second = " A second mesh leaves them to the first with node_agents: false." if intent.revisioned else ""
        raise GuardRefused(
            f"Istio is installed elsewhere in this cluster: Helm release {', '.join(found)}.",
            hint=f"Use its namespace (namespace, cni_namespace, ztunnel_namespace), or uninstall it first.{second}",
            details={"releases": found},
        )


def guard_installed(intent: MeshIntent, installed: Installed, layout: Layout, ztunnel: Release | None) -> None:
    """Refuse to change the method or the strategy of a mesh that is there, and what two meshes would fight over."""
    there = installed.layout
    if installed.by == "sail" and not (intent.migrate or intent.take_ownership):
        named = ", ".join(sorted(there.revisions)) if there else intent.name
        raise GuardRefused(
            f"The Sail Operator installed this mesh ({named} in namespace {intent.namespace}).",
            hint="Keep method: sail, or take it over from the operator with migrate: true.",
        )
    if there is not None and installed.by == "helm" and (IN_PLACE in there.revisions) == intent.revisioned:
        is_, other = ("in_place", "revision_based") if intent.revisioned else ("revision_based", "in_place")
        way = (
            "Keep update_strategy: in_place; or install a second mesh by revisions under another name, with "
            "node_agents: false, and move the namespaces over."
            if intent.revisioned
            else f"Keep update_strategy: revision_based (revisions {', '.join(sorted(there.revisions))}), or remove "
            "the mesh first."
        )
        raise GuardRefused(f"This mesh is updated {is_}; it cannot become {other} as it is.", hint=way)
    for other in installed.others:
        namespace, _slash, revision = other.rpartition("/")
        if namespace != intent.namespace and revision in layout.revisions:
            raise GuardRefused(
                f"Revision {revision} is installed in namespace {namespace} already, and a cluster has each name once.",
                hint=f"Use namespace: {namespace} if it is this mesh, or give this one another name.",
            )
    bound = str(ztunnel.values.get("revision") or IN_PLACE) if ztunnel else ""
    if intent.node_agents and bound in {other.rpartition("/")[2] for other in installed.others}:
        raise GuardRefused(
            f"ztunnel belongs to another mesh: it is bound to revision {bound}.",
            hint="A cluster has one ztunnel and one istio-cni: set node_agents: false for this mesh.",
        )


def guard_removal(intent: MeshIntent, installed: Installed) -> None:
    """Refuse to remove by one method what the other installed: it would find nothing, or half of it."""
    if installed.layout is not None and installed.by is not None and installed.by != intent.method:
        raise GuardRefused(
            f"This mesh was installed by {installed.by}, not by {intent.method}.",
            hint=f"Set method: {installed.by} to remove it.",
        )


def guard_namespaces(intent: MeshIntent, namespaces: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse what could never get ready: a namespace being deleted, node agents under a strict Pod Security level."""
    mine = looked_after(intent)
    for component in intent.components:
        name = intent.namespace_of(component)
        if name not in mine:
            continue
        meta = (namespaces.get(name) or {}).get("metadata") or {}
        if meta.get("deletionTimestamp"):
            raise GuardRefused(f"Namespace {name} is being deleted.", hint="Run again once it is gone.")
        labels = {**(meta.get("labels") or {}), **intent.namespace_labels}
        if intent.node_agents and component in _AGENTS and labels.get(_ENFORCE) in ("baseline", "restricted"):
            raise GuardRefused(
                f"{RELEASES[component]} cannot run in namespace {name}: its Pod Security level is {labels[_ENFORCE]}.",
                hint=f"Label it {_ENFORCE}=privileged (namespace_labels), or choose another namespace.",
            )


def guard_selectors(intent: MeshIntent, namespaces: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse discovery selectors that leave out istiod's or ztunnel's namespace: ztunnel would get no certificate."""
    selectors = intent.options.get("discovery_selectors")
    if not selectors:
        return
    places = [(intent.namespace, "istiod")]
    if "ztunnel" in intent.components:
        places.append((intent.ztunnel_namespace, "ztunnel"))
    for name, who in places:
        known = ((namespaces.get(name) or {}).get("metadata") or {}).get("labels") or {}
        labels = {"kubernetes.io/metadata.name": name, **known, **intent.namespace_labels}
        if name == intent.namespace and intent.options.get("network"):
            labels[NETWORK_LABEL] = intent.options["network"]
        if not any(selects(selector, labels) for selector in selectors):
            raise BadInput(
                f"discovery_selectors leave out {who}'s namespace {name}.",
                hint=f"Add a selector that matches it, such as matchLabels: {{kubernetes.io/metadata.name: {name}}}.",
            )


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a Kubernetes label selector matches labels; an empty selector matches all."""
    if any(labels.get(name) != str(value) for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    for rule in selector.get("matchExpressions") or []:
        value, among = labels.get(str(rule.get("key"))), [str(v) for v in rule.get("values") or []]
        holds = {
            "In": value in among,
            "NotIn": value not in among,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }.get(str(rule.get("operator")), False)
        if not holds:
            return False
    return True


def other_owner(obj: Mapping[str, Any]) -> str:
    """Which other tool keeps this object, or "" when none is known to: Sail, Argo CD, Flux, istioctl."""
    meta = obj.get("metadata") or {}
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    for reference in meta.get("ownerReferences") or []:
        if str(reference.get("apiVersion", "")).startswith("sailoperator.io/"):
            return f"the Sail Operator ({reference.get('kind')} {reference.get('name')})"
    if "argocd.argoproj.io/tracking-id" in annotations or "argocd.argoproj.io/instance" in labels:
        told = annotations.get("argocd.argoproj.io/tracking-id", "").split(":")[0]
        return f"Argo CD ({told or labels.get('argocd.argoproj.io/instance')})"
    for name in _FLUX:
        if name in labels:
            return f"Flux ({labels[name]})"
    if "operator.istio.io/managed" in labels and "meta.helm.sh/release-name" not in annotations:
        # Its objects are rendered from the charts, and so call Helm their manager.
        return "istioctl"
    return ""


def helm_owner(obj: Mapping[str, Any]) -> tuple[str, str]:
    """(namespace, name) of the Helm release an object says it belongs to; empty when to none."""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return annotations.get("meta.helm.sh/release-namespace", ""), annotations.get("meta.helm.sh/release-name", "")


def refuse_foreign(foreign: Mapping[str, list[str]]) -> None:
    """Raise GuardRefused naming each tool and its objects, when there are any."""
    if not foreign:
        return
    told = "; ".join(
        f"{owner}: {', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
        for owner, names in sorted(foreign.items())
    )
    raise GuardRefused(
        f"Objects of this mesh belong to another tool ({told}).",
        hint="Two tools would undo each other. Let that one go first, or set take_ownership: true to take them over.",
        details={"foreign": {owner: sorted(names) for owner, names in foreign.items()}},
    )


def skew(releases: Mapping[str, Release | None], version: Version) -> str:
    """A sentence on node agents left on a version that this control plane no longer serves; "" when fine."""
    for component in ("cni", "ztunnel"):
        release = releases.get(RELEASES[component])
        if release is None:
            continue
        try:
            known = parse_version(release.version)
        except BadInput:
            continue
        if known.major == version.major and abs(version.minor - known.minor) > 1:
            return f"{RELEASES[component]} is {known}, more than one minor version from istiod {version}"
    return ""
