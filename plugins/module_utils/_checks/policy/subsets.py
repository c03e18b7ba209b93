# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is wrong with a DestinationRule: its host, its subsets, and others for the same host. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .hosts import exported as exported_to
from .hosts import full, share
from .model import Judged, some
from .scene import POD
from .traffic import unknown_host
from .view import View

# Of many for one host the first are enough to say so.
_MOST_OTHERS = 10


def destination_rule(view: View, obj: Obj) -> Iterator[Judged]:
    """All that may be wrong with a DestinationRule."""
    yield from destination_rule_refs(view, obj)
    yield from _clashing(view, obj)
    yield from _empty_subsets(view, obj)


def destination_rule_refs(view: View, obj: Obj) -> Iterator[Judged]:
    host = str(dig(obj, "spec", "host") or "")
    found, _hosts = view.hosts.find(host, namespace_of(obj))
    if host and found in ("absent", "hidden"):
        # It has no effect, which is an error of whoever wrote it; traffic does not fail for it.
        yield unknown_host(obj, "spec", host, namespace_of(obj), found, effect="it has no effect")


def _clashing(view: View, obj: Obj) -> Iterator[Judged]:
    host = full(str(dig(obj, "spec", "host") or ""), namespace_of(obj))
    mine = {entry.get("name"): entry for entry in dig(obj, "spec", "subsets") or ()}
    told = 0
    for other in view.rules.same(host):
        if told == _MOST_OTHERS:
            return
        if ref(other) == ref(obj) or not share(exported_to(obj), exported_to(other)):
            continue
        if namespace_of(other) != namespace_of(obj):
            # Istio takes one of them by the client's namespace, which is how clients override a Service's rule.
            continue
        theirs = {entry.get("name"): entry for entry in dig(other, "spec", "subsets") or ()}
        clash = sorted(str(name) for name in mine.keys() & theirs.keys() if mine[name] != theirs[name])
        both = bool(dig(obj, "spec", "trafficPolicy")) and bool(dig(other, "spec", "trafficPolicy"))
        if not clash and not both:
            continue
        told += 1
        what = f"with other content for subset {some(clash)}" if clash else "and both have a trafficPolicy"
        yield Judged(
            "two-destination-rules",
            obj,
            f"is for {host}, and so is {ref(other)}, {what}: Istio merges them, and the older one wins",
            "Put both into one DestinationRule.",
            "warning",
            subject=f"{host} {ref(other)}",
        )


def _empty_subsets(view: View, obj: Obj) -> Iterator[Judged]:
    """Subsets that no pod is in: requests to them get 503 until there is one."""
    service = view.hosts.service(str(dig(obj, "spec", "host") or ""), namespace_of(obj))
    chosen = dig(service, "spec", "selector") if service else None
    if service is None or not chosen or not view.scene.knows(POD, namespace_of(service)):
        return
    pods = view.scene.selected(namespace_of(service), chosen)
    if not pods:
        return
    for entry in dig(obj, "spec", "subsets") or ():
        labels = entry.get("labels") or {}
        # Labels of the platform (topology.kubernetes.io/...) are the endpoints', not the pods'.
        own = {name: value for name, value in labels.items() if not str(name).startswith("topology.")}
        if own and not any(all(labels_of(pod).get(n) == v for n, v in own.items()) for pod in pods):
            yield Judged(
                "empty-subset",
                obj,
                f"has the subset {entry.get('name')}, whose labels no pod of Service {namespace_of(service)}/"
                f"{name_of(service)} has: requests to it get 503",
                "Deploy that version first, or correct the labels.",
                "warning",
                subject=str(entry.get("name")),
            )
