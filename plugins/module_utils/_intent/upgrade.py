# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The request of `mesh_upgrade`: which step of which upgrade. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from .._checks.registry import BY_ID
from .._errors import BadInput
from .mesh import MeshIntent, mesh_intent
from .mesh_spec import SHARED_SPEC

Stage = Literal["preflight", "canary", "gate", "shift", "finish", "return", "status"]
STAGES: tuple[Stage, ...] = ("preflight", "canary", "gate", "shift", "finish", "return", "status")
# These go by what the journal says.
_WITHOUT_VERSION = ("status", "return", "finish")
# What the gate asks, beside the checks of mesh_verify.
CRITERIA = ("istiod", "webhooks", "policies", "xds", "verify")

UPGRADE_SPEC: dict[str, Any] = {
    "stage": {"type": "str", "required": True, "choices": list(STAGES)},
    "batch": {"type": "int", "default": 1},
    "soak": {"type": "int", "default": 0},
    "backup": {"type": "path"},
    "gate_skip": {"type": "list", "elements": "str"},
    "accept_blockers": {"type": "list", "elements": "str"},
    "restart_timeout": {"type": "int", "default": 300},
    "restarts_at_a_time": {"type": "int", "default": 1},
    **SHARED_SPEC,
}


@dataclass(frozen=True, slots=True)
class UpgradeIntent:
    """One stage of an upgrade. `mesh` is what the mesh shall be like; its version counts only if `versioned`.

    `soak` and `restart_timeout` are seconds, the latter for each group of `at_a_time` workloads. `skip` names criteria
    of the gate, or checks of mesh_verify, that do not count; `accept` workloads and units that may have blockers.
    """

    stage: Stage
    mesh: MeshIntent
    versioned: bool
    batch: int
    soak: int
    backup: str
    skip: frozenset[str]
    accept: frozenset[str]
    restart_timeout: int
    at_a_time: int

    def to(self, version: str) -> UpgradeIntent:
        """The same for this version."""
        mesh = mesh_intent({**self.mesh.options, "version": version})
        return replace(self, mesh=mesh, versioned=True)


def upgrade_intent(params: Mapping[str, Any]) -> UpgradeIntent:
    """The intent of checked module parameters. Raises BadInput that names the option and the way out."""
    stage, version = params["stage"], params.get("version")
    if params["update_strategy"] != "revision_based":
        raise BadInput(
            "update_strategy: mesh_upgrade works on a mesh that is upgraded revision by revision.",
            hint="Set update_strategy: revision_based; or give istio_mesh the new version, which upgrades a mesh in "
            "place, in the right order.",
        )
    if not version and stage not in _WITHOUT_VERSION:
        raise BadInput(
            f"version is required when stage is {stage}.", hint="Name the version to upgrade to, such as 1.31.1."
        )
    for option, least in (("batch", 1), ("soak", 0), ("restart_timeout", 1), ("restarts_at_a_time", 1)):
        if params[option] < least:
            raise BadInput(f"{option}: {params[option]} is too small.", hint=f"Use at least {least}.")
    if not params["wait"]:
        raise BadInput("wait: an upgrade goes on only over what is ready.", hint="Leave it out.")
    given = {**params, "state": "present", "migrate": False, "purge": False, "allow_enrolled": False}
    return UpgradeIntent(
        stage=stage,
        mesh=mesh_intent({**given, "version": version or "0.0.0"}),
        versioned=bool(version),
        batch=params["batch"],
        soak=params["soak"],
        backup=params.get("backup") or "",
        skip=_skipped(params.get("gate_skip") or ()),
        accept=frozenset(str(name).strip() for name in params.get("accept_blockers") or ()),
        restart_timeout=params["restart_timeout"],
        at_a_time=params["restarts_at_a_time"],
    )


def _skipped(names: Any) -> frozenset[str]:
    found = set()
    for given in names:
        name = str(given).strip()
        if name.lower() not in CRITERIA and name.upper() not in BY_ID:
            raise BadInput(
                f"gate_skip: {given} is neither a criterion of the gate nor a check.",
                hint=f"Criteria are {', '.join(CRITERIA)}; checks are as in mesh_verify, such as MW0011.",
            )
        found.add(name.upper() if name.upper() in BY_ID else name.lower())
    return frozenset(found)
