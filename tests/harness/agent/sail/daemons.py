# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IstioCNI and ZTunnel: a DaemonSet by Helm, and how it is."""

from __future__ import annotations

import json
from typing import Any

from . import status, switches, values
from .context import Context, Invalid
from .releases import HelmError, Wanted

Object = dict[str, Any]
RELEASES = {"IstioCNI": "istio-cni", "ZTunnel": "ztunnel"}
CHARTS = {"IstioCNI": "cni", "ZTunnel": "ztunnel"}
DAEMON_SETS = {"IstioCNI": "istio-cni-node", "ZTunnel": "ztunnel"}


def _resolve(context: Context, reference: Object) -> Object:
    """The IstioRevision that a targetRef means now. Errors: Invalid."""
    store, name = context.store, reference["name"]
    if reference["kind"] == "Istio":
        istio = store.get("Istio", name)
        if istio is None:
            raise Invalid(status.not_found("Istio", name))
        name = (istio.get("status") or {}).get("activeRevisionName")
        if not name:
            raise Invalid("referenced Istio has no active revision")
    found = store.get("IstioRevision", name)
    if found is None:
        raise Invalid(status.not_found("IstioRevision", name))
    return found


def _target(context: Context, item: Object) -> Object | None:
    """The IstioRevision that a ZTunnel goes by, None without a targetRef. Errors: Invalid."""
    reference = item["spec"].get("targetRef")
    if not reference:
        return None
    name, asked = item["metadata"]["name"], json.dumps([reference, item["spec"]["version"]], sort_keys=True)
    before = context.targets.get(name)
    if before and before[0] == asked and switches.misses_target(item, context.operator.deployment):
        return before[1]
    found = _resolve(context, reference)
    context.targets[name] = (asked, found)
    return found


def _install(context: Context, kind: str, item: Object) -> Object:
    """Errors: Invalid, HelmError. Returns the fields of the status that a success adds."""
    spec = item["spec"]
    version = context.chart_version(spec)
    context.check_namespace(spec["namespace"])
    context.fail_if_told(item, spec["version"])
    target = _target(context, item) if kind == "ZTunnel" else None
    wanted = Wanted(
        name=RELEASES[kind],
        namespace=spec["namespace"],
        chart=CHARTS[kind],
        version=version,
        values=values.of_cni(spec) if kind == "IstioCNI" else values.of_ztunnel(spec, target),
        owner=context.store.owner(kind, item),
    )
    context.install(item, wanted, ("DaemonSet", spec["namespace"], DAEMON_SETS[kind]))
    return {"istioRevision": target["metadata"]["name"]} if target else {}


def reconcile(context: Context, item: Object, *, kind: str) -> float | None:
    """One pass. Errors: HelmError, after the status says it."""
    store, namespace = context.store, item["spec"]["namespace"]
    if item["metadata"].get("deletionTimestamp"):
        context.uninstall(namespace, RELEASES[kind])
        context.targets.pop(item["metadata"]["name"], None)
        store.let_go(kind, item)
        return None
    item = store.keep(kind, item)
    failed: Exception | None = None
    fields: Object = {}
    try:
        fields = _install(context, kind, item)
    except (Invalid, HelmError) as error:
        failed = error
    daemon_set = store.get("DaemonSet", f"{namespace}/{DAEMON_SETS[kind]}")
    conditions = [
        status.reconciled(None if failed is None else str(failed)),
        status.daemons_ready(DAEMON_SETS[kind], daemon_set),
    ]
    if kind == "ZTunnel":
        fields = {"istioRevision": None, **fields}
    store.set_status(kind, item, conditions, state=status.state(conditions), **fields)
    if isinstance(failed, HelmError):
        raise failed
    return None
