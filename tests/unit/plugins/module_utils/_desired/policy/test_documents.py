# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.documents import finish, read
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.model import Document
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput


def obj(kind: str = "VirtualService", name: Any = "reviews", api: str = "networking.istio.io/v1", **meta: Any) -> Any:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **meta}, "spec": {"hosts": ["reviews"]}}


def text(*names: str) -> str:
    return "".join(
        f"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n" for name in names
    )


def done(*given: Any, **more: Any) -> list[Document]:
    return finish(read(given, ()), **{"namespace": None, "labels": {}, "annotations": {}, **more})


def wrong(call: Any, *given: Any, **more: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        call(*given, **more)
    error: BadInput = caught.value
    return error


def test_objects_come_in_order_each_with_its_origin() -> None:
    given = obj(name="zero")
    found = read(
        [given, text("one"), text("two", "three"), None, ""],
        [{"path": "policies/a.yaml", "text": text("four")}, {"path": "b.yaml", "text": text("five", "six")}],
    )
    assert [(document.obj["metadata"]["name"], document.origin) for document in found] == [
        ("zero", "definitions[0]"),
        ("one", "definitions[1]"),
        ("two", "definitions[2], document 1"),
        ("three", "definitions[2], document 2"),
        ("four", "policies/a.yaml"),
        ("five", "b.yaml, document 1"),
        ("six", "b.yaml, document 2"),
    ]
    assert found[0].obj is given


def test_lists_are_opened() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [obj(name="a"), {**obj(name="b"), "kind": "Gateway"}]}
    typed = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualServiceList", "items": [obj(name="c")]}
    empty = {"apiVersion": "v1", "kind": "List", "items": None}
    found = read([listed, typed, empty, [obj(name="d"), obj(name="e")], "- " + json.dumps(obj(name="f"))], [])
    assert [document.origin for document in found] == [
        "definitions[0], item 1",
        "definitions[0], item 2",
        "definitions[1], item 1",
        "definitions[3], item 1",
        "definitions[3], item 2",
        "definitions[4], item 1",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "Secret", "metadata": {"name": "a"}}, "definitions[0]: `apiVersion` is missing."),
        ({"apiVersion": 1, "kind": "Secret", "metadata": {"name": "a"}}, "`apiVersion` is no text."),
        ({"apiVersion": "v1", "metadata": {"name": "a"}}, "`kind` is missing."),
        ({"apiVersion": "v1", "kind": "Secret"}, "`metadata` is missing."),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": ["sesame"]}, "`metadata` is no mapping."),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {}}, "Secret has no `metadata.name`."),
        (obj(name=8080), "VirtualService has a `metadata.name` that is no text: put it in quotes."),
        (obj(namespace=5), "VirtualService reviews has a `metadata.namespace` that is no text"),
        (
            obj(name=None, generateName="reviews-"),
            "`metadata.generateName`, which would make one more object each time",
        ),
        ("- a: 1\n- sesame\n", "definitions[0] (line 1), item 2 is a single value, not an object"),
        ("policies/a.yaml", "definitions[0] (line 1) is a single value, not an object. Files are named in `src`."),
        (5, "definitions[0] is a single value"),
        ("a: {{ sesame }}\n", "is it a template? Then name it in `template`."),
        (
            "# one\n" + text("a") + "---\nkind: Secret\nmetadata: {name: b}\n",
            "definitions[0], document 2 (line 7): `apiVersion`",
        ),
    ],
)
def test_what_is_no_object_is_named_by_its_place(given: Any, said: str) -> None:
    error = wrong(read, [given], [])
    assert said in str(error)
    assert "sesame" not in str(error).replace("{{ sesame }}", "")


def test_all_files_errors_are_told_at_once_and_bounded() -> None:
    broken = [{"path": f"p{at}.yaml", "text": text("a") + "---\na: [\n"} for at in range(50)]
    error = wrong(read, ["a: 1"], broken)
    assert "51 objects cannot be taken as written" not in str(error)
    assert "definitions[0] (line 1): `apiVersion` is missing." in str(error)
    assert "p0.yaml, document 2 (line 7) is no YAML" in str(error)
    assert "more." in str(error)
    assert len(error.details["errors"]) == 53


def test_a_source_that_nobody_read_says_so() -> None:
    assert "src[0] was not read on the controller" in str(wrong(read, [], ["policies/"]))
    assert "a.yaml is no text" in str(wrong(read, [], [{"path": "a.yaml", "text": 5}]))


def test_the_default_namespace_is_for_namespaced_kinds_that_name_none() -> None:
    found = done(
        obj(),
        obj(name="own", namespace="own"),
        obj("GatewayClass", "class", "gateway.networking.k8s.io/v1"),
        obj("XFuture", "future", "gateway.networking.k8s.io/v1alpha9"),
        namespace="demo",
    )
    assert [document.obj["metadata"].get("namespace") for document in found] == ["demo", "own", None, "demo"]


def test_an_object_without_any_namespace_is_refused_by_origin_and_option() -> None:
    error = wrong(done, obj(), obj(name="other"))
    assert "definitions[0]: VirtualService reviews has no namespace" in str(error)
    assert "definitions[1]: VirtualService other" in str(error)
    assert "`namespace`" in str(error)


def test_labels_and_annotations_are_added_and_the_objects_own_win() -> None:
    given = obj(namespace="demo", labels={"team": "own", "app": "a"})
    before = copy.deepcopy(given)
    more = {"team": "task", "part": "mesh"}
    found = done(given, labels=more, annotations={"by": "us"})[0].obj
    assert found["metadata"]["labels"] == {"team": "own", "app": "a", "part": "mesh"}
    assert found["metadata"]["annotations"] == {"by": "us"}
    assert given == before
    assert found["spec"] is given["spec"]


def test_what_needs_nothing_is_the_same_object() -> None:
    given = obj(namespace="demo", labels={"team": "own"})
    assert done(given, namespace="other", labels={"team": "task"})[0].obj is given


def test_labels_that_are_no_mapping_are_refused() -> None:
    assert "`metadata.labels` is no mapping" in str(
        wrong(done, obj(namespace="a", labels=["sesame"]), labels={"a": "b"})
    )


@pytest.mark.parametrize(
    ("api", "kind", "said"),
    [
        ("apps/v1", "Deployment", "kubernetes.core.k8s"),
        ("v1", "Namespace", "kubernetes.core.k8s"),
        ("sailoperator.io/v1", "Istio", "meshwright.istio.istio_mesh"),
        ("install.istio.io/v1alpha1", "IstioOperator", "meshwright.istio.istio_mesh"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "meshwright.istio.istio_mesh"),
        ("authentication.istio.io/v1alpha1", "Policy", "since 1.6"),
        ("v2", "Service", "its apiVersion has to be v1"),
        ("networking.k8s.io/v1beta1", "NetworkPolicy", "its apiVersion has to be networking.k8s.io/v1"),
        ("networking.k8s.io/v1", "Ingress", "kubernetes.core.k8s"),
        ("serving.knative.dev/v1", "Service", "kubernetes.core.k8s"),
    ],
)
def test_other_kinds_are_refused_with_what_is_for_them(api: str, kind: str, said: str) -> None:
    error = str(wrong(done, obj(kind, "a", api, namespace="demo")))
    assert f"definitions[0]: {kind} demo/a: " in error
    assert said in error


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        *((f"networking.istio.io/{version}", "VirtualService") for version in ("v1", "v1beta1", "v1alpha3")),
        ("networking.istio.io/v1alpha3", "EnvoyFilter"),
        ("security.istio.io/v1", "AuthorizationPolicy"),
        ("telemetry.istio.io/v1", "Telemetry"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        *(("v1", kind) for kind in ("Service", "ServiceAccount", "ConfigMap", "Secret")),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ],
)
def test_a_meshs_kinds_are_taken(api: str, kind: str) -> None:
    assert len(done(obj(kind, "a", api, namespace="demo"))) == 1


def test_one_object_given_twice_names_both_places() -> None:
    error = str(wrong(done, obj(namespace="demo"), obj(api="networking.istio.io/v1beta1"), namespace="demo"))
    assert "VirtualService demo/reviews is given twice: definitions[0]; definitions[1]." in error
    both = done(obj(namespace="demo"), obj(namespace="other"), obj("Gateway", namespace="demo"))
    assert len(both) == 3
    gateways = done(
        obj("Gateway", namespace="demo"), obj("Gateway", api="gateway.networking.k8s.io/v1", namespace="demo")
    )
    assert len(gateways) == 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"stringData": {"a": "x"}}, {"data": {"a": "eA=="}}),
        ({"stringData": {"a": "x"}, "data": {"a": "b2xk", "b": "Yg=="}}, {"data": {"a": "eA==", "b": "Yg=="}}),
        ({"stringData": {}, "data": {"b": "Yg=="}}, {"data": {"b": "Yg=="}}),
        # The server says what is wrong with these.
        ({"stringData": {"a": 1}}, {"stringData": {"a": 1}}),
        ({"stringData": "x"}, {"stringData": "x"}),
        ({"data": {"b": "Yg=="}}, {"data": {"b": "Yg=="}}),
    ],
)
def test_a_secrets_texts_are_sent_as_they_are_kept(given: dict[str, Any], kept: dict[str, Any]) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "a"}, **given}
    before = copy.deepcopy(secret)
    (found,) = finish([Document(secret, "x")], namespace=None, labels={}, annotations={})
    assert {key: value for key, value in found.obj.items() if key in ("data", "stringData")} == kept
    assert secret == before
