# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The one place where a module meets Ansible: results go to `exit_json`, `MeshError` to `fail_json`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._errors import MeshError
from ._kube.connection import HAS_KUBERNETES, KUBERNETES_IMPORT_ERROR

# Results travel through Ansible's pipes, logs and databases: what a failed run attaches stays readable.
_LONGEST_MESSAGE = 8_000
# Objects made between two looks of the garbage collector.
_COLLECT_AFTER = 20_000

# What is told of an option that holds objects: so many of them by name, the rest by number.
_TOLD = 20
_LONGEST_NAME = 100

Walk = Callable[[AnsibleModule], dict[str, Any]]


def run_module(module: AnsibleModule, walk: Walk) -> None:
    """Walk the corridor and leave: `walk` returns what `exit_json` is to say.

    A `warnings` list in the result, or in an error's details, is passed to `module.warn`.
    Does not return: both ways out end the process.
    """
    if not HAS_KUBERNETES:
        module.fail_json(msg=missing_required_lib("kubernetes"), exception=KUBERNETES_IMPORT_ERROR)
    started = time.monotonic()
    # What is loaded by now stays; the collector need not walk it again whenever some hundred objects are read.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
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


class QuietModule(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that never tells what the options named in `bodies` hold.

    Those options hold objects, or texts with objects in them, Secrets among them. `params` has them for the walk, as
    lists, whatever was given. What Ansible logs, and tells back as `invocation` (also when an argument is wrong), has
    summaries in their place. It also saves Ansible's copying of thousands of objects, when it checks arguments.
    """

    def __init__(self, *, bodies: Sequence[str], **settings: Any) -> None:
        self._body_options = tuple(bodies)
        self._bodies: dict[str, list[Any]] = {}
        self._told: dict[str, Any] | None = None
        super().__init__(**settings)
        self._set_aside()
        self._told = dict(self.params)
        self.params.update(self._bodies)

    def exit_json(self, **kwargs: Any) -> None:
        super().exit_json(**{**self._invocation(), **kwargs})

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        super().fail_json(msg, **{**self._invocation(), **kwargs})

    def _load_params(self) -> None:
        # Ansible's own step of reading the arguments; everything that it does with them comes later.
        super()._load_params()
        self._set_aside()

    def _set_aside(self) -> None:
        for name in self._body_options:
            given = self.params.get(name)
            if given is not None and name not in self._bodies:
                self._bodies[name] = list(given) if isinstance(given, (list, tuple)) else [given]
                self.params[name] = summary(self._bodies[name])

    def _invocation(self) -> dict[str, Any]:
        told = self._told
        if told is None:
            # An argument is wrong. One that is not known may be a misspelt one of ours, with all that it holds.
            known = {name for option, spec in self.argument_spec.items() for name in (option, *spec.get("aliases", ()))}
            told = {name: value if name in known else "(not known)" for name, value in self.params.items()}
        return {"invocation": {"module_args": told}}


def summary(bodies: Sequence[Any]) -> list[str]:
    """What may be told of objects and texts: kinds, names, paths, sizes; bounded."""
    told = [_summary(body) for body in bodies[:_TOLD]]
    if len(bodies) > _TOLD:
        told.append(f"and {len(bodies) - _TOLD} more")
    return told


def _summary(body: Any) -> str:
    if isinstance(body, str):
        return f"text of {len(body)} characters"
    if not isinstance(body, Mapping):
        return f"a {type(body).__name__}"
    path, text = body.get("path"), body.get("text")
    if isinstance(path, str) and isinstance(text, str):
        return f"{path}: text of {len(text)} characters"
    meta = body.get("metadata")
    parts = [meta.get("namespace"), meta.get("name")] if isinstance(meta, Mapping) else []
    name = "/".join(part for part in parts if isinstance(part, str))
    kind = body.get("kind")
    return " ".join(part for part in (kind if isinstance(kind, str) else "object", name) if part)[:_LONGEST_NAME]


def _warn(module: AnsibleModule, warnings: list[str]) -> None:
    for warning in dict.fromkeys(warnings):
        module.warn(warning)


def _shorten(message: str) -> str:
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[:_LONGEST_MESSAGE]} [... {len(message) - _LONGEST_MESSAGE} characters more]"
