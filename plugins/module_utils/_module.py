# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The one place where a module meets Ansible: results go to `exit_json`, `MeshError` to `fail_json`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._errors import MeshError
from ._kube.connection import HAS_KUBERNETES, KUBERNETES_IMPORT_ERROR

# Results travel through Ansible's pipes, logs and databases: what a failed run attaches stays readable.
_LONGEST_MESSAGE = 8_000

Walk = Callable[[AnsibleModule], dict[str, Any]]


def run_module(module: AnsibleModule, walk: Walk) -> None:
    """Walk the corridor and leave: `walk` returns what `exit_json` is to say.

    A `warnings` list in the result, or in an error's details, is passed to `module.warn`.
    Does not return: both ways out end the process.
    """
    if not HAS_KUBERNETES:
        module.fail_json(msg=missing_required_lib("kubernetes"), exception=KUBERNETES_IMPORT_ERROR)
    started = time.monotonic()
    try:
        result = walk(module)
    except MeshError as error:
        details = dict(error.details)
        _warn(module, details.pop("warnings", []))
        module.fail_json(msg=_shorten(str(error)), error=type(error).__name__, **details)
        return
    _warn(module, result.pop("warnings", []))
    result.setdefault("seconds", round(time.monotonic() - started, 2))
    module.exit_json(**result)


def _warn(module: AnsibleModule, warnings: list[str]) -> None:
    for warning in dict.fromkeys(warnings):
        module.warn(warning)


def _shorten(message: str) -> str:
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[:_LONGEST_MESSAGE]} [... {len(message) - _LONGEST_MESSAGE} characters more]"
