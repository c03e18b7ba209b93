# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Proxies, and what each requests and uses, from pods, PodMetrics and the injector's settings. Pure.

A proxy is one container: what comes before it (other init containers) and what it serves count for others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .quantities import quantity
from .snapshot import Obj, annotations_of, dig, meta, name_of, namespace_of

SIDECARS, ZTUNNEL, WAYPOINTS = KINDS = ("sidecars", "ztunnel", "waypoints")
_BY_ARGUMENT = {"sidecar": SIDECARS, "ztunnel": ZTUNNEL, "waypoint": WAYPOINTS}
_CONTAINER = "istio-proxy"
_SIDECAR_STATUS = "sidecar.istio.io/status"
_REDIRECTION = "ambient.istio.io/redirection"
_OVER = ("Succeeded", "Failed")
_MEBI = 1 << 20

PodKey = tuple[str, str]
"""(namespace, name)"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Millicores of processor time and MiB of memory."""

    cpu: float = 0.0
    memory: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpu + other.cpu, self.memory + other.memory)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.cpu - other.cpu, self.memory - other.memory)

    def times(self, count: float) -> Amount:
        return Amount(self.cpu * count, self.memory * count)

    def shown(self) -> dict[str, float]:
        """`cpu_millicores` and `memory_mib`, to a tenth."""
        return {"cpu_millicores": _rounded(self.cpu), "memory_mib": _rounded(self.memory)}

    def __str__(self) -> str:
        cpu, memory = self.cpu / 1000, self.memory
        size = f"{round(memory / 1024, 2):g} GiB" if abs(memory) >= 1024 else f"{round(memory, 1):g} MiB"
        return f"{round(cpu, 3):g} CPU and {size}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy that runs or will: of which kind, where, and what its container requests."""

    kind: str
    namespace: str
    pod: str
    container: str = _CONTAINER
    requests: Amount = field(default_factory=Amount)
    node: str = ""


def proxy_of(pod: Obj) -> Proxy | None:
    """The proxy in a pod: a sidecar, a ztunnel or a waypoint. None for gateways of other kinds and pods without one.

    A pod that is over or on its way out counts no more.
    """
    if dig(pod, "status", "phase") in _OVER or meta(pod).get("deletionTimestamp"):
        return None
    spec = pod.get("spec") or {}
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        kind = _kind(pod, container)
        if kind:
            requests = dig(container, "resources", "requests") or {}
            where = (namespace_of(pod), name_of(pod), str(container.get("name")))
            return Proxy(kind, *where, amount(requests), str(spec.get("nodeName") or ""))
    return None


def _kind(pod: Obj, container: Obj) -> str:
    arguments = list(container.get("args") or ())
    if arguments[:1] == ["proxy"] and len(arguments) > 1:
        return _BY_ARGUMENT.get(str(arguments[1]), "")
    # A template of one's own may start it otherwise.
    return SIDECARS if container.get("name") == _CONTAINER and _SIDECAR_STATUS in annotations_of(pod) else ""


def amount(values: Obj) -> Amount:
    """What a map of quantities says of `cpu` and `memory`; what it does not say is nothing."""
    cpu, memory = quantity(values.get("cpu")), quantity(values.get("memory"))
    return Amount(float(cpu * 1000) if cpu else 0.0, float(memory / _MEBI) if memory else 0.0)


def usage_of(metrics: Iterable[Obj]) -> dict[PodKey, dict[str, Amount]]:
    """What containers use, by pod and container's name, from PodMetrics of metrics.k8s.io."""
    return {
        (namespace_of(item), name_of(item)): {
            str(each.get("name")): amount(each.get("usage") or {}) for each in item.get("containers") or ()
        }
        for item in metrics
    }


def captured_in(pods: Iterable[Obj]) -> dict[str, int]:
    """How many pods ztunnel carries, by namespace; their metadata is enough."""
    return dict(Counter(namespace_of(pod) for pod in pods if annotations_of(pod).get(_REDIRECTION) == "enabled"))


def sidecar_requests(values: Obj, annotations: Mapping[str, str] | None = None) -> Amount:
    """What the injector gives a sidecar: its values (`values` of its ConfigMap), or the pod's own annotations.

    With either annotation the pod's are all that counts, as in Istio's template.
    """
    own = annotations or {}
    cpu, memory = own.get("sidecar.istio.io/proxyCPU"), own.get("sidecar.istio.io/proxyMemory")
    limits = own.get("sidecar.istio.io/proxyCPULimit"), own.get("sidecar.istio.io/proxyMemoryLimit")
    if cpu or memory or any(limits):
        # Where only a limit is said, the API server takes it for the request too.
        return amount({"cpu": cpu or limits[0], "memory": memory or limits[1]})
    return amount(dig(values, "global", "proxy", "resources", "requests") or {})


def _rounded(value: float) -> float:
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded
