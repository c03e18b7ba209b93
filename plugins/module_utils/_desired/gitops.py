# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A mesh as units that a GitOps tool installs, in order: each one Helm chart with its values. Pure.

What Argo CD and Flux make of a unit is in `gitops_argocd` and `gitops_flux`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._errors import BadInput
from .._intent.charts import ChartSource
from .._intent.mesh import MeshIntent
from .helm import DesiredRelease, releases_of
from .layout import DEFAULT_TAG, EVERYTHING, IN_PLACE, Installed, Layout, target
from .values import merge

# Where something else than this collection applies what was rendered, istiod and that tool would take turns in writing
# the validators' failurePolicy: rendered as what istiod makes of it, there is nothing to fight over.
_STEADY: Mapping[str, Any] = {"base": {"validationFailurePolicy": "Fail"}}
# Which component comes after which.
_AFTER = {"base": (), "istiod": ("base",), "cni": ("istiod",), "ztunnel": ("istiod", "cni")}
GATEWAY_API_GIT = "https://github.com/kubernetes-sigs/gateway-api"
GATEWAY_API_PATH = "config/crd"

Objects = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Unit:
    """One Helm release. `after` names units that must be there first; `writes_webhooks` that istiod edits some of its
    objects; `keeps_crds` that nothing of it may be pruned."""

    name: str
    namespace: str
    source: ChartSource
    chart: str
    version: str
    values: Mapping[str, Any]
    after: tuple[str, ...] = ()
    writes_webhooks: bool = False
    keeps_crds: bool = False


@dataclass(frozen=True, slots=True)
class GitOps:
    """Names that the GitOps tool knows. `timeout` in seconds."""

    namespace: str
    project: str
    server: str
    interval: str
    timeout: int


def gitops_options(intent: MeshIntent, default_namespace: str) -> GitOps:
    given = intent.options.get("gitops") or {}
    return GitOps(
        namespace=given.get("namespace") or default_namespace,
        project=given.get("project") or "default",
        server=given.get("server") or "https://kubernetes.default.svc",
        interval=given.get("interval") or "10m",
        timeout=intent.wait_timeout,
    )


def rendered_layout(intent: MeshIntent) -> Layout:
    """The layout of a fresh installation. Raises BadInput for what no chart can render."""
    layout = target(intent, Installed()).layout
    other = sorted(tag for tag, revision in layout.tags.items() if revision != layout.active)
    if other:
        raise BadInput(
            f"tags: {', '.join(other)} stand for another revision than the rendered {layout.active}.",
            hint="Render that revision with its tags by itself.",
        )
    return layout


def steady_releases(intent: MeshIntent, layout: Layout) -> list[DesiredRelease]:
    """The releases as rendered for somebody else to apply: istiod's own edits are no drift, and its tags are in it."""
    default = layout.tags.get(DEFAULT_TAG, "") if intent.revisioned else IN_PLACE
    result = []
    for release in releases_of(intent, layout, EVERYTHING, default):
        added: dict[str, Any] = {}
        if release.component in ("base", "istiod"):
            added = merge(added, _STEADY)
        if release.component == "istiod" and layout.tags:
            added["revisionTags"] = sorted(layout.tags)
        result.append(replace(release, values=merge(added, release.values)))
    return result


def helm_units(intent: MeshIntent, releases: Iterable[DesiredRelease]) -> list[Unit]:
    """One unit a release, in their order. Raises BadInput where a GitOps tool could not reach the charts."""
    _reachable(intent.charts, "charts")
    named: dict[str, str] = {}
    units = []
    for release in releases:
        named[release.component] = release.name
        units.append(
            Unit(
                name=release.name,
                namespace=release.namespace,
                source=intent.charts,
                chart=release.chart,
                version=release.version,
                values=release.values,
                after=tuple(named[which] for which in _AFTER[release.component] if which in named),
                writes_webhooks=release.component in ("base", "istiod"),
                keeps_crds=release.component == "base",
            )
        )
    return units


def operator_unit(intent: MeshIntent, release: DesiredRelease) -> Unit:
    """The Sail Operator's chart. Raises BadInput as `helm_units`."""
    _reachable(intent.operator.charts, "operator.charts")
    return Unit(
        name=release.name,
        namespace=release.namespace,
        source=intent.operator.charts,
        chart=release.chart,
        version=release.version,
        values=release.values,
        keeps_crds=True,
    )


def guard_gitops(intent: MeshIntent) -> None:
    """Refuse what a chart cannot say."""
    if intent.istiod_alias:
        raise BadInput(
            "istiod_alias: no chart makes this Service, so it cannot be rendered for a GitOps tool.",
            hint="Leave it out, and keep the Service in your repository.",
        )
    free = intent.values.get("istiod", {}).get("revisionTags")
    if free:
        raise BadInput("values.istiod.revisionTags: tags are set by the option tags.", hint="Use tags.")


def _reachable(source: ChartSource, option: str) -> None:
    if source.kind == "path":
        raise BadInput(
            f"{option}.path: a folder of this host cannot be reached by a GitOps tool.",
            hint=f"Name a repository or registry with {option}.repository or {option}.oci.",
        )
    if not source.validate_certs:
        raise BadInput(
            f"{option}.validate_certs: what is rendered for a GitOps tool always verifies certificates.",
            hint=f"Give the authority's certificate with {option}.ca_file.",
        )


def namespace_labels(intent: MeshIntent, name: str, network_label: str) -> dict[str, str]:
    """The labels that a namespace of the mesh shall have."""
    labels = dict(intent.namespace_labels)
    if name == intent.namespace and intent.options.get("network"):
        labels[network_label] = intent.options["network"]
    return labels
