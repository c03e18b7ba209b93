# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What enrollment knows of the cluster: read in bulk, once for each call, by `reading.read`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..._checks.policy.scene import Key, Scene
from ..._checks.snapshot import Obj
from ..usage import Usage


@dataclass(slots=True)
class Survey:
    """`scene` has every namespace (metadata), every pod that is not over (metadata, but see `pods`), and policy.

    The rest is of the namespaces that the call is about, by namespace. `pods` are whole pods, less managed fields;
    of those namespaces only where something has or shall have a proxy of its own, which `deep` names.
    `owners` are Deployments, StatefulSets, DaemonSets, Rollouts and CronJobs, and (metadata only) Jobs;
    `replica_sets` (metadata) are those of the namespaces of `pods`. `agents` are the DaemonSets of istio-cni and
    ztunnel, `agent_pods` their pods, `istiods` the Deployments of istiod. `nodes` are metadata only, but for those on
    which an agent is missing; `stranded` says which pods of our namespaces run there: {node: {(namespace, name)}}.
    `on_host` are the pods on their host's network. `gateway_api`: whether the cluster serves the Gateway API;
    `agents_known`: whether the DaemonSets could be read.
    `unread` says in words what could not be read, and what that leaves unknown.
    """

    scene: Scene
    usage: Usage
    deep: frozenset[str] = frozenset()
    pods: Mapping[str, Sequence[Obj]] = field(default_factory=dict)
    owners: Mapping[str, Sequence[Obj]] = field(default_factory=dict)
    replica_sets: Mapping[str, Sequence[Obj]] = field(default_factory=dict)
    budgets: Mapping[str, Sequence[Obj]] = field(default_factory=dict)
    quotas: Mapping[str, Sequence[Obj]] = field(default_factory=dict)
    nodes: Sequence[Obj] = ()
    agents: Sequence[Obj] = ()
    agent_pods: Sequence[Obj] = ()
    istiods: Sequence[Obj] = ()
    stranded: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    on_host: frozenset[Key] = frozenset()
    gateway_api: bool = True
    agents_known: bool = True
    unread: Sequence[str] = ()
