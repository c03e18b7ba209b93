# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What one revision's istiod says of the objects that are there, by dry runs that only its webhook sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._checks.snapshot import annotations_of, labels_of, name_of, namespace_of
from ..._errors import Invalid, Rejected
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
        if "webhook" in error.details:
            raise  # It could not be asked, so it did not refuse.
        return error.message
    return ""


def _try(client: Client, obj: Mapping[str, Any]) -> None:
    client.with_deadline(Deadline(_PROBE_TIME)).create(obj, dry_run=True)


def _metadata(namespace: str, revision: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A copy under another name, labelled so that only this revision's webhooks are asked."""
    return {
        "generateName": _PROBE,
        "namespace": namespace,
        "labels": {**(labels or {}), REVISION_LABEL: revision},
    }
