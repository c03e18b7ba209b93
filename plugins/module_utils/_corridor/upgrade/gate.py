# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The gate of an upgrade: whether the new revision is good enough to move anything, or anything more, to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..._checks.registry import CHECKS
from ..._checks.run import run as run_checks
from ..._checks.skew import revision_of
from ..._checks.snapshot import annotations_of, labels_of, meta, name_of, namespace_of
from ..._desired.layout import istiod_name
from ..._errors import ApiError, Forbidden, MeshError
from ..._intent.mesh import RELEASES
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..._kube.readiness import readiness
from .. import snapshot as snapshots
from ..istiod_debug import read_sync, watch_sync
from ..mesh.settle import probe_injection, probe_validation
from ..usage import ztunnel_revision
from .admission import policies_problem
from .record import rejects_before, rejects_state

Status = Literal["passed", "failed", "unknown", "skipped"]
# Seconds for what is on its way to arrive, before a bad look counts.
PATIENCE = 30.0
_PAUSE = 2.0
_SOAK_PAUSE = 5.0
_SHOWN = 5
# Seconds for one probe.
_PROBE_TIME = 15.0
_PROXY_LABEL = "service.istio.io/canonical-name"
_STATUS = "sidecar.istio.io/status"
_MANAGED = "gateway.istio.io/managed"
# The checks that an upgrade can turn bad, and that do not waver while pods are replaced. What teams write into their
# policies meanwhile, and what is on its way, must not take an upgrade back.
_ASKED = frozenset((*range(15), *range(17, 23), 25))
_ZTUNNEL = "app=ztunnel"
_RUNNING = "status.phase=Running"


class GateFailed(MeshError):
    """The new revision did not pass the gate; `details["gate"]` has every criterion."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing the gate asks. `unknown` blocks, unless `may_wait`: before anything was moved, nothing can show."""

    name: str
    status: Status
    reason: str
    may_wait: bool = False

    @property
    def blocks(self) -> bool:
        return self.status == "failed" or (self.status == "unknown" and not self.may_wait)

    def shown(self) -> dict[str, str]:
        return {"name": self.name, "status": self.status, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Gate:
    """What to ask of which revision; `namespace` and `ztunnel_namespace` are the mesh's."""

    client: Client
    namespace: str
    ztunnel_namespace: str
    revision: str
    old: str
    baseline: Mapping[str, Any]
    skip: frozenset[str]

    @property
    def _briefly(self) -> Client:
        """With little time: what does not answer is asked again by the next look."""
        return self.client.with_deadline(Deadline(_PROBE_TIME))

    def look(self, *, policies: bool = True) -> list[Criterion]:
        """Every criterion, once; those of the policies only when asked, since they are the costly ones."""
        found = [self._istiod()]
        if found[0].blocks:
            return found  # Without an istiod nothing else has an answer of its own.
        found.append(self._asked("webhooks", self._webhooks))
        if policies:
            found.append(self._asked("policies", self._policies))
        found.append(self._asked("xds", self._xds))
        found.append(self._asked("verify", self._verify))
        return found

    def _asked(self, name: str, ask: Callable[[], Criterion]) -> Criterion:
        if name in self.skip:
            return Criterion(name, "skipped", "gate_skip says so")
        try:
            return ask()
        except Forbidden as error:
            return Criterion(name, "unknown", str(error))
        except ApiError as error:
            return Criterion(name, "failed", str(error))

    def _istiod(self) -> Criterion:
        name = istiod_name(self.revision)
        found = self.client.get(kinds.DEPLOYMENT, name, self.namespace)
        if found is None:
            return Criterion("istiod", "failed", f"Deployment {self.namespace}/{name} does not exist")
        state = readiness(found)
        return Criterion("istiod", "passed" if state.ready else "failed", f"Deployment {name}: {state.reason}")

    def _webhooks(self) -> Criterion:
        problems = [
            problem
            for problem in (
                probe_validation(self._briefly, self.revision, self.namespace),
                probe_injection(self._briefly, self.revision),
            )
            if problem
        ]
        if problems:
            return Criterion("webhooks", "failed", "; ".join(problems))
        return Criterion("webhooks", "passed", "its validating and its injecting webhook answer")

    def _policies(self) -> Criterion:
        problems, said = policies_problem(self.client, self.revision, self.old)
        if problems:
            return Criterion("policies", "failed", f"it rejects {_some(problems)}")
        return Criterion("policies", "passed", said)

    def _xds(self) -> Criterion:
        before = rejects_before(self.baseline)
        expected = running_proxies(self.client, self.revision, self.ztunnel_namespace)
        patience = Deadline(PATIENCE if expected else 0.0)
        verdict = watch_sync(
            self.client, self.namespace, self.revision, patience, before=before, expected=sorted(expected)
        )
        if verdict.status == "unknown" and expected and not verdict.connected:
            return Criterion("xds", "failed", f"{len(expected)} proxies run this revision, but {verdict.reason}")
        # Where nothing was moved, nothing can be connected.
        return Criterion("xds", verdict.status, verdict.reason, may_wait=not expected and not verdict.connected)

    def _verify(self) -> Criterion:
        before = self.baseline.get("errors") or {}
        found = errors_of(self.client, self.skip)
        new = new_errors(before, found)
        if new:
            return Criterion("verify", "failed", f"new since before the upgrade: {_some(new)}")
        known = sum(len(one) for one in found.values())
        return Criterion(
            "verify", "passed", "no error that was not there before" + (f" ({known} were)" if known else "")
        )


def running_proxies(client: Client, revision: str, ztunnel_namespace: str) -> set[str]:
    """The proxies that ought to be connected to a revision's istiod, as `pod.namespace`."""
    reads: list[Callable[[], list[dict[str, Any]]]] = [
        lambda: client.list(kinds.POD, labels=_PROXY_LABEL, fields=_RUNNING, metadata_only=True),
        lambda: client.list(kinds.POD, ztunnel_namespace, labels=_ZTUNNEL, fields=_RUNNING, metadata_only=True),
        lambda: ztunnel_daemon_sets(client, ztunnel_namespace),
    ]
    pods, ztunnels, daemon_sets = client.many(lambda read: read(), reads)
    chosen = [
        pod
        for pod in pods
        if revision_of(pod) == revision and (annotations_of(pod).get(_STATUS) or labels_of(pod).get(_MANAGED))
    ]
    if any(ztunnel_revision(one) == revision for one in daemon_sets):
        chosen += ztunnels
    return {f"{name_of(pod)}.{namespace_of(pod)}" for pod in chosen if not meta(pod).get("deletionTimestamp")}


def ztunnel_daemon_sets(client: Client, namespace: str) -> list[dict[str, Any]]:
    return [one for one in client.list(kinds.DAEMON_SET, namespace) if name_of(one) == RELEASES["ztunnel"]]


def errors_of(client: Client, skip: frozenset[str]) -> dict[str, list[dict[str, Any]]]:
    """The errors that mesh_verify's checks find now: {check: [{title, objects}]}."""
    checks = [check for check in CHECKS if check.number in _ASKED and check.id not in skip]
    sources = tuple(dict.fromkeys(source for check in checks for source in check.sources))
    found: dict[str, list[dict[str, Any]]] = {}
    for result in run_checks(checks, snapshots.take(client, sources)):
        for finding in result.findings:
            if finding.severity == "error":
                entry = {"title": finding.title, "objects": list(finding.objects)[:50]}
                found.setdefault(result.check.id, []).append(entry)
    return found


def new_errors(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Errors, in words, about objects that the same check did not complain of before."""
    found = []
    for check, errors in sorted(now.items()):
        earlier = before.get(check) or []
        known = {name for one in earlier for name in one["objects"]}
        titles = {one["title"] for one in earlier}
        found += [
            f"{check} {one['title']}"
            for one in errors
            if one["title"] not in titles and (not one["objects"] or not set(one["objects"]) <= known)
        ]
    return found


def baseline(client: Client, namespace: str, revision: str, skip: frozenset[str]) -> dict[str, Any]:
    """What is wrong before the upgrade, to tell it from what the upgrade brings. Raises ApiError."""
    errors = {} if "verify" in skip else errors_of(client, skip)
    try:
        rejects = [] if "xds" in skip else rejects_state(read_sync(client, namespace, revision, Deadline(PATIENCE)))
    except ApiError:
        rejects = []  # Not allowed to ask, or no answer: then every reject later on counts as new.
    return {"errors": errors, "rejects": rejects}


def pass_gate(gate: Gate, *, soak: float, said: Callable[[str], None]) -> dict[str, Any]:
    """Look until it is good, then for `soak` seconds that it stays so. The result's `gate`; raises GateFailed."""
    patience = Deadline(PATIENCE)
    found = gate.look()
    while any(one.blocks for one in found) and patience.left() > _PAUSE:
        patience.sleep(_PAUSE)
        found = gate.look()
    held = Deadline(soak)
    while not any(one.blocks for one in found) and not held.passed:
        held.sleep(_SOAK_PAUSE)
        policies = [one for one in found if one.name == "policies"]
        found = [*gate.look(policies=False), *policies]
    result = shown(found, soak)
    if result["status"] == "failed":
        told = "; ".join(f"{one.name}: {one.reason}" for one in found if one.blocks)
        raise GateFailed(
            f"Revision {gate.revision} did not pass the gate. {told}.",
            hint="stage: return goes back to the old revision; or mend it and run stage: gate again.",
            details={"gate": result},
        )
    for one in found:
        if one.status == "unknown":
            said(f"{one.name} is unknown: {one.reason}")
    return result


def shown(found: Iterable[Criterion], soak: float = 0) -> dict[str, Any]:
    """The gate in the shape of the return value."""
    listed = list(found)
    if any(one.blocks for one in listed):
        status = "failed"
    else:
        status = "unknown" if any(one.status == "unknown" for one in listed) else "passed"
    return {"status": status, "soak": soak, "criteria": [one.shown() for one in listed]}


def _some(lines: list[str]) -> str:
    return "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")
