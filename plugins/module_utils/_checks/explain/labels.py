# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the labels of a pod and of its namespace ask for, and labels that look as if they did. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .. import mesh, naming
from ..policy.scene import Mode
from ..snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of, ref
from .model import Step
from .sight import Sight

TITLE = "What its labels ask for"
# Where istiod never injects, whatever the labels say.
UNINJECTED = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
_BOOLEANS = ("true", "false")
# Spellings that are met, and that mean nothing on a Namespace.
_MISTAKEN = {
    "istio.io/injection": "istio-injection=enabled",
    "istio-inject": "istio-injection=enabled",
    "istio.io/inject": "istio-injection=enabled",
    "sidecar.istio.io/inject": "istio-injection=enabled (sidecar.istio.io/inject is for pods)",
    "istio.io/revision": "istio.io/rev",
    "istio-rev": "istio.io/rev",
    "istio.io/dataplane": "istio.io/dataplane-mode=ambient",
    "istio.io/data-plane-mode": "istio.io/dataplane-mode=ambient",
    "dataplane-mode": "istio.io/dataplane-mode=ambient",
    "istio.io/ambient": "istio.io/dataplane-mode=ambient",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """`mode` is what the labels ask for, `told` which; `refused` says what the pod itself has against it."""

    mode: Mode
    told: str
    refused: str = ""


def asked(sight: Sight, pod: Obj) -> Asked:
    """What new pods like this one would get. Raises Undecided when the labels could not be read."""
    if sight.mode(pod) == "gateway":
        return Asked("gateway", "the pod is a gateway or waypoint")
    space, own = sight.labels(namespace_of(pod)), labels_of(pod)
    sidecar, ambient = _sidecar(space, own), _ambient(space, own)
    inject = own.get(naming.INJECT) or annotations_of(pod).get(naming.INJECT, "")
    if sidecar and (not ambient or naming.injecting(mesh.injectors(sight.snapshot), space, own)):
        refused = f"the pod says {naming.INJECT}={inject}" if inject == "false" else _never(pod)
        if not refused and namespace_of(pod) in UNINJECTED:
            refused = f"istiod injects nothing in namespace {namespace_of(pod)}"
        return Asked("sidecar", sidecar, refused)
    if ambient:
        refused = f"the pod says {naming.MODE}=none" if own.get(naming.MODE) == "none" else _never(pod)
        return Asked("ambient", ambient, refused)
    return Asked("none", "")


def label_steps(sight: Sight, pod: Obj) -> Iterator[Step]:
    """What is asked for, and what only looks like it."""
    found, space = asked(sight, pod), sight.namespace(namespace_of(pod))
    objects = (f"Namespace {namespace_of(pod)}", ref(pod))
    mistakes = tuple(_mistakes(space)) if space is not None else ()
    if found.mode in ("sidecar", "ambient"):
        if found.refused:
            yield Step(
                "label",
                TITLE,
                "warning",
                f"{found.told} asks for {_mode(found.mode)}, but {found.refused}: it is not in the mesh.",
                objects,
                (found.told, found.refused),
                "If it is to be in the mesh, take that out of the pod template and restart it.",
            )
        else:
            yield Step("label", TITLE, "ok", f"{found.told} asks for {_mode(found.mode)}.", objects)
        return
    if found.mode == "gateway":
        yield Step("label", TITLE, "ok", "It is a gateway or waypoint: its proxy is the application.", objects)
        return
    if sight.mode(pod) != "none":
        yield Step(
            "label",
            TITLE,
            "warning",
            f"No label asks for the mesh any more, though the pod is still in it ({sight.mode(pod)}): its successor "
            "will not be.",
            objects,
            mistakes,
            f"kubectl label namespace {namespace_of(pod)} {naming.MODE}=ambient (or {naming.INJECTION}=enabled)",
        )
    elif mistakes:
        yield Step(
            "label",
            TITLE,
            "broken",
            f"The labels of namespace {namespace_of(pod)} look as if they asked for the mesh, but mean nothing: "
            f"{'; '.join(mistakes)}.",
            objects,
            mistakes,
            f"kubectl label namespace {namespace_of(pod)} --overwrite {naming.INJECTION}=enabled, then restart its "
            f"pods; or {naming.MODE}=ambient.",
        )
    else:
        yield Step(
            "label",
            TITLE,
            "warning",
            f"Neither the pod nor namespace {namespace_of(pod)} asks for the mesh, so it is outside.",
            objects,
            (f"labels of the namespace: {_shown(space)}",),
            "Enroll it with meshwright.istio.mesh_enrollment, or kubectl label namespace "
            f"{namespace_of(pod)} {naming.MODE}=ambient (or {naming.INJECTION}=enabled, and restart its pods).",
        )


def _sidecar(namespace: Mapping[str, str], pod: Mapping[str, str]) -> str:
    """The label that asks for a sidecar, as `Namespace label ...`; empty for none."""
    injection, revision = namespace.get(naming.INJECTION), namespace.get(naming.REVISION)
    if injection == "enabled":
        return f"the namespace's label {naming.INJECTION}=enabled"
    if injection == "disabled":
        return ""
    if revision:
        return f"the namespace's label {naming.REVISION}={revision}"
    if pod.get(naming.INJECT) == "true":
        return f"the pod's label {naming.INJECT}=true"
    if pod.get(naming.REVISION) and pod.get(naming.INJECT) != "false" and pod.get("app") != "istiod":
        return f"the pod's label {naming.REVISION}={pod[naming.REVISION]}"
    return ""


def _ambient(namespace: Mapping[str, str], pod: Mapping[str, str]) -> str:
    if pod.get(naming.MODE) == "ambient":
        return f"the pod's label {naming.MODE}=ambient"
    return f"the namespace's label {naming.MODE}=ambient" if namespace.get(naming.MODE) == "ambient" else ""


def _never(pod: Obj) -> str:
    return "the pod is on its node's network (hostNetwork)" if dig(pod, "spec", "hostNetwork") else ""


def _mistakes(space: Obj) -> Iterator[str]:
    labels, annotations = labels_of(space), annotations_of(space)
    injection, mode = labels.get(naming.INJECTION), labels.get(naming.MODE)
    if injection is not None and injection not in ("enabled", "disabled"):
        yield f"{naming.INJECTION}={injection} is neither enabled nor disabled"
    if mode is not None and mode not in ("ambient", "none"):
        yield f"{naming.MODE}={mode} is neither ambient nor none"
    for key, meant in _MISTAKEN.items():
        if key in labels and labels[key] not in ("false", "disabled", "none"):
            yield f"{key}={labels[key]} is no label of Istio's, meant is {meant}"
    for key in (naming.INJECTION, naming.MODE, naming.REVISION):
        if key in annotations and key not in labels:
            yield f"{key} is an annotation of {name_of(space)}, and has to be a label"


def _mode(mode: str) -> str:
    return "a sidecar" if mode == "sidecar" else "ambient mode"


def _shown(space: Obj | None) -> str:
    told = [f"{key}={value}" for key, value in sorted(labels_of(space or {}).items()) if "kubernetes.io" not in key]
    return ", ".join(told) or "none of Istio's"
