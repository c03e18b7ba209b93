# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IstioRevisionTag: the webhooks of a tag by Helm, and what it points at."""

from __future__ import annotations

from typing import Any

from . import names, status, values
from .context import Context, Invalid
from .releases import HelmError, Wanted

Object = dict[str, Any]
KIND = "IstioRevisionTag"
CHART = "revisiontags"


class Refused(Exception):
    """A tag that cannot be: `reason` is that of its condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _resolve(context: Context, item: Object) -> Object:
    """The IstioRevision that the tag points at. Errors: Refused, Invalid."""
    store, reference = context.store, item["spec"]["targetRef"]
    if store.get("IstioRevision", item["metadata"]["name"]) is not None:
        raise Refused("NameAlreadyExists", "there is an IstioRevision with this name")
    name = reference["name"]
    target = store.get(reference["kind"], name)
    if target is None:
        raise Refused("RefNotFound", f"referenced {reference['kind']} resource does not exist")
    if reference["kind"] == "Istio":
        name = (target.get("status") or {}).get("activeRevisionName")
        if not name:
            raise Invalid("referenced Istio has no active revision")
    found = store.get("IstioRevision", name)
    if found is None:
        raise Invalid(status.not_found("IstioRevision", name))
    return found


def _install(context: Context, item: Object, revision: Object) -> None:
    name = item["metadata"]["name"]
    version = context.chart_version(revision["spec"])
    context.fail_if_told(item, revision["spec"]["version"])
    wanted = Wanted(
        name=names.release(name, CHART),
        namespace=revision["spec"]["namespace"],
        chart=CHART,
        version=version,
        values=values.of_tag(revision, name),
        owner=context.store.owner(KIND, item),
    )
    context.install(item, wanted)


def _usage(context: Context, item: Object, target: str | None) -> Object:
    """The condition InUse; `target` is why what the tag points at was not found, if it was not."""
    _revisions, labels = context.store.used()
    if item["metadata"]["name"] in labels:
        return status.in_use(True)
    if target is not None:
        message = f"failed to determine if revision tag is in use: {target}"
        return status.condition("InUse", status.UNKNOWN, "UsageCheckFailed", message)
    return status.in_use(False)


def reconcile(context: Context, item: Object) -> float | None:
    """One pass. Errors: HelmError, after the status says it."""
    before = item.get("status") or {}
    if item["metadata"].get("deletionTimestamp"):
        context.uninstall(before.get("istiodNamespace", ""), names.release(item["metadata"]["name"], CHART))
        context.store.let_go(KIND, item)
        return None
    item = context.store.keep(KIND, item)
    reference = item["spec"]["targetRef"]
    fields: Object = {name: before.get(name, "") for name in ("istioRevision", "istiodNamespace")}
    failed: Exception | None = None
    missing: str | None = None
    reconciled = status.reconciled(None)
    try:
        revision = _resolve(context, item)
        _install(context, item, revision)
        fields = {"istioRevision": revision["metadata"]["name"], "istiodNamespace": revision["spec"]["namespace"]}
    except Refused as error:
        reconciled = status.condition("Reconciled", status.FALSE, error.reason, str(error))
        if error.reason == "RefNotFound":
            missing = status.not_found(reference["kind"], reference["name"])
    except (Invalid, HelmError) as error:
        failed = error
        reconciled = status.reconciled(str(error))
    conditions = [reconciled, _usage(context, item, missing)]
    context.store.set_status(KIND, item, conditions, state=status.state(conditions), **fields)
    if isinstance(failed, HelmError):
        raise failed
    return None
