# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a `mesh_policy` task asks for: validated, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .._errors import BadInput

State = Literal["present", "absent", "rendered"]
OnError = Literal["stop", "continue", "return"]
Guard = Literal["refuse", "warn", "accept"]
Elsewhere = Literal["refuse", "adopt", "leave"]

# The options whose elements are short forms, in the order in which they are expanded.
FAMILIES = ("traffic", "security", "limits", "gateways", "egress", "telemetry")
_MANAGER = "meshwright-policy"
_LONGEST_SET = 63 - len(_MANAGER) - 1


@dataclass(frozen=True, slots=True)
class ApplySetName:
    """The ConfigMap that is the set's parent."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Where to ask who sends traffic. `window` is PromQL's: `1h`."""

    url: str
    token: str | None = field(default=None, repr=False)
    validate_certs: bool = True
    ca_cert: str | None = None
    window: str = "1h"


@dataclass(frozen=True, slots=True)
class GivenPlane:
    """A data plane that is given instead of read, for these namespaces, or (with none) for all others."""

    mode: Literal["sidecar", "ambient", "none"]
    waypoint: str = ""
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyIntent:
    """`definitions` are objects or texts of YAML, `sources` are {path, text} of files. Times are in seconds."""

    state: State = "present"
    definitions: tuple[Any, ...] = ()
    sources: tuple[Mapping[str, str], ...] = ()
    families: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    apply_set: ApplySetName | None = None
    prune: bool = False
    force_conflicts: bool = False
    concurrency: int = 8
    validate: bool = True
    wait: bool = True
    wait_timeout: float = 120
    on_error: OnError = "stop"
    lockout_guard: Guard = "refuse"
    semantic_guard: Guard = "refuse"
    managed_elsewhere: Elsewhere = "refuse"
    prometheus: Prometheus | None = None
    istio_namespace: str = "istio-system"
    planes: tuple[GivenPlane, ...] = ()
    full: bool = False

    @property
    def manager(self) -> str:
        """The field manager: one per set, since apply removes what a manager no longer sends."""
        return f"{_MANAGER}-{self.apply_set.name}" if self.apply_set else _MANAGER

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> PolicyIntent:
        """From a module's parameters. Raises BadInput that names the option."""
        namespace = params.get("namespace") or None
        families = {
            name: tuple({**entry, "namespace": entry.get("namespace") or namespace} for entry in params.get(name) or ())
            for name in FAMILIES
        }
        intent = cls(
            state=params["state"],
            definitions=tuple(params.get("definitions") or ()),
            sources=tuple(params.get("src") or ()),
            families=families,
            namespace=namespace,
            labels=_texts("labels", params.get("labels")),
            annotations=_texts("annotations", params.get("annotations")),
            apply_set=_apply_set(params, namespace),
            prune=bool(params.get("prune")),
            force_conflicts=bool(params.get("force_conflicts")),
            concurrency=int(params["concurrency"]),
            validate=bool(params["validate"]),
            wait=bool(params["wait"]),
            wait_timeout=float(params["wait_timeout"]),
            on_error=params["on_error"],
            lockout_guard=params["lockout_guard"],
            semantic_guard=params["semantic_guard"],
            managed_elsewhere=params["managed_elsewhere"],
            prometheus=_prometheus(params.get("prometheus")),
            istio_namespace=params["istio_namespace"],
            planes=tuple(
                GivenPlane(each["mode"], each.get("waypoint") or "", tuple(each.get("namespaces") or ()))
                for each in params.get("data_planes") or ()
            ),
            full=params.get("return") == "full",
        )
        intent._check()
        return intent

    @property
    def empty(self) -> bool:
        """Whether no object is asked for at all."""
        return not (self.definitions or self.sources or any(self.families.values()))

    def _check(self) -> None:
        if not 1 <= self.concurrency <= 64:
            raise BadInput(f"`concurrency` is {self.concurrency}.", hint="Give 1 to 64; 8 is a good start.")
        if self.wait_timeout <= 0:
            raise BadInput(f"`wait_timeout` is {self.wait_timeout:g}.", hint="Give at least a second.")
        if self.prune and self.apply_set is None:
            raise BadInput("`prune` needs `apply_set`: only what a set applied before can be pruned.")
        if self.empty and self.state == "absent" and self.apply_set is None:
            raise BadInput(
                "Nothing is named that should be absent.", hint="Give objects, or the `apply_set` to remove."
            )
        if self.empty and self.state != "absent":
            hint = "To remove all of the set, use state: absent with the same apply_set." if self.apply_set else ""
            raise BadInput(
                f"No object is given: `definitions`, `src`, `template` and {', '.join(f'`{n}`' for n in FAMILIES)}"
                " are all empty.",
                hint=hint,
            )
        everywhere = [plane for plane in self.planes if not plane.namespaces]
        named = [name for plane in self.planes for name in plane.namespaces]
        if len(everywhere) > 1 or len(named) != len(set(named)):
            raise BadInput("`data_planes` says two things of the same namespace.", hint="Name each namespace once.")


def _texts(option: str, given: Mapping[str, Any] | None) -> dict[str, str]:
    wrong = sorted(str(key) for key, value in (given or {}).items() if not isinstance(value, str))
    if wrong:
        raise BadInput(f"`{option}` has values that are no text: {', '.join(wrong)}.", hint="Put them in quotes.")
    return dict(given or {})


def _apply_set(params: Mapping[str, Any], namespace: str | None) -> ApplySetName | None:
    name = params.get("apply_set")
    where = params.get("apply_set_namespace")
    if not name:
        if where:
            raise BadInput("`apply_set_namespace` is given without `apply_set`.")
        return None
    plain = all(part and part.replace("-", "").isalnum() and part == part.lower() for part in name.split("."))
    if len(name) > _LONGEST_SET or not plain or name.startswith("-") or name.endswith("-"):
        raise BadInput(
            f"`apply_set` is {name!r}, which cannot name a ConfigMap.",
            hint=f"Use lower-case letters, digits and dashes, at most {_LONGEST_SET}.",
        )
    return ApplySetName(name, where or namespace or "default")


def _prometheus(given: Mapping[str, Any] | None) -> Prometheus | None:
    if not given:
        return None
    return Prometheus(
        url=str(given["url"]).rstrip("/"),
        token=given.get("token") or None,
        validate_certs=given.get("validate_certs") is not False,
        ca_cert=given.get("ca_cert") or None,
        window=given.get("window") or "1h",
    )
