# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `istio_mesh`: from checked parameters to a result."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..._intent.mesh import mesh_intent
from ..helm.driver import HelmDriver
from .absent import absent
from .context import start
from .present import present
from .render import rendered


def walk_mesh(module: AnsibleModule) -> dict[str, Any]:
    """What `exit_json` is to say. Raises MeshError."""
    intent = mesh_intent(module.params)
    if intent.state == "rendered":
        return rendered(intent, module.params, module.tmpdir)
    run = start(intent, module.params, module.tmpdir, check_mode=module.check_mode)
    return absent(run) if intent.state == "absent" else present(run, HelmDriver(run))
