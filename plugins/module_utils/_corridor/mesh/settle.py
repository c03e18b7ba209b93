# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Waiting until a mesh is ready: its workloads by their own status, its webhooks by answering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._errors import ApiError, SettleTimeout
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..settle import Ref, settle

_WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet")
_PAUSE = 0.5


def workload_refs(client: Client, objects: Iterable[Mapping[str, Any]]) -> list[Ref]:
    return [
        (client.resolve(dict(obj)), obj["metadata"].get("namespace"), obj["metadata"]["name"])
        for obj in objects
        if obj.get("kind") in _WORKLOADS
    ]


def settle_workloads(client: Client, objects: Iterable[Mapping[str, Any]], deadline: Deadline) -> None:
    """Wait for the Deployments and DaemonSets among these objects. Raises SettleTimeout saying which pods and why."""
    refs = workload_refs(client, objects)
    if refs:
        settle(client, refs, deadline=deadline)


def settle_webhooks(client: Client, objects: Iterable[Mapping[str, Any]], namespace: str, deadline: Deadline) -> None:
    """Wait until istiod has put its certificate into its webhooks, then ask one of them something.

    Until then the validating webhook lets everything pass, and injection fails.
    """
    names = [
        (kind, obj["metadata"]["name"])
        for obj in objects
        for kind in (kinds.MUTATING_WEBHOOK, kinds.VALIDATING_WEBHOOK)
        if obj.get("kind") == kind.kind
    ]
    waiting = dict.fromkeys(names, "not looked at yet")
    patient = client.with_deadline(deadline)
    while waiting:
        waiting = {which: why for which in waiting if (why := _webhook_problem(patient.get(*which)))}
        if waiting and deadline.passed:
            raise _timeout({kind.label(None, name): why for (kind, name), why in waiting.items()}, deadline)
        if waiting:
            deadline.sleep(_PAUSE)
    if not any(kind is kinds.VALIDATING_WEBHOOK for kind, _name in names):
        return
    probe = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"generateName": "meshwright-probe-", "namespace": namespace},
        "spec": {"egress": [{"hosts": ["./*"]}]},
    }
    while True:
        try:
            patient.create(probe, dry_run=True)
            return
        except ApiError as error:
            if deadline.passed:
                raise _timeout({"istiod's validating webhook": str(error)}, deadline) from error
            deadline.sleep(_PAUSE)


def _webhook_problem(obj: Mapping[str, Any] | None) -> str:
    """Why istiod's webhooks in this configuration cannot answer yet; "" when they can."""
    if obj is None:
        return "does not exist"
    for webhook in obj.get("webhooks") or []:
        client = webhook.get("clientConfig") or {}
        if client.get("service") and not client.get("caBundle"):
            return f"{webhook.get('name')} has no caBundle: istiod has not registered itself yet"
        if obj.get("kind") == "ValidatingWebhookConfiguration" and webhook.get("failurePolicy") != "Fail":
            return f"{webhook.get('name')} still has failurePolicy {webhook.get('failurePolicy')}"
    return ""


def _timeout(waiting: Mapping[str, str], deadline: Deadline) -> SettleTimeout:
    told = "; ".join(f"{name}: {why}" for name, why in waiting.items())
    return SettleTimeout(
        f"istiod's webhooks do not answer after {deadline.seconds:g} s. {told}",
        hint="Look at istiod's log.",
        details={"unready": [{"object": name, "reason": why} for name, why in waiting.items()]},
    )
