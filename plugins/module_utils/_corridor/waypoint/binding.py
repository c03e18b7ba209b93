# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Binding Namespaces, Services, ServiceEntries and Pods to a waypoint: a plan of patches, and carrying it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ..._checks.policy.scene import NAMESPACE, POD, USE_WAYPOINT, Waypoint, kind_of
from ..._checks.snapshot import Obj, labels_of, meta, name_of, namespace_of
from ..._errors import BadInput, Forbidden
from ..._intent.waypoint import Canary, Enroll
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..labelling import relabel
from ..live import Target, observe, target
from ..plan import Step
from ..policy.elsewhere import controller_of
from .labels import Marks, bound, canary_of, changed, is_ingress, primary_of, shown

_NAMED = 5


@dataclass(slots=True)
class Change:
    """One object whose labels and annotations are to be `marks`."""

    kind: Kind
    live: Obj
    marks: Marks
    step: Step


@dataclass(slots=True)
class Binding:
    """The changes of labels that bind to a waypoint, or unbind; those that are as desired among them."""

    changes: list[Change] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        return [change.step for change in self.changes]

    def rehearse(self, client: Client) -> None:
        """Let the server try every patch without keeping it; steps then show what it made of them.

        Raises what it says against one.
        """
        client.many(lambda change: self._patch(client, change, dry_run=True), self._pending)

    def carry_out(self, client: Client) -> None:
        """Patch what differs; steps then show what the server has.

        Raises GuardRefused when somebody else changed one of these labels since the plan was made, NotFound when an
        object is gone. What was patched before stays: a second run goes on from there.
        """
        client.many(lambda change: self._patch(client, change), self._pending)

    @property
    def _pending(self) -> list[Change]:
        return [change for change in self.changes if change.step.changes]

    def _patch(self, client: Client, change: Change, *, dry_run: bool = False) -> None:
        labels, annotations = change.marks
        answer = relabel(client, change.kind, change.live, labels, annotations=annotations, dry_run=dry_run)
        change.step.after = shown(answer, change.marks.keys)
        change.step.predicted_by = "server"


def plan_binding(
    client: Client, waypoint: Waypoint, enroll: Enroll, *, ingress: bool | None, canary: Canary | None
) -> Binding:
    """What it takes that all of `enroll` uses the waypoint. Only reads and dry runs are sent.

    Raises BadInput that names every target that does not exist.
    """
    targets = _targets(enroll)
    homes = [target(kinds.NAMESPACE, None, name) for name in enroll.homes] if ingress is False else []
    seen = observe(client, [*targets, *homes])
    _guard_there(targets, seen)
    inheriting = {one.name for one in homes if one.name not in enroll.namespaces and is_ingress(seen.get(one) or {})}
    found = Binding()
    for one in targets:
        live = seen[one]
        inherits = one.namespace in inheriting
        marks = bound(live, waypoint, ingress=ingress, canary=canary, inherits=inherits).differing(live)
        found.changes.append(change_of(one.kind, live, marks, _reason(live, waypoint, marks)))
    found.rehearse(client)
    _note_exceptions(client, waypoint, found.changes)
    client.many(lambda change: change.step.notes.extend(_pod_notes(client, change.live)), _of_kind(found, POD))
    return found


def change_of(kind: Kind, live: Obj, marks: Marks, reason: str) -> Change:
    """A change with its step; nothing to change when `marks` is empty."""
    label = kind.label(live["metadata"].get("namespace"), name_of(live))
    if not marks:
        return Change(kind, live, marks, Step(label, "none", reason))
    before, after = shown(live, marks.keys), shown(changed(live, marks), marks.keys)
    return Change(kind, live, marks, Step(label, "update", reason, before, after, "local"))


def _targets(enroll: Enroll) -> list[Target]:
    named: Iterable[tuple[Kind, Iterable[tuple[str | None, str]]]] = (
        (kinds.NAMESPACE, [(None, name) for name in enroll.namespaces]),
        (kinds.SERVICE, enroll.services),
        (kinds.SERVICE_ENTRY, enroll.service_entries),
        (kinds.POD, enroll.pods),
    )
    return list(dict.fromkeys(target(kind, space, name) for kind, refs in named for space, name in refs))


def _guard_there(targets: Iterable[Target], seen: Mapping[Target, Obj]) -> None:
    missing = [one.label for one in targets if one not in seen]
    ending = [one.label for one in targets if one in seen and meta(seen[one]).get("deletionTimestamp")]
    if not missing and not ending:
        return
    told = []
    if missing:
        told.append(f"{'does' if len(missing) == 1 else 'do'} not exist: {', '.join(missing)}")
    if ending:
        told.append(f"{'is' if len(ending) == 1 else 'are'} being deleted: {', '.join(ending)}")
    raise BadInput(
        f"enroll: {'; '.join(told)}.",
        hint="Make them first, or correct `enroll`.",
        details={"missing": missing, "ending": ending},
    )


def _reason(live: Obj, waypoint: Waypoint, marks: Marks) -> str:
    now, canary = primary_of(live), canary_of(live)
    if not marks:
        return f"uses the waypoint {waypoint}"
    if now is not None and now != waypoint:
        return f"is taken from the waypoint {now}"
    if now is None:
        opted = labels_of(live).get(USE_WAYPOINT) == "none"
        return "has opted out of waypoints (istio.io/use-waypoint: none)" if opted else "names no waypoint yet"
    if canary == waypoint:
        return f"the waypoint {waypoint} is its canary no more"
    return f"uses the waypoint {waypoint} otherwise"


def _of_kind(binding: Binding, kind: str) -> list[Change]:
    return [change for change in binding.changes if kind_of(change.live) == kind]


def _note_exceptions(client: Client, waypoint: Waypoint, changes: Iterable[Change]) -> None:
    """Say which Services do not follow the label of their namespace, as they have one of their own."""
    spaces = {name_of(change.live): change for change in changes if kind_of(change.live) == NAMESPACE}
    if not spaces:
        return
    bound_here = {(namespace_of(one.live), name_of(one.live)) for one in changes if one.kind == kinds.SERVICE}
    own: dict[str, list[str]] = {}
    # Whoever may not see all Services is not told of these.
    with suppress(Forbidden):
        where = next(iter(spaces)) if len(spaces) == 1 else None
        for service in client.list(kinds.SERVICE, where, labels=USE_WAYPOINT, metadata_only=True):
            space, named = namespace_of(service), primary_of(service)
            if space in spaces and named != waypoint and (space, name_of(service)) not in bound_here:
                own.setdefault(space, []).append(f"{name_of(service)} ({named or 'none'})")
    for space, names in own.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        spaces[space].step.notes.append(
            f"a Service's own label goes before the namespace's: {', '.join(sorted(names)[:_NAMED])}{more}"
        )


def _pod_notes(client: Client, pod: Obj) -> list[str]:
    owner = owner_of(client, pod)
    if owner is None:
        return ["nobody makes this pod anew: the label lasts as long as the pod"]
    return [
        f"the label is lost when the pod is made anew: put it into the pod template of {owner}, or enroll the Service"
    ]


def owner_of(client: Client, pod: Obj) -> str | None:
    """Who makes a pod anew, as `Deployment shop/cart`; None when nobody does."""
    space, owner = namespace_of(pod), controller_of(pod)
    if owner is None:
        return None
    if owner["kind"] == kinds.REPLICA_SET.kind:
        with suppress(Forbidden):
            owner = controller_of(client.get(kinds.REPLICA_SET, str(owner["name"]), space)) or owner
    return f"{owner['kind']} {space}/{owner['name']}"
