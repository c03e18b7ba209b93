# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A pod that is to have a sidecar: who would inject it, whether it was, and by whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .. import mesh, naming
from ..skew import revision_of, workload_of
from ..snapshot import Obj, annotations_of, dig, labels_of, namespace_of, ref
from ..webhooks import dead_service
from .labels import asked
from .model import Step
from .sight import Sight, some

_INJECTOR, _INJECTED, _REVISION = "The injector that answers", "The sidecar is there", "The sidecar's revision"


def sidecar_steps(sight: Sight, pod: Obj) -> Iterator[Step]:
    """From the injector to the container, for a pod that asks for a sidecar and does not refuse it."""
    has = sight.mode(pod) == "sidecar"
    yield from injector_steps(sight, pod, has)
    yield from _injected(sight, pod, has)
    if has:
        yield from _revision(sight, pod)
        yield from _container(pod)


def injector_steps(sight: Sight, pod: Obj, has: bool) -> Iterator[Step]:
    """Is there a webhook for these labels, and does an istiod answer it?"""
    hooks = _hooks(sight, pod)
    told = asked(sight, pod).told
    if not hooks:
        known = sorted(naming.known(sight.snapshot))
        default = f"{naming.INJECTION}=enabled" in told
        yield Step(
            "injector",
            _INJECTOR,
            "warning" if has else "broken",
            f"No injector takes this pod: {told} "
            + (
                "needs a revision or tag named default, which is not there."
                if default
                else "names no revision or tag that there is."
            ),
            (f"Namespace {namespace_of(pod)}", ref(pod)),
            (f"revisions and tags there are: {', '.join(known) or 'none'}",),
            "Make the tag default (default_tag of meshwright.istio.istio_mesh), or label with a revision that is there."
            if default
            else "Label with a revision or tag that is there, or make this tag (tags of meshwright.istio.istio_mesh); "
            "then restart the workload.",
        )
        return
    if len(hooks) > 1:
        yield Step(
            "injector",
            _INJECTOR,
            "warning",
            f"{len(hooks)} injectors take this pod: it would be injected more than once.",
            tuple(hook.ref for hook in hooks),
            tuple(f"webhook {hook.name}" for hook in hooks),
            "Keep one injector for each revision or tag (see check MW0018).",
        )
    for hook in hooks:
        problem = dead_service(sight.snapshot, hook)
        if problem:
            fails = hook.body.get("failurePolicy") != "Ignore"
            yield Step(
                "injector",
                _INJECTOR,
                "warning" if has else "broken",
                "Nobody answers at the injector: "
                + ("pods cannot be made at all." if fails else "pods are made without a sidecar."),
                (hook.ref,),
                (problem, f"failurePolicy {hook.body.get('failurePolicy', 'Fail')}"),
                "Bring its istiod back (meshwright.istio.istio_mesh), then restart the workload.",
            )
        elif not dig(hook.body, "clientConfig", "caBundle") and hook.service is not None:
            yield Step(
                "injector",
                _INJECTOR,
                "warning" if has else "broken",
                "The injector has no CA bundle, so the API server does not trust its istiod.",
                (hook.ref,),
                ("clientConfig.caBundle is empty",),
                "istiod writes it within seconds; if it stays empty, something else manages the webhook.",
            )
        elif len(hooks) == 1:
            yield Step(
                "injector",
                _INJECTOR,
                "ok",
                f"Revision {naming.revision_of(hook)} injects such pods, and its istiod answers.",
                (hook.ref,),
            )


def _injected(sight: Sight, pod: Obj, has: bool) -> Iterator[Step]:
    if has:
        yield Step("injected", _INJECTED, "ok", "The pod has been injected.", (ref(pod),))
        return
    if sight.mode(pod) == "ambient":
        yield Step(
            "injected",
            _INJECTED,
            "warning",
            "The pod has no sidecar; ambient has captured it instead: its successor will get one.",
            (ref(pod),),
            (f"annotation of {ref(pod)}: ambient.istio.io/redirection=enabled",),
            f"Keep one of both modes: kubectl label namespace {namespace_of(pod)} {naming.MODE}-, and restart.",
        )
        return
    facts = [f"created {dig(pod, 'metadata', 'creationTimestamp') or 'at a time that was not told'}"]
    hooks = _hooks(sight, pod)
    if hooks:
        text = (
            "The pod has no sidecar, though an injector would give it one now: it was made before the label, or while "
            "no injector answered."
        )
        lax = [hook.ref for hook in hooks if hook.body.get("failurePolicy") == "Ignore"]
        facts += [f"{name} lets pods pass when istiod does not answer (failurePolicy Ignore)" for name in lax]
    else:
        text = "The pod has no sidecar, for no injector takes it."
    facts.append(f"containers: {some(str(one.get('name')) for one in dig(pod, 'spec', 'containers') or ())}")
    yield Step("injected", _INJECTED, "broken", text, (ref(pod), workload_of(pod)), tuple(facts), restart(pod))


def restart(pod: Obj) -> str:
    """The command that makes a workload's pods anew."""
    kind, _space, name = workload_of(pod).partition(" ")
    if kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return f"kubectl -n {namespace_of(pod)} rollout restart {kind.lower()} {name.partition('/')[2]}"
    return f"Delete {ref(pod)} and let it be made again: it belongs to no Deployment."


def _revision(sight: Sight, pod: Obj) -> Iterator[Step]:
    runs, planes = revision_of(pod), sight.planes
    known = {plane.revision for plane in planes}
    wanted = {naming.revision_of(hook) for hook in _hooks(sight, pod)}
    if planes and runs not in known and not mesh.remote_control_plane(sight.snapshot):
        yield Step(
            "revision",
            _REVISION,
            "broken",
            f"The sidecar is of revision {runs}, whose istiod is gone: it gets no configuration and no certificates.",
            (ref(pod),),
            (f"revisions there are: {', '.join(sorted(known))}",),
            f"Label the namespace with a revision that is there, then {restart(pod)}",
        )
    elif wanted and runs not in wanted:
        yield Step(
            "revision",
            _REVISION,
            "warning",
            f"The sidecar is of revision {runs}, while the labels lead to {', '.join(sorted(wanted))}: the pod was not "
            "restarted since they moved.",
            (ref(pod),),
            (),
            restart(pod),
        )
    else:
        yield Step("revision", _REVISION, "ok", f"The sidecar is of revision {runs}, as the labels say.", (ref(pod),))


def _container(pod: Obj) -> Iterator[Step]:
    """Is the proxy's own container ready? Its readiness waits for the first configuration."""
    title = "The sidecar is ready"
    statuses = [
        *(dig(pod, "status", "containerStatuses") or ()),
        *(dig(pod, "status", "initContainerStatuses") or ()),
    ]
    mine = next((one for one in statuses if one.get("name") == "istio-proxy"), None)
    if mine is None or mine.get("ready") is not False:
        return
    waiting = dig(mine, "state", "waiting", "reason")
    yield Step(
        "proxy",
        title,
        "broken",
        f"The container istio-proxy is not ready{f' ({waiting})' if waiting else ''}: it gets ready with its first "
        "configuration and certificate.",
        (ref(pod),),
        (f"image {_image(pod)}",),
        f"kubectl -n {namespace_of(pod)} logs {dig(pod, 'metadata', 'name')} -c istio-proxy",
    )


def _image(pod: Obj) -> str:
    spec = pod.get("spec") or {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        if container.get("name") == "istio-proxy":
            return str(container.get("image"))
    return "unknown"


def _hooks(sight: Sight, pod: Obj) -> list[mesh.Webhook]:
    """The webhooks that would take this pod if it were made now."""
    from_namespace, own = sight.labels(namespace_of(pod)), labels_of(pod)
    # What the injector itself has put on the pod is no part of what its template says.
    kept = {
        key: value for key, value in own.items() if key != naming.REVISION or not annotations_of(pod).get(naming.STATUS)
    }
    return [hook for hook in mesh.injectors(sight.snapshot) if naming.injecting([hook], from_namespace, kept)]
