# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Check that PodSecurity admits what is injected, and the mesh's own agents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from . import mesh, naming, sources
from .members import made_at, members_of
from .model import Check, Finding, NotApplicable
from .skew import revision_of
from .snapshot import Snapshot, annotations_of, dig, name_of, namespace_of, ref

_ENFORCE = "pod-security.kubernetes.io/enforce"


def pod_security(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0041."""
    members = members_of(snapshot)
    injected = members.of_mode("sidecar")
    agents = [agent for name in (mesh.CNI, mesh.ZTUNNEL) for agent in mesh.components(snapshot, name)]
    if not injected and not agents:
        raise NotApplicable("no namespace is injected, and neither istio-cni nor ztunnel is there")
    for agent in agents:
        level = members.labels.get(namespace_of(agent), {}).get(_ENFORCE)
        if level in ("baseline", "restricted"):
            yield Finding(
                "error",
                f"Namespace {namespace_of(agent)} enforces PodSecurity level {level}, which refuses the pods of "
                f"{name_of(agent)}: they need the host and more rights than that; on new nodes there will be none.",
                (f"Namespace {namespace_of(agent)}",),
                (f"label {_ENFORCE}={level}",),
                f"kubectl label --overwrite namespace {namespace_of(agent)} {_ENFORCE}=privileged",
                (ref(agent),),
            )
    setup = _setup(snapshot)
    groups: dict[tuple[str, str, bool | None], list[str]] = defaultdict(list)
    for name in injected:
        level = members.labels[name].get(_ENFORCE, "")
        if level in ("baseline", "restricted"):
            for revision in sorted(members.revisions[name]):
                if setup.get(revision) is not False:
                    groups[(level, revision, setup.get(revision))].append(name)
    for (level, revision, privileged), names in sorted(groups.items(), key=lambda item: item[0][:2]):
        spaces = f"Namespace {names[0]} enforces" if len(names) == 1 else f"{len(names)} namespaces enforce"
        yield Finding(
            "error" if privileged else "warning",
            f"{spaces} PodSecurity level {level}, which refuses pods that revision {revision} injects"
            + (
                ": its istio-init runs as root with NET_ADMIN and NET_RAW. New pods are not made; those there go on "
                "until they restart."
                if privileged
                else " unless istio-cni sets their network up: otherwise they have an istio-init with NET_ADMIN, and "
                "are not made at all."
            ),
            tuple(f"Namespace {name}" for name in names),
            (
                f"label {_ENFORCE}={level}",
                "injected pods of that revision have a container istio-init"
                if privileged
                else "no pod of that revision shows whether it needs istio-init",
            ),
            "Let istio-cni serve sidecars (pilot.cni.enabled in values of meshwright.istio.istio_mesh), or set "
            f"{_ENFORCE}=privileged there (pod_security of meshwright.istio.mesh_enrollment).",
        )


def _setup(snapshot: Snapshot) -> dict[str, bool]:
    """By revision, whether its sidecars are set up by istio-init, which needs rights; told by pods that have one."""
    found: dict[str, tuple[float, bool]] = {}
    for pod in snapshot.items(sources.PODS):
        if naming.STATUS not in annotations_of(pod):
            continue
        names = {str(one.get("name")) for one in dig(pod, "spec", "initContainers") or ()}
        revision = revision_of(pod)
        # the youngest tells how the next ones will be
        if names & {"istio-init", "istio-validation"} and made_at(pod) >= found.get(revision, (0.0, False))[0]:
            found[revision] = (made_at(pod), "istio-init" in names)
    return {revision: privileged for revision, (_made, privileged) in found.items()}


CHECKS = (
    Check(
        41,
        "PodSecurity admits injected pods",
        "enrollment",
        "error",
        ("daemonsets", "mutating_webhooks", "namespaces", sources.PODS),
        "Without istio-cni, injected pods have an init container that runs as root with NET_ADMIN and NET_RAW, which "
        "the PodSecurity levels baseline and restricted refuse: new pods of the namespace are not made. Whether "
        "sidecars of a revision need that is told by the pods that it has injected; where there are none, it is a "
        "warning. Also the namespaces of istio-cni and ztunnel, which need privileged. Only the namespace's label is "
        "looked at, not a default that the API server may be configured with.",
        pod_security,
    ),
)
