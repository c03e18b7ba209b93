# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Sail Operator's `Istio` before an upgrade, and back to it.

There is one for all revisions, so its values are those of the version that it names now: a return gives it the values
from before, not those that the failed upgrade was asked with.
"""

from __future__ import annotations

from typing import Any

from ..._checks.snapshot import dig
from ..._desired.helm import MANAGER
from ..._desired.upgrade import Move
from ..._errors import BadInput
from ..._intent.versions import parse_version
from ..._kube import kinds
from ..._kube.client import Deadline
from ..plan import Step
from ..settle import settle
from .context import Upgrade


def spec_before(up: Upgrade, move: Move) -> dict[str, Any]:
    """The spec of the mesh's Istio, as long as it names the old version; {} by another method, or too late."""
    if up.intent.mesh.method != "sail":
        return {}
    live = up.client.get(kinds.SAIL_ISTIO, up.mesh_name)
    spec = (live or {}).get("spec") or {}
    try:
        same = parse_version(str(spec.get("version"))) == move.old_version
    except BadInput:
        return {}
    return dict(spec) if same else {}


def restored(up: Upgrade, spec: dict[str, Any], *, write: bool) -> Step:
    """Give the Istio its spec from before, and wait until it is ready again."""
    name = f"Istio {up.mesh_name}"
    live = up.client.get(kinds.SAIL_ISTIO, up.mesh_name)
    there = dig(live or {}, "spec") or {}
    if there == spec:
        return Step(name, "none", f"names version {spec.get('version')}")
    step = Step(
        name,
        "update",
        f"version {there.get('version')} goes back to {spec.get('version')}, with the values from before",
        before={"spec": there},
        after={"spec": spec},
        predicted_by="local",
    )
    if write:
        kind = kinds.SAIL_ISTIO
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": up.mesh_name}, "spec": spec}
        up.client.apply(obj, manager=MANAGER, force=True)
        settle(up.client, [(kind, None, up.mesh_name)], deadline=Deadline(up.intent.mesh.wait_timeout))
    return step
