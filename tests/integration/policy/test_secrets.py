# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Secrets hold is nowhere: not in results, diffs, errors, nor in what Ansible prints at -vvv and logs."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.embedded import Kubectl
from ..support.playbook import Run
from .conftest import Policy

_VALUES = {
    "definition": "alpha definition sesame-a",
    "text": "bravo-text-sesame-b",
    "src": "charlie src sesame-c",
    "template": "delta-template-sesame-d",
    "encoded": "echo encoded sesame-e",
    "typo": "foxtrot-typo-sesame-f",
    "words": "golf several sesame-g",
    "denied": "hotel denied sesame-h",
    "changed": "india changed sesame-i",
}
# Stands in for the system's: what a module would log goes to a file.
_SYSLOG = """
import os
LOG_USER = LOG_INFO = LOG_ERR = LOG_PID = LOG_CONS = LOG_NDELAY = LOG_DEBUG = LOG_WARNING = 0
def openlog(*given): pass
def syslog(*given):
    with open(os.environ["MESHWRIGHT_SYSLOG"], "a") as log:
        log.write(f"{given}\\n")
"""


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _forms(value: str) -> tuple[str, ...]:
    """How a value could be told: as it is, encoded, and by its last word, which no cut-off quotation should leave."""
    return value, _encoded(value), _encoded(_encoded(value)), value.split()[-1]


def _secret(name: str, value: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"password": value}, **more}


def _written(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData:\n  password: {value}\n"


def _task(**options: Any) -> dict[str, Any]:
    return {"meshwright.istio.mesh_policy": options, "ignore_errors": True}


@pytest.fixture
def denying(policy: Policy) -> Iterator[str]:
    """A namespace where a policy of admission refuses Secrets named `denied`, and quotes what they hold."""
    namespace = policy.namespace()
    name = f"{namespace}-quotes"
    quotes = "'bad: ' + object.data['password']"
    rule = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["CREATE", "UPDATE"]}
            ],
        },
        "matchConditions": [
            {"name": "here", "expression": f"request.namespace == '{namespace}' && request.name == 'denied'"}
        ],
        "validations": [{"expression": "false", "messageExpression": quotes}],
    }
    kinds = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policy.kubectl.apply(
        {**kinds, "kind": "ValidatingAdmissionPolicy", "spec": rule},
        {
            **kinds,
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    )
    _wait_until_denied(policy.kubectl, namespace)
    yield namespace
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        policy.kubectl("delete", kind, name, "--wait=false")


def _wait_until_denied(kubectl: Kubectl, namespace: str) -> None:
    probe = json.dumps(_secret("denied", "probe"))
    until = time.monotonic() + 60
    said = ""
    while "bad: " not in said:
        assert time.monotonic() < until, f"the policy of admission never took effect: {said}"
        try:
            said = kubectl("create", "--dry-run=server", "--namespace", namespace, "-f", "-", stdin=probe)
        except AssertionError as error:
            said = str(error)


def _leaks(run: Run, *others: str) -> list[str]:
    everything = [run.text, json.dumps(run.results, ensure_ascii=False), *others]
    return [form for value in _VALUES.values() for form in _forms(value) if any(form in text for text in everything)]


def test_nothing_that_a_secret_holds_is_told(policy: Policy, denying: str, tmp_path: Path) -> None:
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "syslog.py").write_text(_SYSLOG, encoding="utf-8")
    log = tmp_path / "syslog"
    (tmp_path / "secret.yaml").write_text(_written("src", _VALUES["src"]), encoding="utf-8")
    (tmp_path / "secret.yaml.j2").write_text(_written("template", "{{ password }}"), encoding="utf-8")
    good: dict[str, Any] = {
        "namespace": denying,
        "definitions": [
            _secret("definition", _VALUES["definition"]),
            _written("text", _VALUES["text"]),
            {**_secret("encoded", ""), "stringData": {}, "data": {"password": _encoded(_VALUES["encoded"])}},
        ],
        "src": [str(tmp_path / "secret.yaml")],
        "template": [{"path": str(tmp_path / "secret.yaml.j2"), "vars": {"password": _VALUES["template"]}}],
        "return": "full",
    }
    typo = _secret("typo", _VALUES["typo"])
    tasks = [
        _task(**good),
        _task(**good),
        _task(**{**good, "definitions": [_secret("definition", _VALUES["changed"])]}),
        _task(**{**good, "state": "rendered"}),
        # Refused by the API server, by a policy that quotes them, by the module, by Ansible.
        _task(namespace=denying, definitions=[_secret("denied", _VALUES["denied"])]),
        _task(namespace=denying, definitions=[_secret("denied", _VALUES["denied"])], validate=False),
        _task(namespace=denying, definitions=[{**typo, "stringData": {"password": {"deeper": _VALUES["typo"]}}}]),
        _task(namespace=denying, definitions=[{**typo, "stringData": {}, "data": {"password": _VALUES["typo"]}}]),
        _task(namespace=denying, definitions=[{**typo, "stringData": {}, "data": {"p": 5, "q": [_VALUES["typo"]]}}]),
        _task(namespace=denying, definitions=[{**typo, "stringData": _VALUES["words"]}]),
        _task(namespace=denying, definitions=[{**typo, "metadata": {"name": "typo", "labels": [_VALUES["words"]]}}]),
        _task(namespace=denying, definitions=[{**typo, "unknown": {"password": _VALUES["typo"]}}]),
        _task(namespace=denying, definitions=[_written("typo", f"*{_VALUES['typo']}")]),
        _task(namespace=denying, definitions=[_written("typo", f"!{_VALUES['typo']}")]),
        _task(namespace=denying, definitions=[{**typo, "metadata": {"name": ["typo"]}}]),
        _task(namespace=denying, definition=typo),
        _task(namespace=denying, definitions=typo, concurrency="many"),
        _task(namespace=denying, definitions=typo, on_error="never"),
    ]
    run = policy.playbooks(
        tasks,
        diff=True,
        args=["-vvv"],
        env={
            "PYTHONPATH": str(tmp_path / "shim"),
            "MESHWRIGHT_SYSLOG": str(log),
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            # ansible-core 2.21 tells arguments only where this is set.
            "ANSIBLE_INJECT_INVOCATION": "true",
        },
        allow=["["],
    ).ok()
    found = run.of("mesh_policy")
    assert len(found) == len(tasks)
    assert [answer["changed"] for answer in found[:3]] == [True, False, True]
    assert [entry["status"] for entry in run.results] == ["ok"] * 4 + ["ignored"] * (len(tasks) - 4)
    logged = log.read_text(encoding="utf-8")
    assert _leaks(run, logged) == []

    # What is told instead.
    assert logged.count("Invoked with") >= 10
    assert "Secret definition" in logged
    arguments = found[0]["invocation"]["module_args"]
    assert arguments["definitions"][0] == "Secret definition"
    assert arguments["src"][0].startswith(f"{tmp_path}/secret.yaml: text of ")
    assert found[2]["diff"][0]["after"]["data"] == {"password": "(hidden, changed)"}
    assert {obj["kind"]: obj.get("stringData") or obj.get("data") for obj in found[3]["manifests"]} == {
        "Secret": {"password": "(hidden)"}
    }
    assert "bad: (hidden)" in found[4]["msg"]
    assert "bad: (hidden)" in found[5]["msg"]
