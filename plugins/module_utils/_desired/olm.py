# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Sail Operator by the Operator Lifecycle Manager: its objects, and what their status says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._intent.operator import OperatorIntent
from .._intent.versions import Version
from .helm import MADE_BY, MANAGER

Obj = dict[str, Any]
# OLM's namespaces for operators that serve all namespaces have their OperatorGroup already.
_HAVE_GROUP = ("openshift-operators", "operators")


def csv_name(operator: OperatorIntent, version: Version) -> str:
    """`sailoperator.v1.30.3`."""
    return f"{operator.package}.v{version}"


def olm_objects(
    operator: OperatorIntent, version: Version | None, groups: Iterable[Mapping[str, Any]] = ()
) -> list[Obj]:
    """OperatorGroup (unless the namespace has one: OLM accepts only one) and Subscription, in this order."""
    space = operator.namespace
    taken = any((group.get("metadata") or {}).get("namespace") == space for group in groups)
    result: list[Obj] = []
    if not taken and space not in _HAVE_GROUP:
        result.append(
            {
                "apiVersion": "operators.coreos.com/v1",
                "kind": "OperatorGroup",
                "metadata": {"name": operator.package, "namespace": space, "labels": {MADE_BY: MANAGER}},
                "spec": {"upgradeStrategy": "Default"},
            }
        )
    spec: Obj = {
        "name": operator.package,
        "channel": operator.channel,
        "source": operator.source,
        "sourceNamespace": operator.source_namespace,
        "installPlanApproval": operator.approval,
    }
    if version is not None:
        spec["startingCSV"] = csv_name(operator, version)
    result.append(
        {
            "apiVersion": "operators.coreos.com/v1alpha1",
            "kind": "Subscription",
            "metadata": {"name": operator.package, "namespace": space, "labels": {MADE_BY: MANAGER}},
            "spec": spec,
        }
    )
    return result


def to_approve(
    plans: Iterable[Mapping[str, Any]],
    operator: OperatorIntent,
    version: Version | None,
    subscription: Mapping[str, Any],
) -> Mapping[str, Any] | None:
    """The InstallPlan to approve: the one that installs exactly the wanted version; None when there is none.

    Without a wanted version it is the one that the Subscription waits for. A plan that brings other versions of the
    operator is left to whoever decides on upgrades.
    """
    if operator.approval != "Manual":
        return None
    waited = ((subscription.get("status") or {}).get("installPlanRef") or {}).get("name")
    for plan in plans:
        spec = plan.get("spec") or {}
        if spec.get("approved") or spec.get("approval") != "Manual":
            continue
        names = spec.get("clusterServiceVersionNames") or []
        if version is not None and csv_name(operator, version) in names:
            return plan
        if version is None and waited and (plan.get("metadata") or {}).get("name") == waited:
            return plan
    return None


def olm_problem(subscription: Mapping[str, Any] | None, csv: Mapping[str, Any] | None, wanted: str) -> str:
    """Why the operator is not installed by OLM yet; "" when its CSV has succeeded. `wanted` is a CSV's name or ""."""
    if subscription is None:
        return "its Subscription does not exist"
    status = subscription.get("status") or {}
    for entry in status.get("conditions") or []:
        if entry.get("type") in ("ResolutionFailed", "CatalogSourcesUnhealthy") and entry.get("status") == "True":
            return f"{entry['type']}: {entry.get('message') or entry.get('reason') or 'no reason given'}"
    installed = status.get("installedCSV") or ""
    if not installed or (wanted and installed != wanted):
        state = status.get("state") or "no state yet"
        return f"{state}; installed is {installed or 'nothing'}" + (f", wanted {wanted}" if wanted else "")
    phase = ((csv or {}).get("status") or {}).get("phase") or "unknown"
    if phase != "Succeeded":
        message = ((csv or {}).get("status") or {}).get("message") or ""
        return f"ClusterServiceVersion {installed} is {phase}{f': {message}' if message else ''}"
    return ""
