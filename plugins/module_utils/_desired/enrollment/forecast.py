# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The scene as it will be after each part of a move: what enforcement is judged in before anything is written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..._checks.policy.scene import NAMESPACE, POD, Key, Scene, kind_of
from ..._checks.snapshot import Obj, annotations_of, labels_of, name_of, namespace_of
from .journey import Labels
from .model import (
    INJECT_LABEL,
    MODE_LABEL,
    REDIRECTION_ANNOTATION,
    STATUS_ANNOTATION,
    TLS_MODE,
    TLS_MODE_LABEL,
    Mode,
)

_PROXY_LABELS: Mapping[str, str] = {TLS_MODE_LABEL: TLS_MODE, "networking.istio.io/tunnel": "http"}


class Forecast:
    """A scene that is changed step by step; the one it began with stays as it is."""

    def __init__(self, scene: Scene) -> None:
        self._begun = scene
        self._objects: dict[str, dict[Key, Obj]] = {kind: dict(found) for kind, found in scene.objects.items()}

    @property
    def scene(self) -> Scene:
        """The scene as it would be now."""
        objects = {kind: dict(found) for kind, found in self._objects.items()}
        return Scene(objects, root=self._begun.root, partial=self._begun.partial)

    def label(self, namespace: str, labels: Labels) -> None:
        """A namespace's labels change, and with them who is captured: at once, without a restart."""
        found = self._objects.get(NAMESPACE, {}).get(("", namespace))
        if found is None or not labels:
            return
        changed = _relabelled(found, labels)
        self._objects[NAMESPACE][("", namespace)] = changed
        if MODE_LABEL in labels:
            ambient = labels_of(changed).get(MODE_LABEL) == "ambient"
            for pod in self._pods(namespace):
                if ambient != (annotations_of(pod).get(REDIRECTION_ANNOTATION) == "enabled"):
                    self._capture(pod, ambient=ambient)

    def write(self, objects: Iterable[Obj]) -> None:
        """Policies that are created or changed."""
        for obj in objects:
            self._objects.setdefault(kind_of(obj), {})[(namespace_of(obj), name_of(obj))] = obj

    def remove(self, objects: Iterable[Obj]) -> None:
        for obj in objects:
            self._objects.get(kind_of(obj), {}).pop((namespace_of(obj), name_of(obj)), None)

    def restart(self, namespace: str, pods: Iterable[str], mode: Mode) -> None:
        """These pods, by name, are made anew for the mode."""
        for name in pods:
            pod = self._objects.get(POD, {}).get((namespace, name))
            if pod is not None:
                self._objects[POD][(namespace, name)] = _made_anew(pod, mode)

    def _pods(self, namespace: str) -> list[Obj]:
        return [pod for (space, _name), pod in self._objects.get(POD, {}).items() if space == namespace]

    def _capture(self, pod: Obj, *, ambient: bool) -> None:
        """As istio-cni does it: not what has a proxy of its own, and not what asks for another mode itself."""
        own = labels_of(pod).get(MODE_LABEL)
        if annotations_of(pod).get(STATUS_ANNOTATION) or own in ("none", "ambient"):
            return
        if self._begun.excused(pod) or self._begun.enrolled(pod) == "gateway":
            return
        value = {REDIRECTION_ANNOTATION: "enabled" if ambient else None}
        self._objects[POD][(namespace_of(pod), name_of(pod))] = _annotated(pod, value)


def _made_anew(pod: Obj, mode: Mode) -> Obj:
    if mode == "sidecar":
        found = _annotated(pod, {STATUS_ANNOTATION: "{}", REDIRECTION_ANNOTATION: None})
        return _relabelled(found, dict(_PROXY_LABELS))
    captured = "enabled" if mode == "ambient" and labels_of(pod).get(INJECT_LABEL) != "true" else None
    found = _annotated(pod, {STATUS_ANNOTATION: None, REDIRECTION_ANNOTATION: captured})
    return _relabelled(found, dict.fromkeys(_PROXY_LABELS))


def _annotated(obj: Obj, changes: Mapping[str, str | None]) -> Obj:
    return _changed(obj, "annotations", annotations_of(obj), changes)


def _relabelled(obj: Obj, changes: Mapping[str, str | None]) -> Obj:
    return _changed(obj, "labels", labels_of(obj), changes)


def _changed(obj: Obj, field: str, values: Mapping[str, str], changes: Mapping[str, str | None]) -> Obj:
    found = {**values, **{key: value for key, value in changes.items() if value is not None}}
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
    return {**obj, "metadata": {**obj["metadata"], field: found}}
