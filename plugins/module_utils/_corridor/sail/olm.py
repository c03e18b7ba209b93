# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The operator by the Operator Lifecycle Manager: what to subscribe to, and waiting until it is installed."""

from __future__ import annotations

from typing import Any

from ..._desired.helm import MANAGER
from ..._desired.olm import csv_name, olm_objects, olm_problem, to_approve
from ..._desired.sail_values import dig
from ..._desired.sail_versions import choose_operator
from ..._errors import SettleTimeout
from ..._intent.mesh import MeshIntent
from ..._intent.versions import Version
from ..._kube.client import Deadline
from ..mesh.context import MeshRun
from ..plan import Step
from .observe import CSV, INSTALL_PLAN, RELEASE, SUBSCRIPTION, SailObserved

Obj = dict[str, Any]
OLM_STEP = f"Subscription/{RELEASE}"
_POLL = 1.0


def plan_olm(
    run: MeshRun, observed: SailObserved, versions: list[Version], there: Version | None
) -> tuple[Step, list[Obj], Version | None, bool]:
    """(step, objects, the version that is wanted, whether there is a Subscription); None for whatever comes."""
    intent = run.intent
    version = intent.operator.version
    if version is None and intent.operator.package == "sailoperator":
        version = choose_operator(versions[0], versions[1:])
    if there is not None and version is not None and version < there:
        run.notes.append(f"the operator stays at {there}: it is never downgraded")
        version = there
    subscription = next((s for s in observed.subscriptions if _named(s, intent)), None)
    objects = olm_objects(intent.operator, version, observed.groups)
    if subscription is not None:
        # Only read when a Subscription is new; a later one would be refused or do nothing.
        start = dig(subscription, "spec", "startingCSV")
        for obj in objects:
            if obj["kind"] == "Subscription":
                obj["spec"].pop("startingCSV", None)
                if start:
                    obj["spec"]["startingCSV"] = start
    state = str(dig(subscription, "status", "installedCSV") or "nothing")
    wanted = csv_name(intent.operator, version) if version else "whatever the channel has"
    done = subscription is not None and (version is None or state == wanted) and state != "nothing"
    step = Step(OLM_STEP, "none", f"{state} is installed")
    if not done:
        action: Any = "update" if subscription is not None else "create"
        step = Step(OLM_STEP, action, f"installed is {state}, wanted {wanted}", predicted_by="local")
    return step, objects, version, subscription is not None


def _named(subscription: Obj, intent: MeshIntent) -> bool:
    return bool(
        dig(subscription, "metadata", "namespace") == intent.operator.namespace
        and dig(subscription, "spec", "name") == intent.operator.package
    )


def wait_for_olm(run: MeshRun, version: Version | None) -> None:
    """Until the ClusterServiceVersion has succeeded. Raises SettleTimeout with what OLM says."""
    intent, deadline = run.intent.operator, Deadline(run.intent.wait_timeout)
    wanted = csv_name(intent, version) if version else ""
    while True:
        subscription = run.client.get(SUBSCRIPTION, intent.package, intent.namespace)
        plans = run.client.list(INSTALL_PLAN, intent.namespace)
        plan = to_approve(plans, intent, version, subscription or {})
        if plan is not None:
            meta = plan["metadata"]
            run.client.patch(
                INSTALL_PLAN,
                meta["name"],
                intent.namespace,
                {"spec": {"approved": True}},
                resource_version=meta["resourceVersion"],
                manager=MANAGER,
            )
        name = dig(subscription, "status", "installedCSV")
        csv = run.client.get(CSV, str(name), intent.namespace) if name else None
        problem = olm_problem(subscription, csv, wanted)
        if not problem:
            return
        if deadline.passed:
            name = f"Subscription {intent.namespace}/{intent.package}"
            raise SettleTimeout(
                f"OLM has not installed the operator after {deadline.seconds:g} s: {problem}.",
                hint="Look at its Subscription, InstallPlans and CatalogSource.",
                details={"unready": [{"object": name, "reason": problem}]},
            )
        deadline.sleep(_POLL)
