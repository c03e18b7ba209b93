# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pod in order, and with one thing broken after the other."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain import sight
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput

from .world import World, namespace, pod, step_of

WAITING = {"conditions": [{"type": "Ready", "status": "False", "message": "containers with unready status: [app]"}]}


def failure(text: str) -> dict[str, str]:
    return {"type": "ReplicaFailure", "status": "True", "message": text}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    "asked", ["shop/web", "side/web", "side/Deployment/web", "shop/web-7d9f-shop", "istio-system/ztunnel"]
)
def test_in_order(asked: str, inside: bool) -> None:
    found = World(inside=inside).ask(pod=asked)
    assert (found.verdict, found.broken_at) == ("works", ""), found.lines()
    assert "in order" in found.summary


def test_not_asked_inside_is_a_note() -> None:
    found = World(inside=False).ask(pod="side/web")
    assert step_of(found, "connected").status == "info"


def test_a_source_that_could_not_be_read_is_unknown() -> None:
    world = World()
    world.errors["mutating_webhooks"] = "The user may not list mutatingwebhookconfigurations"
    found = world.ask(pod="side/web")
    assert found.verdict == "unknown"
    assert "may not list mutatingwebhookconfigurations" in found.summary


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "words"),
        [
            ({"istio-injection": "true"}, "neither enabled nor disabled"),
            ({"istio.io/dataplane-mode": "Ambient"}, "neither ambient nor none"),
            ({"istio.io/injection": "enabled"}, "meant is istio-injection=enabled"),
        ],
    )
    def test_that_mean_nothing(self, labels: dict[str, str], words: str) -> None:
        world = World().drop("namespaces", "out").add("namespaces", namespace("out", **labels))
        assert words in world.broken("label", pod="out/web").text

    def test_an_annotation_instead(self) -> None:
        world = World().drop("namespaces", "out")
        world.add("namespaces", namespace("out"))
        world.get("namespaces", "out")["metadata"]["annotations"] = {"istio-injection": "enabled"}
        assert "has to be a label" in world.broken("label", pod="out/web").text

    def test_none_at_all_is_doubtful(self) -> None:
        found = World().ask(pod="out/web")
        assert (found.verdict, found.broken_at) == ("doubtful", "")
        assert "outside" in found.summary

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"labels": {"sidecar.istio.io/inject": "false"}}, "sidecar.istio.io/inject=false"),
            ({"spec": {"hostNetwork": True}}, "hostNetwork"),
        ],
    )
    def test_what_the_pod_has_against_it(self, change: dict[str, Any], words: str) -> None:
        world = World().drop("pods", "web").add("pods", pod("side", "web", **change))
        found = world.ask(pod="side/web")
        assert found.verdict == "doubtful"
        assert words in found.summary


class TestSidecar:
    def test_not_injected(self) -> None:
        world = World().drop("pods", "web").add("pods", pod("side", "web"))
        assert world.broken("injected", pod="side/web").remedy == "kubectl -n side rollout restart deployment web"

    def test_no_injector(self) -> None:
        world = World().drop("pods", "web").add("pods", pod("side", "web")).drop("mutating_webhooks")
        assert "a revision or tag named default" in world.broken("injector", pod="side/web").text

    def test_an_injector_that_nobody_answers(self) -> None:
        world = World().drop("pods", "web").add("pods", pod("side", "web")).drop("endpoint_slices")
        assert "Nobody answers at the injector" in world.broken("injector", pod="side/web").text

    def test_a_revision_whose_istiod_is_gone(self) -> None:
        world = World().drop("pods", "web")
        world.add("pods", pod("side", "web", "sidecar", annotations={"sidecar.istio.io/status": '{"revision":"old"}'}))
        assert "whose istiod is gone" in world.broken("revision", pod="side/web").text

    def test_not_connected(self) -> None:
        world = World()
        world.lists["istiod_sync"][0]["proxies"] = []
        assert "No istiod serves" in world.broken("connected", pod="side/web").text

    def test_refused_for_its_cluster(self) -> None:
        world = World()
        world.lists["istiod_sync"][0]["proxies"] = []
        env = [{"name": "ISTIO_META_CLUSTER_ID", "value": "elsewhere"}]
        world.get("pods", "web", "side")["spec"]["containers"][1]["env"] = env
        assert "claims to be in cluster elsewhere" in world.broken("connected", pod="side/web").text

    def test_rejecting(self) -> None:
        world = World()
        for proxy in world.lists["istiod_sync"][0]["proxies"]:
            proxy["types"][0]["error"] = "Error adding listener: bad filter"
        assert "bad filter" in world.broken("accepts", pod="side/web").evidence[0]

    def test_no_root_certificate(self) -> None:
        world = World()
        certificates = world.lists["root_certificates"]
        world.lists["root_certificates"] = [each for each in certificates if each["metadata"]["namespace"] != "side"]
        assert "istio-ca-root-cert is missing" in world.broken("root", pod="side/web").text

    def test_not_ready_proxy(self) -> None:
        states = [{"name": "istio-proxy", "ready": False, "state": {"running": {}}}]
        world = World().drop("pods", "web")
        world.add("pods", pod("side", "web", "sidecar", status={**WAITING, "containerStatuses": states}))
        assert "istio-proxy is not ready" in world.broken("proxy", pod="side/web").text


class TestAmbient:
    def test_not_captured(self) -> None:
        world = World().drop("pods", "web").add("pods", pod("shop", "web"))
        assert "past ztunnel" in world.broken("captured", pod="shop/web").text

    def test_a_sidecar_in_the_way(self) -> None:
        world = World().drop("pods", "web").add("pods", pod("shop", "web", "sidecar"))
        assert "ambient captures none" in world.broken("captured", pod="shop/web").text

    def test_no_cni_at_all(self) -> None:
        world = World().drop("pods", "web").add("pods", pod("shop", "web")).drop("daemonsets", "istio-cni")
        assert "no istio-cni" in world.broken("cni", pod="shop/web").text

    def test_no_ztunnel_on_its_node(self) -> None:
        world = World()
        for each in world.lists["component_pods"]:
            if each["metadata"]["name"].startswith("ztunnel") and each["spec"]["nodeName"] == "node-1":
                each["spec"]["nodeName"] = "node-9"
        assert "does not run on node node-1" in world.broken("ztunnel", pod="shop/web").text

    def test_a_ztunnel_that_ztunnel_istiod_does_not_know(self) -> None:
        world = World()
        env = world.daemon_set("ztunnel")["spec"]["template"]["spec"]["containers"][0]["env"]
        env[:] = [each for each in env if each["name"] != "ISTIO_META_CLUSTER_ID"]
        env.append({"name": "ISTIO_META_CLUSTER_ID", "value": "elsewhere"})
        for each in world.lists["component_pods"]:
            if each["metadata"]["name"].startswith("ztunnel"):
                each["status"]["conditions"] = WAITING["conditions"]
        assert 'claims to be in cluster "elsewhere"' in world.broken("ztunnel", pod="shop/web").text

    @pytest.mark.parametrize("known", [None, {"protocol": "TCP", "status": "Healthy"}])
    def test_what_ztunnel_knows(self, known: dict[str, str] | None) -> None:
        world = World()
        workloads = world.lists["ztunnel_dumps"][0]["workloads"]
        if known is None:
            workloads.clear()
        for each in workloads:
            each.update(known or {})
        assert world.broken("known", pod="shop/web").objects[0] == "Pod istio-system/ztunnel-x"


class TestNotRunning:
    def test_pending(self) -> None:
        unscheduled = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]
        world = World().drop("pods", "web")
        world.add("pods", pod("side", "web", "sidecar", status={"phase": "Pending", "conditions": unscheduled}))
        assert "0/3 nodes" in world.broken("runs", pod="side/web").text

    def test_not_ready_with_its_events(self) -> None:
        world = World()
        world.get("pods", "web", "shop")["status"].update(WAITING)
        world.add(sight.EVENTS, {"pod": "shop/web-7d9f-shop", "reason": "Unhealthy", "note": "probe failed: 503"})
        assert "Unhealthy: probe failed: 503" in world.broken("ready", pod="shop/web").evidence

    @pytest.mark.parametrize(
        ("owner", "words"),
        [
            ({"spec": {"replicas": 0}}, "scaled to zero"),
            ({"status": {"conditions": [failure("violates PodSecurity baseline")]}}, "Pod Security level"),
            ({"status": {"conditions": [failure("failed calling webhook")]}}, "failed calling webhook"),
            ({}, "has no pods"),
        ],
    )
    def test_no_pods(self, owner: dict[str, Any], words: str) -> None:
        world = World().drop("pods", "web")
        meta = {"name": "web", "namespace": "side"}
        world.add(sight.WORKLOADS, {"kind": "Deployment", "metadata": meta, **owner})
        assert words in world.broken("exists", pod="side/web").text

    def test_neither_pod_nor_workload(self) -> None:
        with pytest.raises(BadInput, match=r"neither a pod nor a workload.*Did you mean web"):
            World().ask(pod="side/wed")
        with pytest.raises(BadInput, match=r"no namespace sidd.*Did you mean side"):
            World().ask(pod="sidd/web")


class TestZtunnel:
    def test_dials_nobody(self) -> None:
        world = World()
        env = world.daemon_set("ztunnel")["spec"]["template"]["spec"]["containers"][0]["env"]
        for name in ("XDS_ADDRESS", "CA_ADDRESS"):
            env[:] = [each for each in env if each["name"] != name]
            env.append({"name": name, "value": "istiod-gone.istio-system.svc:15012"})
        step = world.broken("dials", pod="istio-system/ztunnel")
        assert "istiod-gone" in step.text

    def test_an_update_that_is_stuck(self) -> None:
        world = World()
        world.daemon_set("ztunnel")["status"]["updatedNumberScheduled"] = 1
        assert "although it looks ready" in world.broken("update", pod="istio-system/ztunnel").text

    def test_not_trusted(self) -> None:
        world = World()
        for each in world.get("istiods", "istiod")["spec"]["template"]["spec"]["containers"][0]["env"]:
            if each["name"] == "CA_TRUSTED_NODE_ACCOUNTS":
                each["value"] = "elsewhere/ztunnel"
        assert "does not trust" in world.broken("trusted", pod="istio-system/ztunnel").text
