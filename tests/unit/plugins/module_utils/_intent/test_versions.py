# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import (
    hop_problem,
    kubernetes_problem,
    parse_version,
)

ORDER = ["1.30.9", "1.31.0-alpha.1", "1.31.0-beta.2", "1.31.0-beta.10", "1.31.0", "1.31.1", "1.32.0", "2.0.0"]


def test_order() -> None:
    versions = [parse_version(text) for text in ORDER]
    assert sorted(versions[index] for index in (5, 0, 7, 3, 1, 6, 4, 2)) == versions
    assert [str(version) for version in versions] == ORDER


@pytest.mark.parametrize("text", ["", "1.31", "latest", "1.31.x", "~1.31.0", "1.31.1 || 1.30"])
def test_no_version(text: str) -> None:
    with pytest.raises(BadInput, match="option: "):
        parse_version(text, "option")


def test_a_leading_v_and_build_metadata_are_no_difference() -> None:
    assert parse_version("v1.31.1") == parse_version("1.31.1+abc") == parse_version("1.31.1")


@pytest.mark.parametrize(
    ("current", "wanted", "kind"),
    [
        ("1.31.1", "1.31.1", ""),
        ("1.31.1", "1.31.4", ""),
        ("1.31.1", "1.32.0", ""),
        ("1.30.4", "1.32.0", "skip"),
        ("1.31.1", "2.0.0", "skip"),
        ("1.31.1", "1.31.0", "downgrade"),
        ("1.31.1", "1.30.9", "downgrade"),
        ("1.31.0", "1.31.0-beta.1", "downgrade"),
    ],
)
def test_hops(current: str, wanted: str, kind: str) -> None:
    found, sentence = hop_problem(parse_version(current), parse_version(wanted))
    assert found == kind
    assert bool(sentence) == bool(kind)


@pytest.mark.parametrize(
    ("istio", "kubernetes", "severity"),
    [
        ("1.31.1", "v1.35.4", ""),
        ("1.31.1", "v1.32.0-gke.100", ""),
        ("1.31.1", "v1.31.9", "refuse"),
        ("1.31.1", "v1.99.0", "warn"),
        ("1.28.0", "v1.35.0", "warn"),
        ("1.99.0", "v1.35.0", "note"),
        ("1.31.1", "nonsense", "note"),
    ],
)
def test_kubernetes_support(istio: str, kubernetes: str, severity: str) -> None:
    found, sentence = kubernetes_problem(parse_version(istio), kubernetes)
    assert found == severity
    assert bool(sentence) == bool(severity)
