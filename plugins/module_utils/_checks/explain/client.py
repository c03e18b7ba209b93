# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Who comes: the workload at one end of a way, how it speaks, and the identity that the other end sees. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..policy.scene import Mode
from ..snapshot import Obj, labels_of, namespace_of
from .sight import Sight, Workload, account_of

_TUNNEL = "networking.istio.io/tunnel"


@dataclass(frozen=True, slots=True)
class Client:
    """`pod` is None for whoever is outside of the mesh and not known. `told` is how texts name it."""

    told: str
    mode: Mode
    namespace: str = ""
    account: str = ""
    pod: Obj | None = None
    waypoint: bool = False

    @property
    def in_mesh(self) -> bool:
        return self.mode != "none"

    def identity(self, trust_domain: str) -> str:
        """`cluster.local/ns/NAMESPACE/sa/ACCOUNT`; empty for who has none."""
        return f"{trust_domain}/ns/{self.namespace}/sa/{self.account}" if self.in_mesh else ""


OUTSIDE = Client("a client outside of the mesh", "none")


def client_of(sight: Sight, work: Workload) -> Client:
    """The client that a workload is; one that has no pods counts as outside."""
    if not work.pods:
        return Client(work.label, "none", work.namespace)
    pod = sight.full(work.pod)
    return Client(work.label, sight.mode(pod), namespace_of(pod), account_of(pod), pod)


def tunnels(client: Client, pod: Obj, mode: Mode) -> bool:
    """Whether traffic to this pod goes by HBONE. Where both have a sidecar, plain mTLS is taken instead."""
    if client.waypoint or client.mode == "ambient" or mode == "ambient":
        return _speaks(client.pod, client.mode) and _speaks(pod, mode)
    return False


def _speaks(pod: Obj | None, mode: Mode) -> bool:
    """Whether a proxy knows HBONE: ztunnel and gateways do, and sidecars that were injected for it."""
    if mode in ("ambient", "gateway"):
        return True
    return mode == "sidecar" and pod is not None and labels_of(pod).get(_TUNNEL) == "http"
