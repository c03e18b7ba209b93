# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the Sail Operator's kinds are like where they are served: read from their CRDs, or known by release. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._intent.versions import Version
from .sail_values import dig
from .sail_versions import TARGET_REF, ZTUNNEL_V1

GROUP = "sailoperator.io"
PLURALS = {
    "Istio": "istios",
    "IstioRevision": "istiorevisions",
    "IstioRevisionTag": "istiorevisiontags",
    "IstioCNI": "istiocnis",
    "ZTunnel": "ztunnels",
}
CRDS = tuple(f"{plural}.{GROUP}" for plural in PLURALS.values())


@dataclass(frozen=True, slots=True)
class ServedSail:
    """`versions` are what `Istio.spec.version` may be, as its CRD lists them, aliases and old ones too; empty when that
    is not known. `ztunnel` is the API version of ZTunnel; `target_ref` whether it has `spec.targetRef`; `network`
    whether its values have `network`. `schemas` are the schemas by kind, {} where they are not known.
    """

    versions: tuple[str, ...] = ()
    ztunnel: str = "v1"
    target_ref: bool = True
    network: bool = True
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def version_of(self, kind: str) -> str:
        return self.ztunnel if kind == "ZTunnel" else "v1"


def served_by(crds: Iterable[Mapping[str, Any]]) -> ServedSail | None:
    """What these CRDs serve; None when one of the five kinds is not among them."""
    by_name = {dig(crd, "metadata", "name"): crd for crd in crds}
    if any(name not in by_name for name in CRDS):
        return None
    schemas: dict[str, Mapping[str, Any]] = {}
    ztunnel = "v1" if _schema(by_name[f"ztunnels.{GROUP}"], "v1") is not None else "v1alpha1"
    for kind, plural in PLURALS.items():
        schemas[kind] = _schema(by_name[f"{plural}.{GROUP}"], ztunnel if kind == "ZTunnel" else "v1") or {}
    spec = ("properties", "spec", "properties")
    fields = dig(schemas["ZTunnel"], *spec) or {}
    values = dig(fields, "values", "properties", "ztunnel", "properties")
    return ServedSail(
        versions=tuple(dig(schemas["Istio"], *spec, "version", "enum") or ()),
        ztunnel=ztunnel,
        target_ref="targetRef" in fields,
        network=values is None or "network" in values,
        schemas=schemas,
    )


def _schema(crd: Mapping[str, Any], version: str) -> Mapping[str, Any] | None:
    for entry in dig(crd, "spec", "versions") or ():
        if entry.get("name") == version and entry.get("served", True):
            return dig(entry, "schema", "openAPIV3Schema") or {}
    return None


def served_from(operator: Version) -> ServedSail:
    """What a release of the operator serves, where no cluster can be asked."""
    newer = operator.major > 1  # OpenShift Service Mesh numbers its own releases; 3.0 came with 1.26.
    minor = {0: 26, 1: 27, 2: 28, 3: 30}.get(operator.minor, TARGET_REF) if newer else operator.minor
    has = minor >= ZTUNNEL_V1
    return ServedSail(ztunnel="v1" if has else "v1alpha1", target_ref=minor >= TARGET_REF, network=has)
