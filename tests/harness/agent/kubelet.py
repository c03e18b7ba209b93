# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kubelet would do at the API server for a pod with a process: identity, status, events, how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..api import STRATEGIC, Api, ApiError
from ..ports import LOOPBACK
from ..state import kubeconfig
from .mounts import SERVICE_ACCOUNT, ApiSource
from .pod_status import Health, status

Object = dict[str, Any]


def now_text() -> str:
    """Now, as the API server writes times."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Kubelet:
    """Requests about one pod at a time."""

    def __init__(self, api: Api, source: ApiSource) -> None:
        self._api = api
        self._source = source

    def identity(self, pod: Object, root: Path) -> str:
        """Path of a kubeconfig with the pod's own token: istiod may do what its ServiceAccount may, no more."""
        folder = root / SERVICE_ACCOUNT
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = self._source.token(pod, "")
        files = {"token": token, "ca.crt": self._api.authority, "namespace": pod["metadata"]["namespace"]}
        for name, text in files.items():
            (folder / name).write_text(text)
        path = root / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(kubeconfig("pod", self._api.server, self._api.authority.encode(), {"admin": token}))
        return str(path)

    def lookup(self, kind: str, namespace: str, name: str) -> Mapping[str, str] | None:
        """The data of a ConfigMap or Secret as text, None when it does not exist."""
        data = self._source.data(kind, namespace, name)
        return None if data is None else {key: value.decode(errors="replace") for key, value in data.items()}

    def forward(self, pod: Object, ports: Mapping[int, int]) -> None:
        """Have kwok forward the pod's ports to loopback ports."""
        forwards = [{"ports": [port], "target": {"port": q, "address": LOOPBACK}} for port, q in ports.items()]
        self._tell(pod, "PortForward", "portforwards", {"forwards": forwards})

    def serve_log(self, pod: Object, container: Object, log: Path) -> None:
        """Have kwok serve the file as the container's log."""
        logs = {"containers": [container["name"]], "logsFile": str(log), "follow": True}
        self._tell(pod, "Logs", "logs", {"logs": [logs]})

    def _tell(self, pod: Object, kind: str, plural: str, spec: Object) -> None:
        """What kwok is to do about one pod; it goes with the pod."""
        metadata = pod["metadata"]
        owner = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        body = {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": kind,
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "ownerReferences": [owner],
            },
            "spec": spec,
        }
        path = f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
        self._api.apply(path, body)

    def publish(self, pod: Object, container: Object, health: Health) -> None:
        """Write the pod's status; a pod that is gone meanwhile is fine."""
        metadata = pod["metadata"]
        body = status(pod, container["name"], health, now_text())
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        try:
            self._api.request("PATCH", path, body, content_type=STRATEGIC)
        except ApiError as error:
            if error.code != 404:
                raise

    def event(self, pod: Object, reason: str, message: str) -> None:
        """A Warning event about the pod."""
        metadata = pod["metadata"]
        involved = {"apiVersion": "v1", "kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"]}
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {**involved, "uid": metadata["uid"]},
            "type": "Warning",
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": pod["spec"].get("nodeName", "")},
            "firstTimestamp": now_text(),
            "lastTimestamp": now_text(),
            "count": 1,
        }
        self._api.request("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", body)
