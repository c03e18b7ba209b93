# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks that istiod sees who is in the mesh, and gives each of them the same root of trust."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from . import mesh, naming, selectors, sources
from .inside import age
from .members import NEVER_INJECTED, OF_GATEWAYS, REDIRECTION, Members, gateways_of, members_of
from .model import Check, Finding, NotApplicable, counted
from .policy.seen import need
from .skew import revision_of
from .snapshot import Obj, Snapshot, annotations_of, dig, namespace_of

_CONFIG_MAP = "istio-ca-root-cert"
_KEY = "root-cert.pem"
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)
# istiod writes the ConfigMap within a second or so of a namespace's birth.
_NEW_BORN = 60.0
_WITHOUT = [name for name in NEVER_INJECTED if name != "kube-system"]
_SELECT = (
    "Widen discovery_selectors of meshwright.istio.istio_mesh (meshConfig.discoverySelectors), or give the namespace "
    "labels that they ask for: kubectl label namespace NAMESPACE KEY=VALUE."
)


def discovery(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0015."""
    planes = mesh.require_control_planes(snapshot)
    configs = {
        (namespace_of(item), str(item.get("revision"))): item.get("mesh") or {}
        for item in snapshot.items(sources.MESH_CONFIGS)
    }
    members = members_of(snapshot)
    for plane in planes:
        config = configs.get((plane.namespace, plane.revision)) or {}
        chosen = config.get("discoverySelectors") or []
        if chosen:
            yield from _undiscovered(snapshot, planes, plane, config, chosen, members)
    need(snapshot, CHECKS[0].sources)


def _undiscovered(
    snapshot: Snapshot,
    planes: list[mesh.ControlPlane],
    plane: mesh.ControlPlane,
    config: Mapping[str, object],
    chosen: list[Obj],
    members: Members,
) -> Iterator[Finding]:
    def left_out(names: Iterable[str]) -> list[str]:
        return [
            name
            for name in dict.fromkeys(names)
            if name in members.labels and not any(selectors.matches(one, members.labels[name]) for one in chosen)
        ]

    def told(names: list[str], what: str) -> Finding:
        return Finding(
            "error",
            f"discoverySelectors of istiod (revision {plane.revision}) leave out {what}",
            tuple(f"Namespace {name}" for name in names),
            ("selected are namespaces with " + " or ".join(_words(one) for one in chosen),),
            _SELECT,
            (plane.ref,),
        )

    root = str(config.get("rootNamespace") or plane.namespace)
    own = left_out([plane.namespace, root])
    if own:
        yield told(
            own,
            " and ".join(
                f"namespace {name}, {'its own' if name == plane.namespace else 'the root one'}" for name in own
            )
            + ": it sees nothing of what is there"
            + (", and policy for the whole mesh does not count." if root in own else "."),
        )
    captured: list[str] = []
    if plane.ambient and plane.revision in _of_ambient(snapshot, planes):
        agents = left_out(namespace_of(agent) for agent in mesh.components(snapshot, mesh.ZTUNNEL))
        if agents:
            yield told(
                agents,
                f"namespace {' and '.join(agents)} of ztunnel: istiod does not know its pods and signs no certificates "
                "for them, so all ambient traffic fails once the present ones are over.",
            )
        captured = left_out((*members.of_mode("ambient"), *_captured(snapshot)))
        if captured:
            yield told(
                captured,
                f"{_spaces(captured)} in ambient mode: pods are captured there, but ztunnel is told neither their "
                "addresses nor given their certificates, so their traffic fails.",
            )
    by_label = [name for name in members.of_mode("sidecar") if plane.revision in members.revisions[name]]
    by_pod = [name for name, revisions in _with_sidecars(snapshot).items() if plane.revision in revisions]
    injected = left_out((*by_label, *by_pod))
    if injected:
        yield told(
            injected,
            f"{_spaces(injected)} whose pods it injects: it knows none of their Services, policies and pods, and "
            f"puts no {_CONFIG_MAP} there, without which new pods do not start.",
        )
    gateways = left_out(namespace_of(item) for item in gateways_of(snapshot))
    gateways = [name for name in gateways if name not in (*injected, *captured, *own)]
    if gateways and len(planes) == 1:
        yield told(gateways, f"{_spaces(gateways)} with Gateways of its own: nobody programs them.")


def _captured(snapshot: Snapshot) -> list[str]:
    """The namespaces of pods that istio-cni has captured: a pod may ask for that itself."""
    pods = snapshot.items(sources.PODS)
    return sorted({namespace_of(pod) for pod in pods if annotations_of(pod).get(REDIRECTION) == "enabled"})


def _with_sidecars(snapshot: Snapshot) -> dict[str, set[str]]:
    """The namespaces of pods with a sidecar, and of which revisions these are."""
    found: dict[str, set[str]] = defaultdict(set)
    for pod in snapshot.items(sources.PODS):
        if naming.STATUS in annotations_of(pod):
            found[namespace_of(pod)].add(revision_of(pod))
    return found


def _of_ambient(snapshot: Snapshot, planes: list[mesh.ControlPlane]) -> set[str]:
    """The revisions that ztunnel follows: the one it names, by itself or by a tag, else all that have ambient mode."""
    named = {naming.agent_revision(agent) for agent in mesh.components(snapshot, mesh.ZTUNNEL)} - {""}
    tags = naming.tags(snapshot)
    followed = named | {naming.revision_of(hook) for name in named for hook in tags.get(name, ())}
    found = {plane.revision for plane in planes if plane.revision in followed}
    return found or {plane.revision for plane in planes if plane.ambient}


def _words(selector: Obj) -> str:
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        values = f" ({', '.join(one['values'])})" if one.get("values") else ""
        parts.append(f"{one.get('key')} {one.get('operator')}{values}")
    return " and ".join(parts) or "any labels"


def _spaces(names: list[str]) -> str:
    return f"namespace {names[0]}" if len(names) == 1 else f"{len(names)} namespaces"


# -- the root of trust ---------------------------------------------------------------------------------------------


def root_certificates(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0016."""
    planes = mesh.require_control_planes(snapshot)
    if all(plane.env("ENABLE_CLUSTER_TRUST_BUNDLE_API").lower() in ("true", "1") for plane in planes):
        raise NotApplicable("istiod publishes its root by the ClusterTrustBundle API")
    if any(plane.env("PILOT_CA_CERT_CONFIGMAP") not in ("", _CONFIG_MAP) for plane in planes):
        raise NotApplicable("istiod keeps its root in a ConfigMap of another name (PILOT_CA_CERT_CONFIGMAP)")
    members = members_of(snapshot)
    roots = {
        namespace_of(item): str(dig(item, "data", _KEY) or "").strip()
        for item in snapshot.items(sources.ROOT_CERTIFICATES)
    }
    mounting = set(members.of_mode("sidecar"))
    mounting |= {namespace_of(item) for item in gateways_of(snapshot)}
    mounting |= set(_with_sidecars(snapshot))
    mounting |= {namespace_of(item) for item in mesh.components(snapshot, mesh.ZTUNNEL)}
    wanted = (mounting | set(members.of_mode("ambient"))) - set(_WITHOUT)
    yield from _missing(snapshot, members, roots, sorted(wanted), mounting)
    yield from _differing(planes, roots, sorted(wanted))


def _missing(
    snapshot: Snapshot, members: Members, roots: Mapping[str, str], wanted: list[str], mounting: set[str]
) -> Iterator[Finding]:
    missing = [
        name
        for name in wanted
        if not roots.get(name)
        and name in members.objects
        and snapshot.knows(sources.ROOT_CERTIFICATES, name)
        and age(snapshot, members.objects[name]) >= _NEW_BORN
    ]
    for severity, names in (
        ("error", [name for name in missing if name in mounting]),
        ("warning", [name for name in missing if name not in mounting]),
    ):
        if names:
            what = (
                "proxies mount it, so no new sidecar, gateway or ztunnel pod starts there."
                if severity == "error"
                else "captured pods do without, but no waypoint or gateway could start there."
            )
            yield Finding(
                "error" if severity == "error" else "warning",
                f"{_spaces(names)[0].upper()}{_spaces(names)[1:]} {'has' if len(names) == 1 else 'have'} no root "
                f"certificate (ConfigMap {_CONFIG_MAP}): {what}",
                tuple(f"Namespace {name}" for name in names),
                (f"{counted(len([root for root in roots.values() if root]), 'namespace')} have one",),
                "istiod writes it into every namespace that it sees: look at discoverySelectors (MW0015), at its "
                "rights on ConfigMaps, and at its log (kubectl -n istio-system logs deploy/istiod).",
            )


def _differing(planes: list[mesh.ControlPlane], roots: Mapping[str, str], wanted: list[str]) -> Iterator[Finding]:
    own = {plane.namespace: roots[plane.namespace] for plane in planes if roots.get(plane.namespace)}
    if len(set(own.values())) > 1:
        yield Finding(
            "error",
            "Control planes give out different roots of trust: what one certifies, the workloads of the other refuse.",
            tuple(f"ConfigMap {name}/{_CONFIG_MAP}" for name in sorted(own)),
            tuple(f"{name}: {_serials(text)}" for name, text in sorted(own.items())),
            "Give them certificates of one root (Secret cacerts), unless they are meshes that are to stay apart.",
        )
    there = {name: roots[name] for name in wanted if roots.get(name)}
    right = set(own.values()) or {text for text, _count in Counter(there.values()).most_common(1)}
    groups: dict[str, list[str]] = defaultdict(list)
    for name, text in there.items():
        if text not in right:
            groups[text].append(name)
    for text, names in groups.items():
        shared = any(set(_BLOCK.findall(text)) & set(_BLOCK.findall(one)) for one in right)
        yield Finding(
            "warning" if shared else "error",
            f"{_spaces(names)[0].upper()}{_spaces(names)[1:]} {'trusts' if len(names) == 1 else 'trust'} "
            + (
                "not all roots that the mesh has, or more: a change of root is under way, or stopped halfway."
                if shared
                else "another root than the mesh: proxies started there refuse istiod and everybody else."
            ),
            tuple(f"ConfigMap {name}/{_CONFIG_MAP}" for name in names),
            (f"there: {_serials(text)}", f"in the mesh: {', '.join(sorted(_serials(one) for one in right))}"),
            f"kubectl -n NAMESPACE delete configmap {_CONFIG_MAP}; istiod writes it anew. Then restart the proxies "
            "there.",
        )


def _serials(text: str) -> str:
    """Which roots a bundle holds, short enough to compare by eye: the end of each one's text."""
    blocks = _BLOCK.findall(text)
    if not blocks:
        return "no certificate"
    return counted(len(blocks), "root") + " ending in " + ", ".join(_tail(block) for block in blocks[:3])


def _tail(block: str) -> str:
    return "".join(block.split("-----")[2].split())[-12:]


CHECKS = (
    Check(
        15,
        "discoverySelectors cover the mesh",
        "enrollment",
        "error",
        (
            "istiods",
            "daemonsets",
            "mutating_webhooks",
            "namespaces",
            sources.MESH_CONFIGS,
            sources.PODS,
            *OF_GATEWAYS,
        ),
        "Where meshConfig.discoverySelectors choose what istiod looks at: do they choose its own namespace, the root "
        "namespace, ztunnel's, and every namespace that is enrolled with it? istiod knows nothing of the others, while "
        "istio-cni goes on capturing pods there. Without selectors istiod sees all.",
        discovery,
    ),
    Check(
        16,
        "One root certificate in every enrolled namespace",
        "certificates",
        "error",
        (
            "istiods",
            "daemonsets",
            "mutating_webhooks",
            "namespaces",
            sources.ROOT_CERTIFICATES,
            sources.PODS,
            *OF_GATEWAYS,
        ),
        "Is there a ConfigMap istio-ca-root-cert in every enrolled namespace, with the same root as in istiod's own? "
        "Sidecars, gateways and ztunnel mount it: without it they do not start, with another root they trust nobody. "
        "Namespaces younger than a minute are left out, and so is a mesh that uses ClusterTrustBundles.",
        root_certificates,
    ),
)
