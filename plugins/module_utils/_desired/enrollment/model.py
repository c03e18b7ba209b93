# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What enrollment speaks of: a namespace's data plane, what it shall be, and what pods look like then. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..._checks.policy.scene import USE_WAYPOINT, USE_WAYPOINT_NAMESPACE
from ..._checks.snapshot import Obj, annotations_of, labels_of

Mode = Literal["ambient", "sidecar", "none"]

MODE_LABEL = "istio.io/dataplane-mode"
INJECTION_LABEL = "istio-injection"
REVISION_LABEL = "istio.io/rev"
INJECT_LABEL = "sidecar.istio.io/inject"
POD_SECURITY_LABEL = "pod-security.kubernetes.io/enforce"
STATUS_ANNOTATION = "sidecar.istio.io/status"
REDIRECTION_ANNOTATION = "ambient.istio.io/redirection"
# The injector gives it to pods with a proxy, and nobody to others: so a selector tells the two apart.
TLS_MODE_LABEL = "security.istio.io/tlsMode"
TLS_MODE = "istio"
# On what a move made of a policy: `Kind/name` of the one it stands for, in the same namespace.
TRANSLATED_ANNOTATION = "meshwright.io/translated-from"
# On a policy that a move has narrowed to pods with a proxy: its selector as it was, as JSON.
NARROWED_ANNOTATION = "meshwright.io/narrowed-from"

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Plane:
    """What the labels of a namespace ask for.

    `revision` is the revision or tag that injects, `default` by istio-injection=enabled, "" unless sidecar.
    `waypoint` is "namespace/name" or "". `both`: it is labelled ambient besides.
    """

    mode: Mode = "none"
    revision: str = ""
    waypoint: str = ""
    pod_security: str = ""
    both: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """What a namespace shall be.

    `revision` is a revision or tag, for sidecars; "" leaves what a sidecar namespace has, else means the default
    injector. `waypoint` is "namespace/name", "" for none, None for what it has. `pod_security` is the level to
    enforce, "" for what it has.
    """

    mode: Mode
    revision: str = ""
    waypoint: str | None = None
    pod_security: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a pod is like once it is where its namespace is. `revision` is that of an istiod, no tag; "" for any."""

    mode: Mode
    revision: str = ""

    def missed(self, pod: Obj) -> str:
        """Why a pod (its metadata) is not as expected, in words; "" when it is."""
        status = annotations_of(pod).get(STATUS_ANNOTATION)
        if self.mode == "sidecar":
            if not status:
                return "has no proxy"
            runs = injected_revision(status)
            return f"runs a proxy of revision {runs}" if self.revision and runs not in ("", self.revision) else ""
        if status:
            return "still has a proxy of its own"
        if self.mode == "ambient" and annotations_of(pod).get(REDIRECTION_ANNOTATION) != "enabled":
            return f"is not captured by ztunnel (no annotation {REDIRECTION_ANNOTATION}: enabled)"
        return ""


def injected_revision(status: str) -> str:
    """The revision that an injector's status annotation names; "" when it names none."""
    try:
        return str(json.loads(status).get("revision") or "")
    except (ValueError, AttributeError):
        return ""


def plane_of(namespace: Obj) -> Plane:
    """What a namespace's labels ask for; injection goes before ambient, and istio-injection before istio.io/rev."""
    labels = labels_of(namespace)
    injection, revision = labels.get(INJECTION_LABEL), labels.get(REVISION_LABEL)
    ambient = labels.get(MODE_LABEL) == "ambient"
    if injection == "enabled":
        asked = DEFAULT
    elif injection != "disabled" and revision:
        asked = revision
    else:
        asked = ""
    return Plane(
        mode="sidecar" if asked else "ambient" if ambient else "none",
        revision=asked,
        waypoint=_waypoint(labels, str(namespace["metadata"]["name"])),
        pod_security=labels.get(POD_SECURITY_LABEL, ""),
        both=bool(asked) and ambient,
    )


def _waypoint(labels: Mapping[str, str], home: str) -> str:
    name = labels.get(USE_WAYPOINT, "")
    return "" if name in ("", "none") else f"{labels.get(USE_WAYPOINT_NAMESPACE) or home}/{name}"
