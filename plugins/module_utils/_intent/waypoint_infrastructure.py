# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a waypoint's pods run on, as options say it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._errors import BadInput

# The Gateway API's own limit, for labels and for annotations.
_MOST_METADATA = 8


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Between `min` and `max` replicas, by percents of the requested CPU and memory; None leaves one out."""

    min: int
    max: int
    cpu: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """What the waypoint's pods run on; None and empty are left to istiod."""

    replicas: int | None = None
    autoscaling: Autoscaling | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)
    topology_spread: tuple[Mapping[str, Any], ...] = ()
    priority_class: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def budget(self) -> bool:
        return self.min_available is not None or self.max_unavailable is not None


def infrastructure(params: Mapping[str, Any]) -> Infrastructure:
    """What the waypoint's pods run on. Raises BadInput."""
    scaling = params.get("autoscaling")
    replicas = params.get("replicas")
    if replicas is not None and scaling is not None:
        raise BadInput(
            "replicas and autoscaling cannot both be given: each would undo what the other sets.",
            hint="Leave replicas out, and set autoscaling.min.",
        )
    if replicas is not None and replicas < 1:
        raise BadInput(
            f"replicas: with {replicas} pods a waypoint fails closed: what uses it has no traffic.",
            hint="Use 1 or more, better 2; or state: absent.",
        )
    budget = params.get("disruption_budget") or {}
    return Infrastructure(
        replicas=replicas,
        autoscaling=_autoscaling(scaling) if scaling is not None else None,
        min_available=_amount("disruption_budget.min_available", budget.get("min_available")),
        max_unavailable=_amount("disruption_budget.max_unavailable", budget.get("max_unavailable")),
        resources=params.get("resources") or {},
        node_selector=_texts("node_selector", params.get("node_selector")),
        tolerations=tuple(params.get("tolerations") or ()),
        affinity=params.get("affinity") or {},
        topology_spread=tuple(params.get("topology_spread") or ()),
        priority_class=str(params.get("priority_class") or "").strip(),
        labels=_metadata("labels", params.get("labels")),
        annotations=_metadata("annotations", params.get("annotations")),
    )


def _autoscaling(given: Mapping[str, Any]) -> Autoscaling:
    least, most = given["min"], given["max"]
    if least < 1 or most < least:
        raise BadInput(
            f"autoscaling: min {least} and max {most} make no range.", hint="Use min of at least 1, and max not below."
        )
    for name in ("cpu", "memory"):
        if given.get(name) is not None and given[name] < 1:
            raise BadInput(f"autoscaling.{name}: {given[name]} is no percentage.", hint="Use 1 or more, such as 80.")
    return Autoscaling(least, most, given.get("cpu"), given.get("memory"))


def _amount(option: str, given: Any) -> int | str | None:
    """A number of pods, or a percentage."""
    if given is None:
        return None
    text = str(given).strip()
    if not re.fullmatch(r"[0-9]+%?", text):
        raise BadInput(f"{option}: {given!r} is neither a number nor a percentage.", hint="Use such as 1 or 50%.")
    return text if text.endswith("%") else int(text)


def _texts(option: str, given: Mapping[str, Any] | None) -> dict[str, str]:
    found = {}
    for key, value in (given or {}).items():
        if isinstance(value, (dict, list)) or value is None:
            raise BadInput(f"{option}.{key} is no text.", hint="Write the value in quotes.")
        # What YAML made a bool of was a word.
        found[str(key)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _metadata(option: str, given: Mapping[str, Any] | None) -> dict[str, str]:
    found = _texts(option, given)
    if len(found) > _MOST_METADATA:
        raise BadInput(
            f"{option}: the Gateway API takes at most {_MOST_METADATA} of them, not {len(found)}.",
            hint="Leave some out.",
        )
    for key in found:
        if key.startswith("gateway.networking.k8s.io/"):
            raise BadInput(
                f"{option}: istiod passes over {key}, since it sets labels of that name.", hint="Leave it out."
            )
    return found
