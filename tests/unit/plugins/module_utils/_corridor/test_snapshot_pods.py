# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods read once: page by page, trimmed, and shared where they are alike."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.snapshot_pages import without_managed_fields
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.snapshot_pods import trim_pod
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Unreachable

from .memory import Memory, take

POD: dict[str, Any] = {
    "metadata": {
        "name": "web-1",
        "generateName": "web-",
        "namespace": "shop",
        "uid": "f00",
        "resourceVersion": "7",
        "creationTimestamp": "2026-11-22T02:49:43Z",
        "labels": {"app": "web", "service.istio.io/canonical-name": "web", "istio.io/rev": "default"},
        "annotations": {
            "sidecar.istio.io/status": '{"revision":"default"}',
            "traffic.sidecar.istio.io/excludeInboundPorts": "9090",
            "sidecar.istio.io/proxyCPU": "50m",
            "prometheus.io/scrape": "true",
            "team": "x",
        },
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5", "uid": "b", "controller": True}],
        "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:spec": {'k:{"name":"]},"}': {}}}}],
    },
    "spec": {
        "volumes": [{"name": "v"}],
        "nodeName": "node-1",
        "serviceAccountName": "web",
        "hostNetwork": True,
        "containers": [{"name": "web", "image": "web:1", "args": ["serve"], "env": [{"name": "TOKEN", "value": "t"}]}],
        "initContainers": [
            {
                "name": "istio-proxy",
                "image": "proxyv2:1.31.1",
                "args": ["proxy", "sidecar"],
                "env": [{"name": "TOKEN", "value": "t"}, {"name": "ISTIO_META_CLUSTER_ID", "value": "home"}],
                "resources": {"requests": {"cpu": "10m"}, "limits": {"cpu": "2"}},
            }
        ],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.1.2.3",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T02:49:45Z"}],
        "containerStatuses": [{"name": "web", "ready": True, "state": {"running": {"startedAt": "x"}}}],
    },
}
TRIMMED = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "creationTimestamp": "2026-11-22T02:49:43Z",
        "labels": POD["metadata"]["labels"],
        "annotations": {key: value for key, value in POD["metadata"]["annotations"].items() if key != "team"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5"}],
    },
    "spec": {
        "nodeName": "node-1",
        "hostNetwork": True,
        "serviceAccountName": "web",
        "containers": [{"name": "web", "image": "web:1"}],
        "initContainers": [
            {
                "name": "istio-proxy",
                "image": "proxyv2:1.31.1",
                "args": ["proxy", "sidecar"],
                "env": [{"name": "ISTIO_META_CLUSTER_ID", "value": "home"}],
                "resources": {"requests": {"cpu": "10m"}},
            }
        ],
    },
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}


def changed(**status: Any) -> dict[str, Any]:
    other = copy.deepcopy(POD)
    other["status"] |= status
    return other


def serving(*pages: dict[str, Any]) -> Memory:
    return Memory({f"/api/v1/pods?{number or ''}": [page] for number, page in enumerate(pages)})


class TestTrim:
    def test_what_checks_look_at_is_kept(self) -> None:
        assert trim_pod(POD) == TRIMMED

    def test_pods_that_are_alike_share_what_is_the_same(self) -> None:
        one, other = trim_pod(copy.deepcopy(POD)), trim_pod(copy.deepcopy(POD))
        for part, key in (("metadata", "labels"), ("metadata", "annotations"), ("spec", "initContainers")):
            assert one[part][key] is other[part][key]
        assert one["status"] is other["status"]
        assert one is not other

    def test_why_one_is_not_ready(self) -> None:
        bad = {"type": "Ready", "status": "False", "reason": "R", "message": "m", "lastProbeTime": None}
        states = [
            {"name": "waits", "ready": False, "image": "x", "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            {"name": "ended", "ready": False, "state": {"terminated": {"exitCode": 1}}},
            {"name": "done", "ready": True, "state": {"terminated": {"exitCode": 0}}},
            {"name": "runs", "ready": True, "state": {"running": {}}},
        ]
        status = trim_pod(changed(conditions=[bad], containerStatuses=states))["status"]
        assert status["conditions"] == [{"type": "Ready", "status": "False", "reason": "R", "message": "m"}]
        assert [state["name"] for state in status["containerStatuses"]] == ["waits", "ended"]
        assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}


class TestPages:
    def test_managed_fields_are_cut_off_before_parsing(self) -> None:
        page = json.dumps({"metadata": {}, "items": [POD, POD]}, separators=(",", ":")).encode()
        less = json.loads(without_managed_fields(page))
        for pod in less["items"]:
            assert "managedFields" not in pod["metadata"]
            assert pod["metadata"]["ownerReferences"] == POD["metadata"]["ownerReferences"]
            assert (pod["spec"], pod["status"]) == (POD["spec"], POD["status"])

    def test_where_they_stand_elsewhere_nothing_is_cut(self) -> None:
        page = json.dumps({"items": [POD]}, separators=(",", ":"), sort_keys=True).encode()
        assert without_managed_fields(page) == page

    @pytest.mark.parametrize("text", [',"managedFields":[', '"items":[', ']},"spec":', '"continue":"1"'])
    def test_a_text_that_looks_like_a_key_is_none(self, text: str) -> None:
        sly = copy.deepcopy(POD)
        sly["metadata"]["annotations"]["prometheus.io/path"] = text
        sly["metadata"]["managedFields"][0]["manager"] = text
        found = take(serving({"metadata": {}, "items": [sly, POD]}), "pods").items("pods")
        assert [pod["metadata"]["annotations"].get("prometheus.io/path") for pod in found] == [text, None]

    def test_the_token_may_stand_at_the_end(self) -> None:
        found = take(serving({"items": [POD], "metadata": {"continue": "1"}}, {"items": [POD, POD]}), "pods")
        assert len(found.items("pods")) == 3

    def test_the_token_may_stand_at_the_head(self) -> None:
        found = take(serving({"metadata": {"continue": "1"}, "items": [POD]}, {"metadata": {}, "items": [POD]}), "pods")
        assert len(found.items("pods")) == 2

    @pytest.mark.parametrize("page", [{"metadata": {}, "items": None}, {"metadata": {}, "items": []}, {}])
    def test_none(self, page: dict[str, Any]) -> None:
        source = take(serving(page), "pods").sources["pods"]
        assert (source.items, source.error) == ((), "")

    def test_half_an_answer_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        memory = serving({"items": [POD]})
        whole = memory.raw("GET", "/api/v1/pods").body
        for length in (len(whole) // 2, len(whole) - 2, len(whole) - 1):
            monkeypatch.setattr(memory, "raw", lambda *a, n=length, **k: type("R", (), {"body": whole[:n]}))
            assert "is no list of pods" in take(memory, "pods").sources["pods"].error

    def test_who_does_not_answer_is_told(self) -> None:
        memory = Memory(errors={"pods": Unreachable("no answer")})
        assert take(memory, "pods").sources["pods"].error == "no answer"


class TestOnce:
    def test_all_lists_of_pods_come_from_the_one(self) -> None:
        plain = copy.deepcopy(POD)
        plain["metadata"]["labels"] = {"app": "istiod"}
        plain["metadata"]["namespace"] = "mesh"
        memory = serving({"items": [POD, plain]})
        memory.objects["deployments"] = [
            {
                "kind": "Deployment",
                "metadata": {"name": "istiod", "namespace": "mesh", "labels": {"app": "istiod"}},
                "spec": {
                    "selector": {"matchLabels": {"app": "istiod"}},
                    "template": {"spec": {"containers": [{"name": "discovery", "image": "pilot:1.31.1"}]}},
                },
            }
        ]
        seen = take(memory, "pods", "proxies", "revision_pods", "component_pods")
        assert [place for place in memory.asked if "pods" in place] == ["/api/v1/pods"]
        first, second = seen.items("pods")
        assert seen.items("proxies") == seen.items("revision_pods") == (first,)
        assert seen.items("component_pods") == (second,)
        assert seen.items("proxies")[0] is first

    def test_those_over_are_left_out(self) -> None:
        seen = take(serving({"items": [POD, changed(phase="Failed"), changed(phase="Succeeded")]}), "pods")
        assert len(seen.items("pods")) == 1
