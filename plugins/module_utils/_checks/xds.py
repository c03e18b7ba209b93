# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of what istiod sent and proxies took: rejects (MW0036), and who is not connected or lags (MW0037)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

from . import inside, mesh
from .model import Check, Finding, counted
from .policy.scene import ENVOY_FILTER
from .skew import revision_of
from .snapshot import Obj, Snapshot, Undecided, namespace_of, ref
from .sources import ISTIOD_METRICS, ISTIOD_SYNC, OF_KIND, PODS

_CATEGORY = "xDS"
_ENVOY_FILTERS = OF_KIND[ENVOY_FILTER]
# Seconds that a proxy has to connect after its pod was made, and to acknowledge what it was sent.
SETTLING = 60.0
LATE = 30.0
_TOLD = 5

_TYPES = {
    "Cluster": "clusters (CDS)",
    "ClusterLoadAssignment": "endpoints (EDS)",
    "Listener": "listeners (LDS)",
    "RouteConfiguration": "routes (RDS)",
    "Secret": "secrets (SDS)",
    "TypedExtensionConfig": "extensions (ECDS)",
    "NameTable": "names (NDS)",
    "Address": "workloads and services",
    "Authorization": "policies",
}
_REJECTS = {
    "Cluster": "cds",
    "ClusterLoadAssignment": "eds",
    "Listener": "lds",
    "RouteConfiguration": "rds",
}
_NOUNS = {"sidecar": "sidecar", "gateway": "gateway pod", "waypoint": "waypoint pod", "ztunnel": "ztunnel"}
_ABSENT = {
    "ztunnel": "new pods on its node get no certificate, and policies and services stay as they were",
    "waypoint": "it goes on with the routes and policies that it was last sent",
    "gateway": "it goes on with the routes and certificates that it was last sent",
    "sidecar": "it goes on with what it was last sent, and calls endpoints that may be gone",
}


def rejects(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0036."""
    mesh.require_control_planes(snapshot)
    groups: dict[tuple[str, bool, frozenset[str]], dict[str, Obj]] = defaultdict(dict)
    for proxy in _proxies(snapshot):
        for one in proxy["types"]:
            if one["error"]:
                key = (one["name"], proxy["type"] == "ztunnel", _reasons(one["error"]))
                groups[key][proxy["id"]] = one
    for (name, ztunnel, reasons), found in sorted(groups.items(), key=lambda item: (item[0][:2], sorted(item[0][2]))):
        never = sorted(proxy for proxy, one in found.items() if not one["acked"])
        yield Finding(
            "error",
            f"{counted(len(found), 'ztunnel') if ztunnel else _some(found)} reject{'s' if len(found) == 1 else ''} the "
            f"{_type(name)} that istiod sends: "
            + (
                "it keeps what it had, and nothing new reaches the pods of its node."
                if ztunnel
                else "a running one keeps its last good configuration, and a pod that starts now never gets Ready."
            ),
            _owners(snapshot, found),
            (
                *sorted(reasons),
                *(f"{_pod(proxy)} rejects them" for proxy in sorted(set(found) - set(never))[:_TOLD]),
                *(f"{_pod(proxy)} has never accepted any" for proxy in never[:_TOLD]),
                *_counted(snapshot, name, found),
                *(() if ztunnel else _filters(snapshot, found)),
            ),
            "Undo the change that the error points at (mostly an EnvoyFilter or a WasmPlugin): kubectl get "
            "envoyfilters,wasmplugins -A. istiod sends anew by itself.",
        )
    _unheard(snapshot)


def _reasons(error: str) -> frozenset[str]:
    """Why, without which of the listeners it was: the same mistake shows in many of them."""
    lines = [" ".join(line.split()) for line in error.splitlines() if line.strip()]
    return frozenset(line.partition(": ")[2] or line for line in lines)


def _counted(snapshot: Snapshot, name: str, found: dict[str, Obj]) -> Iterator[str]:
    """istiod's own counter, for those that reject now: it goes on counting pods that are gone."""
    metric = f"pilot_xds_{_REJECTS.get(name, '')}_reject"
    with suppress(Undecided):
        for replica in snapshot.items(ISTIOD_METRICS):
            for series in (replica.get("metrics") or {}).get(metric) or ():
                if series["labels"].get("node") in found:
                    yield f"{metric} of {_pod(series['labels']['node'])}: {series['value']:g}"


def _filters(snapshot: Snapshot, found: dict[str, Obj]) -> Iterator[str]:
    spaces = {proxy.rpartition(".")[2] for proxy in found}
    spaces |= {plane.namespace for plane in mesh.control_planes(snapshot)}
    with suppress(Undecided):
        names = sorted(ref(item) for item in snapshot.items(_ENVOY_FILTERS) if namespace_of(item) in spaces)
        if names:
            more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
            yield f"EnvoyFilters that may reach them: {', '.join(names[:_TOLD])}{more}"


def connected(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0037."""
    planes = mesh.require_control_planes(snapshot)
    # An istiod of several clusters has the proxies of all, and a pod of the same name may be in another one.
    mine = {plane.env("CLUSTER_ID") or "Kubernetes" for plane in planes} | {""}
    there = {proxy["id"] for proxy in _proxies(snapshot) if proxy["cluster"] in mine}
    yield from _late(snapshot)
    # Who is not connected to those that answered may be connected to one that did not.
    _unheard(snapshot)
    revisions = {plane.revision for plane in planes}
    groups: dict[tuple[str, bool], list[Obj]] = defaultdict(list)
    for pod in snapshot.items(PODS):
        kind: str = inside.proxy_kind(pod)
        if not kind or not inside.running(pod) or inside.age(snapshot, pod) < SETTLING:
            continue
        # That a revision has no istiod is MW0022's to say.
        if kind != "ztunnel" and revision_of(pod) not in revisions:
            continue
        if inside.proxy_id(pod) not in there:
            groups[(kind, inside.ready(pod))].append(pod)
    for (kind, ready), pods in sorted(groups.items()):
        yield Finding(
            "error" if ready else "warning",
            f"{counted(len(pods), _NOUNS[kind])} {'is' if len(pods) == 1 else 'are'} connected to no istiod"
            + (", though Ready: " if ready else " and not Ready: ")
            + (_ABSENT[kind] if ready else "a proxy that never got its configuration lets no traffic through")
            + ".",
            inside.owners(snapshot, pods),
            (
                f"{_some(there)} connected to {counted(len(snapshot.items(ISTIOD_SYNC)), 'istiod')}",
                *(f"not connected: {inside.pod_ref(pod)} {mesh.pod_trouble(pod)}".rstrip() for pod in pods[:_TOLD]),
            ),
            "Look why it cannot connect: kubectl -n NAMESPACE logs POD"
            + ("" if kind == "ztunnel" else " -c istio-proxy")
            + ". NetworkPolicies must let it reach port 15012 of istiod; MW0012, MW0013 and MW0014 look at the rest.",
        )


def _late(snapshot: Snapshot) -> Iterator[Finding]:
    late: dict[str, dict[str, float]] = defaultdict(dict)
    waiting: set[str] = set()
    for proxy in _proxies(snapshot):
        for one in proxy["types"]:
            if one["sent"] and one["sent"] != one["acked"] and not one["error"]:
                sent = inside.moment(one.get("sent_at"))
                if sent is not None and snapshot.taken - sent >= LATE:
                    late[one["name"]][proxy["id"]] = snapshot.taken - sent
                else:
                    waiting.add(proxy["id"])
    for name, found in sorted(late.items()):
        yield Finding(
            "warning",
            f"{_some(found)} "
            f"{'has' if len(found) == 1 else 'have'} not acknowledged the {_type(name)} that istiod sent up to "
            f"{inside.span(max(found.values()))} ago: they may still go by what they had.",
            _owners(snapshot, found),
            tuple(f"{_pod(proxy)}: sent {inside.span(found[proxy])} ago" for proxy in sorted(found)[:_TOLD]),
            "Look whether the proxy is short of CPU or memory, or hangs: kubectl top pod, its log; restart it.",
        )
    if waiting:
        yield Finding(
            "info",
            f"{_some(waiting)} had not acknowledged all that was sent when "
            "looked at, once: it may just have been on its way.",
            _owners(snapshot, waiting),
            tuple(_pod(proxy) for proxy in sorted(waiting)[:_TOLD]),
            "Run the check again: what is on its way arrives within seconds.",
        )


def _proxies(snapshot: Snapshot) -> list[Obj]:
    """What the istiods that answered say of their proxies. Raises `Undecided` where there is none to ask."""
    if not snapshot.items(ISTIOD_SYNC):
        raise Undecided("no istiod is ready, so none can say what its proxies have")
    return [proxy for replica in inside.answered(snapshot, ISTIOD_SYNC, "istiod") for proxy in replica["proxies"]]


def _unheard(snapshot: Snapshot) -> None:
    if unheard := inside.silence(snapshot.items(ISTIOD_SYNC), "istiod"):
        raise Undecided(unheard)


def _owners(snapshot: Snapshot, proxies: Iterable[str]) -> tuple[str, ...]:
    """The workloads of proxies, by their ids."""
    parts = [proxy.rpartition(".") for proxy in proxies]
    return tuple(sorted({inside.owner_of(snapshot, namespace, name) for name, _dot, namespace in parts}))


def _some(proxies: Collection[str]) -> str:
    return "1 proxy" if len(proxies) == 1 else f"{len(proxies)} proxies"


def _type(name: str) -> str:
    return _TYPES.get(name, name)


def _pod(proxy: str) -> str:
    """A proxy's id is its pod's name and namespace; only the name may have dots in it."""
    name, _dot, namespace = proxy.rpartition(".")
    return f"Pod {namespace}/{name}"


CHECKS = (
    Check(
        36,
        "No proxy rejects what istiod sends",
        _CATEGORY,
        "error",
        ("istiods", ISTIOD_SYNC),
        "Asks every ready istiod (`/debug/syncz`, by port-forward) for the last error of each type of configuration of "
        "each proxy that is connected to it. A proxy that runs keeps its last good configuration, and stays Ready and "
        "wrong; one that starts with it never gets Ready. istiod's counters (`pilot_xds_lds_reject` ...) are only told "
        "beside, for they go on counting pods that are gone. Up to Istio 1.25 istiod keeps no errors there.",
        rejects,
        (PODS, ISTIOD_METRICS, _ENVOY_FILTERS),
    ),
    Check(
        37,
        "Every proxy is connected to an istiod, and has what it was sent",
        _CATEGORY,
        "error",
        ("istiods", PODS, ISTIOD_SYNC),
        "Compares the pods that run a sidecar, gateway, waypoint or ztunnel with the proxies that any ready istiod "
        "says are connected. Pods younger than a minute are left out, and those of a revision without an istiod "
        "(MW0022). What was sent more than 30 seconds ago and is not acknowledged is a warning; what was sent later "
        "may be on its way, for this looks once.",
        connected,
    ),
)
