# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of the server before a move to sidecars, and what its answers mean: they are as it was seen to say."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import MUTATING, Scene
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.probe import injected
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.probe_answers import lets_in
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.survey import Survey
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import Usage
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    Expectation,
    Goal,
    plane_of,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move
from ansible_collections.meshwright.istio.plugins.module_utils._errors import (
    Forbidden,
    Invalid,
    MeshError,
    Rejected,
    Unreachable,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

Obj = dict[str, Any]
REVISION, INJECTION, INJECT = "istio.io/rev", "istio-injection", "sidecar.istio.io/inject"
RESTRICTED = (
    'unrestricted capabilities (container "istio-init" must not include "NET_ADMIN", "NET_RAW" in '
    "securityContext.capabilities.add), runAsNonRoot != true (container ...), runAsUser=0 (container ...), "
    'seccompProfile (pod or containers "istio-init", "istio-proxy" must set securityContext.seccompProfile.type to '
    '"RuntimeDefault" or "Localhost")'
)
BASELINE = (
    'non-default capabilities (container "istio-init" must not include "NET_ADMIN", "NET_RAW" in securityContext...)'
)


def wants(key: str, operator: str, *values: str) -> Obj:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def injector(revision: str = "default", tag: str = "") -> Obj:
    """The webhooks of Istio's chart; of a tag those of `revision-tags-mwc.yaml`."""
    name = tag or revision
    not_refused = {"matchExpressions": [wants(INJECT, "NotIn", "false")]}

    def hook(prefix: str, *namespace: Obj, pod: Obj) -> Obj:
        return {
            "name": f"{prefix}sidecar-injector.istio.io",
            "namespaceSelector": {"matchExpressions": list(namespace)},
            "objectSelector": pod,
            "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system"}},
        }

    unlabelled = (wants(REVISION, "DoesNotExist"), wants(INJECTION, "DoesNotExist"))
    asking = {"matchExpressions": [wants(INJECT, "NotIn", "false"), wants(REVISION, "In", name)]}
    hooks = [
        hook("rev.namespace.", wants(REVISION, "In", name), wants(INJECTION, "DoesNotExist"), pod=not_refused),
        hook("rev.object.", *unlabelled, pod=asking),
    ]
    if name == "default":
        itself = {"matchExpressions": [wants(INJECT, "In", "true"), wants(REVISION, "DoesNotExist")]}
        hooks += [
            hook("namespace.", wants(INJECTION, "In", "enabled"), pod=not_refused),
            hook("object.", *unlabelled, pod=itself),
        ]
    labels = {REVISION: revision, **({"istio.io/tag": tag} if tag else {})}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"injector-{name}", "labels": labels},
        "webhooks": hooks,
    }


class Server:
    """Answers dry runs of pods: with a proxy, unless `error` or `bare`."""

    def __init__(self, error: MeshError | None = None, *, bare: bool = False, native: bool = True) -> None:
        self.error = error
        self.bare = bare
        self.native = native
        self.asked: list[Obj] = []

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [call(item) for item in items]

    def create(self, pod: Mapping[str, Any], *, dry_run: bool) -> Obj:
        assert dry_run
        self.asked.append(dict(pod))
        if self.error is not None:
            raise self.error
        made: Obj = copy.deepcopy(dict(pod))
        if not self.bare:
            made["metadata"]["annotations"] = {"sidecar.istio.io/status": "{}"}
            proxy: Obj = {"name": "istio-proxy", "resources": {"requests": {"cpu": "100m"}}}
            made["spec"]["initContainers"] = [{"name": "istio-init", "resources": {"requests": {"cpu": "9"}}}]
            if self.native:
                made["spec"]["initContainers"].append({**proxy, "restartPolicy": "Always"})
            else:
                made["spec"]["containers"] = [*made["spec"]["containers"], proxy]
        return made


def deployment(name: str = "web", *, labels: Obj | None = None, replicas: int = 2, **spec: Any) -> Obj:
    container = {"name": "app", "resources": {"requests": {"cpu": "20m"}}}
    notes = {"meshwright.io/restart": "before", "team": "a"}
    template = {
        "metadata": {"labels": {"app": name, **(labels or {})}, "annotations": notes},
        "spec": {"serviceAccountName": "web", "containers": [container], **spec},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "template": template},
    }


def pod(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"}}


def workload(name: str = "web", pods: int = 2) -> Workload:
    return Workload("Deployment", "shop", name, "", tuple(f"{name}-{number}" for number in range(pods)))


def survey(
    *owners: Obj, labels: Obj | None = None, hooks: Iterable[Obj] | None = None, quota: Obj | None = None
) -> Survey:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels or {}}}
    pods = [pod(name) for one in owners for name in workload(one["metadata"]["name"], 9).pods]
    hooks = [injector()] if hooks is None else hooks
    return Survey(
        Scene.of([space, *hooks, *pods], read=[MUTATING]),
        Usage(),
        owners={"shop": list(owners)} if owners else {},
        quotas={"shop": [quota]} if quota else {},
    )


def move(seen: Survey, goal: Goal | None = None, revision: str = "default") -> Move:
    space = seen.scene.get("/Namespace", "", "shop")
    assert space is not None
    return Move("shop", plane_of(space), goal or Goal("sidecar"), Expectation("sidecar", revision))


def asked(
    server: Server, seen: Survey, *more: Any, workloads: Iterable[Workload] | None = None
) -> list[tuple[str, str]]:
    given = [workload()] if workloads is None else list(workloads)
    found = injected(cast(Client, server), seen, move(seen, *more), given)
    return [(one.id, one.obj) for one in found]


# -- what is asked -------------------------------------------------------------------------------------------------


def test_the_pod_is_that_of_the_template_and_asks_for_its_proxy_itself() -> None:
    server = Server()
    assert asked(server, survey(deployment())) == []
    assert server.asked[0]["spec"]["serviceAccountName"] == "web"
    meta = server.asked[0]["metadata"]
    assert meta["namespace"] == "shop"
    assert meta["annotations"] == {"team": "a"}
    assert meta["labels"] == {"app": "web", INJECT: "true"}


@pytest.mark.parametrize(
    ("now", "hooks", "goal", "revision", "labels"),
    [
        ({}, [injector()], Goal("sidecar"), "default", {INJECT: "true"}),
        ({}, [injector(), injector("1-31")], Goal("sidecar", "1-31"), "1-31", {REVISION: "1-31"}),
        ({}, [injector("1-31"), injector("1-31", "prod")], Goal("sidecar", "prod"), "1-31", {REVISION: "prod"}),
        ({INJECTION: "enabled"}, [injector()], Goal("sidecar"), "default", {}),
        ({"istio.io/dataplane-mode": "ambient"}, [injector()], Goal("sidecar"), "default", {INJECT: "true"}),
        # Another revision answers as long as the namespace names it: it stands in.
        ({REVISION: "1-30"}, [injector("1-30"), injector("1-31")], Goal("sidecar", "1-31"), "1-31", {}),
    ],
)
def test_the_injector_that_is_meant_answers_before_the_namespace_is_labelled(
    now: Obj, hooks: list[Obj], goal: Goal, revision: str, labels: Obj
) -> None:
    server = Server()
    assert asked(server, survey(deployment(), labels=now, hooks=hooks), goal, revision) == []
    assert server.asked[0]["metadata"]["labels"] == {"app": "web", **labels}


def test_whom_no_injector_will_answer_is_told_without_asking() -> None:
    narrow = injector()
    for hook in narrow["webhooks"]:
        hook["objectSelector"]["matchExpressions"].append(wants("team", "In", "mesh"))
    server = Server()
    assert asked(server, survey(deployment(), hooks=[narrow])) == [("not-injected", "Deployment shop/web")]
    assert server.asked == []


def test_where_no_injector_can_answer_yet_nothing_is_known() -> None:
    server, seen = Server(), survey(deployment(), labels={INJECTION: "disabled"})
    assert asked(server, seen) == [] and server.asked == []
    assert "No webhook that injects answers in Namespace shop" in seen.unread[0]


@pytest.mark.parametrize(
    ("now", "goal", "labels"),
    [
        ({}, Goal("sidecar"), {INJECT: "true"}),
        ({}, Goal("sidecar", "1-31"), {REVISION: "1-31"}),
        ({INJECTION: "enabled"}, Goal("sidecar"), {}),
    ],
)
def test_webhooks_that_could_not_be_read_may_answer_all_the_same(now: Obj, goal: Goal, labels: Obj) -> None:
    server = Server()
    assert asked(server, survey(deployment(), labels=now, hooks=[]), goal, "") == []
    assert server.asked[0]["metadata"]["labels"] == {"app": "web", **labels}


def test_those_that_injectors_leave_out_are_not_asked() -> None:
    server = Server()
    kept_out, on_host = deployment("out", labels={INJECT: "false"}), deployment("host", hostNetwork=True)
    names = [workload("out"), workload("host"), workload("gone")]
    assert asked(server, survey(kept_out, on_host), workloads=names) == []
    assert server.asked == []


def test_a_namespace_without_workloads_is_asked_with_a_pod_that_any_level_lets_in() -> None:
    server = Server(Rejected(f'is forbidden: violates PodSecurity "baseline:latest": {BASELINE}', status=403))
    assert asked(server, survey(), workloads=[]) == [("pod-security", "Namespace shop")]
    assert server.asked[0]["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] is True
    # It says nothing of room for what will run there.
    full = Server(Rejected("is forbidden: exceeded quota: tight, requested: requests.cpu=101m", status=403))
    assert asked(full, survey(), workloads=[]) == []


def test_no_more_than_fifty_are_asked() -> None:
    server = Server()
    owners = [deployment(f"web-{number}") for number in range(60)]
    asked(server, survey(*owners), workloads=[workload(f"web-{number}") for number in range(60)])
    assert len(server.asked) == 50


# -- what is answered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            Rejected(f'pods "x" is forbidden: violates PodSecurity "restricted:latest": {RESTRICTED}', status=403),
            ("pod-security", "Deployment shop/web"),
        ),
        (
            Rejected(
                'pods "x" is forbidden: exceeded quota: tight, requested: requests.cpu=101m, used: requests.cpu=0, '
                "limited: requests.cpu=50m",
                status=403,
            ),
            ("quota", "Deployment shop/web"),
        ),
        (
            Rejected('pods "x" is forbidden: failed quota: tight: must specify limits.cpu for: app', status=403),
            ("quota", "Deployment shop/web"),
        ),
        (
            Rejected("no answer", status=500, details={"webhook": "namespace.sidecar-injector.istio.io"}),
            ("injector-failed", "Namespace shop"),
        ),
        (
            Rejected(
                'admission webhook "object.sidecar-injector.istio.io" denied the request: bad template', status=400
            ),
            ("injector-failed", "Deployment shop/web"),
        ),
        (
            Rejected('admission webhook "policy.example.com" denied the request: no', status=400),
            ("pod-refused", "Deployment shop/web"),
        ),
        (Rejected("no answer", status=500, details={"webhook": "other.io"}), ("pod-refused", "Deployment shop/web")),
        (Invalid("spec is invalid", status=422), ("pod-refused", "Deployment shop/web")),
    ],
)
def test_a_refusal_is_named_by_what_refuses(error: MeshError, expected: tuple[str, str]) -> None:
    assert asked(Server(error), survey(deployment())) == [expected]


def test_a_pod_without_a_proxy_is_not_injected() -> None:
    assert asked(Server(bare=True), survey(deployment())) == [("not-injected", "Deployment shop/web")]


def test_an_injector_that_does_not_answer_is_asked_once() -> None:
    server = Server(Rejected("no answer", status=500, details={"webhook": "object.sidecar-injector.istio.io"}))
    owners = [deployment("one"), deployment("two")]
    found = asked(server, survey(*owners), workloads=[workload("one"), workload("two")])
    assert found == [("injector-failed", "Namespace shop")]
    assert len(server.asked) == 1


def test_who_may_not_make_pods_hears_what_is_not_known() -> None:
    seen = survey(deployment())
    assert asked(Server(Forbidden("may not create pods.", status=403)), seen) == []
    assert seen.unread == ("may not create pods. So it is not known whether pods would be injected.",)


def test_a_server_that_is_away_is_an_error() -> None:
    with pytest.raises(Unreachable):
        asked(Server(Unreachable("away", status=503)), survey(deployment()))


@pytest.mark.parametrize(
    ("level", "violations", "expected"),
    [
        ("privileged", RESTRICTED, True),
        ("privileged", BASELINE, True),
        ("baseline", RESTRICTED, False),
        ("restricted", BASELINE, False),
        ("", RESTRICTED, False),
        ("baseline", "runAsNonRoot != true (pod or container must set ...)", True),
        ("baseline", 'unrestricted capabilities (container "a" must not include "CHOWN", "KILL" in ...)', True),
        ("baseline", 'privileged (container "a" must not set securityContext.privileged=true)', False),
        ("baseline", 'restricted volume types (volume "v" uses ...), hostPath volumes (volume "v")', False),
    ],
)
def test_a_level_that_the_move_sets_may_let_in_what_is_refused_now(level: str, violations: str, expected: bool) -> None:
    assert lets_in(level, violations) is expected
    error = Rejected(f'is forbidden: violates PodSecurity "restricted:latest": {violations}', status=403)
    found = asked(Server(error), survey(deployment()), Goal("sidecar", pod_security=level))
    assert found == ([] if expected else [("pod-security", "Deployment shop/web")])


@pytest.mark.parametrize("native", [True, False])
def test_cron_jobs_need_proxies_that_end(native: bool) -> None:
    def cron_job(name: str, labels: Obj) -> Obj:
        template = {"metadata": {"labels": labels}, "spec": {"containers": []}}
        metadata = {"name": name, "namespace": "shop"}
        return {"kind": "CronJob", "metadata": metadata, "spec": {"jobTemplate": {"spec": {"template": template}}}}

    seen = survey(deployment(), cron_job("nightly", {}), cron_job("out", {INJECT: "false"}))
    assert asked(Server(native=native), seen) == ([] if native else [("job", "CronJob shop/nightly")])
    assert asked(Server(native=native), seen, workloads=[]) == ([] if native else [("job", "CronJob shop/nightly")])


# -- quotas --------------------------------------------------------------------------------------------------------


def quota(used: str = "0", scopes: list[str] | None = None, **hard: str) -> Obj:
    limits = {key.replace("_", "."): value for key, value in hard.items()}
    status = {"hard": limits, "used": dict.fromkeys(limits, used)}
    spec = {"hard": limits, **({"scopes": scopes} if scopes else {})}
    return {"kind": "ResourceQuota", "metadata": {"name": "tight", "namespace": "shop"}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("given", "replicas", "blocked"),
    [
        # Two proxies, and one pod more with its proxy while it rolls: 200m + 120m.
        (quota(requests_cpu="320m"), 2, False),
        (quota(requests_cpu="319m"), 2, True),
        (quota("1m", requests_cpu="320m"), 2, True),
        (quota(cpu="319m"), 2, True),
        # Of eight, two may be away: none more is needed.
        (quota(requests_cpu="800m"), 8, False),
        (quota(requests_cpu="799m"), 8, True),
        (quota("2", pods="2"), 2, True),
        (quota("2", pods="3"), 2, False),
        (quota(requests_memory="1Mi"), 2, False),
        (quota(scopes=["BestEffort"], pods="0"), 2, False),
    ],
)
def test_quotas_need_room_for_the_proxies_of_all_pods(given: Obj, replicas: int, blocked: bool) -> None:
    seen = survey(deployment(replicas=replicas), quota=given)
    found = asked(Server(), seen, workloads=[workload(pods=replicas)])
    assert found == ([("quota", "ResourceQuota shop/tight")] if blocked else [])


def test_pods_that_have_a_proxy_already_need_no_more_room() -> None:
    seen = survey(deployment(replicas=8), labels={INJECTION: "enabled"}, quota=quota(requests_cpu="99m"))
    for one in seen.scene.pods["shop"]:
        cast(Obj, one)["metadata"]["annotations"] = {"sidecar.istio.io/status": "{}"}
    assert asked(Server(), seen, workloads=[workload(pods=8)]) == []
