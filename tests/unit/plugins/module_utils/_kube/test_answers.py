# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which error an answer is, in words one can act on. The messages are those of a real API server (1.35)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._kube.answers import (
    Request,
    Response,
    error_for,
    is_unserved,
)

ASKED = Request("apply", "ConfigMap n/c", "https://api")


def answer(code: int, message: str = "", reason: str = "", causes: Any = ()) -> Response:
    status: dict[str, Any] = {"kind": "Status", "message": message, "reason": reason, "code": code}
    if causes:
        status["details"] = {"causes": list(causes)}
    return Response(code, json.dumps(status).encode())


def manager_conflict(manager: str, field: str) -> dict[str, str]:
    return {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": field}


TYPED = "failed to create typed patch object (n/c; /v1, Kind=ConfigMap): "
CASES: dict[str, tuple[Response, type[errors.ApiError], tuple[str, ...], dict[str, Any]]] = {
    "unknown field, server-side apply": (
        answer(500, f"{TYPED}.spec.foo: field not declared in schema"),
        errors.Invalid,
        ("apply ConfigMap n/c", "unknown field spec.foo"),
        {"unknown_fields": ["spec.foo"]},
    ),
    "two unknown fields": (
        answer(
            500, f'{TYPED}errors:\n  .a: field not declared in schema\n  .b[name="x"].c: field not declared in schema'
        ),
        errors.Invalid,
        ('unknown field a, b[name="x"].c',),
        {"unknown_fields": ["a", 'b[name="x"].c']},
    ),
    "wrong type, server-side apply": (
        answer(500, f"{TYPED}.data.x: expected string, got &value.valueUnstructured{{Value:1}}"),
        errors.Invalid,
        (".data.x: expected string, got another type",),
        {},
    ),
    "wrong types, whose values may be secrets": (
        answer(
            500,
            f"{TYPED}errors:\n  .data: expected map, got &{{two words\nand lines}}\n"
            '  .d.y: expected string, got &value.valueUnstructured{Value:[]interface {}{"more words"}}',
        ),
        errors.Invalid,
        ("errors: .data: expected map, got another type .d.y: expected string, got another type",),
        {},
    ),
    "wrong form, server-side apply": (
        answer(
            500,
            "failed to convert new object (a/web; apps/v1, Kind=Deployment) to proper version: unable to convert "
            "unstructured object to apps/v1, Kind=Deployment: quantities must match the regular expression '^x$'",
        ),
        errors.Invalid,
        ("quantities must match the regular expression '^x$'", "like 500m or 1Gi"),
        {},
    ),
    "unknown field, create": (
        answer(
            400, 'ConfigMap in version "v1" cannot be handled: strict decoding error: unknown field "foo"', "BadRequest"
        ),
        errors.Invalid,
        ("unknown field foo",),
        {"unknown_fields": ["foo"]},
    ),
    "invalid": (
        answer(
            422, 'ConfigMap "c" is invalid: spec.replicas: Invalid value: -1', "Invalid", [{"field": "spec.replicas"}]
        ),
        errors.Invalid,
        ("spec.replicas: Invalid value: -1",),
        {"fields": ["spec.replicas"]},
    ),
    "http to an https server": (
        Response(400, b"Client sent an HTTP request to an HTTPS server.\n"),
        errors.Unreachable,
        ("speaks HTTPS", "https://"),
        {},
    ),
    "unauthorized": (answer(401, "Unauthorized", "Unauthorized"), errors.Unauthorized, ("https://api", "api_key"), {}),
    "no permission in a namespace": (
        answer(
            403,
            'configmaps "c" is forbidden: User "poor" cannot patch resource "configmaps" in API group ""'
            ' in the namespace "n"',
            "Forbidden",
        ),
        errors.Forbidden,
        ("poor may not patch configmaps in the namespace n", "Role with the verb patch"),
        {"missing_permission": {"user": "poor", "verb": "patch", "resource": "configmaps", "namespace": "n"}},
    ),
    "no permission in the cluster": (
        answer(
            403,
            'deployments.apps is forbidden: User "poor" cannot list resource "deployments" in API group "apps"'
            " at the cluster scope",
            "Forbidden",
        ),
        errors.Forbidden,
        ("may not list deployments.apps at the cluster scope", "ClusterRole"),
        {"missing_permission": {"user": "poor", "verb": "list", "resource": "deployments.apps", "namespace": ""}},
    ),
    "no permission for a path": (
        answer(403, 'forbidden: User "system:anonymous" cannot get path "/version"', "Forbidden"),
        errors.Forbidden,
        ("system:anonymous may not get /version",),
        {"missing_permission": {"user": "system:anonymous", "verb": "get", "resource": "/version", "namespace": ""}},
    ),
    "quota": (
        answer(403, 'pods "p" is forbidden: exceeded quota: q, requested: pods=1', "Forbidden"),
        errors.Rejected,
        ("exceeded quota",),
        {},
    ),
    "a namespace that goes": (
        answer(
            403,
            'configmaps "c" is forbidden: unable to create new content',
            "Forbidden",
            [{"reason": "NamespaceTerminating"}],
        ),
        errors.Conflict,
        ("namespace is being deleted",),
        {},
    ),
    "denied by a webhook": (
        answer(
            400, 'admission webhook "validation.istio.io" denied the request: configuration is invalid: weight -3 < 0'
        ),
        errors.Rejected,
        ("validation.istio.io", "weight -3 < 0"),
        {},
    ),
    "a webhook that knows no dry run": (
        answer(400, 'admission webhook "v.example.com" does not support dry run', "BadRequest"),
        errors.Rejected,
        ("v.example.com", "does not support dry run"),
        {"dry_run_unsupported": True},
    ),
    "denied by a policy": (
        answer(
            422,
            "namespaces \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
        ),
        errors.Rejected,
        ("ValidatingAdmissionPolicy 'p'",),
        {},
    ),
    "a webhook that is down": (
        answer(
            500,
            'Internal error occurred: failed calling webhook "v.istio.io": '
            'failed to call webhook: Post "https://x": connection refused',
        ),
        errors.Rejected,
        ("v.istio.io did not answer", "connection refused", "Nothing was written"),
        {"webhook": "v.istio.io"},
    ),
    "a missing namespace": (
        answer(404, 'namespaces "n" not found', "NotFound"),
        errors.NotFound,
        ("namespace n does not exist",),
        {"missing_namespace": "n"},
    ),
    "a kind that is not served": (
        Response(404, b"404 page not found\n"),
        errors.NotFound,
        ("does not serve this kind", "CustomResourceDefinition"),
        {"unserved": True},
    ),
    "another field manager": (
        answer(
            409,
            "Apply failed with 2 conflicts",
            "Conflict",
            [manager_conflict("helm", ".data.x"), manager_conflict("helm", ".data.y")],
        ),
        errors.Conflict,
        ("helm owns data.x, data.y", "force_conflicts"),
        {"conflicts": {"helm": ["data.x", "data.y"]}},
    ),
    "changed since": (
        answer(409, "Operation cannot be fulfilled: the object has been modified", "Conflict"),
        errors.Conflict,
        ("the object has been modified", "run again"),
        {},
    ),
    "exists": (
        answer(409, 'configmaps "c" already exists', "AlreadyExists"),
        errors.Conflict,
        ("it exists already",),
        {},
    ),
    "overloaded": (answer(429, "too many requests"), errors.Unreachable, ("429", "too many requests"), {}),
    "a gateway's error page": (
        Response(502, b"<html>bad gateway</html>"),
        errors.Unreachable,
        ("502", "bad gateway"),
        {},
    ),
    "too large": (answer(413, "limit is 3145728"), errors.Invalid, ("too large",), {}),
}


@pytest.mark.parametrize(("response", "cls", "said", "details"), CASES.values(), ids=CASES)
def test_error_for(
    response: Response, cls: type[errors.ApiError], said: tuple[str, ...], details: dict[str, Any]
) -> None:
    error = error_for(response, ASKED)
    assert error.__class__ is cls
    assert all(words in str(error) for words in said), str(error)
    assert error.details == details
    assert (error.status, error.verb, error.target) == (response.status, "apply", "ConfigMap n/c")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(404, b"404 page not found\n"), True),
        (answer(404, "the server could not find the requested resource", "NotFound"), True),
        (answer(404, 'configmaps "c" not found', "NotFound"), False),
        (answer(200), False),
    ],
)
def test_a_missing_kind_is_told_from_a_missing_object(response: Response, expected: bool) -> None:
    assert is_unserved(response) is expected
