# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How kwok plays nodes and pods. Everything but istiod's pods, whose state the agent takes from real processes."""

from __future__ import annotations

import json
from typing import Any

CRASH_ANNOTATION = "harness.meshwright.io/crash"
CRD_KINDS = ("PortForward", "Logs")
NODE_LEASE_SECONDS = 4
"""Short: a kwok that is started again waits for its predecessor's lease before it plays pods."""

PILOT = '[.spec.containers[].image | test("/pilot[:@]")] | any'
ABSENT = '[(.spec.containers + (.spec.initContainers // []))[].image | test(":does-not-exist(@|$)")] | any'
CRASH = f'(.metadata.annotations // {{}})["{CRASH_ANNOTATION}"]'

_ADDRESSES = """
{{ $hostIPs := NodeIPsWith .spec.nodeName }}
{{ with $hostIPs }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ $podIPs := PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
{{ with $podIPs }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
startTime: {{ $now | Quote }}
"""  # noqa: E501

_READY = """
{{ $now := Now }}
phase: Running
conditions:
{{ range $type := list "PodReadyToStartContainers" "Initialized" "Ready" "ContainersReady" }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: {{ $type }}
{{ end }}
{{ range .spec.readinessGates }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: {{ .conditionType | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
{{ if .spec.initContainers }}
initContainerStatuses:
{{ range .spec.initContainers }}
- image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  {{ if eq (or .restartPolicy "") "Always" }}
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}
  {{ else }}
  started: false
  state:
    terminated:
      exitCode: 0
      finishedAt: {{ $now | Quote }}
      reason: Completed
      startedAt: {{ $now | Quote }}
  {{ end }}
{{ end }}
{{ end }}
"""

_NOT_READY = """
{{ $now := Now }}
phase: %(phase)s
conditions:
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: Initialized
{{ range $type := list "Ready" "ContainersReady" }}
- lastTransitionTime: {{ $now | Quote }}
  message: "containers with unready status: %(reason)s"
  reason: ContainersNotReady
  status: "False"
  type: {{ $type }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: ""
  name: {{ .name | Quote }}
  ready: false
  restartCount: %(restarts)d
  started: false
  state:
    waiting:
      message: "%(message)s"
      reason: %(reason)s
  %(last)s
{{ end }}
"""

_COMPLETE = """
{{ $now := Now }}
phase: Succeeded
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: false
  restartCount: 0
  started: false
  state:
    terminated:
      exitCode: 0
      finishedAt: {{ $now | Quote }}
      reason: Completed
      startedAt: {{ $now | Quote }}
{{ end }}
"""

_NODE = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
"""


def _match(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


_LIVING = _match(".metadata.deletionTimestamp", "DoesNotExist")
_ORDINARY = [_match(PILOT, "NotIn", "true"), _match(ABSENT, "NotIn", "true"), _match(CRASH, "NotIn", "true")]
_PENDING = _match(".status.phase", "In", "Pending")


def _stage(name: str, kind: str, expressions: list[dict[str, Any]], following: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": expressions},
            "next": following,
        },
    }


def _failing(
    name: str, condition: list[dict[str, Any]], reason: str, message: str, *, restarts: int, event: str
) -> dict[str, Any]:
    last = (
        "lastState: {terminated: {exitCode: 1, reason: Error, startedAt: {{ $now | Quote }}, "
        "finishedAt: {{ $now | Quote }}}}"
    )
    template = _NOT_READY % {
        "phase": "Running" if restarts else "Pending",
        "reason": reason,
        "message": message,
        "restarts": restarts,
        "last": last if restarts else "",
    }
    once = _match(f'[.status.containerStatuses[]?.state.waiting.reason] | any(. == "{reason}")', "NotIn", "true")
    following = {
        "statusTemplate": template + _ADDRESSES,
        "event": {"type": "Warning", "reason": event, "message": message},
    }
    return _stage(name, "Pod", [_LIVING, _PENDING, *condition, once], following)


def stages() -> list[dict[str, Any]]:
    """The stages, as kwok reads them.

    istiod's pods get an address and stay ContainerCreating: the agent says what becomes of them.
    """
    starting = _NOT_READY % {
        "phase": "Pending",
        "reason": "ContainerCreating",
        "message": "",
        "restarts": 0,
        "last": "",
    }
    no_address = _match(".status.podIP", "DoesNotExist")
    not_ready = _match('.status.conditions.[] | select( .type == "Ready" ) | .status', "NotIn", "True")
    of_job = _match(".metadata.ownerReferences.[].kind", "In", "Job")
    is_running = _match(".status.phase", "In", "Running")
    return [
        _stage("node-initialize", "Node", [not_ready], {"statusTemplate": _NODE}),
        _stage("pod-ready", "Pod", [_LIVING, _PENDING, *_ORDINARY, not_ready], {"statusTemplate": _READY + _ADDRESSES}),
        _stage("pod-complete", "Pod", [_LIVING, is_running, *_ORDINARY, of_job], {"statusTemplate": _COMPLETE}),
        _stage("pod-delete", "Pod", [_match(".metadata.deletionTimestamp", "Exists")], {"delete": True}),
        _stage(
            "istiod-starting",
            "Pod",
            [_LIVING, _PENDING, _match(PILOT, "In", "true"), _match(ABSENT, "NotIn", "true"), no_address],
            {"statusTemplate": starting + _ADDRESSES},
        ),
        _failing(
            "image-absent",
            [_match(ABSENT, "In", "true")],
            "ImagePullBackOff",
            "Back-off pulling image: manifest unknown (simulated)",
            restarts=0,
            event="Failed",
        ),
        _failing(
            "crash",
            [_match(CRASH, "In", "true"), _match(ABSENT, "NotIn", "true"), _match(PILOT, "NotIn", "true")],
            "CrashLoopBackOff",
            "back-off 5m0s restarting failed container (simulated)",
            restarts=5,
            event="BackOff",
        ),
    ]


def pod_cidr(generation: int) -> str:
    """The range of pod addresses of the cluster's nth start.

    kwok knows only the addresses that it gave itself: with the same range, one that was started again would give
    those of living pods a second time.
    """
    return f"10.{128 + generation % 120}.0.0/16"


def configuration(port: int, cidr: str, certificate: str, key: str) -> str:
    """kwok's configuration file: JSON documents, which are YAML."""
    options = {
        "manageAllNodes": True,
        "cidr": cidr,
        "serverAddress": f"127.0.0.1:{port}",
        "nodePort": port,
        "tlsCertFile": certificate,
        "tlsPrivateKeyFile": key,
        "nodeLeaseDurationSeconds": NODE_LEASE_SECONDS,
        "enableDebuggingHandlers": True,
        "enableCRDs": list(CRD_KINDS),
        "podPlayStageParallelism": 16,
        "nodePlayStageParallelism": 2,
        "nodeLeaseParallelism": 2,
    }
    head = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "metadata": {"name": "kwok"},
        "options": options,
    }
    return "".join(f"---\n{json.dumps(document, indent=1)}\n" for document in [head, *stages()])
