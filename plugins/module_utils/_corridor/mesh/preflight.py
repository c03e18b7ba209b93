# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the cluster must offer before the first write: nodes, and the permissions that an installation needs."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._errors import Forbidden, GuardRefused
from ..._intent.mesh import MeshIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind


class Access(NamedTuple):
    """One thing that must be allowed; `namespace` is "" for cluster-scoped kinds."""

    verb: str
    kind: Kind
    namespace: str

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.kind.resource}{where}"


def needed(intent: MeshIntent) -> list[Access]:
    """A handful of permissions that stand for the rest: who lacks one of them cannot install a mesh."""
    wanted = [
        Access("create", kinds.NAMESPACE, ""),
        Access("patch", kinds.CRD, ""),
        Access("create", kinds.MUTATING_WEBHOOK, ""),
        Access("create", kinds.VALIDATING_WEBHOOK, ""),
        Access("create", kinds.CLUSTER_ROLE, ""),
        Access("create", kinds.CLUSTER_ROLE_BINDING, ""),
    ]
    for component in intent.components:
        if component in ("cni", "ztunnel") and not intent.node_agents:
            continue
        namespace = intent.namespace_of(component)
        wanted.append(Access("create", kinds.SECRET, namespace))
        if component != "base":
            workload = kinds.DEPLOYMENT if component == "istiod" else kinds.DAEMON_SET
            wanted.append(Access("create", workload, namespace))
    return list(dict.fromkeys(wanted))


def preflight(client: Client, intent: MeshIntent) -> list[str]:
    """Notes on what was found. Raises Forbidden naming every missing permission, GuardRefused without a node."""
    wanted = needed(intent)
    allowed = client.many(lambda access: _allowed(client, access), wanted)
    missing = [str(access) for access, yes in zip(wanted, allowed, strict=True) if not yes]
    if missing:
        raise Forbidden(
            f"Installing a mesh at {client.connection.server} needs what this account may not: {', '.join(missing)}.",
            status=403,
            verb="create",
            target="the mesh",
            hint="Use an account with the role cluster-admin, or have them granted.",
            details={"missing": missing},
        )
    try:
        nodes = client.list(kinds.NODE)
    except Forbidden:
        return ["the nodes may not be listed by this account, so whether one is ready was not checked"]
    usable = [node for node in nodes if not (node.get("spec") or {}).get("unschedulable") and _ready(node)]
    if not usable and intent.wait:
        raise GuardRefused(
            f"No node of {client.connection.server} is ready ({len(nodes)} known): nothing installed could run.",
            hint="Bring up a node, or set wait: false to install all the same.",
        )
    return [f"{len(usable)} of {len(nodes)} nodes ready"]


def _allowed(client: Client, access: Access) -> bool:
    attributes: dict[str, Any] = {"verb": access.verb, "group": access.kind.group, "resource": access.kind.plural}
    if access.namespace:
        attributes["namespace"] = access.namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = client.raw("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review).json()
    return bool((answer.get("status") or {}).get("allowed"))


def _ready(node: dict[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)
