# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Check of sidecar injection: pods that were to have a sidecar and have none, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from . import mesh, naming, sources
from .members import NEVER_INJECTED, REDIRECTION, Members, gateway_of, has_sidecar, made_at, members_of, within
from .model import Check, Finding, NotApplicable, Severity, counted
from .skew import workload_of
from .snapshot import Obj, Snapshot, Undecided, annotations_of, dig, labels_of, meta, namespace_of, ref

_CATEGORY = "enrollment"
_PLAIN = "outside the mesh: in plain text, which STRICT refuses, and without policy of its own"
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
            f"{counted(len(pods), 'pod')} {within(pods)}{'has' if one else 'have'} no sidecar, since "
            f"{_numbered(cause.why, one=one)}"
            + (f"; {'it is' if one else 'they are'} {_PLAIN}." if cause.severity != "info" else "."),
            tuple(sorted({workload_of(pod) for pod in pods})),
            tuple(ref(pod) for pod in pods[:5]),
            cause.remedy.replace("{restart}", _restart(pods)),
            cause.objects,
        )


def _numbered(text: str, *, one: bool) -> str:
    return text.replace("{they}", "it" if one else "they").replace("{them}", "it" if one else "them")


def _restart(pods: list[Obj]) -> str:
    """The command that makes them anew, with the names that are the same for all."""
    kind, _space, place = workload_of(pods[0]).partition(" ")
    namespace, _slash, name = place.partition("/")
    one = len({workload_of(pod) for pod in pods}) == 1 and kind in ("Deployment", "StatefulSet", "DaemonSet")
    where = namespace if len({namespace_of(pod) for pod in pods}) == 1 else "NAMESPACE"
    return f"kubectl -n {where} rollout restart {kind.lower() if one else 'deployment'} {name if one else 'NAME'}"


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
            return self._unanswered_namespace(pod) if says != "false" else None
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
                f"{naming.INJECT}=false asks for that",
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

    def _unanswered_namespace(self, pod: Obj) -> _Cause | None:
        """Whether its namespace asks for what nobody answers; where it is ambient, istio.io/rev is for its "
        "waypoints."""
        namespace = namespace_of(pod)
        own = self.members.labels.get(namespace, {})
        if not _asks(own) or own.get(naming.INJECTION) == "disabled" or dig(pod, "spec", "hostNetwork"):
            return None
        if own.get(naming.INJECTION) != "enabled" and own.get(naming.MODE) == "ambient":
            return None
        key = naming.INJECTION if own.get(naming.INJECTION) == "enabled" else naming.REVISION
        return _Cause(
            "error",
            f"no injector answers the label {key}={own[key]} of namespace {namespace}",
            (f"Namespace {namespace}",),
            "Name a revision or tag that is there, or make the tag (MW0021); then restart the pods.",
        )

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
                        "Let istiod run again, then restart what started without: {restart}",
                    )
        owner = next((str(one.get("kind")) for one in meta(pod).get("ownerReferences") or ()), "")
        remedy = (
            "A Job's pods run to their end without; the next ones get it."
            if owner == "Job"
            else "Delete it and make it anew by hand: nobody else would."
            if not owner
            else "{restart}; meshwright.istio.mesh_enrollment does so in batches."
        )
        named = ", ".join(sorted(injecting))
        born = min((made_at(hook.configuration) for hook in hooks), default=0.0)
        if born and made_at(pod) and made_at(pod) < born:
            return _Cause(
                "error", f"the injector of revision {named} was not there yet when {{they}} started", (), remedy
            )
        loose = any(hook.body.get("failurePolicy") == "Ignore" for hook in hooks)
        return _Cause(
            "error",
            f"{{they}} started before the namespace was labelled for revision {named}"
            + (", or while nobody answered for its injector (failurePolicy Ignore)" if loose else "")
            + ", unless neverInjectSelector or the policy of the injector leaves {them} out",
            tuple(sorted({f"Namespace {namespace_of(pod)}"})),
            f"{remedy} If they come back without, look into ConfigMap istio-sidecar-injector and istiod's log.",
        )


CHECKS = (
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
