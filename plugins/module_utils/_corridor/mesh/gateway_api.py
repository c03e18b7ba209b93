# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Gateway API's CRDs as one step: their bundle read, compared with what is there, applied or left alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.urls import open_url

from ..._desired.gateway_api import MANAGER, bundle_crds, choose, companions, installed_enough, owner
from ..._desired.manifests import parse_manifest, shown
from ..._errors import BadInput, ToolError
from ..._intent.mesh import GatewayApi
from ..._kube.client import Client
from ..helm.observe import MeshObserved
from ..helm.rehearse import weakest
from ..objects import ObjectEngine
from ..plan import Step

STEP = "gateway-api"
_LIMIT = 32 * 1024 * 1024


@dataclass(slots=True)
class GatewayApiPlan:
    """The step, and the objects that carrying it out applies."""

    step: Step
    objects: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_bundle(wanted: GatewayApi) -> list[dict[str, Any]]:
    """The objects of the bundle, from a path or a URL. Raises BadInput or ToolError naming it."""
    place = wanted.url
    if "://" not in place:
        path = os.path.expanduser(place)
        try:
            with open(path, encoding="utf-8") as file:
                return parse_manifest(file.read(_LIMIT))
        except OSError as error:
            raise BadInput(f"gateway_api.source: {path} cannot be read: {error.strerror}.") from error
    try:
        with open_url(place, timeout=60) as answer:
            text = answer.read(_LIMIT).decode()
    except (OSError, ValueError) as error:
        raise ToolError(
            f"The Gateway API's CRDs could not be fetched from {place}: {error}.",
            hint="Name a copy you can reach with gateway_api.source, or set gateway_api.manage: false.",
        ) from error
    return parse_manifest(text)


def plan_gateway_api(client: Client, wanted: GatewayApi, observed: MeshObserved) -> GatewayApiPlan:
    """Decide and rehearse. A release that is installed already, or newer, is not even fetched from upstream."""
    live = observed.gateway_crds
    if not wanted.manage:
        return GatewayApiPlan(Step(STEP, "none", "not managed here (gateway_api.manage: false)"))
    if not wanted.source and (installed_enough(wanted.version, live) or any(map(owner, live.values()))):
        keepers = sorted({who for who in map(owner, live.values()) if who})
        reason = f"left to {', '.join(keepers)}" if keepers else f"{wanted.version} or newer is installed"
        return GatewayApiPlan(Step(STEP, "none", reason))
    bundle = read_bundle(wanted)
    choice = choose(bundle_crds(bundle, wanted.url), live)
    warnings = [choice.warning] if choice.warning else []
    if not choice.apply:
        return GatewayApiPlan(Step(STEP, "none", choice.reason), warnings=warnings)
    objects = [*choice.apply, *companions(bundle)]
    steps = ObjectEngine(client, manager=MANAGER, force_conflicts=True).plan(objects)
    changing = [step for step in steps if step.changes]
    step = Step(
        STEP,
        "none" if not changing else "update" if live else "create",
        choice.reason,
        before={one.name: shown(one.before) for one in changing if one.before},
        after={one.name: shown(one.after) for one in changing},
        predicted_by=weakest(one.predicted_by for one in changing) if changing else "",
    )
    return GatewayApiPlan(step, objects if changing else [], warnings)
