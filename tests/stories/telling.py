# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a long story is told with: a cluster of its own, steps that are announced, expectations that are said."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.integration.support.embedded import Embedded, Kubectl
from tests.integration.support.playbook import Playbooks, Run
from tests.integration.upgrade.conftest import deployment

Object = dict[str, Any]
_POLICIES = (
    "authorizationpolicies.security.istio.io,peerauthentications.security.istio.io,"
    "virtualservices.networking.istio.io,destinationrules.networking.istio.io,telemetries.telemetry.istio.io"
)


class Story:
    """One user, one cluster. `variables` go to every playbook."""

    def __init__(self, cluster: Embedded, playbooks: Playbooks, variables: Mapping[str, Any]) -> None:
        self.cluster = cluster
        self.playbooks = playbooks
        self.kubectl = Kubectl(cluster)
        self.variables: Object = {
            "control_plane_charts": {"repository": cluster.charts},
            "control_plane_gateway_api": {"source": cluster.gateway_api},
            "control_plane_wait_timeout": 180,
            **variables,
        }
        self._step = 0

    def tell(self, text: str) -> None:
        """Announce what happens next."""
        self._step += 1
        print(f"\n{self._step}. {text}", flush=True)

    def expect(self, what: str, holds: Callable[[], Any], seconds: float = 60) -> Any:
        """What `holds()` gives once it is true; the story ends here, in failure, when it does not get so."""
        end = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < end, f"expected within {seconds:g} s: {what}"
            time.sleep(0.5)
        print(f"   as expected: {what}", flush=True)
        return found

    def play(self, playbook: str, *, check: bool = False, allow: tuple[str, ...] = (), **variables: Any) -> Run:
        """One of the collection's playbooks, with what it printed of its tables."""
        run = self.playbooks(
            f"meshwright.istio.{playbook}", check=check, extra_vars={**self.variables, **variables}, allow=allow
        )
        done = [entry for entry in run.results if entry["status"] != "skipped" and entry["action"].endswith("debug")]
        shown = [entry["result"]["msg"] for entry in done]
        for text in shown:
            lines = text if isinstance(text, list) else str(text).splitlines()
            print("\n".join(f"   | {line}" for line in lines), flush=True)
        print(f"   {playbook}{' --check' if check else ''}: rc={run.rc} changed={run.changed} failed={run.failed}")
        return run

    # -- what is there --------------------------------------------------------------------------------

    def workloads(self, namespace: str, labels: Mapping[str, str], names: tuple[str, ...]) -> None:
        """A namespace with these labels and Deployments in it, ready."""
        metadata = {"name": namespace, "labels": dict(labels)}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.kubectl.apply(*(deployment(namespace, name) for name in names))
        for name in names:
            self.kubectl("rollout", "status", "--namespace", namespace, f"deployment/{name}", "--timeout=90s")

    def policies(self, *objects: Object) -> None:
        self.kubectl.apply(*objects)

    def versions_of_policies(self) -> dict[str, str]:
        """Each policy's resourceVersion, by kind and name: as long as these stand, nobody wrote to them."""
        found = self.kubectl.json("get", _POLICIES, "-A")["items"]
        return {
            f"{item['kind']} {item['metadata']['namespace']}/{item['metadata']['name']}": (
                f"{item['metadata']['uid']} {item['metadata']['resourceVersion']}"
            )
            for item in found
        }

    def root_certificate(self) -> str:
        secret = self.kubectl.json("get", "secret", "istio-ca-secret", "--namespace", "istio-system")
        return str(secret["data"]["ca-cert.pem"])

    def istiods(self) -> set[str]:
        """The istiod Deployments there are, by name."""
        found = self.kubectl.json("get", "deployments", "-A", "-l", "app=istiod")["items"]
        return {item["metadata"]["name"] for item in found}

    def ztunnel_env(self, name: str) -> str:
        """A variable of ztunnel's, as its DaemonSet says."""
        found = self.kubectl.json("get", "daemonsets", "-A", "-l", "app.kubernetes.io/name=ztunnel")["items"]
        env = found[0]["spec"]["template"]["spec"]["containers"][0]["env"]
        return next((str(entry["value"]) for entry in env if entry["name"] == name), "")

    def ztunnel_dials(self) -> str:
        """The istiod that ztunnel takes its configuration from."""
        return self.ztunnel_env("XDS_ADDRESS").partition(".")[0]

    def sail_revisions(self) -> set[str]:
        """The Sail Operator's IstioRevisions, by name."""
        found = self.kubectl.json("get", "istiorevisions.sailoperator.io")["items"]
        return {item["metadata"]["name"] for item in found}

    def revisions_of_pods(self, namespace: str) -> set[str]:
        """The revisions that injected the namespace's pods; pods on their way out do not count."""
        pods = self.kubectl.json("get", "pods", "--namespace", namespace)["items"]
        return {
            str(pod["metadata"].get("labels", {}).get("istio.io/rev") or _injected_by(pod))
            for pod in pods
            if not pod["metadata"].get("deletionTimestamp")
        }

    def runs(self, namespace: str, revision: str) -> bool:
        """Whether all pods of a namespace have sidecars of this revision."""
        return self.revisions_of_pods(namespace) == {revision}

    def generations(self, namespace: str) -> dict[str, int]:
        """How often each Deployment's template was changed."""
        found = self.kubectl.json("get", "deployments", "--namespace", namespace)["items"]
        return {item["metadata"]["name"]: int(item["metadata"]["generation"]) for item in found}


def sail_variables(cluster: Embedded, operator: str) -> Object:
    """What makes the control plane's role use the harness's simulated Sail Operator of this version."""
    return {
        "control_plane_method": "sail",
        "control_plane_operator": {"version": operator, "charts": {"repository": cluster.charts}},
    }


def _injected_by(pod: Mapping[str, Any]) -> str:
    return str((pod["metadata"].get("annotations") or {}).get("istio.io/rev", "none"))
