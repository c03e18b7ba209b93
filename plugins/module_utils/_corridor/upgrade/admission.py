# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What one revision's istiod says to admission, asked by dry runs that only its webhooks see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._checks.snapshot import annotations_of, labels_of, name_of, namespace_of
from ..._errors import ApiError, Forbidden, Invalid, Rejected
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..._kube.kinds import Kind
from ..usage import REVISION_LABEL

POLICY_KINDS: tuple[Kind, ...] = (
    kinds.VIRTUAL_SERVICE,
    kinds.DESTINATION_RULE,
    kinds.ISTIO_GATEWAY,
    kinds.SERVICE_ENTRY,
    kinds.SIDECAR,
    kinds.WORKLOAD_ENTRY,
    kinds.WORKLOAD_GROUP,
    kinds.ENVOY_FILTER,
    kinds.PROXY_CONFIG,
    kinds.AUTHORIZATION_POLICY,
    kinds.PEER_AUTHENTICATION,
    kinds.REQUEST_AUTHENTICATION,
    kinds.TELEMETRY,
    kinds.WASM_PLUGIN,
)
# Of each kind; the rest is counted and said.
MOST = 200
_PROBE = "meshwright-probe-"
# Seconds for one dry run: a webhook that does not answer is asked again until then.
_PROBE_TIME = 15.0


def validation_problem(client: Client, namespace: str, revision: str) -> str:
    """Why the revision's validating webhook cannot be relied on; "" when it lets good through, and refuses bad."""
    good = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": _metadata(namespace, revision),
        "spec": {"egress": [{"hosts": ["./*"]}]},
    }
    route = {"route": [{"destination": {"host": "probe"}, "weight": -3}]}
    bad = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": _metadata(namespace, revision),
        "spec": {"hosts": ["probe.invalid"], "http": [route]},
    }
    try:
        _try(client, good)
    except Forbidden:
        raise
    except ApiError as error:
        return f"its validating webhook does not answer: {error.message}"
    try:
        _try(client, bad)
    except (Rejected, Invalid) as error:
        return f"its validating webhook does not answer: {error.message}" if _down(error) else ""
    return "its validating webhook lets a bad VirtualService through: nothing is validated"


def injection_problem(client: Client, namespace: str, revision: str) -> str:
    """Why the revision's injecting webhook cannot be relied on; "" when a pod that asks for it gets a proxy."""
    spaces = {name_of(space): labels_of(space) for space in client.list(kinds.NAMESPACE, metadata_only=True)}
    marks = spaces.get(namespace, {})
    if "istio-injection" in marks or REVISION_LABEL in marks:
        return ""  # Its namespace's own labels decide there, so a pod could not ask for this revision.
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(namespace, revision),
        "spec": {"containers": [{"name": "probe", "image": "probe.invalid/probe:1"}]},
    }
    try:
        made = _try(client, pod)
    except Forbidden:
        raise
    except ApiError as error:
        return f"its injecting webhook does not answer: {error.message}"
    spec = made.get("spec") or {}
    names = {one.get("name") for key in ("containers", "initContainers") for one in spec.get(key) or ()}
    return "" if "istio-proxy" in names else "its injecting webhook did not inject a pod that asks for it"


def policies_problem(client: Client, revision: str, old: str) -> tuple[list[str], str]:
    """The objects that the revision's istiod rejects, in words, and what was looked at.

    What the old revision's istiod rejects as well was there before validation was, and is no news.
    """
    problems: list[str] = []
    notes: list[str] = []
    count = 0
    for kind, found in zip(POLICY_KINDS, client.many(client.list, POLICY_KINDS), strict=True):
        chosen = sorted(found, key=lambda obj: (namespace_of(obj), name_of(obj)))[:MOST]
        if len(found) > MOST:
            notes.append(f"the first {MOST} of {len(found)} of kind {kind.kind}")
        count += len(chosen)
        for obj, problem in zip(chosen, client.many(lambda obj: _problem(client, obj, revision), chosen), strict=True):
            if problem and not _problem(client, obj, old):
                problems.append(f"{kind.label(namespace_of(obj), name_of(obj))}: {problem}")
    said = f"{count} {'object' if count == 1 else 'objects'} validated by dry run"
    return problems, said + (f"; only {', '.join(notes)}" if notes else "")


def _problem(client: Client, obj: Mapping[str, Any], revision: str) -> str:
    copy = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {
            **_metadata(namespace_of(obj), revision, labels_of(obj)),
            "annotations": {
                name: text
                for name, text in annotations_of(obj).items()
                if not name.startswith("kubectl.kubernetes.io/")
            },
        },
        **({"spec": obj["spec"]} if "spec" in obj else {}),
    }
    try:
        _try(client, copy)
    except (Rejected, Invalid) as error:
        if _down(error):
            raise
        return error.message
    return ""


def _try(client: Client, obj: Mapping[str, Any]) -> dict[str, Any]:
    return client.with_deadline(Deadline(_PROBE_TIME)).create(obj, dry_run=True)


def _down(error: ApiError) -> bool:
    """Whether a webhook could not be asked, rather than refused."""
    return "webhook" in error.details


def _metadata(namespace: str, revision: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A copy under another name, labelled so that only this revision's webhooks are asked."""
    return {
        "generateName": _PROBE,
        "namespace": namespace,
        "labels": {**(labels or {}), REVISION_LABEL: revision},
    }
