# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy import texts
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.texts import Unreadable, values


def only(text: str) -> Any:
    found = list(values(text))
    assert len(found) == 1
    return found[0][2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", {"a": 1}),
        ("a: -17\nb: 0x1F\nc: 0o17\nd: 017\ne: 1_000\nf: 0", {"a": -17, "b": 31, "c": 15, "d": 15, "e": 1000, "f": 0}),
        ("a: 1.5\nb: .5\nc: 1e3\nd: -2.5E-1", {"a": 1.5, "b": 0.5, "c": 1000.0, "d": -0.25}),
        ("a: yes\nb: False\nc: on\nd: 'yes'", {"a": True, "b": False, "c": True, "d": "yes"}),
        ("a: ~\nb:\nc: null\nd: ''", {"a": None, "b": None, "c": None, "d": ""}),
        (
            "a: 2026-01-02\nb: 2026-01-02T10:00:00Z\nc: 10:30\nd: 1:2:3.5",
            {
                "a": "2026-01-02",
                "b": "2026-01-02T10:00:00Z",
                "c": "10:30",
                "d": "1:2:3.5",
            },
        ),
        ("on: {true: 1, 8080: x, null: y}", {"on": {"true": 1, "8080": "x", "null": "y"}}),
        ("a: &one {b: [1, 2]}\nc: *one\nd: [*one]", {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [{"b": [1, 2]}]}),
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}),
        (
            "x: &x {a: 1}\nz: &z {a: 2, c: 4}\ny: {<<: [*x, *z]}",
            {"x": {"a": 1}, "z": {"a": 2, "c": 4}, "y": {"a": 1, "c": 4}},
        ),
        ("a: |\n  one\n  two\nb: >-\n  one\n  two", {"a": "one\ntwo\n", "b": "one two"}),
        ("{a: [1, {b: c}]}", {"a": [1, {"b": "c"}]}),
        ('{"a": [1, 2.5, true, null, "ä"]}', {"a": [1, 2.5, True, None, "ä"]}),
        ("\ufeffa: !!str 5\nb: !!int '6'", {"a": "5", "b": 6}),
    ],
)
def test_a_document_means_what_kubectl_takes_it_for(text: str, expected: Any) -> None:
    assert only(text) == expected


def test_documents_have_numbers_and_lines_and_empty_ones_only_count() -> None:
    text = "# first\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n---\nc: 3\n"
    assert list(values(text)) == [(1, 2, {"a": 1}), (4, 7, {"b": 2}), (5, 10, {"c": 3})]
    assert list(values("")) == list(values("# nothing\n")) == []


def test_json_is_read_as_such_and_told_of_as_yaml() -> None:
    assert list(values(' {"a": {"b": 1}}\n')) == [(1, 1, {"a": {"b": 1}})]
    assert [value for _at, _line, value in values('{"a": 1}\n---\n{"b": 2}\n')] == [{"a": 1}, {"b": 2}]
    with pytest.raises(Unreadable) as caught:
        list(values('{"a": 1,\n "b": 1,\n "a": 2}'))
    assert (caught.value.line, caught.value.reason) == (3, "has the key `a` twice")


@pytest.mark.parametrize(
    ("text", "document", "line", "reason"),
    [
        ("a: 1\n---\nb: 1\nb: 2\n", 2, 4, "has the key `b` twice"),
        ("a:\n  b: [1\nc: 2\n", 1, 3, "is no YAML"),
        ("a: b: sesame\n", 1, 1, "is no YAML"),
        ("a: {b: sesame\nc: [\n", 1, 2, "is no YAML: did not find expected ',' or '}'"),
        ("password: *sesame\n", 1, 1, "is no YAML: found undefined alias"),
        ("a: 1\npassword: !sesame open\n", 1, 2, "has a tag that is not known here"),
        (
            "data:\n  password: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    6162\n",
            1,
            2,
            "has a single value that is encrypted",
        ),
        ("a: &a [*a]\n", 1, 1, "holds itself"),
        ("? [a, b]\n: sesame\n", 1, 1, "has a key that is no text"),
        ("a: {<<: sesame}\n", 1, 1, "merges (<<) what is no mapping"),
        ("a: !!int sesame\n", 1, 1, "has a tag that is not known here"),
        ("a: 1\n---\nb: \x00sesame\n", 1, 1, "is no YAML"),
    ],
)
def test_errors_name_the_place_and_never_quote_values(text: str, document: int, line: int, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        list(values(text))
    assert (caught.value.document, caught.value.line) == (document, line)
    assert reason in caught.value.reason
    assert "sesame" not in f"{caught.value.reason} {caught.value.hint}"


def test_what_is_nested_too_deeply_is_an_error() -> None:
    with pytest.raises(Unreadable):
        list(values("[" * 5000 + "sesame"))
    with pytest.raises(Unreadable):
        list(values("- [" + "[" * 5000 + "]" * 5001))


def test_what_comes_before_an_error_stands() -> None:
    found: list[object] = []
    with pytest.raises(Unreadable):
        found.extend(values("a: 1\n---\nb: [\n"))
    assert found == [(1, 1, {"a": 1})]


def test_the_slow_loader_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &a {b: 1, c: [yes, 1.5, ~]}\nd: *a\n---\ne: '5'\n"
    fast = list(values(text))
    monkeypatch.delattr(yaml, "CSafeLoader")
    monkeypatch.setattr(texts, "_LOADERS", [])
    assert list(values(text)) == fast
    assert json.dumps(fast)
