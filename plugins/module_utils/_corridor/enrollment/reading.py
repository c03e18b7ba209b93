# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading the survey: one wave of reads in parallel, mostly metadata, and a small second one of whole pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from ..._checks import mesh
from ..._checks.policy import scene as kinds_of
from ..._checks.policy.scene import Key, Scene
from ..._checks.snapshot import Obj, Snapshot, Source, annotations_of, labels_of, meta, name_of, namespace_of
from ..._desired.enrollment.agents import nodes_lacking
from ..._desired.enrollment.model import DEFAULT, REVISION_LABEL, STATUS_ANNOTATION, Expectation, Goal, Plane
from ..._errors import BadInput
from ..._kube import kinds
from ..._kube.client import Client
from ..collecting import without_collecting
from ..policy.scene import scene_of, scene_reads
from ..policy.wanted import Wanted
from ..usage import TAG_LABEL, Usage, usage_of
from .reading_rows import EVERYWHERE, RUNNING, Lists, Rows
from .survey import Survey

_AGENTS = ("k8s-app=istio-cni-node", "app=ztunnel")
# A node or two may lack an agent; where many do, it is not worth asking for each.
_NODES_ASKED = 20
_WHOSE = "which workloads run what"

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
    kinds_of.TRAFFIC_EXTENSION,
    kinds_of.GATEWAY,
    kinds_of.GATEWAY_CLASS,
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


def read(client: Client, namespaces: Collection[str], *, root: str, deep: Collection[str] = ()) -> Survey:
    """All that enrollment of these namespaces looks at. Raises Unreachable or Unauthorized.

    Pods are read whole in `deep`, and in those of the namespaces where some pod has a proxy. What else could not be
    read is in `unread`, and treated as not known rather than as not there.
    """
    return _Reading(client, sorted(set(namespaces)), root).survey(frozenset(deep))


def resolve(survey: Survey, goal: Goal, now: Plane) -> Expectation:
    """What pods are to be like in the end, the tag or default injector resolved. Raises BadInput for an unknown one."""
    if goal.mode != "sidecar":
        return Expectation(goal.mode)
    name = goal.revision or (now.revision if now.mode == "sidecar" else "") or DEFAULT
    if problem := revision_problem(survey, name):
        option = "revision" if goal.revision else "mode: sidecar"
        raise BadInput(f"{option}: {problem}", hint=_revisions_there(survey))
    return Expectation("sidecar", survey.usage.resolve(name))


def revision_problem(survey: Survey, name: str) -> str:
    """Why no pod would be injected by this revision or tag, in words; "" when there is one, or when that is unknown."""
    usage = survey.usage
    if not survey.scene.knows(kinds_of.MUTATING):
        return ""
    injecting = {str(labels_of(hook).get(TAG_LABEL) or _revision(hook)) for hook in _injectors(survey.scene)}
    target = usage.resolve(name)
    if name in usage.tags and usage.revisions and target not in usage.revisions and not _outside(survey, target):
        return f"tag {name} names revision {target}, which has no istiod."
    if name in injecting:
        return ""
    if name in usage.revisions:
        return f"revision {name} has an istiod, but no webhook that injects."
    if name == DEFAULT:
        return "there is no revision or tag default, by which istio-injection=enabled would inject."
    return f"there is no revision or tag {name}."


class _Reading:
    def __init__(self, client: Client, namespaces: list[str], root: str) -> None:
        self.client = client
        self.namespaces = namespaces
        self.mine = frozenset(namespaces)
        self.root = root
        self.lists = Lists(client, namespaces)

    def survey(self, deep: frozenset[str]) -> Survey:
        wanted = Wanted(set(_SCENE), everywhere=True)
        with without_collecting():
            scene_parts = scene_reads(self.client, wanted, {*self.namespaces, self.root})
            # The longest first: pods, then what else there are many of.
            rest = self._reads()
            jobs: list[Callable[[], Any]] = [scene_parts[-1], *rest.values(), *scene_parts[:-1]]
            answers = self.client.many(lambda job: job(), jobs)
            rows: dict[str, Rows] = dict(zip(rest, answers[1 : 1 + len(rest)], strict=True))
            scene, unread = scene_of([answers[0], *answers[1 + len(rest) :]], root=self.root)
            told = [*(_told(one.kind, one.reason) for one in unread), *(s for row in rows.values() for s in row.unread)]
            deep = self.mine & (deep | self._with_proxies(scene))
            found = self._gathered(rows, scene, deep, told)
            self._second_wave(found, deep, told)
        found.unread = tuple(dict.fromkeys(told))
        return found

    # -- the first wave -----------------------------------------------------------------------------------------------

    def _reads(self) -> dict[str, Callable[[], Rows]]:
        lists = self.lists
        reads: dict[str, Callable[[], Rows]] = {
            "deployments": lambda: lists.mine(kinds.DEPLOYMENT, "how workloads restart"),
            "stateful_sets": lambda: lists.mine(kinds.STATEFUL_SET, "how workloads restart"),
            "daemon_sets": lambda: lists.everywhere(kinds.DAEMON_SET, "whether istio-cni and ztunnel are there"),
            "budgets": lambda: lists.mine(kinds.PDB, "which disruption budgets there are"),
            "quotas": lambda: lists.mine(kinds.RESOURCE_QUOTA, "whether quotas have room for proxies"),
            "jobs": lambda: lists.mine(kinds.JOB, "which Jobs run", metadata_only=True),
            "cron_jobs": lambda: lists.mine(kinds.CRON_JOB, "which CronJobs there are"),
            "nodes": lambda: lists.everywhere(kinds.NODE, "whether each node has its agents", metadata_only=True),
            "istiods": lambda: lists.everywhere(kinds.DEPLOYMENT, "which revisions there are", labels="app=istiod"),
            "rollouts": lambda: (
                lists.mine(kinds.ROLLOUT, "how Rollouts restart") if self.client.served(kinds.ROLLOUT) else Rows([])
            ),
            "on_host": lists.on_host,
            "gateway_api": lambda: Rows([{}] if self.client.served(kinds.GATEWAY) else []),
        }
        for at, labels in enumerate(_AGENTS):
            leaves = "whether each node has its agents"
            reads[f"agents {at}"] = partial(lists.everywhere, kinds.POD, leaves, labels=labels)
        return reads

    def _with_proxies(self, scene: Scene) -> frozenset[str]:
        return frozenset(
            name
            for name in self.namespaces
            if any(annotations_of(pod).get(STATUS_ANNOTATION) for pod in scene.pods.get(name, ()))
        )

    def _gathered(self, rows: Mapping[str, Rows], scene: Scene, deep: frozenset[str], told: list[str]) -> Survey:
        daemon_sets = rows["daemon_sets"].items
        ours = [item for item in daemon_sets if item["metadata"].get("namespace") in self.mine]
        owners = [rows[name].items for name in ("deployments", "stateful_sets", "rollouts", "jobs", "cron_jobs")]
        shown = Snapshot.of([Source("daemonsets", tuple(daemon_sets))])
        agents = [*mesh.components(shown, mesh.CNI), *mesh.components(shown, mesh.ZTUNNEL)]
        istiods = [item for item in rows["istiods"].items if _is_istiod(item)]
        return Survey(
            scene=scene,
            usage=self._usage(scene, istiods, daemon_sets),
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
            agents_known=not rows["daemon_sets"].unread,
        )

    def _usage(self, scene: Scene, istiods: Iterable[Obj], daemon_sets: Iterable[Obj]) -> Usage:
        return usage_of(
            namespaces=scene.all(kinds_of.NAMESPACE),
            pods=scene.all(kinds_of.POD),
            tag_webhooks=[hook for hook in scene.all(kinds_of.MUTATING) if labels_of(hook).get(TAG_LABEL)],
            istiods=istiods,
            daemon_sets=daemon_sets,
            gateway_classes=scene.all(kinds_of.GATEWAY_CLASS),
            gateways=scene.all(kinds_of.GATEWAY),
        )

    # -- the second wave ----------------------------------------------------------------------------------------------

    def _second_wave(self, found: Survey, deep: frozenset[str], told: list[str]) -> None:
        """Whole pods and ReplicaSets of `deep`, and what runs on nodes that lack an agent."""
        lists = self.lists
        lacking = sorted(nodes_lacking(found))[:_NODES_ASKED]
        spaces = [None] if self._rather_all(found.scene, deep) else sorted(deep)
        jobs: list[tuple[str, Callable[[], Rows]]] = []
        for space in spaces:
            jobs.append(("pods", partial(lists.inside, kinds.POD, space, _WHOSE, fields=RUNNING)))
            jobs.append(("sets", partial(lists.inside, kinds.REPLICA_SET, space, _WHOSE, metadata_only=True)))
        for node in lacking:
            jobs += [(f"node {node}", partial(lists.node, node)), (f"on {node}", partial(lists.on_node, node))]
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
        if len(deep) < EVERYWHERE:
            return False
        return 2 * sum(len(scene.pods.get(name, ())) for name in deep) > sum(map(len, scene.pods.values()))


def _told(kind: str, reason: str) -> str:
    leaves = _LEAVES.get(kind)
    return f"{reason} So it is not known {leaves}." if leaves else reason


def _injectors(scene: Scene) -> list[Obj]:
    hooks = mesh.injectors(Snapshot.of([Source("mutating_webhooks", tuple(scene.all(kinds_of.MUTATING)))]))
    return list({name_of(hook.configuration): hook.configuration for hook in hooks}.values())


def _revision(hook: Obj) -> str:
    return str(labels_of(hook).get(REVISION_LABEL) or DEFAULT)


def _outside(survey: Survey, revision: str) -> bool:
    """Whether the istiod of a revision may run in another cluster: its injector is called by URL."""
    return any(
        "url" in (one.get("clientConfig") or {})
        for hook in _injectors(survey.scene)
        if _revision(hook) == revision
        for one in hook.get("webhooks") or ()
    )


def _revisions_there(survey: Survey) -> str:
    revisions = ", ".join(sorted(survey.usage.revisions)) or "none"
    tags = ", ".join(f"{tag} -> {target}" for tag, target in sorted(survey.usage.tags.items())) or "none"
    return f"Revisions there are: {revisions}; tags: {tags}."


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
