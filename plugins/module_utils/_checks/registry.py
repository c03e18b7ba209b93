# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""All checks there are, named one by one: a module ships only what it statically imports."""

from __future__ import annotations

from . import (
    accepted,
    captured,
    certificates,
    components,
    configuration,
    control_plane,
    enrollment,
    gateways,
    injection,
    multicluster,
    network_policies,
    outage,
    pod_security,
    revisions,
    routing,
    sail,
    scope,
    security,
    traffic_seen,
    waypoint_labels,
    waypoints,
    webhooks,
    xds,
    ztunnel,
    ztunnel_view,
)
from .model import Check

CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *control_plane.CHECKS,
            *sail.CHECKS,
            *revisions.CHECKS,
            *components.CHECKS,
            *ztunnel.CHECKS,
            *webhooks.CHECKS,
            *enrollment.CHECKS,
            *gateways.CHECKS,
            *certificates.CHECKS,
            *xds.CHECKS,
            *ztunnel_view.CHECKS,
            *multicluster.CHECKS,
            *traffic_seen.CHECKS,
            *outage.CHECKS,
            *routing.CHECKS,
            *configuration.CHECKS,
            *security.CHECKS,
            *scope.CHECKS,
            *captured.CHECKS,
            *waypoints.CHECKS,
            *waypoint_labels.CHECKS,
            *accepted.CHECKS,
            *network_policies.CHECKS,
            *injection.CHECKS,
            *pod_security.CHECKS,
        ),
        key=lambda check: check.number,
    )
)

BY_ID: dict[str, Check] = {check.id: check for check in CHECKS}

CATEGORIES: tuple[str, ...] = tuple(dict.fromkeys(check.category for check in CHECKS))

# Whether there is a mesh at all is asked with every selection, so that nothing found is never a success.
ALWAYS = BY_ID["MW0000"]
