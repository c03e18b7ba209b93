# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The labels and annotations by which something uses a waypoint, and what istiod says of it then. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..._checks.policy.scene import NAMESPACE, POD, USE_WAYPOINT, USE_WAYPOINT_NAMESPACE, Waypoint, kind_of
from ..._checks.snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of
from ..._intent.waypoint import Canary
from ..labelling import differing

INGRESS = "istio.io/ingress-use-waypoint"
CANARY = "istio.io/use-waypoint-canary"
CANARY_NAMESPACE = "istio.io/use-waypoint-canary-namespace"
CANARY_WEIGHT = "istio.io/use-waypoint-canary-weight"
# Instead of a waypoint's name: none, whatever the namespace says.
_NONE = "none"
_CONDITION = "istio.io/WaypointBound"
_ATTACHED = "Successfully attached to waypoint "
# As istiod reads a boolean.
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))

# Services that istiod itself makes for waypoints and east-west gateways: no waypoint is before them.
OWN_SERVICES = ("istio.io-mesh-controller", "istio.io-eastwest-controller")

Values = dict[str, "str | None"]


class Marks(NamedTuple):
    """What is to be changed of an object's labels and annotations; None takes a key away."""

    labels: Values
    annotations: Values

    @property
    def keys(self) -> frozenset[str]:
        return frozenset((*self.labels, *self.annotations))

    def differing(self, obj: Obj) -> Marks:
        """What of it is not so already."""
        return Marks(differing(labels_of(obj), self.labels), differing(annotations_of(obj), self.annotations))

    def __bool__(self) -> bool:
        return bool(self.labels or self.annotations)


def home_of(obj: Obj) -> str:
    """The namespace in which an object, or a Namespace itself, looks for a waypoint."""
    return name_of(obj) if kind_of(obj) == NAMESPACE else namespace_of(obj)


def primary_of(obj: Obj) -> Waypoint | None:
    """The waypoint that an object's own labels name."""
    return _named(obj, USE_WAYPOINT, USE_WAYPOINT_NAMESPACE)


def canary_of(obj: Obj) -> Waypoint | None:
    """The canary waypoint that an object's own labels name."""
    return _named(obj, CANARY, CANARY_NAMESPACE)


def is_ingress(obj: Obj) -> bool:
    """Whether an object's own label sends what comes in by gateways through the waypoint too."""
    return labels_of(obj).get(INGRESS) in _TRUE


def _named(obj: Obj, label: str, elsewhere: str) -> Waypoint | None:
    labels = labels_of(obj)
    name = labels.get(label)
    return None if not name or name == _NONE else Waypoint(labels.get(elsewhere) or home_of(obj), name)


def bound(
    obj: Obj, waypoint: Waypoint, *, ingress: bool | None = None, canary: Canary | None = None, inherits: bool = False
) -> Marks:
    """What makes an object use this waypoint. `inherits`: its namespace sends ingress through the waypoint.

    Without `ingress` or `canary` what is there of them stays, but for a canary that is this very waypoint: that one has
    been promoted. Pods have neither.
    """
    labels = _naming(obj, waypoint, USE_WAYPOINT, USE_WAYPOINT_NAMESPACE)
    if kind_of(obj) == POD:
        return Marks(labels, {})
    if ingress:
        labels[INGRESS] = "true"
    elif ingress is False and inherits:
        labels[INGRESS] = "false"
    elif ingress is False and is_ingress(obj):
        labels[INGRESS] = None
    if canary is not None:
        labels |= _naming(obj, canary.waypoint, CANARY, CANARY_NAMESPACE)
        return Marks(labels, {CANARY_WEIGHT: str(canary.weight)})
    if canary_of(obj) == waypoint:
        return Marks({**labels, **_no_canary().labels}, _no_canary().annotations)
    return Marks(labels, {})


def unbound(obj: Obj, waypoint: Waypoint, *, alone: bool) -> Marks:
    """What takes an object's own labels off this waypoint.

    `alone`: no other waypoint stands before it, or (for a Namespace) before something in it, then. Only so the rest is
    taken away as well, which would go for that other one: the canary, and ingress through the waypoint.
    """
    labels: Values = {}
    annotations: Values = {}
    primary = primary_of(obj) == waypoint
    if primary:
        labels |= {USE_WAYPOINT: None, USE_WAYPOINT_NAMESPACE: None}
        if alone and INGRESS in labels_of(obj):
            labels[INGRESS] = None
    if canary_of(obj) == waypoint or (primary and alone and CANARY in labels_of(obj)):
        labels |= _no_canary().labels
        annotations |= _no_canary().annotations
    return Marks(labels, annotations).differing(obj)


def shown(obj: Obj, keys: frozenset[str]) -> dict[str, Any]:
    """An object as a diff shows it: only these of its labels and annotations."""
    meta: dict[str, Any] = {}
    for field, values in (("labels", labels_of(obj)), ("annotations", annotations_of(obj))):
        if kept := {key: values[key] for key in sorted(keys & set(values))}:
            meta[field] = kept
    return {"metadata": meta} if meta else {}


def changed(obj: Obj, marks: Marks) -> Obj:
    """The object as it will be, so far as its labels and annotations go."""
    meta = dict(obj.get("metadata") or {})
    meta["labels"] = _merged(labels_of(obj), marks.labels)
    meta["annotations"] = _merged(annotations_of(obj), marks.annotations)
    return {**obj, "metadata": meta}


def _merged(values: Mapping[str, str], changes: Values) -> dict[str, str]:
    merged = {**values, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def _naming(obj: Obj, waypoint: Waypoint, label: str, elsewhere: str) -> Values:
    return {label: waypoint.name, elsewhere: None if waypoint.namespace == home_of(obj) else waypoint.namespace}


def _no_canary() -> Marks:
    return Marks({CANARY: None, CANARY_NAMESPACE: None}, {CANARY_WEIGHT: None})


# -- what istiod says of it ----------------------------------------------------------------------------------------


def condition_of(obj: Obj) -> Obj | None:
    """What istiod says of whether an object is bound; None when it says nothing."""
    conditions: Iterable[Obj] = dig(obj, "status", "conditions") or ()
    return next((one for one in conditions if one.get("type") == _CONDITION), None)


def says_attached(message: str, waypoint: Waypoint) -> bool:
    """Whether the message says attached to just this waypoint, whatever it says beside that."""
    rest = message.removeprefix(f"{_ATTACHED}{waypoint}")
    return rest != message and (not rest or rest.startswith(". "))


def attached(obj: Obj, waypoint: Waypoint) -> bool:
    """Whether istiod says of an object that it is bound to this waypoint."""
    said = condition_of(obj) or {}
    return said.get("status") == "True" and says_attached(str(said.get("message")), waypoint)
