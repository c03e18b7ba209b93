# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What acceptance asks, how long it waits, and what it says; the cluster is a table of answers."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.istiod_debug import (
    ProxySync,
    ReplicaSync,
    TypeSync,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Step
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import (
    acceptance,
    conditions,
    pushes,
    surroundings,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.acceptance import (
    Acceptance,
    Accepted,
    NotAccepted,
    accepted_now,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.draft import Draft
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden, SettleTimeout
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import PolicyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import KINDS, Kind

FIXTURES = Path(__file__).parents[5] / "fixtures" / "policy"
SEEN = json.loads((FIXTURES / "acceptance-istiod.json").read_text(encoding="utf-8"))
OBJECTS = {f"{o['kind']} {o['metadata']['namespace']}/{o['metadata']['name']}": o for o in SEEN["objects"]}
CLASSES = [{"metadata": {"name": name}, "spec": {"controllerName": one}} for name, one in SEEN["classes"].items()]
ISTIOD = {
    "metadata": {"name": "istiod-1"},
    "spec": {"containers": [{"env": [{"name": "PILOT_ENABLE_AMBIENT", "value": "true"}]}]},
}


def proxy(sent: str = "1", acked: str = "1", error: str = "", name: str = "web-1.served") -> list[ReplicaSync]:
    return [
        ReplicaSync(
            "istiod-1", (ProxySync(name, "sidecar", "c", "1.31.1", (TypeSync("Listener", sent, acked, error),)),)
        )
    ]


class Cluster:
    """A client and all that acceptance reads through it. Each look takes the next of `looks`, the last one for good."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks: list[list[ReplicaSync]] = [[ReplicaSync("istiod-1")]]
        self.istiods: list[Any] = [ISTIOD]
        self.objects: dict[str, Any] = {}
        self.forbidden: set[str] = set()
        self.reads: list[str] = []
        self.now = 0.0
        self.pods: builtins.list[Any] = []
        self.hooks: builtins.list[Any] = []
        monkeypatch.setattr(pushes, "ready_istiods", self._istiods)
        monkeypatch.setattr(pushes, "ask", self._ask)
        for module in (conditions, surroundings):
            monkeypatch.setattr(module, "observe", self._observe)
        for module in (conditions, pushes, acceptance):
            monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(Deadline, "sleep", lambda _deadline, seconds: self._sleep(seconds))
        monkeypatch.setattr(Deadline, "left", lambda deadline: max(0.0, deadline.seconds - self.now))
        monkeypatch.setattr(Deadline, "passed", property(lambda deadline: self.now >= deadline.seconds))

    def _sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.01)

    def _istiods(self, _client: Any, _namespace: str) -> list[Any]:
        if "pods" in self.forbidden:
            raise Forbidden("The user may not list pods in istio-system.", verb="list", target="pods")
        return self.istiods

    def _ask(self, *_args: Any) -> list[ReplicaSync]:
        if "portforward" in self.forbidden:
            raise Forbidden("The user may not create pods/portforward there.", verb="create")
        self.reads.append("syncz")
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def _observe(self, _client: Any, targets: Iterable[Any], **_more: Any) -> dict[Any, Any]:
        wanted = list(targets)
        self.reads.append("observe")
        return {one: self.objects[one.label] for one in wanted if one.label in self.objects}

    def with_deadline(self, _deadline: Deadline) -> Cluster:
        return self

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [call(item) for item in items]

    def list(self, kind: Kind, *_args: Any, **_more: Any) -> builtins.list[Any]:
        self.reads.append(f"list {kind.kind}")
        if kind.plural in self.forbidden:
            raise Forbidden(f"The user may not list {kind.plural}.", verb="list", target=kind.plural)
        answers: dict[Kind, builtins.list[Any]] = {
            kinds.GATEWAY_CLASS: CLASSES,
            kinds.NAMESPACE: SEEN["namespaces"],
            kinds.POD: self.pods,
            kinds.VALIDATING_WEBHOOK: [{"webhooks": self.hooks}],
        }
        return answers[kind]

    def run(
        self,
        names: Sequence[str],
        *,
        wait_timeout: float = 60,
        extra: dict[str, Any] | None = None,
        **more: Any,
    ) -> tuple[dict[str, Accepted], builtins.list[str]]:
        """What is said of the seen objects of these names, as if they had just been written; and the warnings."""
        items = []
        for name in names:
            obj = OBJECTS[name] if name in OBJECTS else (extra or {})[name]
            kind = KINDS[(obj["apiVersion"], obj["kind"])]
            bare = {key: value for key, value in obj.items() if key != "status"}
            one = target(kind, obj["metadata"].get("namespace"), obj["metadata"]["name"])
            items.append(Item(bare, one, written=bare, step=Step(one.label, "create", "")))
            self.objects.setdefault(one.label, obj)
        intent = PolicyIntent(definitions=({},), wait_timeout=wait_timeout, **more)
        accepting = Acceptance(self, intent)  # type: ignore[arg-type]
        accepting.before(Draft(items=items))
        self.now += 1
        found = accepting.after(items)
        return {one.label: word for one, word in found.items()}, accepting.warnings


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster(monkeypatch)
    for namespace in SEEN["namespaces"]:
        found.objects[f"Namespace {namespace['metadata']['name']}"] = namespace
    for name, obj in OBJECTS.items():
        if obj["kind"] == "Gateway":
            found.objects[name] = obj
    return found


def plain(kind: str, name: str, api: str = "v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "served"}}


def test_each_object_says_what_its_acceptance_rests_on(cluster: Cluster) -> None:
    cluster.looks = [proxy("1"), proxy("2", "1"), proxy("2", "2")]
    names = ["AuthorizationPolicy served/t-svc", "VirtualService served/vs", "ConfigMap served/notes"]
    found, warnings = cluster.run(names, extra={names[2]: plain("ConfigMap", "notes")})
    assert [found[name].rests_on for name in names] == ["conditions", "admission", "none"]
    assert "bound to served/waypoint" in found[names[0]].detail
    assert "by any of 1 proxies, 1 of which were sent something" in found[names[1]].detail
    assert warnings == []


def test_a_thousand_objects_cost_a_handful_of_reads(cluster: Cluster) -> None:
    extra = {}
    for number in range(1000):
        policy = {**OBJECTS["AuthorizationPolicy served/t-svc"]}
        policy["metadata"] = {**policy["metadata"], "name": f"p{number}", "namespace": f"n{number % 50}"}
        extra[f"AuthorizationPolicy n{number % 50}/p{number}"] = policy
    found, _warnings = cluster.run(list(extra), extra=extra)
    assert len(found) == 1000
    assert len(cluster.reads) < 10


def test_nothing_of_the_mesh_is_asked_about_what_it_does_not_judge(cluster: Cluster) -> None:
    found, warnings = cluster.run(["Secret served/key"], extra={"Secret served/key": plain("Secret", "key")})
    assert (found["Secret served/key"].rests_on, warnings, cluster.reads) == ("none", [], [])


def test_all_that_is_refused_is_named_at_once(cluster: Cluster) -> None:
    names = ["HTTPRoute served/r-svc-bad", "Gateway served/mixed", "AuthorizationPolicy ambient/l7-deny"]
    with pytest.raises(NotAccepted) as caught:
        cluster.run([*names, "HTTPRoute served/r-svc"], wait_timeout=600)
    assert cluster.now < 20
    unready = {entry["object"]: entry for entry in caught.value.details["unready"]}
    assert set(unready) == set(names)
    entry = unready[names[0]]
    assert (entry["condition"], entry["condition_reason"]) == ("ResolvedRefs", "BackendNotFound")
    assert entry["controller"] == "istio.io/gateway-controller"
    assert "secret served/nope not found" in unready[names[1]]["reason"]
    for name in names:
        assert name in str(caught.value)


def test_a_refusal_that_passes_is_none(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Service came a moment later."""
    name = "HTTPRoute served/r-svc"
    cluster.objects[name] = OBJECTS["HTTPRoute served/r-svc-bad"]
    real = cluster._observe

    def observe(client: Any, targets: Iterable[Any], **more: Any) -> dict[Any, Any]:
        if cluster.now > 2.5:
            cluster.objects[name] = OBJECTS[name]
        return real(client, targets, **more)

    monkeypatch.setattr(conditions, "observe", observe)
    found, _warnings = cluster.run([name])
    assert found[name].rests_on == "conditions"


def test_what_never_gets_a_word_is_named_after_the_time(cluster: Cluster) -> None:
    name = "HTTPRoute served/r-svc"
    cluster.objects[name] = {key: value for key, value in OBJECTS[name].items() if key != "status"}
    with pytest.raises(SettleTimeout) as caught:
        cluster.run([name], wait_timeout=30)
    assert cluster.now >= 30
    assert "no Accepted condition of this generation yet by Service served/web" in str(caught.value)


def test_a_waypoint_that_is_missing_is_waited_for_unless_nobody_made_it(cluster: Cluster) -> None:
    policy = "AuthorizationPolicy ambient/t-svc"
    with pytest.raises(NotAccepted, match="AncestorNotBound"):
        cluster.run([policy], wait_timeout=60)
    assert cluster.now < 20
    cluster.now = 0
    service = OBJECTS["Service ambient/labelled"]
    cluster.objects["Service ambient/web"] = {**service, "metadata": {**service["metadata"], "name": "web"}}
    with pytest.raises(SettleTimeout, match="AncestorNotBound"):
        cluster.run([policy], wait_timeout=60)


@pytest.mark.parametrize(("guard", "warned"), [("warn", 1), ("accept", 0)])
def test_what_the_guard_of_semantics_lets_pass_does_not_fail(cluster: Cluster, guard: Any, warned: int) -> None:
    name = "AuthorizationPolicy ambient/l7-deny"
    found, warnings = cluster.run([name], semantic_guard=guard)
    assert (found[name].accepted, found[name].rests_on, len(warnings)) == (False, "conditions", warned)
    assert "UnsupportedValue" in found[name].detail


def test_a_policy_of_pods_that_ztunnel_does_not_capture_is_none_of_its(cluster: Cluster) -> None:
    obj = {**OBJECTS["AuthorizationPolicy ambient/l7-deny"], "spec": {"selector": {"matchLabels": {"app": "gate"}}}}
    name = "AuthorizationPolicy ambient/l7-deny"
    cluster.objects[name] = obj
    pod = {"metadata": {"name": "gate-1", "namespace": "ambient", "labels": {"app": "gate"}}}
    other = {
        "metadata": {
            "name": "web-1",
            "labels": {"app": "web"},
            "annotations": {"ambient.istio.io/redirection": "enabled"},
        }
    }
    cluster.pods = [pod, other]
    found, _warnings = cluster.run([name])
    assert found[name].rests_on == "admission"
    pod["metadata"]["annotations"] = {"ambient.istio.io/redirection": "enabled"}
    with pytest.raises(NotAccepted):
        cluster.run([name])


def test_a_reject_since_fails_at_once_and_an_older_one_is_no_news(cluster: Cluster) -> None:
    cluster.looks = [proxy("1"), proxy("2", "1", "no such filter")]
    with pytest.raises(NotAccepted, match=r"web-1\.served rejects Listener: no such filter") as caught:
        cluster.run(["VirtualService served/vs"], wait_timeout=60)
    assert cluster.now < 5
    assert caught.value.details["suspects"] == ["VirtualService served/vs"]
    cluster.looks = [proxy("2", "1", "no such filter"), proxy("3", "1", "no such filter")]
    found, _warnings = cluster.run(["VirtualService served/vs"])
    assert "1 were there before" in found["VirtualService served/vs"].detail


def test_what_is_not_acknowledged_is_waited_for_unless_it_was_so_before(cluster: Cluster) -> None:
    cluster.looks = [proxy("1"), proxy("2", "1")]
    with pytest.raises(SettleTimeout, match="has not acknowledged Listener"):
        cluster.run(["VirtualService served/vs"], wait_timeout=20)
    cluster.now = 0
    cluster.looks = [proxy("2", "1")]
    cluster.run(["VirtualService served/vs"], wait_timeout=20)
    assert cluster.now < 5


def test_nobody_connected_or_concerned_is_said(cluster: Cluster) -> None:
    name = "VirtualService served/vs"
    assert "nobody received it: no proxy is connected" in cluster.run([name])[0][name].detail
    cluster.looks = [proxy("1")]
    assert "it concerns none of 1 proxies" in cluster.run([name])[0][name].detail


def test_a_forbidden_port_forward_is_a_warning_that_names_the_permission(cluster: Cluster) -> None:
    cluster.forbidden = {"portforward"}
    names = ["VirtualService served/vs", "HTTPRoute served/r-svc"]
    found, warnings = cluster.run(names)
    assert found[names[0]].rests_on == "admission"
    assert "the proxies' rejects may not be asked for" in found[names[0]].detail
    assert found[names[1]].rests_on == "conditions"
    (warning,) = warnings
    assert "create pods/portforward" in warning


def test_without_an_istiod_it_rests_on_admission_with_a_warning(cluster: Cluster) -> None:
    cluster.istiods = []
    found, warnings = cluster.run(["HTTPRoute served/r-svc"])
    assert found["HTTPRoute served/r-svc"] == Accepted("admission", "admitted; no istiod in istio-system")
    assert len(warnings) == 1
    assert "istio_namespace" in warnings[0]


def test_where_it_may_not_be_told_what_istiod_writes_little_time_is_spent(cluster: Cluster) -> None:
    name = "HTTPRoute served/r-gw-missing"
    cluster.forbidden = {"gatewayclasses"}
    found, warnings = cluster.run([name], wait_timeout=600)
    assert found[name].rests_on == "admission"
    assert cluster.now < 30
    assert "may not list gatewayclasses" in warnings[0]


def test_what_no_webhook_was_asked_about_is_said(cluster: Cluster) -> None:
    """A revision without the tag `default` judges only what names it."""
    named = {"matchExpressions": [{"key": "istio.io/rev", "operator": "In", "values": ["canary"]}]}
    rules = [{"apiGroups": ["networking.istio.io", "security.istio.io"]}]
    cluster.hooks = [{"name": "rev.validation.istio.io", "rules": rules, "objectSelector": named}]
    names = ["VirtualService served/vs", "Service served/web"]
    found, warnings = cluster.run(names)
    assert "by its schema alone" in found[names[0]].detail
    assert "alone" not in found[names[1]].detail
    (warning,) = warnings
    assert "judged 1 of the written objects (VirtualService served/vs)" in warning
    cluster.hooks.append({"name": "validation.istio.io", "rules": rules, "objectSelector": {}})
    assert cluster.run(names)[1] == []


def test_what_was_as_desired_gets_its_word_for_free() -> None:
    words = {name: accepted_now(obj) for name, obj in OBJECTS.items()}
    assert words["HTTPRoute served/r-svc"].rests_on == "conditions"
    assert not words["HTTPRoute served/r-svc-bad"].accepted
    assert words["VirtualService served/vs"].rests_on == "admission"
    assert accepted_now(plain("ConfigMap", "notes")).rests_on == "none"
    # Whether it is for ambient pods was not read, so that it is quoted only.
    quoted = words["AuthorizationPolicy sidecar/l7-deny"]
    assert quoted.accepted
    assert "UnsupportedValue" in quoted.detail
