# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading the survey: one wave of reads in parallel, mostly metadata, and a small second one of whole pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._checks import mesh
from ..._checks.policy import scene as kinds_of
from ..._checks.policy.scene import Key, Scene
from ..._checks.snapshot import Obj, Snapshot, Source, annotations_of, labels_of, meta, name_of, namespace_of
from ..._desired.enrollment.agents import nodes_lacking
from ..._desired.enrollment.model import STATUS_ANNOTATION
from ..._errors import ApiError, Invalid, Unauthorized, Unreachable
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..collecting import without_collecting
from ..policy.scene import scene_of, scene_reads
from ..policy.wanted import Wanted
from ..usage import TAG_LABEL, Usage, usage_of
from .survey import Survey

# From so many namespaces one LIST of all is cheaper than one for each.
_EVERYWHERE = 5
_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
_ON_HOST = "spec.hostNetwork=true"
_AGENTS = ("k8s-app=istio-cni-node", "app=ztunnel")
# A node or two may lack an agent; where many do, it is not worth asking for each.
_NODES_ASKED = 20

_SCENE = (
    kinds_of.NAMESPACE,
    kinds_of.GATEWAY_POD,
    kinds_of.EXCUSED_POD,
    kinds_of.SERVICE,
    kinds_of.NETWORK_POLICY,
    kinds_of.MUTATING,
    kinds_of.VIRTUAL_SERVICE,
    kinds_of.DESTINATION_RULE,
    kinds_of.SERVICE_ENTRY,
    kinds_of.WORKLOAD_ENTRY,
    kinds_of.ISTIO_GATEWAY,
    kinds_of.ENVOY_FILTER,
    kinds_of.AUTHORIZATION,
    kinds_of.PEER_AUTHENTICATION,
    kinds_of.REQUEST_AUTHENTICATION,
    kinds_of.TELEMETRY,
    kinds_of.WASM_PLUGIN,
    kinds_of.GATEWAY,
    kinds_of.HTTP_ROUTE,
    kinds_of.GRPC_ROUTE,
)
# What stays unknown without a kind, as people have to know it before they believe that nothing is in the way.
_LEAVES = {
    kinds_of.NAMESPACE: "which namespaces there are",
    kinds_of.POD: "which clients and workloads there are",
    kinds_of.NETWORK_POLICY: "whether port 15008 is let in",
    kinds_of.ENVOY_FILTER: "whether EnvoyFilters would be lost",
    kinds_of.WORKLOAD_ENTRY: "whether virtual machines are in the mesh",
    kinds_of.PEER_AUTHENTICATION: "which mTLS is asked for",
    kinds_of.AUTHORIZATION: "which policies have to be translated",
    kinds_of.REQUEST_AUTHENTICATION: "which policies have to be translated",
    kinds_of.MUTATING: "which revisions and tags inject",
    kinds_of.GATEWAY: "whether the waypoint stands",
    kinds_of.GATEWAY_POD: "whether the waypoint stands",
}


@dataclass(frozen=True, slots=True)
class _Rows:
    """Objects of one kind, some of them unread."""

    items: list[dict[str, Any]]
    unread: tuple[str, ...] = ()


def read(client: Client, namespaces: Collection[str], *, root: str, deep: Collection[str] = ()) -> Survey:
    """All that enrollment of these namespaces looks at. Raises Unreachable or Unauthorized.

    Pods are read whole in `deep`, and in those of the namespaces where some pod has a proxy. What else could not be
    read is in `unread`, and treated as not known rather than as not there.
    """
    return _Reading(client, sorted(set(namespaces)), root).survey(frozenset(deep))


class _Reading:
    def __init__(self, client: Client, namespaces: list[str], root: str) -> None:
        self.client = client
        self.namespaces = namespaces
        self.mine = frozenset(namespaces)
        self.root = root
        self.everywhere = len(namespaces) >= _EVERYWHERE

    def survey(self, deep: frozenset[str]) -> Survey:
        wanted = Wanted(set(_SCENE), everywhere=True)
        with without_collecting():
            scene_parts = scene_reads(self.client, wanted, {*self.namespaces, self.root})
            # The longest first: pods, then what else there are many of.
            rest = self._reads()
            jobs: list[Callable[[], Any]] = [scene_parts[-1], *rest.values(), *scene_parts[:-1]]
            answers = self.client.many(lambda job: job(), jobs)
            rows: dict[str, _Rows] = dict(zip(rest, answers[1 : 1 + len(rest)], strict=True))
            scene, unread = scene_of([answers[0], *answers[1 + len(rest) :]], root=self.root)
            told = [*(_told(one.kind, one.reason) for one in unread), *(s for row in rows.values() for s in row.unread)]
            deep = self.mine & (deep | self._with_proxies(scene))
            found = self._gathered(rows, scene, deep, told)
            self._second_wave(found, deep, told)
        found.unread = tuple(dict.fromkeys(told))
        return found

    # -- the first wave -----------------------------------------------------------------------------------------------

    def _reads(self) -> dict[str, Callable[[], _Rows]]:
        client = self.client
        reads: dict[str, Callable[[], _Rows]] = {
            "deployments": lambda: self._mine(kinds.DEPLOYMENT, "how workloads restart"),
            "stateful_sets": lambda: self._mine(kinds.STATEFUL_SET, "how workloads restart"),
            "daemon_sets": lambda: self._all(kinds.DAEMON_SET, "whether istio-cni and ztunnel are there"),
            "budgets": lambda: self._mine(kinds.PDB, "which disruption budgets there are"),
            "quotas": lambda: self._mine(kinds.RESOURCE_QUOTA, "whether quotas have room for proxies"),
            "jobs": lambda: self._mine(kinds.JOB, "which Jobs run", metadata_only=True),
            "cron_jobs": lambda: self._mine(kinds.CRON_JOB, "which CronJobs there are", metadata_only=True),
            "nodes": lambda: self._all(kinds.NODE, "whether each node has its agents", metadata_only=True),
            "istiods": lambda: self._all(kinds.DEPLOYMENT, "which revisions there are", labels="app=istiod"),
            "classes": lambda: self._all(kinds.GATEWAY_CLASS, "which Gateways are Istio's", served=True),
            "rollouts": lambda: (
                self._mine(kinds.ROLLOUT, "how Rollouts restart") if client.served(kinds.ROLLOUT) else _Rows([])
            ),
            "on_host": self._on_host,
            "gateway_api": lambda: _Rows([{}] if client.served(kinds.GATEWAY) else []),
        }
        for at, labels in enumerate(_AGENTS):
            reads[f"agents {at}"] = lambda labels=labels: self._all(  # type: ignore[misc]
                kinds.POD, "whether each node has its agents", labels=labels
            )
        return reads

    def _all(self, kind: Kind, leaves: str, *, served: bool = False, **how: Any) -> _Rows:
        try:
            if served and not self.client.served(kind):
                return _Rows([])
            return _Rows(self.client.list(kind, **how))
        except (Unauthorized, Unreachable):
            raise
        except ApiError as error:
            return _Rows([], (f"{error.message} So it is not known {leaves}.",))

    def _mine(self, kind: Kind, leaves: str, **how: Any) -> _Rows:
        """Of our namespaces; where all may not be listed, each by itself."""
        if self.everywhere:
            try:
                found = self.client.list(kind, **how)
                return _Rows([item for item in found if item["metadata"].get("namespace") in self.mine])
            except (Unauthorized, Unreachable):
                raise
            except ApiError as error:
                if error.status != 403:
                    return _Rows([], (f"{error.message} So it is not known {leaves}.",))
        items: list[dict[str, Any]] = []
        unread: list[str] = []
        for namespace in self.namespaces:
            try:
                items += self.client.list(kind, namespace, **how)
            except (Unauthorized, Unreachable):
                raise
            except ApiError as error:
                unread.append(f"{error.message} So it is not known {leaves} in {namespace}.")
        return _Rows(items, tuple(unread))

    def _on_host(self) -> _Rows:
        try:
            return self._mine(kinds.POD, "which pods are on their host's network", fields=_ON_HOST, metadata_only=True)
        except Invalid:  # servers before 1.28 do not know the field; templates tell of most
            return _Rows([])

    def _with_proxies(self, scene: Scene) -> frozenset[str]:
        return frozenset(
            name
            for name in self.namespaces
            if any(annotations_of(pod).get(STATUS_ANNOTATION) for pod in scene.pods.get(name, ()))
        )

    def _gathered(self, rows: Mapping[str, _Rows], scene: Scene, deep: frozenset[str], told: list[str]) -> Survey:
        daemon_sets = rows["daemon_sets"].items
        ours = [item for item in daemon_sets if item["metadata"].get("namespace") in self.mine]
        owners = [rows[name].items for name in ("deployments", "stateful_sets", "rollouts", "jobs", "cron_jobs")]
        shown = Snapshot.of([Source("daemonsets", tuple(daemon_sets))])
        agents = [*mesh.components(shown, mesh.CNI), *mesh.components(shown, mesh.ZTUNNEL)]
        istiods = [item for item in rows["istiods"].items if _is_istiod(item)]
        return Survey(
            scene=scene,
            usage=self._usage(scene, istiods, daemon_sets, rows["classes"].items),
            deep=deep,
            owners=_by_namespace([one for some in (*owners, ours) for one in some]),
            budgets=_by_namespace(rows["budgets"].items),
            quotas=_by_namespace(rows["quotas"].items),
            nodes=rows["nodes"].items,
            agents=agents,
            agent_pods=_of_agents([*rows["agents 0"].items, *rows["agents 1"].items], agents),
            istiods=istiods,
            on_host=frozenset((namespace_of(pod), name_of(pod)) for pod in rows["on_host"].items),
            gateway_api=bool(rows["gateway_api"].items),
        )

    def _usage(
        self, scene: Scene, istiods: Iterable[Obj], daemon_sets: Iterable[Obj], classes: Iterable[Obj]
    ) -> Usage:
        return usage_of(
            namespaces=scene.all(kinds_of.NAMESPACE),
            pods=scene.all(kinds_of.POD),
            tag_webhooks=[hook for hook in scene.all(kinds_of.MUTATING) if labels_of(hook).get(TAG_LABEL)],
            istiods=istiods,
            daemon_sets=daemon_sets,
            gateway_classes=classes,
            gateways=scene.all(kinds_of.GATEWAY),
        )

    # -- the second wave ----------------------------------------------------------------------------------------------

    def _second_wave(self, found: Survey, deep: frozenset[str], told: list[str]) -> None:
        """Whole pods and ReplicaSets of `deep`, and what runs on nodes that lack an agent."""
        lacking = sorted(nodes_lacking(found))[:_NODES_ASKED]
        spaces = [None] if self._rather_all(found.scene, deep) else sorted(deep)
        jobs: list[tuple[str, Callable[[], _Rows]]] = []
        for space in spaces:
            jobs.append(("pods", lambda space=space: self._in(kinds.POD, space, fields=_RUNNING)))  # type: ignore[misc]
            jobs.append(("sets", lambda space=space: self._in(kinds.REPLICA_SET, space, metadata_only=True)))  # type: ignore[misc]
        for node in lacking:
            jobs.append((f"node {node}", lambda node=node: self._node(node)))  # type: ignore[misc]
            jobs.append((f"on {node}", lambda node=node: self._on_node(node)))  # type: ignore[misc]
        if not jobs:
            return
        answers = list(zip(jobs, self.client.many(lambda job: job[1](), jobs), strict=True))
        told += [one for _job, row in answers for one in row.unread]
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for (name, _read), row in answers:
            rows[name] += row.items
        found.replica_sets = _by_namespace(one for one in rows["sets"] if one["metadata"].get("namespace") in deep)
        # Where they could not be read, their metadata of the first wave stays.
        if any(name == "pods" and row.unread for (name, _read), row in answers):
            deep = deep & {pod["metadata"]["namespace"] for pod in rows["pods"]}
        whole = [pod for pod in rows["pods"] if pod["metadata"].get("namespace") in deep]
        for pod in whole:
            pod["metadata"].pop("managedFields", None)
        found.pods = {**{name: [] for name in deep}, **_by_namespace(whole)}
        found.scene = _with_whole(found.scene, deep, whole)
        nodes = {name_of(node): node for node in found.nodes}
        nodes |= {name_of(node): node for name in lacking for node in rows[f"node {name}"]}
        found.nodes = list(nodes.values())
        found.stranded = {
            name: frozenset((namespace_of(pod), name_of(pod)) for pod in rows[f"on {name}"]) for name in lacking
        }

    def _rather_all(self, scene: Scene, deep: Collection[str]) -> bool:
        """Whether one LIST of all pods is cheaper than one for each namespace."""
        if len(deep) < _EVERYWHERE:
            return False
        return 2 * sum(len(scene.pods.get(name, ())) for name in deep) > sum(map(len, scene.pods.values()))

    def _in(self, kind: Kind, namespace: str | None, **how: Any) -> _Rows:
        try:
            return _Rows(self.client.list(kind, namespace, **how))
        except (Unauthorized, Unreachable):
            raise
        except ApiError as error:
            return _Rows([], (f"{error.message} So it is not known what workloads run.",))

    def _node(self, name: str) -> _Rows:
        try:
            found = self.client.get(kinds.NODE, name)
        except (Unauthorized, Unreachable):
            raise
        except ApiError as error:
            return _Rows([], (f"{error.message} So it is not known whether pods may come to node {name}.",))
        return _Rows([found] if found else [])

    def _on_node(self, name: str) -> _Rows:
        how: dict[str, Any] = {"fields": f"spec.nodeName={name},{_RUNNING}", "metadata_only": True}
        return self._mine(kinds.POD, f"which pods run on node {name}", **how)


def _told(kind: str, reason: str) -> str:
    leaves = _LEAVES.get(kind)
    return f"{reason} So it is not known {leaves}." if leaves else reason


def _is_istiod(deployment: Obj) -> bool:
    return bool(mesh.control_planes(Snapshot.of([Source("istiods", (deployment,))])))


def _by_namespace(items: Iterable[Obj]) -> dict[str, list[Obj]]:
    found: dict[str, list[Obj]] = defaultdict(list)
    for item in items:
        found[namespace_of(item)].append(item)
    return dict(found)


def _of_agents(pods: Iterable[dict[str, Any]], agents: Iterable[Obj]) -> list[Obj]:
    """The pods that these DaemonSets own: others may carry such labels."""
    owners = {(namespace_of(agent), name_of(agent)) for agent in agents}
    return [
        pod
        for pod in pods
        if any(
            (namespace_of(pod), owner.get("name")) in owners
            for owner in meta(pod).get("ownerReferences") or ()
            if owner.get("kind") == "DaemonSet"
        )
    ]


def _with_whole(scene: Scene, deep: Collection[str], whole: Iterable[Obj]) -> Scene:
    """The scene with these namespaces' pods whole."""
    pods: dict[Key, Obj] = {key: pod for key, pod in scene.objects.get(kinds_of.POD, {}).items() if key[0] not in deep}
    pods |= {(namespace_of(pod), name_of(pod)): pod for pod in whole}
    return Scene({**scene.objects, kinds_of.POD: pods}, root=scene.root, partial=scene.partial)
