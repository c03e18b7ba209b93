# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PEM text tells of the authorities in it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks import pem

from .pictures import certificate


def moment(year: int, month: int = 1) -> float:
    return datetime(year, month, 1, tzinfo=timezone.utc).timestamp()


def test_a_root() -> None:
    assert pem.authorities(certificate()) == (pem.Certificate("O=cluster.local", "a1b2c", moment(2026), moment(2036)),)


def test_several_each_once() -> None:
    found = pem.authorities(certificate() + certificate("other-root") + certificate())
    assert sorted(one.subject for one in found) == ["O=Example, CN=Root CA", "O=cluster.local"]
    assert {one.not_after for one in found} == {moment(2036), moment(2027, 6)}


def test_what_is_no_authority_is_passed_over() -> None:
    assert [one.serial for one in pem.authorities(certificate("leaf") + certificate())] == ["a1b2c"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no certificate"),
        ("nothing of the kind", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate"),
        (certificate("leaf"), "no certificate of an authority"),
    ],
)
def test_what_cannot_be_understood(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pem.authorities(text)
