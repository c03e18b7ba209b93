# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases of what only istiod and proxies themselves can tell; proxies are the harness's simulated ones."""

from __future__ import annotations

from ..ground import Case, Ground, deployment, service
from .enrolled import waypoint

_SWITCH = "harness.meshwright.io/"


def _sidecars(ground: Ground) -> None:
    space = ground.namespace("sidecar")
    ground.apply(deployment(space), service(space))


def _annotate(ground: Ground, switch: str, value: str) -> None:
    ground.kubectl("-n", ground.space, "annotate", "pods", "-l", "app=web", f"{_SWITCH}{switch}={value}")


def _unannotate(ground: Ground, switch: str) -> None:
    ground.kubectl("-n", ground.space, "annotate", "pods", "-l", "app=web", f"{_SWITCH}{switch}-")


def _plain_text(ground: Ground) -> None:
    """A line as the sidecar of `web` would count a client without a mesh."""
    space = ground.space
    _annotate(
        ground,
        "metrics",
        'istio_requests_total{reporter="destination",source_workload="old",source_workload_namespace="SPACE",'
        'destination_service="web.SPACE.svc.cluster.local",destination_workload="web",destination_workload_namespace='
        '"SPACE",response_code="200",response_flags="-",connection_security_policy="none"} 7'.replace("SPACE", space),
    )


# -- the whole mesh ----------------------------------------------------------------------------------------------------


def _ambient(ground: Ground) -> None:
    """A Service in front of which a waypoint stands, that it does not use yet."""
    ground.namespace("ambient")
    waypoint(ground)
    ground.apply(deployment(ground.space), service(ground.space))


def _ztunnels_reject(ground: Ground) -> None:
    ground.kubectl("-n", "istio-system", "annotate", "pods", "-l", "app=ztunnel", f"{_SWITCH}reject=address")
    ground.kubectl("-n", ground.space, "label", "service", "web", "istio.io/use-waypoint=waypoint")


def _ztunnels_accept(ground: Ground) -> None:
    ground.kubectl("-n", "istio-system", "annotate", "pods", "-l", "app=ztunnel", f"{_SWITCH}reject-")
    # istiod sends anew what changes: its own retry after a reject may take long.
    ground.kubectl("-n", ground.space, "label", "service", "web", "istio.io/use-waypoint-")
    ground.kubectl("-n", ground.space, "label", "service", "web", "istio.io/use-waypoint=waypoint")


def _scale(ground: Ground, replicas: int) -> None:
    ground.kubectl("-n", "istio-system", "scale", "deployment", "istiod", f"--replicas={replicas}")


def _without_istiod(ground: Ground) -> None:
    _scale(ground, 0)
    ground.kubectl("-n", "istio-system", "wait", "--for=delete", "pod", "-l", "app=istiod", "--timeout=60s")
    ground.apply(deployment(ground.space, "late"))


def _with_istiod(ground: Ground) -> None:
    _scale(ground, 1)
    ground.kubectl("-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=60s")


CASES = [
    Case(
        "MW0036",
        "a sidecar rejects its listeners",
        lambda ground: _annotate(ground, "reject", "lds"),
        lambda ground: _unannotate(ground, "reject"),
        "rejects the listeners (LDS) that istiod sends",
        before=_sidecars,
    ),
    Case(
        "MW0038",
        "a certificate has expired",
        lambda ground: _annotate(ground, "certificate-expires-in", "-60"),
        lambda ground: _unannotate(ground, "certificate-expires-in"),
        "1 workload certificate has expired",
        before=_sidecars,
    ),
    Case(
        "MW0038",
        "a certificate was not renewed",
        lambda ground: _annotate(ground, "certificate-expires-in", "600"),
        lambda ground: _unannotate(ground, "certificate-expires-in"),
        "1 workload certificate ends soon",
        before=_sidecars,
        severity="warning",
    ),
    Case(
        "MW0039",
        "a client in plain text",
        _plain_text,
        lambda ground: _unannotate(ground, "metrics"),
        "Workload {space}/old called Workload {space}/web in plain text (7 times",
        before=_sidecars,
        severity="warning",
    ),
    Case(
        "MW0029",
        "ztunnels that do not know a waypoint",
        _ztunnels_reject,
        _ztunnels_accept,
        "1 Service uses the waypoint {space}/waypoint, and ztunnel does not know it",
        before=_ambient,
        mesh=True,
    ),
    Case(
        "MW0050",
        "a pod that starts without istiod",
        _without_istiod,
        _with_istiod,
        "No istiod of revision default is ready: running pods go on, but 1 pod started without it",
        before=lambda ground: ground.apply(deployment(ground.namespace("ambient"))),
        mesh=True,
    ),
]
