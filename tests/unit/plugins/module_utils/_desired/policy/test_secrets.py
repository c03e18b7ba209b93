# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.model import Document
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.secrets import HIDDEN, Scrubber, shown
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError, Invalid

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "demo"}, **parts}


def scrubber(**parts: Any) -> Scrubber:
    return Scrubber([Document(secret(**parts), "definitions[0]")])


@pytest.mark.parametrize(
    ("parts", "text", "expected"),
    [
        ({"stringData": {"p": "open sesame"}}, 'value "open sesame" is bad', f'value "{HIDDEN}" is bad'),
        ({"stringData": {"p": "open sesame"}}, f"got {b64('open sesame')}", f"got {HIDDEN}"),
        ({"data": {"p": b64("open sesame")}}, "open sesame!", f"{HIDDEN}!"),
        ({"data": {"p": b64("open sesame")}}, b64("open sesame"), HIDDEN),
        ({"data": {"p": "not base64 at all"}}, "not base64 at all", HIDDEN),
        ({"data": {"p": b64("open sesame") + "\n"}}, b64("open sesame"), HIDDEN),
        ({"data": "open sesame"}, "open sesame", HIDDEN),
        ({"stringData": {"p": {"q": ["open sesame"]}}}, "open sesame", HIDDEN),
        ({"stringData": {"p": 271828}}, "expected string, got 271828", f"expected string, got {HIDDEN}"),
        ({"stringData": {"p": PEM}}, "line MIIEvQIBADANBgkq is bad", f"line {HIDDEN} is bad"),
        ({"stringData": {"p": 'say "sesame"\n'}}, 'Invalid value: "say \\"sesame\\"\\n"', f'Invalid value: "{HIDDEN}"'),
        ({"stringData": {"p": "one"}}, "one done, one-two", f"{HIDDEN} done, {HIDDEN}-two"),
        ({"stringData": {"p": "ab"}}, "ab", "ab"),
        ({"stringData": {".dockerconfigjson": '{"auths": {"r": {"password": "sesame!!"}}}'}}, "sesame!!", HIDDEN),
        (
            {"stringData": {"p": "open sesame"}},
            'illegal base64 data at input byte 4, error found in #10 byte of ...|n ses"}|..., bigger',
            "illegal base64 data at input byte 4",
        ),
        ({"stringData": {"p": "open", "q": "open sesame"}}, "open sesame", HIDDEN),
        ({}, "open sesame", "open sesame"),
    ],
)
def test_a_secrets_values_are_hidden_in_all_forms(parts: dict[str, Any], text: str, expected: str) -> None:
    assert scrubber(**parts).text(text) == expected


def test_values_of_earlier_applies_are_hidden_too() -> None:
    given = secret()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":{{"p":"{b64("old sesame")}"}}}}'}
    given["metadata"]["annotations"] = applied
    assert Scrubber([Document(given, "a")]).text("old sesame") == HIDDEN
    assert "annotations" not in shown(given)["metadata"] or not shown(given)["metadata"]["annotations"]


def test_what_is_no_secret_hides_nothing() -> None:
    plain = Scrubber([Document({"kind": "ConfigMap", "data": {"p": "open sesame"}}, "a")])
    data = {"a": ["open sesame"]}
    assert plain.data(data) is data
    plain.learn(None)
    plain.learn(secret(data={"p": b64("open sesame")}))
    assert plain.data(data) == {"a": [HIDDEN]}


def test_an_error_leaves_scrubbed_with_all_that_caused_it() -> None:
    hides = scrubber(stringData={"p": "open sesame"})
    cause = ValueError("not open sesame")

    def refused() -> None:
        details = {"causes": [{"message": "open sesame"}], "n": 1}
        raise Invalid("bad open sesame", hint="no open sesame", details=details) from cause

    with pytest.raises(Invalid) as caught, hides.errors():
        refused()
    error = caught.value
    assert str(error) == f"bad {HIDDEN} no {HIDDEN}"
    assert error.details == {"causes": [{"message": HIDDEN}], "n": 1}
    assert error.args == (f"bad {HIDDEN}",)
    assert cause.args == (f"not {HIDDEN}",)


def test_an_error_without_secrets_is_left_alone() -> None:
    error = ApiError("open sesame", details={"a": (1, 2)})
    Scrubber().error(error)
    assert error.details == {"a": (1, 2)}


def test_a_secret_is_shown_by_its_keys() -> None:
    given = secret(data={"a": "b"}, stringData={"c": "d"}, type="Opaque")
    assert shown(given) == {**given, "data": {"a": HIDDEN}, "stringData": {"c": HIDDEN}}
    assert shown(secret(data="sesame"))["data"] == HIDDEN
    plain = {"kind": "ConfigMap", "data": {"a": "b"}}
    assert shown(plain) is plain
