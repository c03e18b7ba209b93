# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the survey: what is asked for, in which waves, and what is made of a refusal."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy import scene as kinds_of
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Scene, kind_of
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.reading import (
    read,
    resolve,
    revision_problem,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.survey import Survey
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import Usage
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Expectation, Goal, Plane
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, Forbidden, Unauthorized
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import Kind

Obj = dict[str, Any]
MANY = [f"space-{number}" for number in range(6)]


def obj(kind: str, name: str, namespace: str = "", api: str = "v1", **more: Any) -> Obj:
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("meta", {})}
    return {"apiVersion": api, "kind": kind, "metadata": meta, **more}


def pod(name: str, namespace: str, *, proxy: bool = False, node: str = "one", **meta: Any) -> Obj:
    notes = {"sidecar.istio.io/status": "{}"} if proxy else {}
    meta = {"labels": {"app": name}, "annotations": notes, "managedFields": [{"manager": "kubelet"}], **meta}
    return obj("Pod", name, namespace, meta=meta, spec={"nodeName": node}, status={"phase": "Running"})


class Cluster:
    """A client that reads from a list; `forbidden` are resources that may be listed in no namespace, or not in all."""

    def __init__(self, *objects: Obj, forbidden: Iterable[str] = (), unserved: Iterable[str] = ()) -> None:
        self.objects = objects
        self.forbidden = set(forbidden)
        self.unserved = set(unserved)
        self.asked: list[str] = []
        self.waves = 0
        self._lock = threading.Lock()

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        self.waves += 1
        return [call(item) for item in items]

    def served(self, kind: Kind) -> bool:
        return kind.kind not in self.unserved

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> list[Obj]:
        place = f"{kind.plural} in {namespace}" if namespace else kind.plural
        with self._lock:
            self.asked.append(f"{place}{f' {labels}' if labels else ''}{'' if metadata_only else ' whole'}")
        if {place, f"{kind.plural} anywhere"} & self.forbidden:
            raise Forbidden(f"may not list {place}.", status=403)
        found = []
        for one in self.objects:
            meta = one["metadata"]
            if kind_of(one) != f"{kind.group}/{kind.kind}" or namespace not in (None, meta.get("namespace")):
                continue
            key, _equals, value = labels.partition("=")
            if key and (key not in meta.get("labels", {}) or value not in ("", meta["labels"][key])):
                continue
            if not self._fields(one, fields):
                continue
            kept = ("apiVersion", "kind", "metadata")
            found.append(copy.deepcopy({key: one[key] for key in kept} if metadata_only else one))
        return found

    def _fields(self, one: Obj, fields: str) -> bool:
        for part in fields.split(",") if fields else ():
            if part.startswith("spec.nodeName=") and one["spec"]["nodeName"] != part.partition("=")[2]:
                return False
            if part == "spec.hostNetwork=true" and not one["spec"].get("hostNetwork"):
                return False
            if part == "status.phase=Pending":
                return False
        return True

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Obj | None:
        return next((one for one in self.objects if one["kind"] == kind.kind and one["metadata"]["name"] == name), None)


def survey_of(cluster: Cluster, namespaces: Iterable[str] = ("shop",), deep: Iterable[str] = ()) -> Survey:
    return read(cast(Client, cluster), list(namespaces), root="istio-system", deep=list(deep))


def agents(node: str, *, without: str = "") -> list[Obj]:
    """Both agents, ready on one node, less one of them."""
    found: list[Obj] = []
    for name, label in (("istio-cni-node", "k8s-app"), ("ztunnel", "app")):
        template = {"template": {"metadata": {"labels": {label: name}}}}
        found.append(obj("DaemonSet", name, "istio-system", "apps/v1", spec=template, status={"numberReady": 1}))
        owner = {"kind": "DaemonSet", "name": name}
        one = pod(name, "istio-system", node=node, labels={label: name}, ownerReferences=[owner])
        one["status"] = {"conditions": [{"type": "Ready", "status": "True" if name != without else "False"}]}
        found.append(one)
    return found


def test_pods_are_metadata_unless_some_of_the_namespace_have_a_proxy() -> None:
    cluster = Cluster(pod("web", "shop"), pod("api", "shop", proxy=True), pod("job", "bank", proxy=True))
    seen = survey_of(cluster, ["shop", "plain"])
    assert cluster.waves == 2
    assert "pods whole" not in cluster.asked and "pods in shop whole" in cluster.asked
    assert "pods in plain whole" not in cluster.asked
    assert [one["metadata"]["name"] for one in seen.pods["shop"]] == ["web", "api"]
    assert seen.deep == {"shop"}
    # The scene has the same ones, whole; those of others as they were.
    whole = {name: "spec" in one for (_space, name), one in seen.scene.objects[kinds_of.POD].items()}
    assert whole == {"web": True, "api": True, "job": False}
    assert all("managedFields" not in one["metadata"] for one in seen.pods["shop"])


def test_nothing_is_read_twice_where_nothing_has_a_proxy() -> None:
    cluster = Cluster(pod("web", "shop"))
    seen = survey_of(cluster)
    assert cluster.waves == 1 and seen.pods == {} and seen.replica_sets == {}
    assert "replicasets in shop" not in cluster.asked


def test_pods_are_read_whole_where_they_shall_have_a_proxy() -> None:
    cluster = Cluster(pod("web", "shop"), obj("ReplicaSet", "web-1", "shop", "apps/v1"))
    seen = survey_of(cluster, ["shop", "plain"], deep=["shop", "elsewhere"])
    assert set(seen.pods) == {"shop"}
    assert [one["metadata"]["name"] for one in seen.replica_sets["shop"]] == ["web-1"]


def test_few_namespaces_are_read_one_by_one_and_many_at_once() -> None:
    budget = obj("PodDisruptionBudget", "web", "space-1", "policy/v1")
    stranger = obj("PodDisruptionBudget", "web", "other", "policy/v1")
    few, many = Cluster(budget, stranger), Cluster(budget, stranger)
    assert set(survey_of(few, MANY[:2]).budgets) == set(survey_of(many, MANY).budgets) == {"space-1"}
    assert "poddisruptionbudgets in space-0 whole" in few.asked
    assert [one for one in many.asked if one.startswith("poddisruptionbudgets")] == ["poddisruptionbudgets whole"]


def test_many_namespaces_full_of_proxies_are_one_list() -> None:
    full = Cluster(*(pod("web", name, proxy=True) for name in MANY))
    assert set(survey_of(full, MANY).pods) == set(MANY)
    assert "pods whole" in full.asked
    others = [pod(f"web-{number}", "other") for number in range(20)]
    beside = Cluster(*(pod("web", name, proxy=True) for name in MANY), *others)
    assert set(survey_of(beside, MANY).pods) == set(MANY)
    assert "pods whole" not in beside.asked


def test_what_may_not_be_listed_everywhere_is_read_where_it_may() -> None:
    budget = obj("PodDisruptionBudget", "web", "space-1", "policy/v1")
    cluster = Cluster(budget, forbidden=["poddisruptionbudgets", "poddisruptionbudgets in space-2"])
    seen = survey_of(cluster, MANY)
    assert set(seen.budgets) == {"space-1"}
    assert seen.unread == (
        "may not list poddisruptionbudgets in space-2. So it is not known which disruption budgets there are in "
        "space-2.",
    )


def test_what_cannot_be_read_is_told_with_what_it_leaves_unknown() -> None:
    cluster = Cluster(forbidden=["daemonsets", "mutatingwebhookconfigurations", "envoyfilters anywhere"])
    seen = survey_of(cluster)
    assert not seen.agents_known
    assert not seen.scene.knows(kinds_of.MUTATING)
    told = " ".join(seen.unread)
    assert "So it is not known whether istio-cni and ztunnel are there." in told
    assert "So it is not known whether EnvoyFilters would be lost." in told
    assert "So it is not known which revisions and tags inject." in told


def test_credentials_that_are_not_accepted_are_an_error() -> None:
    class Refusing(Cluster):
        def list(self, kind: Kind, namespace: str | None = None, **how: Any) -> list[Obj]:
            raise Unauthorized("no", status=401)

    with pytest.raises(Unauthorized):
        survey_of(Refusing())


def test_pods_that_cannot_be_read_whole_keep_their_metadata() -> None:
    class Halfway(Cluster):
        def list(
            self, kind: Kind, namespace: str | None = None, *, metadata_only: bool = False, **how: Any
        ) -> list[Obj]:
            if kind.kind == "Pod" and namespace and not metadata_only:
                raise Forbidden("may not.", status=403)
            return super().list(kind, namespace, metadata_only=metadata_only, **how)

    seen = survey_of(Halfway(pod("web", "shop", proxy=True)))
    assert list(seen.scene.pods) == ["shop"] and seen.pods == {}
    assert seen.unread == ("may not. So it is not known which workloads run what.",)


@pytest.mark.parametrize("without", ["", "ztunnel"])
def test_of_nodes_without_an_agent_it_is_asked_who_runs_there(without: str) -> None:
    node = obj("Node", "one", meta={"labels": {"kubernetes.io/os": "linux"}}, spec={"unschedulable": True})
    cluster = Cluster(node, *agents("one", without=without), pod("web", "shop"), pod("job", "bank"))
    seen = survey_of(cluster)
    assert seen.stranded == ({"one": frozenset({("shop", "web")})} if without else {})
    assert [("spec" in one) for one in seen.nodes] == [bool(without)]
    assert [one["metadata"]["name"] for one in seen.agents] == ["istio-cni-node", "ztunnel"]
    assert len(seen.agent_pods) == 2


def test_pods_on_their_hosts_network_are_known_by_name() -> None:
    exporter = pod("exporter", "shop")
    exporter["spec"]["hostNetwork"] = True
    assert survey_of(Cluster(exporter, pod("web", "shop"))).on_host == {("shop", "exporter")}


def test_what_is_not_served_is_not_asked_for() -> None:
    refused = ("gateways anywhere", "gatewayclasses anywhere", "gatewayclasses")
    cluster = Cluster(unserved=["Rollout", "GatewayClass", "Gateway"], forbidden=refused)
    seen = survey_of(cluster)
    assert not any(one.startswith("rollouts") for one in cluster.asked)
    assert seen.gateway_api is False and seen.unread == ()


# -- revisions and tags --------------------------------------------------------------------------------------------


def injector(revision: str, tag: str = "") -> Obj:
    labels = {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    hooks = [{"name": "namespace.sidecar-injector.istio.io", "clientConfig": {"service": {"name": "istiod"}}}]
    kind = "MutatingWebhookConfiguration"
    api = "admissionregistration.k8s.io/v1"
    return obj(kind, f"injector-{tag or revision}", api=api, meta={"labels": labels}, webhooks=hooks)


def mesh(*hooks: Obj, revisions: Iterable[str] = ()) -> Survey:
    tags = {
        one["metadata"]["labels"]["istio.io/tag"]: one["metadata"]["labels"]["istio.io/rev"]
        for one in hooks
        if "istio.io/tag" in one["metadata"]["labels"]
    }
    read_kinds = (kinds_of.MUTATING,)
    return Survey(Scene.of(hooks, read=read_kinds), Usage(revisions=frozenset(revisions), tags=tags))


CANARY = mesh(
    injector("1-30"), injector("1-31"), injector("1-30", "prod"), injector("1-29", "lost"), revisions=["1-30", "1-31"]
)
PLAIN = mesh(injector("default"), revisions=["default"])
TAGGED = mesh(injector("1-31"), injector("1-31", "default"), revisions=["1-31"])


@pytest.mark.parametrize(
    ("seen", "goal", "now", "expected"),
    [
        (CANARY, Goal("sidecar", "prod"), Plane(), Expectation("sidecar", "1-30")),
        (CANARY, Goal("sidecar", "1-31"), Plane("sidecar", "prod"), Expectation("sidecar", "1-31")),
        (CANARY, Goal("sidecar"), Plane("sidecar", "prod"), Expectation("sidecar", "1-30")),
        (PLAIN, Goal("sidecar"), Plane(), Expectation("sidecar", "default")),
        (TAGGED, Goal("sidecar"), Plane(), Expectation("sidecar", "1-31")),
        (CANARY, Goal("ambient"), Plane("sidecar", "gone"), Expectation("ambient")),
    ],
)
def test_a_revision_is_that_of_an_istiod(seen: Survey, goal: Goal, now: Plane, expected: Expectation) -> None:
    assert resolve(seen, goal, now) == expected


@pytest.mark.parametrize(
    ("seen", "goal", "now", "said"),
    [
        (CANARY, Goal("sidecar", "1-32"), Plane(), "revision: there is no revision or tag 1-32."),
        (CANARY, Goal("sidecar", "lost"), Plane(), "revision: tag lost names revision 1-29, which has no istiod."),
        (CANARY, Goal("sidecar"), Plane(), "mode: sidecar: there is no revision or tag default"),
        (CANARY, Goal("sidecar"), Plane("sidecar", "old"), "mode: sidecar: there is no revision or tag old."),
        (mesh(revisions=["r1"]), Goal("sidecar", "r1"), Plane(), "revision: revision r1 has an istiod, but no webhook"),
    ],
)
def test_an_unknown_one_is_told_with_those_that_exist(seen: Survey, goal: Goal, now: Plane, said: str) -> None:
    with pytest.raises(BadInput) as error:
        resolve(seen, goal, now)
    assert error.value.message.startswith(said)
    assert error.value.hint.startswith("Revisions there are: ")


def test_the_tags_are_told_with_their_revisions() -> None:
    with pytest.raises(BadInput, match="tags: lost -> 1-29, prod -> 1-30"):
        resolve(CANARY, Goal("sidecar", "x"), Plane())


def test_what_could_not_be_read_is_not_missing() -> None:
    assert revision_problem(Survey(Scene({}), Usage()), "any") == ""
