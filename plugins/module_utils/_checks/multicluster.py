# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of a mesh of more clusters than one: whether istiod reads the others (MW0040)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

from . import inside, mesh
from .model import Check, Finding, NotApplicable
from .root_certificates import roots_of, self_made
from .snapshot import Obj, Snapshot, Undecided, annotations_of, meta, name_of, namespace_of
from .sources import ISTIOD_CLUSTERS, REMOTE_SECRETS, ROOT_CERTIFICATES

_CLUSTER = "networking.istio.io/cluster"
# Seconds that istiod has to read a new cluster.
SETTLING = 60.0
_SYNCED, _SYNCING = "synced", "syncing"


def _remote(snapshot: Snapshot) -> Iterator[Finding]:
    """Whether there is anything to look at: a Secret, or a cluster that istiod knows."""
    mesh.require_control_planes(snapshot)
    if snapshot.items(REMOTE_SECRETS):
        return
    with suppress(Undecided):
        if any(_others(replica) for replica in snapshot.items(ISTIOD_CLUSTERS)):
            return
        raise NotApplicable("the mesh is of one cluster: no Secret labelled istio/multiCluster=true")
    yield from ()


def clusters(snapshot: Snapshot) -> Iterator[Finding]:
    """What each istiod makes of each other cluster."""
    secrets = {f"{namespace_of(item)}/{name_of(item)}": item for item in snapshot.items(REMOTE_SECRETS)}
    replicas = inside.answered(snapshot, ISTIOD_CLUSTERS, "istiod")
    if not replicas:
        raise Undecided("no istiod is ready, so none can say which clusters it reads")
    states: dict[tuple[str, str, str], list[Obj]] = defaultdict(list)
    for replica in replicas:
        told = {one["secretName"]: one for one in _others(replica)}
        for secret, one in told.items():
            states[(one["id"], secret, one["syncStatus"])].append(replica)
        for secret, item in secrets.items():
            if secret not in told:
                states[(_named(item), secret, "")].append(replica)
    for (cluster, secret, state), pods in sorted(states.items(), key=lambda item: item[0]):
        if state == _SYNCED:
            continue
        young = secret in secrets and snapshot.taken - _made(secrets[secret]) < SETTLING
        if young and state in ("", _SYNCING):
            continue
        yield Finding(
            "warning" if state == _SYNCING else "error",
            f"istiod {_TROUBLE.get(state, _TROUBLE_ELSE)} the cluster {cluster}: its services and endpoints are not "
            "known here, or are not up to date.",
            (f"Secret {secret}",),
            (f"/debug/clusterz of {', '.join(sorted(map(inside.pod_ref, pods)))}: {state or 'has no such cluster'}",),
            _REMEDY,
            inside.owners(snapshot, pods),
        )
    if said := inside.silence(snapshot.items(ISTIOD_CLUSTERS), "istiod"):
        raise Undecided(said)


_TROUBLE = {
    "": "does not read",
    _SYNCING: "has not finished reading",
    "timeout": "could not finish reading",
    "closed": "has stopped reading",
}
_TROUBLE_ELSE = "has trouble with"
_REMEDY = (
    "Make the Secret anew (istioctl create-remote-secret --name CLUSTER), in istiod's own namespace; from here the "
    "other cluster's API server has to be reachable at the address in it. istiod's log says what it ran into."
)


def shared_root(snapshot: Snapshot) -> Iterator[Finding]:
    """A root that istiod made itself is this cluster's alone."""
    found = roots_of(snapshot)
    if found.roots and all(self_made(root) for root, _where in found.roots):
        yield Finding(
            "warning",
            "istiod made the mesh's root certificate itself, and another cluster's istiod makes its own: unless the "
            "other clusters were given this one, mutual TLS between clusters fails.",
            ("ConfigMap istio-ca-root-cert",),
            found.lines(),
            "Give every cluster's istiod a Secret cacerts signed by one common root.",
        )


def _others(replica: Obj) -> list[Obj]:
    """The clusters that an istiod reads by a Secret; its own has none."""
    return [one for one in replica.get("clusters") or () if one.get("secretName")]


def _named(secret: Obj) -> str:
    return str(annotations_of(secret).get(_CLUSTER) or f"of Secret {name_of(secret)}")


def _made(secret: Obj) -> float:
    return inside.moment(meta(secret).get("creationTimestamp")) or 0.0


CHECKS = (
    Check(
        40,
        "istiod reads the other clusters of the mesh, and all have one root",
        "multi-cluster",
        "error",
        ("istiods", REMOTE_SECRETS, ISTIOD_CLUSTERS),
        "Asks every ready istiod (`/debug/clusterz`) how far it is with each cluster, and compares that with the "
        "Secrets labelled `istio/multiCluster=true` (their metadata; their content is never read). A root certificate "
        "that istiod made itself cannot be that of another cluster's istiod too. What the other clusters themselves "
        "trust is not seen from here.",
        inside.part_by_part(_remote, clusters, shared_root),
        (ROOT_CERTIFICATES,),
    ),
)
