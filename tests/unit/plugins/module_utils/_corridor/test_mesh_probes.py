# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.settle import (
    probe_injection,
    probe_validation,
    validator_name,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError, Forbidden, Rejected
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

REVISION = "default-v1-31-1"
WEBHOOK = {"clientConfig": {"service": {"name": "istiod"}, "caBundle": "eA=="}, "failurePolicy": "Fail", "name": "v"}
REGISTERED = {"kind": "ValidatingWebhookConfiguration", "webhooks": [WEBHOOK]}
DENIED = Rejected("denied the request: configuration is invalid: weight -1 < 0", status=400)
DOWN = Rejected("the webhook did not answer", status=500, details={"webhook": "rev.validation.istio.io"})


class Server:
    """Answers `get` by name and `create` by kind, in place of an API server; notes what was to be created."""

    def __init__(self, found: dict[str, Any], answers: dict[str, Any]) -> None:
        self.found, self.answers, self.created = found, answers, list[dict[str, Any]]()

    def get(self, _kind: object, name: str, _namespace: str | None = None) -> Any:
        return self.found.get(name)

    def create(self, obj: dict[str, Any], *, dry_run: bool) -> Any:
        assert dry_run, "a probe leaves nothing behind"
        self.created.append(obj)
        answer = self.answers.get(obj["kind"], obj)
        if isinstance(answer, ApiError):
            raise answer
        return answer


def validation(found: Any, **answers: Any) -> tuple[str, Server]:
    server = Server({f"istio-validator-{REVISION}-istio-system": found} if found else {}, answers)
    return probe_validation(cast(Client, server), REVISION, "istio-system"), server


def test_names_of_validators() -> None:
    assert validator_name("default", "mesh") == "istio-validator-mesh"
    assert validator_name(REVISION, "mesh") == f"istio-validator-{REVISION}-mesh"


def test_validation_that_admits_the_good_and_rejects_the_bad() -> None:
    problem, server = validation(REGISTERED, VirtualService=DENIED)
    assert problem == ""
    assert [obj["kind"] for obj in server.created] == ["Sidecar", "VirtualService"]
    assert {obj["metadata"]["labels"]["istio.io/rev"] for obj in server.created} == {REVISION}


@pytest.mark.parametrize(
    ("found", "answers", "word"),
    [
        (None, {}, "does not exist"),
        ({**REGISTERED, "webhooks": [{**WEBHOOK, "failurePolicy": "Ignore"}]}, {}, "failurePolicy Ignore"),
        (REGISTERED, {"Sidecar": DOWN}, "not admitted"),
        (REGISTERED, {"VirtualService": DOWN}, "did not answer"),
        # Nobody was asked.
        (REGISTERED, {}, "is admitted"),
        (REGISTERED, {"VirtualService": Forbidden("no", status=403)}, "not judged"),
    ],
)
def test_validation_that_does_not_answer(found: Any, answers: dict[str, Any], word: str) -> None:
    problem, _server = validation(found, **answers)
    assert problem and word in problem


def pod(*names: str, init: bool = False) -> dict[str, Any]:
    return {"spec": {"initContainers" if init else "containers": [{"name": name} for name in names]}}


@pytest.mark.parametrize(
    ("labels", "answer", "word"),
    [
        ({}, pod("probe", "istio-proxy"), ""),
        ({}, pod("istio-proxy", init=True), ""),
        ({}, pod("probe"), "gets no sidecar"),
        ({}, Rejected("rev.object.sidecar-injector.istio.io did not answer", status=500), "sidecar-injector"),
        # A policy of the namespace says nothing of the injector.
        ({}, Forbidden("violates PodSecurity", status=403), ""),
        # Whose injector is asked there is not up to the Pod.
        ({"istio-injection": "enabled"}, pod("probe"), ""),
        ({"istio.io/rev": "other"}, pod("probe"), ""),
    ],
)
def test_injection(labels: dict[str, str], answer: Any, word: str) -> None:
    server = Server({"default": {"metadata": {"name": "default", "labels": labels}}}, {"Pod": answer})
    problem = probe_injection(cast(Client, server), REVISION)
    assert (word in problem) if word else problem == ""
