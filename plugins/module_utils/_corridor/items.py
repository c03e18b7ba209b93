# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The objects of one plan, each with what is known of it; and errors of many objects told as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._errors import ApiError, BadInput, Conflict, Forbidden, Invalid, MeshError, NotFound, Rejected
from .._kube.client import Client
from .._kube.kinds import CRD, Kind, known
from .live import Obj, Target, target
from .order import wave
from .plan import Step

# Errors about one object: the others are still looked at, so that one run names all that is wrong.
OF_ONE_OBJECT = (Conflict, Forbidden, Invalid, NotFound, Rejected)
_TOLD = 10
_NOT_APPLIED = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


@dataclass(slots=True)
class Item:
    """One desired object. `crd` is the CRD among the desired ones that defines its kind.

    `written` is the object as the server had it after it was written in this run.
    """

    obj: Obj
    target: Target
    crd: Obj | None = None
    live: Obj | None = None
    written: Obj | None = None
    step: Step = field(default_factory=lambda: Step("", "none", ""))

    @property
    def wave(self) -> int:
        return wave(self.target.kind)

    @property
    def label(self) -> str:
        return self.target.label


def items_of(client: Client, desired: Sequence[Obj]) -> list[Item]:
    """Items in the order in which they are written.

    Raises BadInput for an object without kind, name or (where needed) namespace, and for one given twice;
    NotFound for a kind that neither the server nor a desired CRD knows.
    """
    crds = _defined_kinds(desired)
    found: dict[Target, Item] = {}
    for obj in desired:
        defined = crds.get((str(obj.get("apiVersion")), str(obj.get("kind"))))
        kind = defined[0] if defined else client.resolve(obj)
        meta = obj.get("metadata") or {}
        if not meta.get("name"):
            raise BadInput(f"An object of kind {kind.kind} has no `metadata.name`.")
        if kind.namespaced and not meta.get("namespace"):
            raise BadInput(f"{kind.kind} {meta['name']} has no `metadata.namespace`, which its kind needs.")
        one = target(kind, meta.get("namespace"), meta["name"])
        if one in found:
            raise BadInput(f"{one.label} is given twice: one of the two would undo the other.")
        found[one] = Item(applicable(obj, kind), one, crd=defined[1] if defined else None)
    return sorted(found.values(), key=lambda item: item.wave)


def applicable(obj: Obj, kind: Kind) -> Obj:
    """The object as it may be applied: without status and what only a server writes."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in _NOT_APPLIED and value is not None}
    if not kind.namespaced:
        meta.pop("namespace", None)
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": meta}


def _defined_kinds(desired: Sequence[Obj]) -> dict[tuple[str, str], tuple[Kind, Obj]]:
    """The kinds that desired CRDs define, by apiVersion and kind."""
    found: dict[tuple[str, str], tuple[Kind, Obj]] = {}
    for crd in desired:
        if crd.get("kind") != CRD.kind or crd.get("apiVersion") != CRD.api_version:
            continue
        spec = crd.get("spec") or {}
        names = spec.get("names") or {}
        for version in spec.get("versions") or []:
            if not version.get("served", True) or not names.get("kind") or not names.get("plural"):
                continue
            kind = Kind(
                str(spec.get("group")),
                str(version.get("name")),
                names["kind"],
                names["plural"],
                spec.get("scope") != "Cluster",
            )
            # The table's own row, where there is one, so that kinds compare equal.
            found[(kind.api_version, kind.kind)] = (known(kind.api_version, kind.kind) or kind, crd)
    return found


def for_all(client: Client, call: Callable[[Item], Any], items: Iterable[Item]) -> list[ApiError]:
    """Call for every item on the pool; the errors that concern single objects, in order. Others are raised at once."""

    def guarded(item: Item) -> ApiError | None:
        try:
            call(item)
        except OF_ONE_OBJECT as error:
            if error.details.get("webhook"):
                # It was waited for already; the other objects would wait as long, one after the other.
                raise
            return error
        return None

    return [error for error in client.many(guarded, items) if error is not None]


def raise_all(errors: Sequence[ApiError], **details: Any) -> None:
    """Raise what was collected: one error as it is, several as one of the first one's class that tells of each."""
    if not errors:
        return
    first = errors[0]
    if len(errors) == 1:
        first.details.update(details)
        raise first
    told = [str(error) for error in errors[:_TOLD]]
    if len(errors) > _TOLD:
        told.append(f"and {len(errors) - _TOLD} more")
    raise type(first)(
        "\n- ".join([f"{len(errors)} objects were refused:", *told]),
        status=first.status,
        verb=first.verb,
        target=first.target,
        details={"errors": [as_data(error) for error in errors[: 5 * _TOLD]], **details},
    ) from first


def as_data(error: MeshError) -> dict[str, Any]:
    """An error as results show it: its class, what it is about, its message, and its details beside them."""
    target = error.target if isinstance(error, ApiError) else ""
    return {"error": type(error).__name__, "target": target, "message": error.message, **error.details}
