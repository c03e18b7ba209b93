# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated workers, as they are created: kwok takes over from there."""

from __future__ import annotations

from typing import Any

from .builder import KUBERNETES_VERSION


def node(index: int, port: int) -> dict[str, Any]:
    """A simulated worker with an address of its own, as a cloud would label it."""
    name = f"node-{index}"
    size = {"cpu": "16", "memory": "64Gi", "pods": "5000", "ephemeral-storage": "200Gi"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": "simulated",
                "node-role.kubernetes.io/worker": "",
                "topology.kubernetes.io/region": "loopback",
                "topology.kubernetes.io/zone": f"loopback-{'abc'[(index - 1) % 3]}",
            },
        },
        "status": {
            "capacity": size,
            "allocatable": size,
            "phase": "Running",
            "addresses": [
                {"type": "InternalIP", "address": f"10.0.{index // 250}.{index % 250 + 1}"},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "kwok",
                "kernelVersion": "kwok",
                "kubeProxyVersion": "",
                "kubeletVersion": KUBERNETES_VERSION,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "simulated",
                "systemUUID": "",
            },
        },
    }
