# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Version skew (MW0011): who is too old or too new for whom."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from . import mesh
from .model import Finding
from .snapshot import Obj, Snapshot, Undecided, annotations_of, labels_of, meta, name_of, namespace_of, ref
from .versions import Version, of_workload


def version_skew(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0011."""
    planes = mesh.require_control_planes(snapshot)
    known = [plane for plane in planes if plane.version is not None]
    unknown = [plane.ref for plane in planes if plane.version is None]
    for component in (mesh.CNI, mesh.ZTUNNEL):
        for daemon_set in mesh.components(snapshot, component):
            version = of_workload(daemon_set)
            if version is None:
                unknown.append(ref(daemon_set))
                continue
            yield from _component(component, daemon_set, version, known)
    yield from _proxies(snapshot, planes, unknown)
    if unknown:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise Undecided(f"no version can be told from image or labels of {shown}")


def supported(component: Version, plane: Version) -> bool:
    """istio-cni, ztunnel and proxies of 1.x work with control planes of 1.x and 1.x+1."""
    return component.major == plane.major and 0 <= plane.minor - component.minor <= 1


def _component(
    component: str, daemon_set: Obj, version: Version, planes: Sequence[mesh.ControlPlane]
) -> Iterator[Finding]:
    for plane in planes:
        if plane.version is None:
            continue
        evidence: tuple[str, ...] = (f"{component} {version}", f"istiod (revision {plane.revision}) {plane.version}")
        if not supported(version, plane.version):
            newer = version.line > plane.version.line
            # By revisions, the agents follow the new istiod while the old one still serves proxies.
            with_another = [other for other in planes if other.version and supported(version, other.version)]
            if with_another:
                evidence += (f"supported: istiod (revision {with_another[0].revision}) {with_another[0].version}",)
            yield Finding(
                "warning" if with_another else "error",
                f"{component} {version} does not support istiod {plane.version}: "
                + ("it is newer than the control plane." if newer else "it is more than one minor release behind."),
                (ref(daemon_set), plane.ref),
                evidence,
                _remedy(component, newer, bool(with_another)),
            )
        elif version != plane.version:
            yield Finding(
                "info",
                f"{component} is {version}, istiod (revision {plane.revision}) is {plane.version}: supported.",
                (ref(daemon_set), plane.ref),
                evidence,
                f"Bring {component} to the version of its control plane when the upgrade is done.",
            )


def _remedy(component: str, newer: bool, with_another: bool) -> str:
    if not newer:
        return f"Upgrade {component} with meshwright.istio.istio_mesh."
    if with_another:
        return "Finish the upgrade: move what still uses the old revision, and retire it."
    return "Upgrade istiod first."


def _proxies(snapshot: Snapshot, planes: Sequence[mesh.ControlPlane], unknown: list[str]) -> Iterator[Finding]:
    """Proxies by version against the istiod of their own revision: a finding for each pair, not for each pod."""
    by_revision = {plane.revision: plane for plane in planes}
    groups: dict[tuple[Version, str], list[str]] = defaultdict(list)
    untold = 0
    for pod in snapshot.items("proxies"):
        plane = by_revision.get(revision_of(pod)) or (planes[0] if len(planes) == 1 else None)
        version = of_workload(pod, "istio-proxy")
        if version is None:
            untold += 1
        elif plane is not None and plane.version is not None and version != plane.version:
            groups[(version, plane.revision)].append(workload_of(pod))
    if untold:
        unknown.append(f"{untold} proxies")
    for (version, revision), workloads in sorted(groups.items()):
        plane = by_revision[revision]
        target = plane.version
        if target is None:
            continue
        yield Finding(
            "info" if supported(version, target) else "warning",
            f"{len(workloads)} {'proxy is' if len(workloads) == 1 else 'proxies are'} {version}, istiod (revision "
            f"{revision}) {target}"
            + (": supported, a restart brings them up." if supported(version, target) else ": not supported."),
            tuple(sorted(set(workloads))),
            (f"proxies {version}", f"istiod {target}"),
            "Restart the workloads: kubectl -n NAMESPACE rollout restart deployment NAME.",
        )


def revision_of(pod: Obj) -> str:
    """The revision that injected or made a proxy."""
    annotations = annotations_of(pod)
    injected = _injected(annotations.get("sidecar.istio.io/status", ""))
    if injected:
        return injected
    return str(annotations.get("istio.io/rev") or labels_of(pod).get("istio.io/rev") or "default")


# Thousands of pods say the same few.
@lru_cache(maxsize=256)
def _injected(status: str) -> str:
    """The revision that the injector noted, empty where it noted none."""
    try:
        return str(json.loads(status).get("revision") or "")
    except (ValueError, AttributeError):
        return ""


def workload_of(pod: Obj) -> str:
    """The workload that a pod belongs to, told by its names: `Deployment demo/client`, or the pod itself."""
    owners = meta(pod).get("ownerReferences") or ()
    for owner in owners:
        name = str(owner.get("name", ""))
        if owner.get("kind") == "ReplicaSet":
            return f"Deployment {namespace_of(pod)}/{name.rsplit('-', 1)[0]}"
        if owner.get("kind"):
            return f"{owner['kind']} {namespace_of(pod)}/{name}"
    return f"Pod {namespace_of(pod)}/{name_of(pod)}"
