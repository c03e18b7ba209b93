#!/usr/bin/python
# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: istio_mesh
short_description: Install, upgrade, repair or remove an Istio service mesh
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.mesh import walk_mesh
from ..module_utils._intent.mesh_spec import MESH_SPEC
from ..module_utils._kube.connection import CONNECTION_SPEC
from ..module_utils._module import run_module


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**CONNECTION_SPEC, **MESH_SPEC}, supports_check_mode=True)
    run_module(module, walk_mesh)


if __name__ == "__main__":
    main()
