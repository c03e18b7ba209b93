# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS
from ansible_collections.meshwright.istio.plugins.module_utils._module import QuietModule, summary

_RAW = {"type": "list", "elements": "raw", "default": []}
SPEC = {"definitions": _RAW, "src": _RAW, "n": {"type": "int"}, "api_key": {"type": "str", "no_log": True}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"p": "open sesame"}}
GIVEN = {
    "definitions": [SECRET, "kind: Secret\nstringData: {p: open sesame}\n"],
    "src": [{"path": "policies/a.yaml", "text": "p: open sesame"}],
    "api_key": "very secret",
}


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    def log(self: Any, msg: str, log_args: Any = None) -> None:
        lines.append(f"{msg} {log_args}")

    monkeypatch.setattr(basic.AnsibleModule, "log", log)
    return lines


def made(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> QuietModule:
    # From 2.21 on an invocation is only told where it is asked for.
    asked = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
    arguments = {"ANSIBLE_MODULE_ARGS": {**given, **asked}}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    return QuietModule(bodies=("definitions", "src"), argument_spec=SPEC, supports_check_mode=True)


def test_the_walk_has_what_was_given_and_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logged: list[str]
) -> None:
    module = made(monkeypatch, GIVEN)
    assert module.params["definitions"] == GIVEN["definitions"]
    assert module.params["src"] == GIVEN["src"]
    with pytest.raises(SystemExit):
        module.exit_json(changed=False)
    told = capsys.readouterr().out
    answer = json.loads(told)
    assert answer["invocation"]["module_args"]["definitions"] == [
        "Secret token",
        "text of 42 characters",
    ]
    assert answer["invocation"]["module_args"]["src"] == ["policies/a.yaml: text of 14 characters"]
    for text in (told, *logged):
        assert "sesame" not in text
        assert "very secret" not in text
    assert "Secret token" in logged[0]


@pytest.mark.parametrize(
    ("more", "said"),
    [({"n": "nope"}, "argument 'n'"), ({"definition": SECRET}, "Unsupported parameters"), ({"definitions": 5}, "")],
)
def test_neither_when_an_argument_is_wrong_nor_when_the_module_fails(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    logged: list[str],
    more: dict[str, Any],
    said: str,
) -> None:
    with pytest.raises(SystemExit):
        made(monkeypatch, {**GIVEN, **more}).fail_json(msg="failed by itself")
    told = capsys.readouterr().out
    assert json.loads(told)["failed"] is True
    assert said in told
    assert "sesame" not in told + "".join(logged)
    assert "very secret" not in told


@pytest.mark.parametrize("alone", [SECRET, "kind: Secret, with commas"])
def test_a_single_object_or_text_is_taken_as_one(
    monkeypatch: pytest.MonkeyPatch, logged: list[str], alone: Any
) -> None:
    assert made(monkeypatch, {"definitions": alone}).params["definitions"] == [alone]


def test_nothing_given_is_the_default(monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    assert made(monkeypatch, {}).params == {"definitions": [], "src": [], "n": None, "api_key": None}


def test_summaries_are_bounded() -> None:
    told = summary([{"kind": "Secret", "metadata": {"name": "n" * 500, "namespace": "demo"}}] * 5000)
    assert len(told) == 21
    assert told[-1] == "and 4980 more"
    assert all(len(line) <= 100 for line in told)
    assert summary([5, {"kind": ["sesame"]}, {"metadata": "sesame"}]) == ["a int", "object", "object"]
