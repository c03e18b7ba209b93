# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Flux's sources and HelmReleases, one release for each unit. Pure.

Fields as in the CRDs of `source.toolkit.fluxcd.io/v1`, `helm.toolkit.fluxcd.io/v2` and
`kustomize.toolkit.fluxcd.io/v1`. OCIRepository is v1 since Flux 2.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._intent.charts import ChartSource
from .gitops import GATEWAY_API_GIT, GATEWAY_API_PATH, GitOps, Objects, Unit

NAMESPACE = "flux-system"
_SOURCE = "source.toolkit.fluxcd.io/v1"
_HELM = "helm.toolkit.fluxcd.io/v2"
_CHART_LAYER = {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "operation": "copy"}
# JSON pointers know no wildcard. istiod's injector has four webhooks, a validator one; a path too many does no harm.
_WEBHOOKS = 4
_WRITTEN = [
    {
        "target": {"kind": "ValidatingWebhookConfiguration"},
        "paths": [
            f"/webhooks/{number}/{field}"
            for number in range(_WEBHOOKS)
            for field in ("clientConfig/caBundle", "failurePolicy")
        ],
    },
    {
        "target": {"kind": "MutatingWebhookConfiguration"},
        "paths": [f"/webhooks/{number}/clientConfig/caBundle" for number in range(_WEBHOOKS)],
    },
]


def credentials_name(unit: Unit) -> str:
    """The Secret that a unit's source refers to when its charts need a login."""
    return f"{_source_name(unit)}-credentials"


def authority_name(unit: Unit) -> str:
    """The Secret with the certificate of the authority that a unit's source is verified with."""
    return f"{_source_name(unit)}-ca"


def releases(units: Iterable[Unit], options: GitOps) -> tuple[Objects, list[tuple[str, Objects]]]:
    """(sources, each once; (unit's name, its HelmRelease) in order)."""
    sources: dict[str, dict[str, Any]] = {}
    result: list[tuple[str, Objects]] = []
    for unit in units:
        source = _source(unit, options)
        sources.setdefault(source["metadata"]["name"], source)
        result.append((unit.name, [_release(unit, options)]))
    return list(sources.values()), result


def gateway_api(version: str, options: GitOps) -> Objects:
    """The Gateway API's CRDs from their project's repository, at a release's tag; never pruned."""
    meta = {"name": "gateway-api", "namespace": options.namespace}
    return [
        {
            "apiVersion": _SOURCE,
            "kind": "GitRepository",
            "metadata": meta,
            "spec": {"interval": options.interval, "url": GATEWAY_API_GIT, "ref": {"tag": version}},
        },
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": meta,
            "spec": {
                "interval": options.interval,
                "timeout": f"{options.timeout}s",
                "sourceRef": {"kind": "GitRepository", "name": "gateway-api"},
                "path": f"./{GATEWAY_API_PATH}",
                "prune": False,
                "wait": True,
            },
        },
    ]


def _source_name(unit: Unit) -> str:
    """An OCI source holds one chart, a repository all of them."""
    if unit.source.kind == "oci":
        return unit.name
    return "sail-operator" if unit.chart == "sail-operator" else "istio"


def _source(unit: Unit, options: GitOps) -> dict[str, Any]:
    spec: dict[str, Any] = {"interval": options.interval, **_access(unit, unit.source)}
    if unit.source.kind == "oci":
        spec |= {
            "url": f"{unit.source.location}/{unit.chart}",
            "ref": {"tag": unit.version},
            "layerSelector": _CHART_LAYER,
        }
        kind = "OCIRepository"
    else:
        spec["url"] = unit.source.location
        kind = "HelmRepository"
    meta = {"name": _source_name(unit), "namespace": options.namespace}
    return {"apiVersion": _SOURCE, "kind": kind, "metadata": meta, "spec": spec}


def _access(unit: Unit, source: ChartSource) -> dict[str, Any]:
    """References to Secrets; what is in them is never rendered."""
    told: dict[str, Any] = {}
    if source.username:
        told["secretRef"] = {"name": credentials_name(unit)}
    if source.ca_file:
        told["certSecretRef"] = {"name": authority_name(unit)}
    return told


def _release(unit: Unit, options: GitOps) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "interval": options.interval,
        "timeout": f"{options.timeout}s",
        "releaseName": unit.name,
        "targetNamespace": unit.namespace,
        # Helm's records where a helm of one's own would keep them.
        "storageNamespace": unit.namespace,
    }
    if unit.source.kind == "oci":
        spec["chartRef"] = {"kind": "OCIRepository", "name": _source_name(unit)}
    else:
        reference = {"kind": "HelmRepository", "name": _source_name(unit)}
        spec["chart"] = {"spec": {"chart": unit.chart, "version": unit.version, "sourceRef": reference}}
    if unit.after:
        spec["dependsOn"] = [{"name": name} for name in unit.after]
    retries = {"remediation": {"retries": 3}}
    spec |= {
        "install": {"crds": "CreateReplace", **retries},
        "upgrade": {"crds": "CreateReplace", **retries},
        "driftDetection": {"mode": "enabled", **({"ignore": _WRITTEN} if unit.writes_webhooks else {})},
        "values": dict(unit.values),
    }
    return {
        "apiVersion": _HELM,
        "kind": "HelmRelease",
        "metadata": {"name": unit.name, "namespace": options.namespace},
        "spec": spec,
    }
