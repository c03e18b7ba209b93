# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Gateways of the Gateway API, waypoints among them: whether one is on a revision, and waiting until it is."""

from __future__ import annotations

from ..._checks.skew import revision_of
from ..._checks.snapshot import labels_of, meta, name_of
from ..._errors import SettleTimeout
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..._kube.readiness import readiness

_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_MANAGED = "gateway.istio.io/managed"
_PAUSE = 1.0


def gateway_problem(client: Client, namespace: str, name: str, revision: str) -> str:
    """Why a Gateway is not whole on this revision; "" when it is, or is gone.

    One that istiod makes no Deployment for (its addresses are given by hand) has only to be programmed.
    """
    gateway = client.get(kinds.GATEWAY, name, namespace)
    if gateway is None:
        return ""
    state = readiness(gateway)
    if not state.ready:
        return state.reason
    mine = f"{_GATEWAY_NAME}={name}"
    deployments = [one for one in client.list(kinds.DEPLOYMENT, namespace, labels=mine) if labels_of(one).get(_MANAGED)]
    for one in deployments:
        rollout = readiness(one)
        if not rollout.ready:
            return f"its Deployment {name_of(one)}: {rollout.reason}"
    pods = [
        pod
        for pod in client.list(kinds.POD, namespace, labels=f"{mine},{_MANAGED}")
        if not meta(pod).get("deletionTimestamp")
    ]
    elsewhere = sorted(f"{name_of(pod)} on {revision_of(pod)}" for pod in pods if revision_of(pod) != revision)
    if elsewhere:
        return f"pods of another revision: {', '.join(elsewhere[:5])}"
    waiting = sorted(f"{name_of(pod)}: {readiness(pod).reason}" for pod in pods if not readiness(pod).ready)
    return f"pods are not ready: {', '.join(waiting[:5])}" if waiting else ""


def wait_for_gateway(client: Client, namespace: str, name: str, revision: str, deadline: Deadline) -> None:
    """Return when it is; raises SettleTimeout saying what it lacked last."""
    while problem := gateway_problem(client, namespace, name, revision):
        if deadline.passed:
            label = kinds.GATEWAY.label(namespace, name)
            raise SettleTimeout(
                f"{label} is not on revision {revision} after {deadline.seconds:g} s: {problem}.",
                hint="See what the istiod of that revision logs about it.",
                details={"unready": [{"object": label, "reason": problem}]},
            )
        deadline.sleep(_PAUSE)
