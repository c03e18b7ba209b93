# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Where the values of Istio's charts go in the Sail Operator's resources. Pure.

The same values as by Helm (`helm_values`), at other places: the charts' profile is a field of its own, istiod's values
without a prefix go under `pilot`, istio-cni's under `cni`, ztunnel's under `ztunnel`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from .._errors import BadInput
from .._intent.mesh import Component, MeshIntent
from .helm_values import Setting, release_values, typed_settings
from .values import Path, leaves, put

SailKind = Literal["Istio", "IstioCNI", "ZTunnel"]
KIND_OF: dict[Component, SailKind] = {"base": "Istio", "istiod": "Istio", "cni": "IstioCNI", "ztunnel": "ZTunnel"}
# The tables that Istio.spec.values has at its top; anything else of istiod's chart is `pilot`'s.
_TOP = frozenset(
    {
        "base",
        "compatibilityVersion",
        "defaultRevision",
        "experimental",
        "gatewayClasses",
        "global",
        "istiodRemote",
        "meshConfig",
        "pilot",
        "revision",
        "sidecarInjectorWebhook",
        "telemetry",
    }
)
# No release of the operator has these, however it is installed.
_NOWHERE: tuple[tuple[Component, Path], ...] = (("istiod", ("pdb",)), ("cni", ("cni", "tolerations")))
# Maps whose values are text in the resources, while a chart takes any scalar.
_TEXTS: tuple[Path, ...] = (
    ("values", "pilot", "env"),
    ("values", "cni", "env"),
    ("values", "ztunnel", "env"),
    ("values", "meshConfig", "defaultConfig", "proxyMetadata"),
)
# What the operator sets by itself, from the resource's own fields.
_OWN: tuple[Path, ...] = (("values", "global", "istioNamespace"), ("values", "revision"))


def place(component: Component, path: Path) -> Path:
    """Where a chart's value goes, below `spec` of the resource that stands for the chart."""
    if component in ("base", "istiod"):
        if path == ("profile",):
            return path
        return ("values", *path) if component == "base" or path[0] in _TOP else ("values", "pilot", *path)
    if component == "cni":
        if path == ("profile",):
            return path
        return ("values", *path) if path[0] in ("global", "cni") else ("values", "cni", *path)
    return ("values", *path) if path[0] == "global" else ("values", "ztunnel", *path)


def sail_specs(intent: MeshIntent) -> dict[SailKind, dict[str, Any]]:
    """`profile` and `values` of each resource's spec that the typed options and free values make.

    Raises BadInput naming an option that these resources have no place for.
    """
    specs: dict[SailKind, dict[str, Any]] = {}
    for component, values in release_values(intent).items():
        spec = specs.setdefault(KIND_OF[component], {})
        for path, value in leaves(values):
            for nowhere, start in _NOWHERE:
                if component == nowhere and path[: len(start)] == start:
                    raise unplaced(intent, component, path)
            placed = place(component, path)
            if placed in _OWN and component != "ztunnel":
                continue
            if any(placed[: len(start)] == start and len(placed) > len(start) for start in _TEXTS):
                value = _text(value)
            put(spec, placed, value)
    return specs


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def unplaced(intent: MeshIntent, component: Component, path: Path, why: str = "") -> BadInput:
    """The error about a value of a chart that the resources of the operator do not have."""
    kind, option = KIND_OF[component], option_of(intent, component, path)
    return BadInput(
        f"{option}: the Sail Operator's {kind} has no such value ({'.'.join(path)}).{f' {why}' if why else ''}",
        hint="Leave it out, or use method: helm.",
        details={"option": option, "kind": kind, "value": ".".join(path)},
    )


def option_of(intent: MeshIntent, component: Component, path: Path) -> str:
    """The option that set a chart's value: a typed one, else the free value's own path."""
    best: Setting | None = None
    for setting in _settings(intent, component):
        shorter = min(len(setting.path), len(path))
        close = setting.path[:shorter] == path[:shorter]
        if close and (best is None or len(setting.path) > len(best.path)):
            best = setting
    return best.option if best else f"values.{component}.{'.'.join(path)}"


def option_at(intent: MeshIntent, kind: SailKind, below_spec: Path) -> str:
    """The option that set what lies at this path below `spec` of a resource; "" when none did."""
    for component in intent.components:
        if KIND_OF[component] != kind:
            continue
        for setting in _settings(intent, component):
            placed = place(component, setting.path)
            shorter = min(len(placed), len(below_spec))
            if placed[:shorter] == below_spec[:shorter]:
                return setting.option
        for path, _value in leaves(intent.values.get(component, {})):
            placed = place(component, path)
            shorter = min(len(placed), len(below_spec))
            if placed[:shorter] == below_spec[:shorter]:
                return f"values.{component}.{'.'.join(path)}"
    return ""


def _settings(intent: MeshIntent, component: Component) -> Iterator[Setting]:
    return (setting for setting in typed_settings(intent) if setting.component == component)


def dig(tree: Mapping[str, Any] | None, *path: str) -> Any:
    """The value at a path, None where it does not lead anywhere."""
    found: Any = tree
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found
