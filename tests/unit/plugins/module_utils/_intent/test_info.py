# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mesh_info task may ask for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.picture import PARTS
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.info import InfoIntent


def test_all_by_default() -> None:
    intent = InfoIntent.from_params({})
    assert intent == InfoIntent()
    assert intent.parts == PARTS
    assert set(intent.sources) <= set(snapshot.SOURCES)


def test_only_what_is_needed_is_read() -> None:
    assert InfoIntent.from_params({"gather": ["components"]}).sources == ("daemonsets",)
    assert InfoIntent.from_params({"gather": ["waves", "components"]}).parts == ("components", "waves")


def test_no_proxy_is_asked_when_that_is_not_wanted() -> None:
    intent = InfoIntent.from_params({"gather": ["proxies", "certificates"], "port_forward": False})
    assert (intent.inside, intent.sources) == (False, ("root_certificates",))


def test_what_is_given() -> None:
    given = {"namespaces": ["shop", "bank"], "proxy_limit": 0, "read_timeout": 5, "port_forward": True}
    intent = InfoIntent.from_params(given)
    assert intent.namespaces == frozenset(("shop", "bank"))
    assert (intent.proxy_limit, intent.read_timeout, intent.inside) == (0, 5.0, True)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"gather": []}, "`gather` is empty"),
        ({"proxy_limit": -1}, "`proxy_limit` is -1"),
        ({"read_timeout": 0}, "`read_timeout` is 0"),
        ({"namespaces": ["shop", " "]}, "`namespaces` holds an empty name"),
    ],
)
def test_what_makes_no_sense(params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        InfoIntent.from_params(params)
