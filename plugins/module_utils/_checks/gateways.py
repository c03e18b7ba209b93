# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of what gateways and waypoints stand on."""

from __future__ import annotations

from collections.abc import Iterator

from . import mesh
from .expected import BUNDLE_VERSION, CHANNEL, GATEWAY_GROUP, GATEWAY_KINDS, GatewayKind
from .model import Check, Finding, NotApplicable
from .snapshot import Obj, Snapshot, annotations_of, name_of, ref
from .versions import Version, parse

_CATEGORY = "gateways"
_REMEDY = (
    "Set gateway_api.version of meshwright.istio.istio_mesh, or have the platform that owns these CRDs upgrade them."
)


def gateway_api(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0025."""
    planes = mesh.require_control_planes(snapshot)
    newest = max((plane.version for plane in planes if plane.version), default=None)
    crds = {name_of(crd): crd for crd in snapshot.items("crds") if name_of(crd).endswith(f".{GATEWAY_GROUP}")}
    if not crds:
        if not mesh.is_ambient(snapshot):
            raise NotApplicable("the Gateway API is not installed, and a mesh in sidecar mode can do without")
        yield Finding(
            "warning",
            "The Gateway API is not installed: an ambient mesh without it can have no waypoints.",
            tuple(plane.ref for plane in planes),
            (f"no CustomResourceDefinition of {GATEWAY_GROUP}",),
            _REMEDY,
        )
        return
    yield from _served(snapshot, crds)
    for kind in GATEWAY_KINDS:
        crd = crds.get(kind.name)
        if crd is not None and kind.minimum is not None and (newest is None or newest.line >= kind.since):
            yield from _minimum(kind, crd, kind.minimum, newest)
    yield from _mixed(crds)


def _served(snapshot: Snapshot, crds: dict[str, Obj]) -> Iterator[Finding]:
    served = {
        (str(item["kind"]), str(item["version"]))
        for item in snapshot.items("api")
        if item.get("group") == GATEWAY_GROUP
    }
    for kind in GATEWAY_KINDS:
        if not kind.core or (kind.kind, kind.version) in served:
            continue
        others = sorted(version for name, version in served if name == kind.kind)
        crd = crds.get(kind.name)
        yield Finding(
            "error",
            f"{kind.kind} of the Gateway API is not served as {kind.version}: istiod does not see it.",
            (f"CustomResourceDefinition {kind.name}",),
            (f"served {', '.join(others) or 'in no version'}", *((_bundle(crd),) if crd is not None else ())),
            _REMEDY,
        )


def _minimum(kind: GatewayKind, crd: Obj, minimum: Version, newest: Version | None) -> Iterator[Finding]:
    text = str(annotations_of(crd).get(BUNDLE_VERSION, ""))
    version = parse(text)
    if version is not None and version >= minimum:
        return
    why = f"is of {text}" if text else f"carries no {BUNDLE_VERSION}"
    istiod = f"istiod {newest}" if newest else "istiod"
    yield Finding(
        "warning",
        f"The CRD of {kind.kind} {why}, {istiod} wants {minimum} or newer: resources of this kind do nothing.",
        (ref(crd),),
        (_bundle(crd),),
        _REMEDY,
    )


def _mixed(crds: dict[str, Obj]) -> Iterator[Finding]:
    """CRDs of several bundles beside each other: somebody upgraded some of them only."""
    bundles: dict[str, list[str]] = {}
    for crd in crds.values():
        text = str(annotations_of(crd).get(BUNDLE_VERSION, ""))
        if text:
            bundles.setdefault(text, []).append(ref(crd))
    if len(bundles) < 2:
        return
    least = min(bundles.values(), key=len)
    yield Finding(
        "warning",
        f"The CRDs of the Gateway API are of {len(bundles)} different bundles: {', '.join(sorted(bundles))}.",
        tuple(sorted(least)),
        tuple(f"{text}: {len(names)} CRDs" for text, names in sorted(bundles.items())),
        _REMEDY,
    )


def _bundle(crd: Obj) -> str:
    notes = annotations_of(crd)
    return f"bundle {notes.get(BUNDLE_VERSION, 'unknown')}, channel {notes.get(CHANNEL, 'unknown')}"


CHECKS = (
    Check(
        25,
        "Gateway API CRD version",
        _CATEGORY,
        "error",
        ("istiods", "daemonsets", "crds", "api"),
        "Are the kinds of the Gateway API served in the versions that istiod reads, of one bundle, and new enough? "
        "istiod passes over CRDs older than its minimum with a line in its log, and their resources do nothing. "
        "Skipped in sidecar mode where the Gateway API is not installed.",
        gateway_api,
    ),
)
