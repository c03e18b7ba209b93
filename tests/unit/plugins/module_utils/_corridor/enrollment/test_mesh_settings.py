# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.mesh_settings import trust_domain_of


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"mesh": "trustDomain: corp.example\nrootNamespace: istio-system\n"}, "corp.example"),
        ({"mesh": "rootNamespace: istio-system\n"}, ""),
        ({"mesh": "a: [\n"}, ""),
        ({"mesh": "just text"}, ""),
        ({"config": "x"}, ""),
        (None, ""),
    ],
)
def test_the_trust_domain_is_read_from_the_mesh_settings(data: Any, found: str) -> None:
    assert trust_domain_of({"metadata": {"name": "istio"}, "data": data}) == found
