# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether ztunnel's DaemonSet is what its resource says: the operator calls it Healthy either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._checks.dialling import XDS, value_of
from ..._checks.snapshot import Undecided
from ..._desired.sail import CLUSTER, istiod_of
from ..._desired.sail_values import dig

_CLUSTER_ID = "ISTIO_META_CLUSTER_ID"


@dataclass(frozen=True, slots=True)
class Dialled:
    """What ztunnel must dial and as whom: the IstioRevision, its namespace, the cluster's name."""

    revision: str
    namespace: str
    cluster: str

    @property
    def host(self) -> str:
        return f"{istiod_of(self.revision)}.{self.namespace}.svc"


def wanted_dial(ztunnel: Mapping[str, Any], revision: str, namespace: str) -> Dialled:
    """What a ZTunnel resource, bound to a revision, makes of its DaemonSet."""
    cluster = dig(ztunnel, "spec", "values", "ztunnel", "multiCluster", "clusterName")
    return Dialled(revision, namespace, str(cluster or CLUSTER))


def dial_problem(daemon_set: Mapping[str, Any] | None, ztunnel: Mapping[str, Any], wanted: Dialled) -> str:
    """In what a ztunnel that is there differs; "" when in nothing, or when addresses were given by hand."""
    if daemon_set is None:
        return ""
    values = dig(ztunnel, "spec", "values", "ztunnel") or {}
    told = []
    try:
        address = value_of(daemon_set, XDS)
        if not values.get("xdsAddress") and not values.get("caAddress") and address.partition(":")[0] != wanted.host:
            told.append(f"dials {address or 'nothing'} instead of {wanted.host}")
        cluster = value_of(daemon_set, _CLUSTER_ID)
        if cluster != wanted.cluster:
            told.append(f"says it is in cluster {cluster or CLUSTER} instead of {wanted.cluster}")
    except Undecided:
        return ""
    return " and ".join(told)
