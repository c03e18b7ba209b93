# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The request of `mesh_enrollment`: which namespaces or workloads, and what they shall be. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .._desired.enrollment.model import Goal, Mode
from .._errors import BadInput

State = Literal["enrolled", "returned", "status"]
# Those whose pods a restart makes anew with a changed template.
WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Rollout")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
# Enrolling these would cut the cluster off from itself.
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")


@dataclass(frozen=True, slots=True)
class WorkloadRef:
    """A workload, named `namespace/Kind/name`."""

    namespace: str
    kind: str
    name: str

    @property
    def ref(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class EnrollmentIntent:
    """`mode` is None unless something is to be enrolled. `waypoint` is a name, "namespace/name", "" for none, or None
    for what a namespace has. `excluded` are workloads' refs, `skipped` namespaces. Times are seconds."""

    state: State
    namespaces: tuple[str, ...]
    selector: str
    workloads: tuple[WorkloadRef, ...]
    excluded: frozenset[WorkloadRef]
    skipped: frozenset[str]
    mode: Mode | None
    revision: str
    waypoint: str | None
    pod_security: str
    translate: bool
    protect: bool
    accept_blockers: frozenset[str]
    accept_gaps: frozenset[str]
    batch: int
    max_unavailable: str
    pause: int
    restart_timeout: int
    journal_days: int
    istio_namespace: str
    full: bool
    wait: bool
    wait_timeout: int

    def goal(self, namespace: str) -> Goal:
        """What this namespace shall be; only with `mode`."""
        waypoint = self.waypoint
        if waypoint and "/" not in waypoint:
            waypoint = f"{namespace}/{waypoint}"
        return Goal(self.mode or "none", self.revision, waypoint, self.pod_security)

    def is_system(self, namespace: str) -> bool:
        """Whether it must not be enrolled: the control plane's namespace, and those that the cluster itself runs on."""
        return namespace == self.istio_namespace or namespace in _SYSTEM


def enrollment_intent(params: Mapping[str, Any]) -> EnrollmentIntent:
    """The intent of checked module parameters. Raises BadInput that names the option and the way out."""
    state, mode = params["state"], params.get("mode")
    namespaces = _names(params.get("namespaces"), "namespaces")
    workloads = tuple(_workload(text, "workloads") for text in params.get("workloads") or ())
    excluded = list(params.get("exclude") or ())
    _guard_state(state, mode, bool(namespaces or params.get("selector") or workloads))
    _guard_mode(params, mode, workloads)
    intent = EnrollmentIntent(
        state=state,
        namespaces=namespaces,
        selector=params.get("selector") or "",
        workloads=tuple(dict.fromkeys(workloads)),
        excluded=frozenset(_workload(text, "exclude") for text in excluded if "/" in text),
        skipped=frozenset(_names([text for text in excluded if "/" not in text], "exclude")),
        mode=mode,
        revision=params.get("revision") or "",
        waypoint=_waypoint(params.get("waypoint"), mode),
        pod_security=params.get("pod_security") or "",
        translate=params["translate_policies"],
        protect=params["protect"],
        accept_blockers=frozenset(params.get("accept_blockers") or ()),
        accept_gaps=frozenset(params.get("accept_gaps") or ()),
        batch=_at_least(params, "batch", 0),
        max_unavailable=_max_unavailable(params["max_unavailable"]),
        pause=_at_least(params, "pause", 0),
        restart_timeout=_at_least(params, "restart_timeout", 1),
        journal_days=_at_least(params, "journal_days", 1),
        istio_namespace=params["istio_namespace"],
        full=params["return"] == "full",
        wait=params["wait"],
        wait_timeout=_at_least(params, "wait_timeout", 1),
    )
    if mode not in (None, "none") and (system := sorted(name for name in namespaces if intent.is_system(name))):
        raise BadInput(
            f"namespaces: {', '.join(system)} must not be enrolled: the mesh, or the cluster itself, runs there.",
            hint="Leave it out.",
        )
    return intent


def _guard_state(state: str, mode: str | None, named: bool) -> None:
    if state == "enrolled" and mode is None:
        raise BadInput("state: enrolled needs mode.", hint="Set mode: ambient, sidecar or none.")
    if state == "returned" and mode is not None:
        raise BadInput(
            "state: returned gives namespaces back what they had before: it takes no mode.", hint="Leave mode out."
        )
    if state != "status" and not named:
        raise BadInput(
            "None of namespaces, selector and workloads is given: it is not said what is meant.",
            hint="Name the namespaces, or select them by a label.",
        )


def _guard_mode(params: Mapping[str, Any], mode: str | None, workloads: Sequence[WorkloadRef]) -> None:
    """Options that belong to one mode only; two of them together ask for both."""
    revision, waypoint = params.get("revision"), params.get("waypoint")
    if revision and mode != "sidecar":
        raise BadInput(
            f"revision: {revision} goes with mode: sidecar; ztunnel has the revision that the mesh gives it.",
            hint="Leave revision out, or set mode: sidecar.",
        )
    if params.get("pod_security") and mode != "sidecar":
        raise BadInput(
            "pod_security goes with mode: sidecar: only pods with a proxy need another level.",
            hint="Leave pod_security out.",
        )
    if waypoint and waypoint != "none" and mode != "ambient":
        raise BadInput(
            f"waypoint: {waypoint} goes with mode: ambient; a sidecar is its own proxy for HTTP.",
            hint="Leave waypoint out, or set mode: ambient.",
        )
    if params["protect"] and (mode != "ambient" or not waypoint or waypoint == "none"):
        raise BadInput(
            "protect refuses those who go round a waypoint: it needs mode: ambient and waypoint.",
            hint="Name the waypoint, or leave protect out.",
        )
    if workloads and (params.get("namespaces") or params.get("selector")):
        raise BadInput(
            "workloads and namespaces (or selector) are given together.",
            hint="Use two tasks: one for whole namespaces, one for single workloads.",
        )
    if workloads and (waypoint or params.get("pod_security")):
        raise BadInput(
            "waypoint and pod_security are for whole namespaces.",
            hint="meshwright.istio.waypoint binds single Services and pods.",
        )


def _names(given: Sequence[str] | None, option: str) -> tuple[str, ...]:
    bad = sorted({text for text in given or () if not _NAME.fullmatch(text)})
    if bad:
        raise BadInput(f"{option}: {', '.join(map(repr, bad))} is no name of a namespace.", hint="Correct it.")
    return tuple(dict.fromkeys(given or ()))


def _workload(text: str, option: str) -> WorkloadRef:
    parts = text.split("/")
    if len(parts) != 3 or not all(parts) or parts[1] not in WORKLOAD_KINDS:
        raise BadInput(
            f"{option}: {text!r} names no workload.",
            hint=f"Write namespace/Kind/name; kinds are {', '.join(WORKLOAD_KINDS)}.",
        )
    return WorkloadRef(*parts)


def _waypoint(given: str | None, mode: str | None) -> str | None:
    """None: what the namespace has; sidecars and namespaces outside the mesh have none."""
    if mode in ("sidecar", "none"):
        return ""
    if given is None:
        return None
    if given in ("none", ""):
        return ""
    if given.count("/") > 1 or not all(_NAME.fullmatch(part) for part in given.split("/")):
        raise BadInput(f"waypoint: {given!r} names no Gateway.", hint="Write its name, or namespace/name, or none.")
    return given


def _at_least(params: Mapping[str, Any], option: str, least: int) -> int:
    value = int(params[option])
    if value < least:
        raise BadInput(f"{option}: {value} is too small.", hint=f"It is at least {least}.")
    return value


def _max_unavailable(text: str) -> str:
    found = re.fullmatch(r"(\d+)(%?)", text.strip())
    if found is None or int(found[1]) < 1 or (found[2] and int(found[1]) > 100):
        raise BadInput(f"max_unavailable: {text!r} is neither a number nor a percentage.", hint="Such as 2, or 25%.")
    return text.strip()
