# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a mesh leaves behind beside its releases: what istiod itself wrote, and who still relies on the mesh."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..._desired.gateway_api import GROUP as GATEWAY_GROUP
from ..._desired.gateway_api import managed_by_us
from ..._desired.helm import MADE_BY
from ..._desired.layout import IN_PLACE
from ..._errors import GuardRefused
from ..._intent.mesh import MeshIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..settle import Ref

_ROOT_CONFIG_MAPS = ("istio-ca-root-cert", "istio-ca-crl")
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_CONTROLLERS = "istio.io/"
# istiod's self-signed root. A `cacerts` Secret is the user's own and is never touched.
_ROOT_SECRET = "istio-ca-secret"
_LISTED = 10


def other_istiods(istiods: Iterable[Mapping[str, Any]], namespace: str, mine: Collection[str]) -> list[str]:
    """istiods that this run does not remove, as `namespace/name`: what is shared with them must stay.

    `mine` are Deployments of Helm in this namespace.
    """
    return sorted(
        f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
        for obj in istiods
        if obj["metadata"]["namespace"] != namespace
        or obj["metadata"]["name"] not in mine
        or (obj["metadata"].get("labels") or {}).get("app.kubernetes.io/managed-by") != "Helm"
    )


def elections_of(client: Client, namespace: str, revision: str) -> list[Ref]:
    """What one revision's istiods elected themselves by, that other revisions do not share."""
    if revision == IN_PLACE:
        return []
    refs: list[Ref] = []
    for kind in (kinds.CONFIG_MAP, kinds.LEASE):
        found = client.list(kind, namespace, metadata_only=True)
        names = [obj["metadata"]["name"] for obj in found]
        refs += [
            (kind, namespace, name) for name in names if name.startswith("istio-") and name.endswith(f"-{revision}")
        ]
    return refs


def elections_in(client: Client, namespace: str) -> list[Ref]:
    """What the istiods of a namespace elected themselves by."""
    maps = client.list(kinds.CONFIG_MAP, namespace, metadata_only=True)
    leases = client.list(kinds.LEASE, namespace)
    return [
        (kinds.CONFIG_MAP, namespace, obj["metadata"]["name"])
        for obj in maps
        if _LEADER in (obj["metadata"].get("annotations") or {}) and obj["metadata"]["name"].startswith("istio-")
    ] + [
        (kinds.LEASE, namespace, obj["metadata"]["name"])
        for obj in leases
        if obj["metadata"]["name"].startswith("istio-")
    ]


def written_by_istiod(client: Client, intent: MeshIntent) -> list[Ref]:
    """What istiod wrote and no release holds: root certificates everywhere, elections, GatewayClasses, webhooks."""
    refs: list[Ref] = []

    def look(what: str) -> list[Ref]:
        if what == "roots":
            found = client.list(kinds.CONFIG_MAP, labels="istio.io/config=true", metadata_only=True)
            return [
                (kinds.CONFIG_MAP, obj["metadata"]["namespace"], obj["metadata"]["name"])
                for obj in found
                if obj["metadata"]["name"] in _ROOT_CONFIG_MAPS
            ]
        if what == "elections":
            return elections_in(client, intent.namespace)
        if what == "classes":
            return [
                (kinds.GATEWAY_CLASS, None, obj["metadata"]["name"])
                for obj in client.list(kinds.GATEWAY_CLASS)
                if str((obj.get("spec") or {}).get("controllerName", "")).startswith(_CONTROLLERS)
            ]
        return [
            (kind, None, obj["metadata"]["name"])
            for kind in (kinds.MUTATING_WEBHOOK, kinds.VALIDATING_WEBHOOK)
            for obj in client.list(kind)
            if calls_istiod(obj, intent.namespace)
        ]

    for found in client.many(look, ["roots", "elections", "classes", "webhooks"]):
        refs += found
    return refs


def calls_istiod(webhooks: Mapping[str, Any], namespace: str) -> bool:
    """Whether every webhook of a configuration calls an istiod in this namespace: dead once that istiod is gone."""
    services = [(webhook.get("clientConfig") or {}).get("service") or {} for webhook in webhooks.get("webhooks") or []]
    return bool(services) and all(
        service.get("namespace") == namespace and str(service.get("name", "")).startswith("istiod")
        for service in services
    )


def purgeable(
    client: Client, intent: MeshIntent, namespaces: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Ref], list[str]]:
    """What `purge` removes besides, and notes on what it keeps.

    Istio's CRDs with all their objects, the self-signed root, the Gateway API's CRDs if we installed them and nothing
    uses them, namespaces that we made.
    """
    refs: list[Ref] = []
    notes = []
    crds = client.list(kinds.CRD, metadata_only=True)
    gateway_crds = []
    for crd in crds:
        name = crd["metadata"]["name"]
        if name.endswith(".istio.io"):
            refs.append((kinds.CRD, None, name))
        elif name.endswith(f".{GATEWAY_GROUP}") and managed_by_us(crd):
            gateway_crds.append(name)
    if gateway_crds:
        used = _gateway_objects(client)
        if used:
            notes.append(f"the Gateway API's CRDs stay, since they are in use: {_some(used)}")
        else:
            refs += [(kinds.CRD, None, name) for name in gateway_crds]
            for kind in (kinds.VALIDATING_POLICY, kinds.VALIDATING_POLICY_BINDING):
                found = client.list(kind, metadata_only=True)
                refs += [
                    (kind, None, o["metadata"]["name"]) for o in found if o["metadata"]["name"].endswith(GATEWAY_GROUP)
                ]
    refs.append((kinds.SECRET, intent.namespace, _ROOT_SECRET))
    for name in dict.fromkeys((intent.ztunnel_namespace, intent.cni_namespace, intent.namespace)):
        known = namespaces.get(name)
        if known and MADE_BY in (known["metadata"].get("labels") or {}):
            refs.append((kinds.NAMESPACE, None, name))
        elif known:
            notes.append(f"Namespace {name} stays: it was not made by this collection")
    return refs, notes


def _gateway_objects(client: Client) -> list[str]:
    """Objects of the Gateway API that are not istiod's own classes."""
    found = [
        f"GatewayClass {obj['metadata']['name']}"
        for obj in client.list(kinds.GATEWAY_CLASS)
        if not str((obj.get("spec") or {}).get("controllerName", "")).startswith(_CONTROLLERS)
    ]
    for kind in (kinds.GATEWAY, kinds.HTTP_ROUTE, kinds.GRPC_ROUTE, kinds.REFERENCE_GRANT):
        listed = client.list(kind, metadata_only=True)
        found += [kind.label(obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in listed]
    return found


def enrolled(client: Client, namespaces: Iterable[Mapping[str, Any]], classes: Iterable[str]) -> list[str]:
    """Who relies on the mesh: labelled namespaces, pods with a sidecar, Gateways of Istio's classes."""
    told = []
    for obj in namespaces:
        labels = obj["metadata"].get("labels") or {}
        if labels.get("istio.io/dataplane-mode") == "ambient":
            told.append(f"Namespace {obj['metadata']['name']} (ambient)")
        elif labels.get("istio-injection") == "enabled" or "istio.io/rev" in labels:
            told.append(f"Namespace {obj['metadata']['name']} (sidecar injection)")
    pods = client.list(kinds.POD, labels="security.istio.io/tlsMode=istio", metadata_only=True)
    counts: dict[str, int] = {}
    for pod in pods:
        counts[pod["metadata"]["namespace"]] = counts.get(pod["metadata"]["namespace"], 0) + 1
    told += [f"{count} pods with a sidecar in namespace {name}" for name, count in sorted(counts.items())]
    wanted = set(classes)
    for gateway in client.list(kinds.GATEWAY):
        if (gateway.get("spec") or {}).get("gatewayClassName") in wanted:
            told.append(kinds.GATEWAY.label(gateway["metadata"]["namespace"], gateway["metadata"]["name"]))
    return told


def guard_enrolled(intent: MeshIntent, told: list[str]) -> list[str]:
    """Refuse to take a mesh from under its workloads; notes when that was allowed."""
    if told and not intent.allow_enrolled:
        raise GuardRefused(
            f"The mesh is still in use: {_some(told)}.",
            hint="Take these out of the mesh and restart their pods first, or set allow_enrolled: true.",
            details={"enrolled": told},
        )
    return [f"removed from under {_some(told)} (allow_enrolled)"] if told else []


def _some(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
