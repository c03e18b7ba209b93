# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking a snapshot, against a client that answers from memory."""

from __future__ import annotations

import time

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import (
    Forbidden,
    NotFound,
    Unauthorized,
    Unreachable,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.deadline import Deadline

from .memory import Memory, pod, take

ISTIOD = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "istiod", "namespace": "mesh", "labels": {"app": "istiod"}},
    "spec": {
        "selector": {"matchLabels": {"app": "istiod"}},
        "template": {"spec": {"containers": [{"name": "discovery", "image": "pilot:1.31.1"}]}},
    },
}
INJECTOR = {
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "tag"},
    "webhooks": [
        {
            "name": "namespace.sidecar-injector.istio.io",
            "clientConfig": {"service": {"name": "istiod", "namespace": "elsewhere"}},
        }
    ],
}


def test_namespaces_come_from_where_istiods_are_and_webhooks_point() -> None:
    memory = Memory({"deployments": [ISTIOD], "mutatingwebhookconfigurations": [INJECTOR]})
    take(memory, "services", "disruption_budgets")
    assert "services@mesh" in memory.asked
    assert "services@elsewhere" in memory.asked
    assert "poddisruptionbudgets@mesh" in memory.asked
    assert "poddisruptionbudgets@elsewhere" not in memory.asked


def test_only_what_is_asked_for_is_read() -> None:
    memory = Memory()
    seen = take(memory, "crds")
    assert memory.asked == ["customresourcedefinitions"]
    assert list(seen.sources) == ["crds"]


def test_forbidden_is_kept_as_the_reason() -> None:
    refused = Forbidden("Could not list x: user u may not list x.", status=403)
    seen = take(Memory({"deployments": [ISTIOD]}, {"services": refused}), "services", "daemonsets")
    assert seen.sources["services"].error == "Could not list x: user u may not list x."
    assert seen.sources["daemonsets"].error == ""


def test_what_depends_on_a_forbidden_source_names_it() -> None:
    seen = take(Memory({}, {"deployments": Forbidden("no right to list deployments")}), "autoscalers")
    assert "no right to list deployments" in seen.sources["autoscalers"].error
    assert seen.sources["autoscalers"].error.startswith("it is not known where to look for autoscalers")


def test_forbidden_webhooks_do_not_hide_the_services_of_istiod() -> None:
    memory = Memory({"deployments": [ISTIOD]}, {"mutatingwebhookconfigurations": Forbidden("no")})
    assert take(memory, "services").sources["services"].error == ""


@pytest.mark.parametrize("error", [Unreachable("no answer"), Unauthorized("who are you")])
def test_no_talking_to_the_server_at_all_is_an_error(error: Exception) -> None:
    with pytest.raises(type(error)):
        take(Memory(errors={"version": error}), "crds")


def test_kinds_that_are_not_served_are_an_answer() -> None:
    seen = take(Memory(), "sail_cnis", "sail_ztunnels")
    assert (seen.sources["sail_cnis"].served, seen.sources["sail_cnis"].error) == (False, "")


def test_ztunnels_of_an_older_operator() -> None:
    memory = Memory({"api": ["sailoperator.io/v1alpha1/ZTunnel"], "ztunnels": [{"metadata": {"name": "default"}}]})
    assert len(take(memory, "sail_ztunnels").items("sail_ztunnels")) == 1


def test_proxies_are_read_page_by_page_and_trimmed() -> None:
    first = {"items": [pod("a"), pod("b", "app")], "metadata": {"continue": "more"}}
    second = {"items": [pod("c"), pod("d", phase="Succeeded")], "metadata": {}}
    memory = Memory({"/api/v1/pods?": [first], "/api/v1/pods?more": [second]})
    found = take(memory, "proxies").items("proxies")
    assert [item["metadata"]["name"] for item in found] == ["a", "c"]
    assert found[0]["spec"]["containers"] == [{"name": "istio-proxy", "image": "proxyv2:1.31.1"}]
    assert found[0]["metadata"]["annotations"] == {"istio.io/rev": "default"}
    assert "managedFields" not in found[0]["metadata"]


def test_pages_that_outlived_the_history_are_read_again() -> None:
    gone = NotFound("410", status=410)
    memory = Memory(
        {
            "/api/v1/pods?": [{"items": [pod("a")], "metadata": {"continue": "m"}}],
            "/api/v1/pods?m": [gone, {"items": [pod("b")]}],
        }
    )
    assert [item["metadata"]["name"] for item in take(memory, "proxies").items("proxies")] == ["a", "b"]


def test_names_only_are_kept_of_what_is_only_named() -> None:
    node = {"metadata": {"name": "n", "labels": {"a": "b"}, "managedFields": [1], "annotations": {"x": "y"}}}
    assert take(Memory({"nodes": [node]}), "nodes").items("nodes") == (
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "n", "labels": {"a": "b"}, "annotations": {"x": "y"}},
        },
    )


def test_an_unheard_source_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no such source: nonsense"):
        take(Memory(), "nonsense")


def test_of_a_proxys_environment_only_the_cluster_is_kept() -> None:
    proxy = pod("a")
    proxy["spec"]["containers"][0]["env"].append({"name": "ISTIO_META_CLUSTER_ID", "value": "home"})
    app = pod("b", "app")
    app["spec"]["containers"] = [*proxy["spec"]["containers"], *app["spec"]["containers"]]
    memory = Memory({"/api/v1/pods?": [{"items": [proxy, app]}]})
    first, second = take(memory, "proxies").items("proxies")
    kept = {
        "name": "istio-proxy",
        "image": "proxyv2:1.31.1",
        "env": [{"name": "ISTIO_META_CLUSTER_ID", "value": "home"}],
    }
    assert first["spec"]["containers"] == [kept]
    assert second["spec"]["containers"] == [kept, {"name": "app", "image": "proxyv2:1.31.1"}]
    # one object for all that say the same
    assert first["spec"]["containers"][0]["env"] is second["spec"]["containers"][0]["env"]


def test_services_are_read_where_ztunnel_dials_too() -> None:
    env = [{"name": "CA_ADDRESS", "value": "istio-csr.cert-manager.svc:443"}]
    ztunnel = {
        "kind": "DaemonSet",
        "metadata": {"name": "ztunnel", "namespace": "mesh"},
        "spec": {"template": {"spec": {"containers": [{"name": "istio-proxy", "args": ["ztunnel"], "env": env}]}}},
    }
    memory = Memory({"deployments": [ISTIOD], "daemonsets": [ztunnel]})
    take(memory, "services", "daemonsets")
    # the certificate authority's, and that of the default address
    assert {"services@mesh", "services@cert-manager", "services@istio-system"} <= set(memory.asked)
    narrow = Memory({"deployments": [ISTIOD], "daemonsets": [ztunnel]})
    take(narrow, "services")
    assert ("daemonsets" in narrow.asked, "services@cert-manager" in narrow.asked) == (False, False)


def test_pods_labelled_for_a_revision_leave_out_what_has_ended() -> None:
    page = {"items": [pod("a"), pod("b", phase="Succeeded")]}
    memory = Memory({"/api/v1/pods?": [page]})
    assert [item["metadata"]["name"] for item in take(memory, "revision_pods").items("revision_pods")] == ["a"]


def test_kinds_of_the_operator_that_are_served_are_read() -> None:
    kinds = {"sail_istios": "Istio", "sail_revisions": "IstioRevision", "sail_tags": "IstioRevisionTag"}
    memory = Memory({"api": [f"sailoperator.io/v1/{kind}" for kind in kinds.values()]})
    seen = take(memory, *kinds)
    assert [seen.served(name) for name in kinds] == [True, True, True]
    assert {"istios", "istiorevisions", "istiorevisiontags"} <= set(memory.asked)


def test_a_slow_source_leaves_the_others_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    given: list[float] = []

    def with_deadline(deadline: Deadline) -> Memory:
        given.append(deadline.seconds)
        return memory

    monkeypatch.setattr(memory, "with_deadline", with_deadline)
    take(memory, "nodes", "pods")
    slow, other = given
    # pods may take all of the minute there is, and begin first
    assert 0 < other <= 30 <= slow <= 60


def test_who_waits_for_pods_comes_after_all_who_do_not() -> None:
    memory = Memory({"api": ["security.istio.io/v1/AuthorizationPolicy"], "deployments": [ISTIOD]})
    # so that each of those who would look into them has to ask himself
    memory.errors["pods"] = Unreachable("no answer")
    take(memory, "revision_pods", "proxies", "authorization_policies", "disruption_budgets", "pods")
    first, *later = [place for place, asked in enumerate(memory.asked) if asked.endswith("/pods")]
    assert first == 0
    assert min(later) > max(map(memory.asked.index, ("authorizationpolicies", "poddisruptionbudgets@mesh")))


def test_a_snapshot_knows_when_it_was_taken() -> None:
    before = time.time()
    assert before <= take(Memory()).taken <= time.time()
