# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiod and proxies said of themselves: who is who among pods, who answered, and how old things are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import Literal

from . import mesh
from .model import Finding, Findings, counted
from .skew import workload_of
from .snapshot import Obj, Snapshot, Undecided, annotations_of, dig, labels_of, meta, name_of, namespace_of
from .sources import ENVOY_CERTIFICATES, ENVOY_METRICS, PODS, ZTUNNEL_DUMPS, ZTUNNEL_METRICS

ProxyKind = Literal["sidecar", "gateway", "waypoint", "ztunnel", ""]

_CONTAINER = "istio-proxy"
_SIDECAR_STATUS = "sidecar.istio.io/status"
_GATEWAY_CLASS = "gateway.networking.k8s.io/gateway-class-name"
_BY_ARGUMENT: dict[str, ProxyKind] = {
    "sidecar": "sidecar",
    "router": "gateway",
    "waypoint": "waypoint",
    "ztunnel": "ztunnel",
}
REDIRECTION = "ambient.istio.io/redirection"
_SAID = 3


def proxy_kind(pod: Obj) -> ProxyKind:
    """Which proxy a pod runs; empty for none."""
    for container in (*(dig(pod, "spec", "initContainers") or ()), *(dig(pod, "spec", "containers") or ())):
        arguments = list(container.get("args") or ())
        if arguments[:1] == ["proxy"] and len(arguments) > 1:
            return _BY_ARGUMENT.get(str(arguments[1]), "")
        if container.get("name") == _CONTAINER:
            # A template of one's own may start it otherwise.
            if labels_of(pod).get(_GATEWAY_CLASS) == "istio-waypoint":
                return "waypoint"
            if labels_of(pod).get("app") == "ztunnel":
                return "ztunnel"
            return "sidecar" if _SIDECAR_STATUS in annotations_of(pod) else "gateway"
    return ""


def running(pod: Obj) -> bool:
    """It runs, and is to go on."""
    return dig(pod, "status", "phase") == "Running" and not meta(pod).get("deletionTimestamp")


def ready(pod: Obj) -> bool:
    return not mesh.pod_trouble(pod)


def captured(pod: Obj) -> bool:
    """istio-cni has led its traffic to ztunnel."""
    return annotations_of(pod).get(REDIRECTION) == "enabled"


def pod_ref(item: Obj) -> str:
    return f"Pod {namespace_of(item)}/{name_of(item)}"


def proxy_id(pod: Obj) -> str:
    """As istiod calls the pod's proxy."""
    return f"{name_of(pod)}.{namespace_of(pod)}"


def owner_of(snapshot: Snapshot, namespace: str, name: str) -> str:
    """The workload that a pod belongs to, as people name it; the pod itself where it is not known."""
    pod = snapshot.once(_pods).get((namespace, name))
    return f"Pod {namespace}/{name}" if pod is None else workload_of(pod)


def owners(snapshot: Snapshot, items: Iterable[Obj]) -> tuple[str, ...]:
    """The workloads of these pods, or of what was asked of them: pods get new names, workloads keep theirs."""
    return tuple(sorted({owner_of(snapshot, namespace_of(item), name_of(item)) for item in items}))


def _pods(snapshot: Snapshot) -> dict[tuple[str, str], Obj]:
    found: dict[tuple[str, str], Obj] = {}
    for source in (PODS, "component_pods"):
        with suppress(Undecided):
            found.update(((namespace_of(pod), name_of(pod)), pod) for pod in snapshot.items(source))
    return found


# -- time --------------------------------------------------------------------------------------------------------------


def moment(text: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 time; None for what is none, and for Go's zero time."""
    try:
        found = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    if found.year < 1971:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def age(snapshot: Snapshot, obj: Obj) -> float:
    """Seconds that an object has been there; endless where that, or when the snapshot was taken, is not told."""
    made = moment(meta(obj).get("creationTimestamp"))
    return float("inf") if made is None or not snapshot.taken else snapshot.taken - made


def span(seconds: float) -> str:
    """`40 seconds`, `12 minutes`, `5 hours`, `3 days`: as long as people would say."""
    whole = int(abs(seconds))
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if whole >= 2 * size:
            return counted(whole // size, noun)
    return counted(whole, "second")


# -- who answered ------------------------------------------------------------------------------------------------------


def answered(snapshot: Snapshot, source: str, what: str) -> list[Obj]:
    """Those that answered; [] when there was nobody to ask. Raises `Undecided` when all that were asked did not."""
    items = snapshot.items(source)
    found = [item for item in items if not item.get("error")]
    if items and not found:
        raise Undecided(f"no {what} answered, of {len(items)} asked: {_errors(items)}")
    return found


def unheard(snapshot: Snapshot, source: str, what: str, so: str) -> Iterator[Finding]:
    """A word on those that did not answer, where others of their kind did."""
    items = snapshot.items(source)
    if said := silence(items, what):
        silent = [item for item in items if item.get("error")]
        yield Finding(
            "info",
            f"{len(silent)} of {counted(len(items), what)} did not answer: {so}.",
            owners(snapshot, silent),
            (said,),
            "Look whether these pods run, and whether NetworkPolicies or the node keep the API server from them.",
        )


def silence(items: Sequence[Obj], what: str) -> str:
    """`3 of 5 Envoys did not answer: ...`; empty when all did."""
    silent = [item for item in items if item.get("error")]
    if not silent:
        return ""
    return f"{len(silent)} of {counted(len(items), what)} did not answer: {_errors(silent)}"


def _errors(items: Sequence[Obj]) -> str:
    told = [str(item["error"]) for item in items[:_SAID]]
    return "; ".join(dict.fromkeys(told)) + (f" and {len(items) - _SAID} more" if len(items) > _SAID else "")


def part_by_part(*parts: Callable[[Snapshot], Findings]) -> Callable[[Snapshot], Iterator[Finding]]:
    """One check of several parts: what one of them cannot see does not keep the others from telling what they find."""

    def check(snapshot: Snapshot) -> Iterator[Finding]:
        unseen: list[Undecided] = []
        for part in parts:
            try:
                yield from part(snapshot)
            except Undecided as reason:
                unseen.append(reason)
        if unseen:
            raise Undecided("; ".join(dict.fromkeys(str(reason) for reason in unseen)))

    return check


def sampled(snapshot: Snapshot) -> list[str]:
    """What was asked of some proxies only, as sentences: `40 of 300 ztunnels were asked themselves ...`.

    That of each workload only one Envoy is asked is no news.
    """
    found = []
    for names, kinds, what in (
        ((ZTUNNEL_DUMPS, ZTUNNEL_METRICS), ("ztunnel",), "ztunnel"),
        ((ENVOY_CERTIFICATES, ENVOY_METRICS), ("sidecar", "gateway", "waypoint"), "Envoy"),
    ):
        read = [len(snapshot.items(name)) for name in names if snapshot.knows(name)]
        if not read or not snapshot.knows(PODS):
            continue
        there = [pod for pod in snapshot.items(PODS) if running(pod) and proxy_kind(pod) in kinds]
        many = len(there) if what == "ztunnel" else len({workload_of(pod) for pod in there})
        if min(read) < many:
            said = counted(many, what) if what == "ztunnel" else f"{many} workloads with an Envoy"
            found.append(
                f"{min(read)} of {said} were asked themselves: no more than proxy_limit, and fewer where each of them "
                "has much to say."
            )
    return found
