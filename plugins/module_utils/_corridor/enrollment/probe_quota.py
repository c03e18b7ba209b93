# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether a namespace's quotas have room for the proxies of all its pods: a dry run tells of one only. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from ..._checks.quantities import quantity
from ..._checks.snapshot import Obj, annotations_of, dig, name_of
from ..._desired.enrollment.blocker import Blocker
from ..._desired.enrollment.blockers_table import blocked
from ..._desired.enrollment.model import STATUS_ANNOTATION
from ..workloads import Workload
from .survey import Survey

# What a quota calls it, and what a container does.
_KEYS = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}
_COUNTS = ("pods", "count/pods")
_SURGE = "25%"

Needs = Mapping[tuple[str, str], Fraction]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A workload, the pod that was tried for it, and what the server made of that."""

    workload: Workload
    asked: Obj
    made: Obj


def no_room(survey: Survey, namespace: str, fitted: Sequence[Fitted]) -> Iterator[Blocker]:
    """Quotas without room for what proxies add to the pods that are there, and for a pod more while one rolls."""
    quotas = [one for one in survey.quotas.get(namespace, ()) if _for_all(one)]
    if not quotas or not fitted:
        return
    pods = {name_of(pod): pod for pod in survey.scene.pods.get(namespace, ())}
    owners = {(str(one.get("kind")), name_of(one)): one for one in survey.owners.get(namespace, ())}
    needs: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    extra: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    proxies = more = 0
    for one in fitted:
        bare = sum(1 for name in one.workload.pods if STATUS_ANNOTATION not in annotations_of(pods.get(name, {})))
        proxies += bare
        for key, value in _resources(_added(one)).items():
            needs[key] += bare * value
        if _surges(owners.get((one.workload.kind, one.workload.name)), len(one.workload.pods)):
            more = 1
            for key, value in _resources(_running(one.made)).items():
                extra[key] = max(extra[key], value)
    for quota in quotas:
        hard, used = dig(quota, "status", "hard") or {}, dig(quota, "status", "used") or {}
        short = []
        for name, limit in sorted(hard.items()):
            need = Fraction(more) if name in _COUNTS else Fraction(0)
            if what := _KEYS.get(name):
                need = needs[what] + extra[what]
            left = (quantity(limit) or Fraction(0)) - (quantity(used.get(name, "0")) or Fraction(0))
            if need > left:
                short.append(f"{name}: {_shown(name, need)} needed, {_shown(name, max(left, Fraction(0)))} left")
        if short:
            where = f"ResourceQuota {namespace}/{name_of(quota)}"
            told = f"no room for {proxies} proxies" + (", and a pod more while each workload rolls" if more else "")
            yield blocked("quota", namespace, where, f"{told} ({'; '.join(short)})")


def _for_all(quota: Obj) -> bool:
    """Those for some pods only are left to the server, which tells of one pod."""
    return not dig(quota, "spec", "scopeSelector") and set(dig(quota, "spec", "scopes") or ()) <= {"NotTerminating"}


def _running(pod: Obj) -> list[Any]:
    """The containers that run as long as the pod does."""
    init = [one for one in dig(pod, "spec", "initContainers") or () if one.get("restartPolicy") == "Always"]
    return [*(dig(pod, "spec", "containers") or ()), *init]


def _added(one: Fitted) -> list[Any]:
    there = {container.get("name") for container in _running(one.asked)}
    return [container for container in _running(one.made) if container.get("name") not in there]


def _resources(containers: Sequence[Any]) -> Needs:
    found: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for container in containers:
        for part in ("requests", "limits"):
            for name, value in (dig(container, "resources", part) or {}).items():
                found[(part, name)] += quantity(value) or Fraction(0)
    return found


def _surges(owner: Obj | None, replicas: int) -> bool:
    """Whether a rollout needs a pod more before it may end one."""
    if owner is None or owner.get("kind") not in ("Deployment", "Rollout"):
        return False
    strategy = dig(owner, "spec", "strategy") or {}
    if strategy.get("type") == "Recreate":
        return False
    rolling = strategy.get("rollingUpdate") or strategy.get("canary") or {}
    surge = ceil(_share(rolling.get("maxSurge", _SURGE), replicas))
    unavailable = int(_share(rolling.get("maxUnavailable", _SURGE), replicas))
    return surge > 0 and unavailable == 0


def _share(value: Any, replicas: int) -> Fraction:
    text = str(value)
    if text.endswith("%") and text[:-1].isdigit():
        return Fraction(int(text[:-1]) * replicas, 100)
    return Fraction(int(text)) if text.isdigit() else Fraction(1)


def _shown(name: str, value: Fraction) -> str:
    if name.endswith("cpu"):
        return f"{ceil(value * 1000)}m"
    return f"{ceil(value / 1024**2)}Mi" if name.endswith("memory") else str(ceil(value))
