# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Istio: makes the active revision, prunes those that nothing uses, and says of itself what that revision says."""

from __future__ import annotations

import calendar
import time
from typing import Any

from ...api import ApiError
from ...sail import versions
from . import names, status, values
from .context import Context, Invalid

Object = dict[str, Any]
KIND = "Istio"
DEFAULT_GRACE = 30


def grace_seconds(istio: Object) -> int:
    strategy = istio["spec"].get("updateStrategy") or {}
    return int(strategy.get("inactiveRevisionDeletionGracePeriodSeconds", DEFAULT_GRACE))


def prune(owned: list[Object], active: str, grace: int, now: float) -> tuple[list[str], float | None]:
    """(names of the revisions to delete now, seconds until the next one is due)."""
    due: list[str] = []
    waits: list[float] = []
    for each in owned:
        if each["metadata"]["name"] == active or each["metadata"].get("deletionTimestamp"):
            continue
        conditions = (each.get("status") or {}).get("conditions") or ()
        use: Object = next((c for c in conditions if c["type"] == "InUse"), {})
        if use.get("status") == status.TRUE:
            continue
        since = use.get("lastTransitionTime")
        at = calendar.timegm(time.strptime(since, "%Y-%m-%dT%H:%M:%SZ")) + grace if since else 0
        if at < now:
            due.append(each["metadata"]["name"])
        else:
            waits.append(at - now)
    return due, min(waits, default=None)


def counts(owned: list[Object]) -> Object:
    """`revisions` of the status."""

    def having(kind: str) -> int:
        conditions = [(each.get("status") or {}).get("conditions") or () for each in owned]
        return sum(any(c["type"] == kind and c["status"] == status.TRUE for c in found) for found in conditions)

    return {"total": len(owned), "ready": having("Ready"), "inUse": having("InUse")}


def _ensure_revision(context: Context, istio: Object) -> str:
    spec, name = istio["spec"], names.revision(istio)
    context.chart_version(spec)
    version = versions.resolve(context.operator.version, spec["version"])
    wanted = {"namespace": spec["namespace"], "version": version, "values": values.of_revision(istio, name)}
    store = context.store
    existing = store.get("IstioRevision", name)
    if existing is None:
        metadata = {"name": name, "ownerReferences": [store.owner(KIND, istio)]}
        api_version = f"{names.GROUP}/{store.versions['IstioRevision']}"
        body = {"apiVersion": api_version, "kind": "IstioRevision", "metadata": metadata, "spec": wanted}
        try:
            store.create("IstioRevision", body)
        except ApiError as error:
            if error.code != 409:
                raise
    elif existing["spec"] != wanted:
        body = {**existing, "spec": wanted}
        store.put("IstioRevision", store.api.request("PUT", store.path("IstioRevision", name), body))
    return name


def reconcile(context: Context, istio: Object) -> float | None:
    """One pass; seconds until the next one that is due by time alone, None for none."""
    if istio["metadata"].get("deletionTimestamp"):
        return None
    store, uid = context.store, istio["metadata"]["uid"]
    wait: float | None = None
    try:
        active = _ensure_revision(context, istio)
    except Invalid as error:
        words = "cannot determine readiness due to reconciliation error"
        conditions = [
            status.condition("Reconciled", status.FALSE, status.ERROR, str(error)),
            status.condition("Ready", status.UNKNOWN, status.ERROR, words),
        ]
        fields: Object = {"state": status.ERROR}
    else:
        owned = [each for each in store.all("IstioRevision") if names.is_owned(each, uid)]
        due, wait = prune(owned, active, grace_seconds(istio), time.time())
        for name in due:
            store.delete("IstioRevision", name)
        found = (store.get("IstioRevision", active) or {}).get("status") or {}
        conditions = status.mirrored(found)
        fields = {"state": found.get("state"), "activeRevisionName": active}
    owned = [each for each in store.all("IstioRevision") if names.is_owned(each, uid)]
    store.set_status(KIND, istio, conditions, revisions=counts(owned), **fields)
    return wait
