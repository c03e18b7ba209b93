# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stories of namespaces on the move share: a mesh, a shop with policies, and how an operator looks at it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.integration.enrollment.conftest import workload
from tests.integration.support import modules, xds
from tests.integration.support.embedded import Embedded

from .telling import Story

Object = dict[str, Any]
SHOP = "shop"
JOURNAL = "meshwright-enrollment"
# Has a playbook give back what was.
RETURN: dict[str, Any] = {"return": True}
_KUBERNETES_OWN = "kubernetes.io/metadata.name"
_WORKLOADS = "deployments,statefulsets,daemonsets"


def begin(cluster: Embedded, folder: Path) -> Story:
    """An ambient mesh on a fresh cluster; reports go to `folder`/reports."""
    reports = {"mesh_reports": str(folder / "reports")}
    story = Story(cluster, cluster.playbooks(folder), reports)
    version = cluster.versions["current"]
    story.tell(f"Install Istio {version}, ambient; istiod injects sidecars as well.")
    story.play("site", control_plane_version=version).ok()
    return story


def namespace(story: Story, name: str, *apps: str, labels: Mapping[str, str] | None = None, **more: Any) -> None:
    """A namespace with these labels, and in it for each app a Deployment of two pods, a Service, a ServiceAccount."""
    meta = {"name": name, "labels": dict(labels or {})}
    story.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    for app in apps:
        deployment, service = workload(name, app)
        deployment["spec"].update(more)
        deployment["spec"]["template"]["spec"]["serviceAccountName"] = app
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": app, "namespace": name}}
        story.kubectl.apply(account, deployment, service)
    for app in apps:
        story.kubectl("-n", name, "rollout", "status", f"deployment/{app}", "--timeout=90s")


def shop_policies() -> list[Object]:
    """By selectors, as sidecars carry them out: mutual TLS only, one of L7, one by a client's identity."""
    admin = {"to": [{"operation": {"paths": ["/admin"]}}]}
    checkout = {"from": [{"source": {"principals": [f"cluster.local/ns/{SHOP}/sa/checkout"]}}]}
    strict = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": SHOP},
        "spec": {"mtls": {"mode": "STRICT"}},
    }
    return [
        strict,
        authorization("deny-admin", "cart", "DENY", admin),
        authorization("only-checkout", "payment", "ALLOW", checkout),
    ]


def authorization(name: str, app: str, action: str, rule: Object) -> Object:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": SHOP, "labels": {"team": "shop"}},
        "spec": {"selector": {"matchLabels": {"app": app}}, "action": action, "rules": [rule]},
    }


def budget(app: str) -> Object:
    """At least one of its pods has to be there at any time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app, "namespace": SHOP},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}},
    }


# -- how it is looked at --------------------------------------------------------------------------------


def labels(story: Story, name: str) -> dict[str, str]:
    """A namespace's labels, less the one that Kubernetes sets."""
    found = dict(story.kubectl.json("get", "namespace", name)["metadata"].get("labels") or {})
    found.pop(_KUBERNETES_OWN, None)
    return found


def modes(story: Story, name: str) -> dict[str, int]:
    """How many of the namespace's own pods are sidecar, ambient, none; waypoints and ending pods do not count."""
    found: Counter[str] = Counter()
    for pod in story.kubectl.json("-n", name, "get", "pods", "-l", "app")["items"]:
        if "deletionTimestamp" in pod["metadata"]:
            continue
        containers = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
        if any(one["name"] == "istio-proxy" for one in containers):
            found["sidecar"] += 1
        elif (pod["metadata"].get("annotations") or {}).get("ambient.istio.io/redirection") == "enabled":
            found["ambient"] += 1
        else:
            found["none"] += 1
    return dict(found)


def generations(story: Story, name: str) -> dict[str, int]:
    """How often each workload's template was changed, less waypoints."""
    found = story.kubectl.json("-n", name, "get", _WORKLOADS)["items"]
    mine = [one for one in found if "app" in one["spec"]["selector"]["matchLabels"]]
    return {one["metadata"]["name"]: int(one["metadata"]["generation"]) for one in mine}


def policies(story: Story, name: str) -> dict[str, Object]:
    """Each policy's labels, annotations and spec, by kind and name."""
    kinds = "authorizationpolicies.security.istio.io,peerauthentications.security.istio.io"
    return {
        f"{one['kind']} {one['metadata']['name']}": {
            "labels": one["metadata"].get("labels"),
            "annotations": one["metadata"].get("annotations"),
            "spec": one["spec"],
        }
        for one in story.kubectl.json("-n", name, "get", kinds)["items"]
    }


def waypoints(story: Story, name: str) -> list[str]:
    found = story.kubectl.json("-n", name, "get", "gateways.gateway.networking.k8s.io")["items"]
    return [str(one["metadata"]["name"]) for one in found]


def journal(story: Story, name: str) -> bool:
    """Whether the namespace has a journal of a move."""
    found = story.kubectl.json("-n", name, "get", "configmaps")["items"]
    return JOURNAL in {one["metadata"]["name"] for one in found}


def report(story: Story, wave: str) -> Object:
    """What a wave left on disk, for programs; the page for people is beside it."""
    folder = Path(story.variables["mesh_reports"]) / "localhost"
    page = (folder / f"{wave}.md").read_text(encoding="utf-8")
    found: Object = json.loads((folder / f"{wave}.json").read_text(encoding="utf-8"))
    assert page.startswith(f"# Wave {wave}: {found['outcome']}\n")
    return found


def status(story: Story, name: str, **more: Any) -> Object:
    """Where a namespace is, as the module says."""
    task = {"meshwright.istio.mesh_enrollment": {"state": "status", "namespaces": [name], **more}}
    found: Object = story.playbooks([task]).ok().result["namespaces"][name]
    print(f"   status of {name}: {json.dumps(found)}")
    return found


def sent_to_sidecars(story: Story, name: str, app: str) -> set[str]:
    """The AuthorizationPolicies that every pod of an app has from istiod; empty while one of them has none."""
    client = modules.client(story.cluster.kubeconfig, story.cluster.context, seconds=60)
    pods = story.kubectl.json("-n", name, "get", "pods", "-l", f"app={app}")["items"]
    found = []
    for pod in pods:
        if "deletionTimestamp" in pod["metadata"]:
            continue
        try:
            found.append(xds.proxy_policies(client, name, pod["metadata"]["name"]))
        except LookupError:  # Not connected yet.
            return set()
    return set.intersection(*found) if found else set()


def told(run_result: Object) -> str:
    """A failure's words, printed as the user sees them."""
    text = str(run_result["msg"])
    print("   it says: " + text[:900].replace("\n", "\n            "))
    return text
