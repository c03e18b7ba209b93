# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Waiting until a mesh is ready: its workloads by their own status, its webhooks by answering."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..._desired.layout import IN_PLACE, istiod_name
from ..._errors import ApiError, Rejected, SettleTimeout
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..._kube.kinds import Kind
from ..settle import Ref, settle
from ..usage import REVISION_LABEL

_WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet")
_KINDS = (kinds.MUTATING_WEBHOOK, kinds.VALIDATING_WEBHOOK)
_PAUSE = 0.5
# Seconds for a question that is asked though the time to wait is over.
_ONE_LOOK = 10.0
# Every cluster has it.
_ELSEWHERE = "default"
_PROXY = "istio-proxy"
_GOOD: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "spec": {"egress": [{"hosts": ["./*"]}]},
}
_BAD: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "spec": {"hosts": ["probe"], "http": [{"route": [{"destination": {"host": "probe"}, "weight": -1}]}]},
}


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


def settle_webhooks(
    client: Client,
    objects: Iterable[Mapping[str, Any]],
    namespace: str,
    deadline: Deadline,
    *,
    revisions: Iterable[str] | None = None,
) -> None:
    """Wait until istiod has put its certificate into its webhooks among these objects, then ask each revision.

    Until then the validating webhook lets everything pass, and injection fails. Webhooks of other revisions than these
    are left out.
    """
    found = [(kind, obj) for obj in objects for kind in _KINDS if obj.get("kind") == kind.kind]
    known = {_revision(obj) for _kind, obj in found} if revisions is None else set(revisions)
    mine = [(kind, obj["metadata"]["name"], _revision(obj)) for kind, obj in found if _revision(obj) in known]
    _wait_for_bundles(client, [(kind, name) for kind, name, _rev in mine], deadline)
    for revision in sorted({revision for _kind, _name, revision in mine}):
        if validator_name(revision, namespace) in {name for _kind, name, _rev in mine}:
            _until_answered(client, lambda one, rev=revision: probe_validation(one, rev, namespace), deadline)  # type: ignore[misc]
        if any(kind is kinds.MUTATING_WEBHOOK and rev == revision for kind, _name, rev in mine):
            _until_answered(client, lambda one, rev=revision: probe_injection(one, rev), deadline)  # type: ignore[misc]


def settle_revision(client: Client, revision: str, namespace: str, deadline: Deadline) -> None:
    """Wait until a revision that is installed already can be led to: its istiod ready, its webhooks answering.

    Looks once where no time is left. Raises SettleTimeout.
    """
    settle(client, [(kinds.DEPLOYMENT, namespace, istiod_name(revision))], deadline=deadline)
    selector = f"{REVISION_LABEL}={revision}"
    there = [obj for kind in _KINDS for obj in client.list(kind, labels=selector)]
    settle_webhooks(client, there, namespace, deadline, revisions=[revision])


def _wait_for_bundles(client: Client, names: list[tuple[Kind, str]], deadline: Deadline) -> None:
    waiting = dict.fromkeys(names, "not looked at yet")
    patient = client.with_deadline(Deadline(max(deadline.left(), _ONE_LOOK)))
    while waiting:
        waiting = {which: why for which in waiting if (why := _webhook_problem(patient.get(*which)))}
        if waiting and deadline.passed:
            raise _timeout({kind.label(None, name): why for (kind, name), why in waiting.items()}, deadline)
        if waiting:
            deadline.sleep(_PAUSE)


def _until_answered(client: Client, probe: Callable[[Client], str], deadline: Deadline) -> None:
    while problem := probe(client.with_deadline(Deadline(max(deadline.left(), _ONE_LOOK)))):
        if deadline.passed:
            raise _timeout({"istiod's webhooks": problem}, deadline)
        deadline.sleep(_PAUSE)


def validator_name(revision: str, namespace: str) -> str:
    """The ValidatingWebhookConfiguration of a revision's own objects."""
    return f"istio-validator-{namespace}" if revision == IN_PLACE else f"istio-validator-{revision}-{namespace}"


def probe_validation(client: Client, revision: str, namespace: str) -> str:
    """Ask a revision's validating webhook about a good object and a bad one, by dry run; "" or what is wrong.

    `namespace` is the mesh's.
    """
    name = validator_name(revision, namespace)
    if problem := _webhook_problem(client.get(kinds.VALIDATING_WEBHOOK, name)):
        return f"ValidatingWebhookConfiguration {name}: {problem}"
    meta = {"generateName": "meshwright-probe-", "namespace": namespace, "labels": {REVISION_LABEL: revision}}
    try:
        client.create({**_GOOD, "metadata": meta}, dry_run=True)
    except ApiError as error:
        return f"a valid Sidecar of revision {revision} is not admitted: {error}"
    try:
        client.create({**_BAD, "metadata": meta}, dry_run=True)
    except Rejected as error:
        return "" if not error.details.get("webhook") else str(error)
    except ApiError as error:
        return f"an invalid VirtualService of revision {revision} was not judged: {error}"
    return f"an invalid VirtualService of revision {revision} is admitted"


def probe_injection(client: Client, revision: str) -> str:
    """Ask a revision's injector about a Pod in the namespace `default`, by dry run; "" or what is wrong.

    Also "" where the answer could say nothing: the namespace has a revision of its own, or a policy refuses the Pod.
    """
    space = client.get(kinds.NAMESPACE, _ELSEWHERE)
    labels = ((space or {}).get("metadata") or {}).get("labels") or {}
    if space is None or REVISION_LABEL in labels or "istio-injection" in labels:
        return ""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "meshwright-probe-",
            "namespace": _ELSEWHERE,
            "labels": {REVISION_LABEL: revision, "sidecar.istio.io/inject": "true"},
        },
        "spec": {"containers": [{"name": "probe", "image": "registry.example.com/probe"}]},
    }
    try:
        answer = client.create(pod, dry_run=True)
    except ApiError as error:
        return str(error) if "sidecar-injector.istio.io" in str(error) or not error.status else ""
    spec = answer.get("spec") or {}
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    if any(container.get("name") == _PROXY for container in containers):
        return ""
    return f"a Pod of revision {revision} gets no sidecar"


def _revision(obj: Mapping[str, Any]) -> str:
    return str((obj["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


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
