# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a waypoint stands on and in: the Gateway API, istiods, namespaces, and what is there of it already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..._checks import versions
from ..._checks.snapshot import labels_of, name_of, namespace_of
from ..._checks.versions import Version
from ..._desired.waypoints import parameters_name
from ..._errors import Forbidden
from ..._intent.waypoint import WaypointIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..live import Obj
from ..usage import REVISION_LABEL, TAG_LABEL, Usage, usage_of

DEFAULT = "default"
_DEFAULTS_FOR_CLASS = "gateway.istio.io/defaults-for-class"
_DEFAULT_VALIDATOR = "istiod-default-validator"


@dataclass(frozen=True, slots=True)
class Istiod:
    """One control plane. `version` is None where its image does not tell."""

    namespace: str
    revision: str
    version: Version | None


@dataclass(frozen=True, slots=True)
class Around:
    """What was read. Objects that are not there are None, or left out.

    `served`: the Gateway API is. `injectors`: revisions that have a webhook, be their istiod in this cluster or not.
    `default`: the revision that the default validator names, "" for none. `namespaces`: the waypoint's own, those of
    what is enrolled, and the mesh's. `class_patches`: keys of the patches that all waypoints of the class get.
    """

    served: bool = True
    istiods: tuple[Istiod, ...] = ()
    usage: Usage = field(default_factory=Usage)
    injectors: frozenset[str] = frozenset()
    default: str = ""
    classes: Mapping[str, Obj] = field(default_factory=dict)
    namespaces: Mapping[str, Obj] = field(default_factory=dict)
    gateway: Obj | None = None
    canary: Obj | None = None
    parameters: Obj | None = None
    autoscaler: Obj | None = None
    budget: Obj | None = None
    class_patches: frozenset[str] = frozenset()


def look(client: Client, intent: WaypointIntent) -> Around:
    """Read it, in parallel. Raises what the API server says."""
    waypoint, canary = intent.waypoint, intent.canary
    served = client.served(kinds.GATEWAY) and client.served(kinds.GATEWAY_CLASS)
    spaces = sorted({waypoint.namespace, intent.istio_namespace, *intent.enroll.homes})
    reads: dict[str, Callable[[], Any]] = {
        "istiods": lambda: client.list(kinds.DEPLOYMENT, labels="app=istiod"),
        "webhooks": lambda: client.list(kinds.MUTATING_WEBHOOK, labels=REVISION_LABEL, metadata_only=True),
        "validator": lambda: client.get(kinds.VALIDATING_WEBHOOK, _DEFAULT_VALIDATOR),
        "namespaces": lambda: _namespaces(client, spaces),
        "classes": lambda: client.list(kinds.GATEWAY_CLASS) if served else [],
        "gateway": lambda: client.get(kinds.GATEWAY, waypoint.name, waypoint.namespace) if served else None,
        "canary": lambda: _canary(client, intent) if served and canary is not None else None,
        "parameters": lambda: client.get(kinds.CONFIG_MAP, parameters_name(waypoint.name), waypoint.namespace),
        "autoscaler": lambda: client.get(kinds.HPA, waypoint.name, waypoint.namespace),
        "budget": lambda: client.get(kinds.PDB, waypoint.name, waypoint.namespace),
        "class_patches": lambda: _class_patches(client, intent),
    }
    found = dict(zip(reads, client.many(lambda read: read(), reads.values()), strict=True))
    hooks = found["webhooks"]
    return Around(
        served=served,
        istiods=tuple(_istiod(one) for one in found["istiods"]),
        usage=usage_of(
            istiods=found["istiods"], tag_webhooks=[hook for hook in hooks if labels_of(hook).get(TAG_LABEL)]
        ),
        injectors=frozenset(str(labels_of(hook)[REVISION_LABEL]) for hook in hooks),
        default=str(labels_of(found["validator"] or {}).get(REVISION_LABEL, "")),
        classes={name_of(one): one for one in found["classes"]},
        namespaces={name_of(one): one for one in found["namespaces"]},
        gateway=found["gateway"],
        canary=found["canary"],
        parameters=found["parameters"],
        autoscaler=found["autoscaler"],
        budget=found["budget"],
        class_patches=found["class_patches"],
    )


def _namespaces(client: Client, names: list[str]) -> list[Obj]:
    return [one for one in client.many(lambda name: client.get(kinds.NAMESPACE, name), names) if one is not None]


def _canary(client: Client, intent: WaypointIntent) -> Obj | None:
    if intent.canary is None:
        return None
    return client.get(kinds.GATEWAY, intent.canary.waypoint.name, intent.canary.waypoint.namespace)


def _class_patches(client: Client, intent: WaypointIntent) -> frozenset[str]:
    """The keys of what all waypoints of this class get; none where that may not be read."""
    with suppress(Forbidden):
        labels = f"{_DEFAULTS_FOR_CLASS}={intent.gateway_class}"
        found = client.list(kinds.CONFIG_MAP, intent.istio_namespace, labels=labels)
        return frozenset(key for one in found for key in one.get("data") or {})
    return frozenset()


def _istiod(deployment: Obj) -> Istiod:
    revision = str(labels_of(deployment).get(REVISION_LABEL) or DEFAULT)
    return Istiod(namespace_of(deployment), revision, versions.of_workload(deployment, "discovery"))


def istiod_of(around: Around, intent: WaypointIntent) -> tuple[str, Istiod | None]:
    """The revision or tag by which the Gateway goes, and the istiod behind it, where it runs in this cluster.

    As istiod decides it: the Gateway's label, else its namespace's, else the default tag or the default revision.
    """
    home = around.namespaces.get(intent.waypoint.namespace) or {}
    asked = intent.revision or str(labels_of(home).get(REVISION_LABEL, ""))
    if not asked:
        known = {*around.usage.revisions, *around.usage.tags}
        asked = DEFAULT if DEFAULT in known else around.default
    revision = around.usage.resolve(asked)
    return asked, next((one for one in around.istiods if one.revision == revision), None)
