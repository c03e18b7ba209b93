# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `istio_mesh`: from checked parameters to a result."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..._intent.mesh import MeshIntent, mesh_intent
from ..helm.driver import HelmDriver
from ..migrate.adopt import adopted, with_steps
from ..migrate.run import forget_journal, migrated
from ..sail.absent import absent_sail
from ..sail.driver import SailDriver
from ..sail.render import rendered_sail
from .absent import absent
from .context import MeshRun, start
from .driver import Driver
from .guards import guard_removal
from .present import present
from .render import rendered
from .render_gitops import rendered_gitops


def walk_mesh(module: AnsibleModule) -> dict[str, Any]:
    """What `exit_json` is to say. Raises MeshError."""
    intent = mesh_intent(module.params)
    if intent.state == "rendered":
        return _rendered(intent, module)
    run = start(intent, module.params, module.tmpdir, check_mode=module.check_mode)
    if intent.state == "absent":
        guard_removal(intent, driver_of(run).installed())
        answer = absent_sail(run) if intent.method == "sail" else absent(run)
        forget_journal(run)
        return answer
    driver = driver_of(run)
    handed = migrated(run, driver)
    if handed is not None:
        return handed
    taken = adopted(run)
    return with_steps(present(run, driver), taken)


def _rendered(intent: MeshIntent, module: AnsibleModule) -> dict[str, Any]:
    if intent.options["render_as"] != "manifests":
        return rendered_gitops(intent, module.params, module.tmpdir)
    by_method = rendered_sail if intent.method == "sail" else rendered
    return by_method(intent, module.params, module.tmpdir)


def driver_of(run: MeshRun) -> Driver:
    """The driver of the method that is asked for."""
    return SailDriver(run) if run.intent.method == "sail" else HelmDriver(run)
