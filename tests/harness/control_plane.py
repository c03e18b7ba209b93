# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a cluster's control plane: their commands, ports and memory limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .state import Folders

SERVICE_CIDR = "10.96.0.0/16"
PORTS = ("kube-apiserver", "etcd", "etcd-peer", "kwok", "agent")
"""What listens on loopback besides istiod; the names are those of the processes."""

# Controllers that have nothing to do where there are no volumes, clouds or routes.
_IDLE_CONTROLLERS = (
    "bootstrap-signer-controller",
    "token-cleaner-controller",
    "node-ipam-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-expander-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "ephemeral-volume-controller",
    "certificatesigningrequest-signing-controller",
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
)


GOGC = os.environ.get("MESHWRIGHT_GOGC", "50")
"""Go's programs collect at half again their live heap, not at twice: less memory, and no thrashing as a limit
would bring it when a test makes thousands of objects."""


@dataclass(frozen=True, slots=True)
class Component:
    """A process to start, and the port that it listens on (0 for none)."""

    name: str
    command: list[str]
    port: int = 0
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The environment of the process: no kubeconfig or proxy of the person who starts it."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR", "LANG") if key in os.environ}
        return {**kept, "GOGC": GOGC, **self.extra}


def etcd(folders: Folders, ports: Mapping[str, int], program: Path) -> Component:
    client, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "etcd-peer"))
    command = [
        str(program),
        f"--data-dir={folders.etcd}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--quota-backend-bytes=2147483648",
        "--snapshot-count=5000",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=10m",
    ]
    return Component("etcd", command, ports["etcd"])


def egress_configuration(folders: Folders) -> str:
    """How the API server reaches webhooks and kubelets: through the agent's Unix socket."""
    return f"""apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: {folders.socket}
"""


def apiserver(folders: Folders, ports: Mapping[str, int], program: Path) -> Component:
    secrets = folders.secrets
    command = [
        str(program),
        f"--etcd-servers=http://127.0.0.1:{ports['etcd']}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports['kube-apiserver']}",
        # Not used (no endpoint reconciler), but without it a machine without a default route is refused.
        "--advertise-address=192.0.2.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={secrets}/server.crt",
        f"--tls-private-key-file={secrets}/server.key",
        f"--token-auth-file={secrets}/tokens.csv",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={secrets}/service-account.pub",
        f"--service-account-signing-key-file={secrets}/service-account.key",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--enable-aggregator-routing=true",
        f"--egress-selector-config-file={folders.root}/egress.yaml",
        "--profiling=false",
        "--event-ttl=1h",
        "--etcd-compaction-interval=5m",
    ]
    return Component("kube-apiserver", command, ports["kube-apiserver"])


def controller_manager(folders: Folders, program: Path) -> Component:
    secrets = folders.secrets
    command = [
        str(program),
        f"--kubeconfig={folders.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--service-account-private-key-file={secrets}/service-account.key",
        f"--root-ca-file={secrets}/ca.crt",
        f"--controllers=*,{','.join(f'-{name}' for name in _IDLE_CONTROLLERS)}",
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--concurrent-deployment-syncs=10",
        "--concurrent-replicaset-syncs=10",
        "--profiling=false",
    ]
    return Component("kube-controller-manager", command)


def scheduler(folders: Folders, program: Path) -> Component:
    configuration = folders.root / "scheduler.yaml"
    command = [str(program), f"--config={configuration}", "--secure-port=0"]
    return Component("kube-scheduler", command)


def scheduler_configuration(folders: Folders) -> str:
    return f"""apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: false
clientConnection:
  kubeconfig: {folders.kubeconfig}
  qps: 500
  burst: 1000
"""


def kwok(folders: Folders, ports: Mapping[str, int], program: Path) -> Component:
    # kwok takes defaults from ~/.kwok: a home of its own keeps a person's kwok settings out.
    extra = {"HOME": str(folders.root), "KWOK_WORKDIR": str(folders.root / "kwok")}
    command = [str(program), f"--config={folders.root}/kwok.yaml", f"--kubeconfig={folders.kubeconfig}"]
    return Component("kwok", command, ports["kwok"], extra)
