# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `mesh_upgrade`: from checked parameters to a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..._intent.upgrade import Stage, upgrade_intent
from .back import go_back
from .canary import canary
from .context import Upgrade, start_upgrade
from .finish import finish, status
from .preflight import preflight
from .shift import gate, shift

_STAGES: dict[Stage, Callable[[Upgrade], dict[str, Any]]] = {
    "preflight": preflight,
    "canary": canary,
    "gate": gate,
    "shift": shift,
    "finish": finish,
    "return": go_back,
    "status": status,
}


def walk_upgrade(module: AnsibleModule) -> dict[str, Any]:
    """What `exit_json` is to say. Raises MeshError."""
    intent = upgrade_intent(module.params)
    return _STAGES[intent.stage](start_upgrade(intent, module.params, module.tmpdir, check_mode=module.check_mode))
