# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One pod, or the pods of one workload: from its labels to its proxy's certificate. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from .. import mesh
from ..model import counted
from ..snapshot import Obj, Undecided, dig, name_of, namespace_of, ref
from .captured import captured_steps
from .component import component_of, component_steps
from .connected import certificate_steps, connected_steps, root_steps
from .labels import TITLE as LABELS
from .labels import Asked, asked, label_steps
from .model import Step
from .sidecar import sidecar_steps
from .sight import Sight, Workload, guarded, is_ready, some

_EXISTS, _RUNS, _READY = "The pod is there", "It runs", "It is ready"
# That a pod is not in the mesh breaks the pod, not the way to it: what comes of that is told by mTLS and policies.
ENROLLMENT = ("label", "injector", "injected", "captured", "known", "root", "revision")


def pod_steps(sight: Sight, work: Workload) -> list[Step]:
    """All steps for the pod that is in trouble, or for the first."""
    if not work.pods:
        return [_no_pods(sight, work)]
    pod = sight.full(work.pod)
    found = [_there(work, pod)]
    found += guarded("runs", _RUNS, lambda: _runs(sight, pod))
    component = None
    with suppress(Undecided):
        # Whoever may not see the mesh's own parts can still look at an application.
        component = component_of(sight, pod)
    if component is not None:
        found += component_steps(sight, pod, *component)
    else:
        found += guarded("label", LABELS, lambda: label_steps(sight, pod))
        found += guarded("enrollment", "Its place in the mesh", lambda: _in_mesh(sight, pod))
    found += guarded("ready", _READY, lambda: _ready(sight, pod))
    return found


def pod_in_short(sight: Sight, work: Workload, step: str, title: str) -> list[Step]:
    """The same as one step, for a way that has two ends: what is broken or doubtful of it, else that it is in order."""
    steps = pod_steps(sight, work)
    objects = tuple(ref(pod) for pod in work.pods) or (work.label,)
    found = []
    for one in steps:
        if one.status not in ("broken", "warning"):
            continue
        kind = one.id.partition("-")[0]
        if kind == "label" and one.status == "warning":
            # Whoever does not ask for the mesh is outside of it: that is no trouble of the way.
            continue
        status = "warning" if kind in ENROLLMENT and one.status == "broken" else one.status
        found.append(replace(one, id=f"{step}.{one.id}", title=f"{title}: {one.title}", status=status))
    if not any(one.status == "broken" for one in found):
        mode = sight.mode(sight.full(work.pod)) if work.pods else "none"
        ready = sum(1 for pod in work.pods if is_ready(pod))
        found.insert(
            0,
            Step(
                step,
                title,
                "ok",
                f"{work.label} has {counted(len(work.pods), 'pod')}, {ready} ready; {_mode(mode)}.",
                objects,
            ),
        )
    return found


def _mode(mode: str) -> str:
    return {
        "sidecar": "with a sidecar",
        "ambient": "in ambient mode",
        "gateway": "a gateway",
        "none": "outside of the mesh",
    }[mode]


def _no_pods(sight: Sight, work: Workload) -> Step:
    owner = work.owner or {}
    failure = next(
        (
            str(item.get("message") or "")
            for item in dig(owner, "status", "conditions") or ()
            if item.get("type") == "ReplicaFailure" and item.get("status") == "True"
        ),
        "",
    )
    events = sight.events(owner)
    space = work.label.partition(" ")[2].partition("/")[0]
    if dig(owner, "spec", "replicas") == 0:
        text, remedy = f"{work.label} is scaled to zero.", f"kubectl -n {space} scale {_short(work.label)} --replicas=1"
    elif "PodSecurity" in failure or "PodSecurity" in " ".join(events):
        text = f"The pods of {work.label} are refused by the namespace's Pod Security level: {failure or events[0]}"
        remedy = (
            "A sidecar's istio-init needs NET_ADMIN: use istio-cni (cni of meshwright.istio.istio_mesh), which takes "
            "that away, or a level that allows it."
            if "istio-" in (failure or events[0])
            else "Set the securityContext that the message asks for, or give the namespace a level that allows it."
        )
    elif failure or events:
        text = f"The pods of {work.label} cannot be made: {failure or events[0]}"
        remedy = "Mend what the message names; a webhook that does not answer is istiod's (check MW0017)."
    else:
        text, remedy = f"{work.label} has no pods.", f"kubectl -n {space} describe {_short(work.label)}"
    return Step("exists", _EXISTS, "broken", text, (work.label,), events, remedy)


def _short(label: str) -> str:
    kind, _space, name = label.partition(" ")
    return f"{kind.lower()} {name.partition('/')[2]}"


def _there(work: Workload, pod: Obj) -> Step:
    many = len(work.pods)
    ready = sum(1 for one in work.pods if is_ready(one))
    told = f"{work.label} has {counted(many, 'pod')}, {ready} ready; looked at is {name_of(pod)}"
    text = f"{ref(pod)} is on node {dig(pod, 'spec', 'nodeName') or '(none yet)'}." if many == 1 else f"{told}."
    return Step("exists", _EXISTS, "ok", text, (ref(pod),))


def _runs(sight: Sight, pod: Obj) -> Iterator[Step]:
    phase, trouble = dig(pod, "status", "phase"), mesh.pod_trouble(pod)
    stuck = trouble.startswith(("container ", "not scheduled", "is being deleted"))
    if phase == "Running" and not stuck:
        yield Step("runs", _RUNS, "ok", "Its containers run.", (ref(pod),))
        return
    if phase == "Succeeded":
        yield Step("runs", _RUNS, "info", "It has come to its end.", (ref(pod),))
        return
    why = trouble if stuck else f"is {phase or 'without status'}"
    yield Step(
        "runs",
        _RUNS,
        "broken",
        f"The pod {why}.",
        (ref(pod),),
        sight.events(pod),
        f"kubectl -n {namespace_of(pod)} describe pod {name_of(pod)}",
    )


def _in_mesh(sight: Sight, pod: Obj) -> Iterator[Step]:
    mode = sight.mode(pod)
    try:
        found = asked(sight, pod)
    except Undecided:
        # That its labels are not known has been told: what it runs with is known all the same.
        found = Asked("none" if mode == "sidecar" else mode, "")
    if mode == "gateway":
        yield from guarded("connected", "Connected to istiod", lambda: connected_steps(sight, pod))
        yield from certificate_steps(sight, pod)
        yield from guarded("root", "The root certificate", lambda: root_steps(sight, namespace_of(pod)))
        return
    if found.mode == "sidecar" and not found.refused:
        yield from guarded("injector", "The injector that answers", lambda: sidecar_steps(sight, pod))
    elif found.mode == "ambient" and not found.refused:
        yield from guarded("captured", "Redirection to ztunnel", lambda: captured_steps(sight, pod))
    if mode == "sidecar":
        yield from guarded("connected", "Connected to istiod", lambda: connected_steps(sight, pod))
        yield from certificate_steps(sight, pod)
    if mode == "sidecar" or (found.mode == "sidecar" and not found.refused):
        yield from guarded("root", "The root certificate", lambda: root_steps(sight, namespace_of(pod)))


def _ready(sight: Sight, pod: Obj) -> Iterator[Step]:
    if dig(pod, "status", "phase") == "Succeeded":
        return
    if is_ready(pod):
        yield Step("ready", _READY, "ok", "It is ready.", (ref(pod),))
        return
    condition: Obj = next((item for item in dig(pod, "status", "conditions") or () if item.get("type") == "Ready"), {})
    waiting = [
        str(one.get("name"))
        for one in dig(pod, "status", "containerStatuses") or ()
        if one.get("ready") is False and one.get("name")
    ]
    yield Step(
        "ready",
        _READY,
        "broken",
        f"The pod is not ready: {condition.get('message') or mesh.pod_trouble(pod)}"
        f"{f' (containers {some(waiting)})' if waiting else ''}.",
        (ref(pod),),
        (*sight.events(pod), *sight.log(pod)[-4:]),
        f"kubectl -n {namespace_of(pod)} describe pod {name_of(pod)}",
    )
