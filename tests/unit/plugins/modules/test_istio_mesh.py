# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation and the argument spec of `istio_mesh` say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.doc_fragments.mesh import ModuleDocFragment
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh_spec import MESH_SPEC
from ansible_collections.meshwright.istio.plugins.modules import istio_mesh

DOCUMENTED: dict[str, Any] = {
    **yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"],
    **yaml.safe_load(istio_mesh.DOCUMENTATION)["options"],
}


def pairs(spec: dict[str, Any], documented: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(spec.keys() | documented.keys()):
        one, other = spec.get(name), documented.get(name)
        yield f"{above}{name}", one, other
        if one and other:
            yield from pairs(one.get("options") or {}, other.get("suboptions") or {}, f"{above}{name}.")


PAIRS = list(pairs(MESH_SPEC, DOCUMENTED))


@pytest.mark.parametrize(("name", "spec", "documented"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_an_option_is_documented_as_it_is(name: str, spec: Any, documented: Any) -> None:
    assert spec is not None, "documented, but not in the spec"
    assert documented is not None, "not documented"
    for key in ("type", "default", "choices", "elements"):
        assert documented.get(key) == spec.get(key), key
    assert bool(documented.get("required")) == bool(spec.get("required"))
    assert documented.get("description")


def test_examples_use_known_options() -> None:
    for task in yaml.safe_load(istio_mesh.EXAMPLES):
        given = task["meshwright.istio.istio_mesh"]
        assert given.keys() - MESH_SPEC.keys() <= {"context", "kubeconfig"}
