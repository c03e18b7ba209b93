# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IstioRevision: an istiod by Helm, and how it is."""

from __future__ import annotations

from typing import Any

from . import names, status, switches
from .context import Context, Invalid
from .releases import HelmError, Wanted

Object = dict[str, Any]
KIND = "IstioRevision"


def _install(context: Context, item: Object) -> None:
    name, spec = item["metadata"]["name"], item["spec"]
    version = context.chart_version(spec)
    context.check_namespace(spec["namespace"])
    if context.store.get("IstioRevisionTag", name) is not None:
        raise Invalid("an IstioRevisionTag exists with this name")
    istio, deployment = context.istio_of(item), context.operator.deployment
    context.fail_if_told(item, spec["version"], istio, deployment)
    nowhere = switches.NOWHERE if switches.never_ready(spec["version"], item, istio, deployment) else {}
    shared: Object = {
        "version": version,
        "values": spec.get("values") or {},
        "owner": context.store.owner(KIND, item),
        "node_selector": nowhere,
    }
    workload = ("Deployment", spec["namespace"], names.istiod(name))
    release = names.release(name, "istiod")
    context.install(item, Wanted(release, spec["namespace"], "istiod", **shared), workload)
    if name == names.DEFAULT:
        context.install(item, Wanted(names.release(name, "base"), context.operator.namespace, "base", **shared))


def _remove(context: Context, item: Object) -> None:
    name = item["metadata"]["name"]
    context.uninstall(item["spec"]["namespace"], names.release(name, "istiod"))
    if name == names.DEFAULT:
        context.uninstall(context.operator.namespace, names.release(name, "base"))
    context.store.let_go(KIND, item)


def is_used(name: str, tags: list[Object], revisions: set[str]) -> bool:
    """Whether a tag's status, a namespace or a pod names the revision."""
    return name in revisions or any((tag.get("status") or {}).get("istioRevision") == name for tag in tags)


def reconcile(context: Context, item: Object) -> float | None:
    """One pass. Errors: HelmError, after the status says it."""
    if item["metadata"].get("deletionTimestamp"):
        _remove(context, item)
        return None
    store = context.store
    item = store.keep(KIND, item)
    failed: Exception | None = None
    try:
        _install(context, item)
    except (Invalid, HelmError) as error:
        failed = error
    name, spec = item["metadata"]["name"], item["spec"]
    deployment = store.get("Deployment", f"{spec['namespace']}/{names.istiod(name)}")
    used, _labels = store.used()
    conditions = [
        status.reconciled(None if failed is None else str(failed)),
        status.istiod_ready(deployment),
        status.dependencies(
            spec.get("values") or {}, store.get("IstioCNI", names.DEFAULT), store.get("ZTunnel", names.DEFAULT)
        ),
    ]
    in_use = status.in_use(is_used(name, store.all("IstioRevisionTag"), used))
    store.set_status(KIND, item, [*conditions, in_use], state=status.state(conditions))
    if isinstance(failed, HelmError):
        raise failed
    return None
