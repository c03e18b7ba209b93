# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which namespaces a request means: those named and those selected, as they are."""

from __future__ import annotations

from ..._checks.policy.model import some
from ..._checks.snapshot import Obj, meta, name_of
from ..._errors import BadInput
from ..._intent.enrollment import EnrollmentIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..live import Target, observe

_NAMED = 20
# From so many on, all are listed at once.
_ALL_FROM = 10


def choose(client: Client, intent: EnrollmentIntent, notes: list[str]) -> list[Obj]:
    """The namespaces (metadata only), in the order in which they are named, then those selected, by name.

    Raises BadInput that lists all named ones that do not exist or are being deleted, and a selector that finds none.
    """
    names = [name for name in intent.namespaces if name not in intent.skipped]
    names += [one.namespace for one in intent.workloads]
    names = list(dict.fromkeys(names))
    if len(names) < _ALL_FROM:
        live = observe(client, [Target(kinds.NAMESPACE, None, name) for name in names])
        found = {one.name: obj for one, obj in live.items()}
    else:
        found = {name_of(obj): obj for obj in client.list(kinds.NAMESPACE, metadata_only=True)}
    missing = [name for name in names if name not in found]
    ending = [name for name in names if name in found and meta(found[name]).get("deletionTimestamp")]
    if missing or ending:
        told = [f"{some(sorted(missing), _NAMED)} {'does' if len(missing) == 1 else 'do'} not exist"] * bool(missing)
        told += [f"{some(sorted(ending), _NAMED)} {'is' if len(ending) == 1 else 'are'} being deleted"] * bool(ending)
        raise BadInput(
            f"namespaces: {'; '.join(told)}.",
            hint="Correct the names, or make the namespaces first. Nothing was written.",
            details={"missing": missing, "ending": ending},
        )
    chosen = [found[name] for name in names]
    return chosen + _selected(client, intent, set(names), notes)


def _selected(client: Client, intent: EnrollmentIntent, named: set[str], notes: list[str]) -> list[Obj]:
    if not intent.selector:
        return []
    found = client.list(kinds.NAMESPACE, labels=intent.selector, metadata_only=True)
    kept: list[Obj] = []
    left: list[Obj] = []
    for obj in sorted(found, key=name_of):
        name = name_of(obj)
        if name in named or name in intent.skipped or meta(obj).get("deletionTimestamp"):
            continue
        (left if intent.is_system(name) else kept).append(obj)
    if left:
        notes.append(f"selected, but left out: {some(sorted(map(name_of, left)), _NAMED)}")
    if not kept and not named and intent.state != "status":
        raise BadInput(
            f"selector: no namespace has the labels {intent.selector}.",
            hint="See kubectl get namespaces --show-labels.",
        )
    return kept
