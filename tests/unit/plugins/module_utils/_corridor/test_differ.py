# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The differ's tables. Managed fields are as a real API server (1.35) wrote them for these objects."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import differ

Obj = dict[str, Any]
ME = "meshwright-test"


def applied(
    obj: Obj, owned: Obj, *, live: Obj | None = None, manager: str = ME, entry: Obj | None = None, others: Any = ()
) -> Obj:
    """The object as the server shows it after our apply; `live` holds fields that others or defaults added."""
    shown = copy.deepcopy(live or obj)
    ours = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": obj["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
        **(entry or {}),
    }
    shown["metadata"].update(
        uid="0a",
        resourceVersion="7",
        generation=1,
        creationTimestamp="2026-01-01T00:00:00Z",
        managedFields=[ours, *others],
    )
    return shown


def config_map(**data: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": data}


def service(*ports: Obj) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "n"},
        "spec": {"selector": {"app": "x"}, "ports": list(ports)},
    }


def virtual_service(**spec: Any) -> Obj:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "v", "namespace": "n"},
        "spec": spec,
    }


def deployment(**container: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "c", "image": "x", **container}]}}},
    }


HTTP = {"name": "http", "port": 80}
DNS = {"name": "dns", "port": 53, "protocol": "UDP"}
TWO_PORTS: Obj = {
    'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}},
    'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}},
}
OWNED_SERVICE = {"f:spec": {"f:ports": TWO_PORTS, "f:selector": {}}}
LIVE_HTTP = {**HTTP, "protocol": "TCP", "targetPort": 80}
LIVE_DNS = {**DNS, "targetPort": 53}


def owned_container(**fields: Obj) -> Obj:
    container = {".": {}, "f:name": {}, "f:image": {}, **{f"f:{name}": value for name, value in fields.items()}}
    return {
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"c"}': container}}},
        }
    }


FAST_PATH: dict[str, tuple[Obj, Obj, bool]] = {
    "as desired": (config_map(a="1"), applied(config_map(a="1"), {"f:data": {"f:a": {}}}), True),
    "a value was edited": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}}, live=config_map(a="2")),
        False,
    ),
    "a field is gone": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}}, live=config_map()),
        False,
    ),
    "a field is desired no more": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}, "f:b": {}}}, live=config_map(a="1", b="1")),
        False,
    ),
    "a new field is desired": (
        config_map(a="1", b="1"),
        applied(config_map(), {"f:data": {"f:a": {}}}, live=config_map(a="1", b="1")),
        False,
    ),
    "another manager added a field": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}}, live=config_map(a="1", theirs="1")),
        True,
    ),
    "another manager's entry": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}}, manager="kubectl"),
        False,
    ),
    "our entry is an update": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}}, entry={"operation": "Update"}),
        False,
    ),
    "our entry is of a subresource": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}}, entry={"subresource": "status"}),
        False,
    ),
    "our entry is of another version": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}}, entry={"apiVersion": "v1beta1"}),
        False,
    ),
    "true is not 1": (
        virtual_service(on=True),
        applied(virtual_service(on=True), {"f:spec": {"f:on": {}}}, live=virtual_service(on=1)),
        False,
    ),
    "an atomic list, equal": (
        virtual_service(hosts=["a", "b"]),
        applied(virtual_service(hosts=["a", "b"]), {"f:spec": {"f:hosts": {}}}),
        True,
    ),
    "an atomic list, in another order": (
        virtual_service(hosts=["a", "b"]),
        applied(virtual_service(), {"f:spec": {"f:hosts": {}}}, live=virtual_service(hosts=["b", "a"])),
        False,
    ),
    "an item of an atomic list has more": (
        virtual_service(http=[{"route": []}]),
        applied(
            virtual_service(), {"f:spec": {"f:http": {}}}, live=virtual_service(http=[{"route": [], "timeout": "1s"}])
        ),
        False,
    ),
    "a keyed list with a defaulted key": (
        service(HTTP, DNS),
        applied(service(HTTP, DNS), OWNED_SERVICE, live=service(LIVE_HTTP, LIVE_DNS)),
        True,
    ),
    "a keyed list in another order": (
        service(DNS, HTTP),
        applied(service(HTTP, DNS), OWNED_SERVICE, live=service(LIVE_HTTP, LIVE_DNS)),
        False,
    ),
    "a keyed list with another's item between": (
        service(HTTP, DNS),
        applied(service(HTTP, DNS), OWNED_SERVICE, live=service(LIVE_HTTP, {"name": "x", "port": 1}, LIVE_DNS)),
        True,
    ),
    "an item of a keyed list is gone": (
        service(HTTP, DNS),
        applied(service(HTTP, DNS), OWNED_SERVICE, live=service(LIVE_HTTP)),
        False,
    ),
    "an item of a keyed list is desired no more": (
        service(HTTP),
        applied(service(HTTP, DNS), OWNED_SERVICE, live=service(LIVE_HTTP, LIVE_DNS)),
        False,
    ),
    "a quantity in the server's own form": (
        deployment(resources={"limits": {"cpu": "1000m"}}),
        applied(
            deployment(),
            owned_container(resources={"f:limits": {"f:cpu": {}}}),
            live=deployment(resources={"limits": {"cpu": "1"}}),
        ),
        False,
    ),
    "defaults beside ours": (
        deployment(),
        applied(deployment(), owned_container(), live=deployment(imagePullPolicy="Always")),
        True,
    ),
    "stringData, which the server turns into data": (
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "stringData": {"k": "v"}},
        applied(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "data": {"k": "dg=="}},
            {"f:stringData": {"f:k": {}}},
        ),
        False,
    ),
    "a set with another's value": (
        {**config_map(), "metadata": {"name": "c", "namespace": "n", "finalizers": ["x/a"]}, "data": {"a": "1"}},
        applied(
            config_map(a="1"),
            {"f:metadata": {"f:finalizers": {'v:"x/a"': {}}}, "f:data": {"f:a": {}}},
            live={**config_map(a="1"), "metadata": {"name": "c", "namespace": "n", "finalizers": ["y/b", "x/a"]}},
        ),
        True,
    ),
    "an empty map, applied as such": (
        {**virtual_service(mtls={})},
        applied(virtual_service(mtls={}), {"f:spec": {"f:mtls": {}}}),
        True,
    ),
    "null is for the server to judge": (
        virtual_service(hosts=None),
        applied(virtual_service(), {"f:spec": {"f:hosts": {}}}),
        False,
    ),
    "labels are gone from desired": (
        config_map(a="1"),
        applied(config_map(a="1"), {"f:data": {"f:a": {}}, "f:metadata": {"f:labels": {"f:app": {}}}}),
        False,
    ),
    "is being deleted": (
        config_map(a="1"),
        applied(
            config_map(a="1"),
            {"f:data": {"f:a": {}}},
            live={**config_map(a="1"), "metadata": {"name": "c", "deletionTimestamp": "2026-01-01T00:00:00Z"}},
        ),
        False,
    ),
    "nothing but its being is desired": (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {"theirs": "1"}}},
        True,
    ),
    "managed fields are missing": (config_map(a="1"), config_map(a="1"), False),
}


@pytest.mark.parametrize(("desired", "live", "expected"), FAST_PATH.values(), ids=FAST_PATH)
def test_fast_path(desired: Obj, live: Obj, expected: bool) -> None:
    assert differ.is_applied(desired, live, ME) is expected


def changed(obj: Obj, **fields: Any) -> Obj:
    return {**copy.deepcopy(obj), **fields}


KEYED_WITHOUT_MANAGED_FIELDS = deployment(env=[{"name": "A", "value": "1"}], imagePullPolicy="Always")
SCALED = applied(
    deployment(),
    owned_container(),
    live={**deployment(), "spec": {**deployment()["spec"], "replicas": 5}},
    others=[
        {
            "manager": "kube-controller-manager",
            "operation": "Update",
            "subresource": "scale",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }
    ],
)
DRIFT: dict[str, tuple[Obj, Obj, list[str]]] = {
    "none": (config_map(a="1"), config_map(a="1"), []),
    "a value": (config_map(a="1", b="1"), config_map(a="2", b="1"), ["data.a"]),
    "a missing field": (config_map(a="1"), config_map(), ["data.a"]),
    "a missing map": (config_map(a="1"), {**config_map(), "data": None}, ["data"]),
    "more fields are others'": (config_map(a="1"), config_map(a="1", theirs="1"), []),
    "status and the server's metadata": (config_map(a="1"), {**applied(config_map(a="1"), {}), "status": {"x": 1}}, []),
    "a keyed item's field": (
        deployment(),
        deployment(image="y"),
        ["spec.template.spec.containers[name=c].image"],
    ),
    "a keyed item is missing": (
        deployment(env=[{"name": "A", "value": "1"}]),
        deployment(env=[{"name": "B", "value": "1"}]),
        ["spec.template.spec.containers[name=c].env[name=A]"],
    ),
    "keyed items in another order, and one more": (
        deployment(env=[{"name": "A", "value": "1"}, {"name": "B"}]),
        deployment(env=[{"name": "C"}, {"name": "B"}, {"name": "A", "value": "1"}]),
        [],
    ),
    "an empty value is left out by the server": (
        deployment(env=[{"name": "A", "value": ""}], tty=False),
        deployment(env=[{"name": "A"}]),
        [],
    ),
    "an empty map of empty values": (deployment(securityContext={"capabilities": {}}), deployment(), []),
    "quantities by value": (
        deployment(resources={"requests": {"cpu": "1000m", "memory": "1024Mi"}}),
        deployment(resources={"requests": {"cpu": "1", "memory": "1Gi"}}),
        [],
    ),
    "quantities that differ": (
        deployment(resources={"limits": {"cpu": "100m"}}),
        deployment(resources={"limits": {"cpu": "1"}}),
        ["spec.template.spec.containers[name=c].resources.limits.cpu"],
    ),
    "a string that looks like a quantity": (
        deployment(env=[{"name": "A", "value": "1000m"}]),
        deployment(env=[{"name": "A", "value": "1"}]),
        ["spec.template.spec.containers[name=c].env[name=A].value"],
    ),
    "ports with the defaulted protocol": (service(HTTP, DNS), service(LIVE_DNS, LIVE_HTTP), []),
    "a port's number": (service(HTTP), service({**LIVE_HTTP, "port": 81}), ["spec.ports[port=80]"]),
    "keys as managed fields say": (
        service(HTTP, DNS),
        applied(service(HTTP, DNS), OWNED_SERVICE, live=service({**LIVE_HTTP, "name": "web"}, LIVE_DNS)),
        ["spec.ports[port=80].name"],
    ),
    "an atomic list grew": (virtual_service(hosts=["a"]), virtual_service(hosts=["a", "b"]), ["spec.hosts"]),
    "an item of Istio's lists has more": (
        virtual_service(http=[{"route": []}]),
        virtual_service(http=[{"route": [], "timeout": "1s"}]),
        ["spec.http"],
    ),
    "an item of a defaulted list has more": (
        {**virtual_service(rules=[{"name": "r"}]), "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"},
        {**virtual_service(rules=[{"name": "r", "matches": [{}]}]), "kind": "HTTPRoute"},
        [],
    ),
    "replicas under an autoscaler": (deployment(), SCALED, []),
    "replicas without one": (deployment(), {**SCALED, "metadata": {"name": "d", "namespace": "n"}}, ["spec.replicas"]),
    "stringData": (
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "v", "b": "v"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "dg==", "b": "dw=="}},
        ["data.b"],
    ),
    "rules that are aggregated": (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {},
            "aggregationRule": {},
            "rules": [],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {},
            "aggregationRule": {},
            "rules": [{"verbs": ["get"]}],
        },
        [],
    ),
}


@pytest.mark.parametrize(("desired", "live", "expected"), DRIFT.values(), ids=DRIFT)
def test_drift(desired: Obj, live: Obj, expected: list[str]) -> None:
    assert differ.drift(desired, live) == expected


def webhook(kind: str = "ValidatingWebhookConfiguration", name: str = "validation.istio.io", **more: Any) -> Obj:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "w"},
        "webhooks": [{"name": name, "clientConfig": {"service": {"name": "istiod"}, **more.pop("client", {})}, **more}],
    }


def crd(**spec: Any) -> Obj:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": spec,
    }


SAME: dict[str, tuple[Obj, Obj, bool]] = {
    "equal": (config_map(a="1"), config_map(a="1"), True),
    "a value differs": (config_map(a="1"), config_map(a="2"), False),
    "one has more": (config_map(a="1", b="1"), config_map(a="1"), False),
    "the server's metadata": (applied(config_map(a="1"), {}), applied(config_map(a="1"), {"f:data": {}}), True),
    "a label": (
        config_map(),
        changed(config_map(), metadata={"name": "c", "namespace": "n", "labels": {"a": "b"}}),
        False,
    ),
    "what kubectl notes down": (
        config_map(),
        changed(
            config_map(),
            metadata={
                "name": "c",
                "namespace": "n",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            },
        ),
        True,
    ),
    "status": (changed(config_map(), status={"ready": True}), config_map(), True),
    "istiod's caBundle and failurePolicy": (
        webhook(client={"caBundle": "eA=="}, failurePolicy="Fail"),
        webhook(failurePolicy="Ignore"),
        True,
    ),
    "the failurePolicy of someone else's webhook": (
        webhook(name="x.example.com", failurePolicy="Fail"),
        webhook(name="x.example.com", failurePolicy="Ignore"),
        False,
    ),
    "a webhook's timeout": (webhook(timeoutSeconds=10), webhook(timeoutSeconds=15), False),
    "the caBundle of a CRD's conversion": (
        crd(conversion={"webhook": {"clientConfig": {"caBundle": "eA==", "service": {}}}}),
        crd(conversion={"webhook": {"clientConfig": {"service": {}}}}),
        True,
    ),
    "a CRD's version": (crd(versions=[{"name": "v1"}]), crd(versions=[{"name": "v1", "served": True}]), False),
}


@pytest.mark.parametrize(("live", "predicted", "expected"), SAME.values(), ids=SAME)
def test_same(live: Obj, predicted: Obj, expected: bool) -> None:
    assert differ.same(live, predicted) is expected


@pytest.mark.parametrize("case", [webhook(client={"caBundle": "x"}), crd(caBundle="x"), SCALED])
def test_cleaning_leaves_its_argument_alone(case: Obj) -> None:
    before = copy.deepcopy(case)
    differ.clean(case)
    assert case == before


def secret(**data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data}


def test_a_diff_holds_no_secrets_but_tells_which_changed() -> None:
    before, after = differ.before_after(
        secret(same="aHVzaA==", other="b25l"), secret(same="aHVzaA==", other="dHdv", new="bmV3")
    )
    assert before["data"] == {"same": "(hidden)", "other": "(hidden)"}
    assert after["data"] == {"same": "(hidden)", "other": "(hidden, changed)", "new": "(hidden)"}


def test_a_new_object_has_an_empty_before() -> None:
    assert differ.before_after(None, config_map(a="1")) == ({}, config_map(a="1"))


def test_a_crds_schema_is_shown_as_a_digest() -> None:
    before, after = differ.before_after(
        crd(versions=[{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}]),
        crd(versions=[{"name": "v1", "schema": {"openAPIV3Schema": {}}}]),
    )
    shown = [side["spec"]["versions"][0]["schema"] for side in (before, after)]
    assert all(text.startswith("(sha256 ") for text in shown)
    assert shown[0] != shown[1]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 1}}, ["a.b"]),
        ({"a": [1, {"b": 1}]}, {"a": [1, {"b": 2}]}, ["a[1].b"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ({"a": 1}, {"a": True}, ["a"]),
    ],
)
def test_changed_paths(before: Obj, after: Obj, expected: list[str]) -> None:
    assert differ.changed_paths(before, after) == expected
