# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of sidecar injection: pods that were to have a sidecar and have none, and namespaces that refuse them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from . import mesh, naming, sources
from .members import NEVER_INJECTED, REDIRECTION, Members, gateway_of, has_sidecar, made_at, members_of, within
from .model import Check, Finding, NotApplicable, Severity, counted
from .skew import revision_of, workload_of
from .snapshot import Obj, Snapshot, Undecided, annotations_of, dig, labels_of, meta, name_of, namespace_of, ref

_CATEGORY = "enrollment"
_ENFORCE = "pod-security.kubernetes.io/enforce"
_PLAIN = "outside the mesh: in plain text, which STRICT refuses, and without policy of its own"
_RESTART = "kubectl -n NAMESPACE rollout restart deployment NAME"
_OVER = ("Succeeded", "Failed")


class _Cause(NamedTuple):
    severity: Severity
    why: str
    objects: tuple[str, ...]
    remedy: str


def not_injected(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0042."""
    members = members_of(snapshot)
    hooks = mesh.injectors(snapshot)
    if not hooks and not any(_asks(labels) for labels in members.labels.values()):
        raise NotApplicable("the cluster has no injector, and no namespace asks for one")
    why = _Why(snapshot, hooks, members)
    groups: dict[_Cause, list[Obj]] = defaultdict(list)
    for pod in snapshot.items(sources.PODS):
        if dig(pod, "status", "phase") in _OVER or meta(pod).get("deletionTimestamp") or gateway_of(pod):
            continue
        if has_sidecar(pod) or annotations_of(pod).get(REDIRECTION) == "enabled":
            continue
        cause = why.of(pod)
        if cause is not None:
            groups[cause].append(pod)
    for cause, pods in groups.items():
        one = len(pods) == 1
        yield Finding(
            cause.severity,
            f"{counted(len(pods), 'pod')} {within(pods)}{'has' if one else 'have'} no sidecar, for {cause.why}"
            + (f"; {'it is' if one else 'they are'} {_PLAIN}." if cause.severity != "info" else "."),
            tuple(sorted({workload_of(pod) for pod in pods})),
            tuple(ref(pod) for pod in pods[:5]),
            cause.remedy,
            cause.objects,
        )


def _asks(labels: Mapping[str, str]) -> bool:
    return labels.get(naming.INJECTION) == "enabled" or naming.REVISION in labels


class _Why:
    """Why a pod without a proxy has none; None for a pod that nobody meant to have one."""

    def __init__(self, snapshot: Snapshot, hooks: list[mesh.Webhook], members: Members) -> None:
        self.snapshot, self.hooks, self.members = snapshot, hooks, members
        self._injecting: dict[tuple[str, frozenset[tuple[str, str]]], frozenset[str]] = {}

    def of(self, pod: Obj) -> _Cause | None:
        namespace, labels = namespace_of(pod), labels_of(pod)
        says = labels.get(naming.INJECT, annotations_of(pod).get(naming.INJECT))
        injecting = self.injecting(namespace, pod)
        by_namespace = bool(self.members.revisions.get(namespace))
        if not injecting and not by_namespace and says != "true":
            return None
        if namespace in NEVER_INJECTED:
            return _Cause(
                "warning",
                f"istiod never injects in namespace {namespace}, whatever its labels say",
                (f"Namespace {namespace}",),
                "Take the labels of injection away there.",
            )
        if says == "false":
            return _Cause(
                "info",
                f"{naming.INJECT}=false says that {'they are' if by_namespace else 'it is'} to have none",
                (),
                "Nothing, if that is meant; else take it off the pod template, and restart.",
            )
        if dig(pod, "spec", "hostNetwork"):
            return _Cause(
                "info",
                "the injector leaves pods on their host's network alone",
                (),
                "Nothing, if they are to be there; in the mesh they cannot be.",
            )
        if not injecting:
            return self._unanswered(namespace, says == "true")
        return self._unserved(pod, injecting)

    def injecting(self, namespace: str, pod: Obj) -> frozenset[str]:
        asked = {
            key: value
            for key, value in labels_of(pod).items()
            if key in (naming.INJECT, naming.REVISION) or self._odd(key)
        }
        key = (namespace, frozenset(asked.items()))
        if key not in self._injecting:
            own = self.members.labels.get(namespace, {})
            self._injecting[key] = frozenset(naming.injecting(self.hooks, own, asked))
        return self._injecting[key]

    def _odd(self, key: str) -> bool:
        """Whether an injector of somebody's own making asks for other labels of pods than Istio's do."""
        return any(key in str(hook.body.get("objectSelector")) for hook in self.hooks)

    def _unanswered(self, namespace: str, asked: bool) -> _Cause:
        own = self.members.labels.get(namespace, {})
        told = ", ".join(f"{key}={own[key]}" for key in (naming.INJECTION, naming.REVISION) if key in own)
        if not asked:
            return _Cause(
                "warning",
                f"labels of their own take them out, though namespace {namespace} ({told}) is injected",
                (f"Namespace {namespace}",),
                f"Take {naming.REVISION} off the pod template, or correct it, and restart.",
            )
        if own.get(naming.INJECTION) == "disabled":
            return _Cause(
                "warning",
                f"namespace {namespace} says {naming.INJECTION}=disabled, which beats {naming.INJECT}=true of pods",
                (f"Namespace {namespace}",),
                f"kubectl label namespace {namespace} {naming.INJECTION}-; then restart.",
            )
        return _Cause(
            "error",
            f"{naming.INJECT}=true is answered by no injector"
            + (
                f" with namespace {namespace} labelled {told}"
                if told
                else ": there is no revision or tag named default"
            ),
            (f"Namespace {namespace}",),
            f"Label the pods {naming.REVISION} with a revision that is there too, or make the tag default "
            "(default_tag of meshwright.istio.istio_mesh); then restart.",
        )

    def _unserved(self, pod: Obj, injecting: frozenset[str]) -> _Cause:
        """An injector would take it now: it did not then."""
        hooks = [hook for hook in self.hooks if naming.revision_of(hook) in injecting]
        for hook in hooks:
            if hook.body.get("failurePolicy") == "Ignore" and hook.service is not None:
                nobody = ""
                # only evidence: what cannot be read here decides nothing
                with suppress(Undecided):
                    nobody = mesh.nobody_behind(self.snapshot, *hook.service)
                if nobody:
                    return _Cause(
                        "error",
                        f"its injector has failurePolicy Ignore and nobody answers for it ({nobody})",
                        (hook.ref,),
                        f"Let istiod run again, then restart what started without: {_RESTART}",
                    )
        owner = next((str(one.get("kind")) for one in meta(pod).get("ownerReferences") or ()), "")
        remedy = (
            "A Job's pods run to their end without; the next ones get it."
            if owner == "Job"
            else "Delete it and make it anew by hand: nobody else would."
            if not owner
            else f"{_RESTART}; meshwright.istio.mesh_enrollment does so in batches."
        )
        named = ", ".join(sorted(injecting))
        born = min((made_at(hook.configuration) for hook in hooks), default=0.0)
        if born and made_at(pod) and made_at(pod) < born:
            return _Cause("error", f"the injector of revision {named} was not there yet when they started", (), remedy)
        loose = any(hook.body.get("failurePolicy") == "Ignore" for hook in hooks)
        return _Cause(
            "error",
            f"they started before their namespace was labelled for revision {named}"
            + (", or while nobody answered for its injector (failurePolicy Ignore)" if loose else "")
            + ", or the injector's own neverInjectSelector or policy leaves them out",
            tuple(sorted({f"Namespace {namespace_of(pod)}"})),
            f"{remedy} If they come back without, look into ConfigMap istio-sidecar-injector and istiod's log.",
        )


# -- PodSecurity ---------------------------------------------------------------------------------------------------


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
        _CATEGORY,
        "error",
        ("daemonsets", "mutating_webhooks", "namespaces", sources.PODS),
        "Without istio-cni, injected pods have an init container that runs as root with NET_ADMIN and NET_RAW, which "
        "the PodSecurity levels baseline and restricted refuse: new pods of the namespace are not made. Whether "
        "sidecars of a revision need that is told by the pods that it has injected; where there are none, it is a "
        "warning. Also the namespaces of istio-cni and ztunnel, which need privileged. Only the namespace's label is "
        "looked at, not a default that the API server may be configured with.",
        pod_security,
    ),
    Check(
        42,
        "Pods that are to have a sidecar have one",
        _CATEGORY,
        "error",
        ("mutating_webhooks", "namespaces", sources.PODS),
        "For each pod without a proxy in a namespace that is injected, or that asks for a sidecar itself: why it has "
        "none. Labels that take it out, an injector that was not there or that nobody answered for, a pod older than "
        "the label, the host's network, a namespace that is never injected. Deliberate opt-outs "
        "(`sidecar.istio.io/inject=false`) are told as info. Pods that ambient mode has captured are left out.",
        not_injected,
        ("services", "endpoint_slices"),
    ),
)
