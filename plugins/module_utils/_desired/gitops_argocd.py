# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Argo CD Applications, one for each unit. Pure.

Fields as in the CRD `applications.argoproj.io`, v1alpha1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .gitops import GATEWAY_API_GIT, GATEWAY_API_PATH, GitOps, Objects, Unit

NAMESPACE = "argocd"
_WAVE = "argocd.argoproj.io/sync-wave"
_ADMISSION = "admissionregistration.k8s.io"
# What istiod writes into objects of its charts.
_WRITTEN = [
    {
        "group": _ADMISSION,
        "kind": "ValidatingWebhookConfiguration",
        "jqPathExpressions": [".webhooks[]?.clientConfig.caBundle", ".webhooks[]?.failurePolicy"],
    },
    {
        "group": _ADMISSION,
        "kind": "MutatingWebhookConfiguration",
        "jqPathExpressions": [".webhooks[]?.clientConfig.caBundle"],
    },
]
_RETRY = {"limit": 10, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"}}


def applications(
    units: Iterable[Unit], options: GitOps, labels: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, Objects]]:
    """(unit's name, its Application) in order; `labels` are those of the namespaces, by name.

    The first Application in a namespace makes it. None has a finalizer: deleting an Application leaves the mesh.
    """
    made: set[str] = set()
    result: list[tuple[str, Objects]] = []
    waves: dict[str, int] = {}
    for unit in units:
        waves[unit.name] = 1 + max((waves[name] for name in unit.after), default=-1)
        source: dict[str, Any] = {
            # A registry is told from a repository by having no scheme.
            "repoURL": unit.source.location.removeprefix("oci://"),
            "chart": unit.chart,
            "targetRevision": unit.version,
            "helm": {"releaseName": unit.name, "valuesObject": dict(unit.values)},
        }
        application = _application(unit.name, waves[unit.name], source, unit.namespace, options)
        policy = application["spec"]["syncPolicy"]
        policy["automated"]["prune"] = not unit.keeps_crds
        if unit.namespace not in made:
            made.add(unit.namespace)
            policy["syncOptions"].insert(0, "CreateNamespace=true")
            if labels.get(unit.namespace):
                policy["managedNamespaceMetadata"] = {"labels": dict(labels[unit.namespace])}
        if unit.writes_webhooks:
            application["spec"]["ignoreDifferences"] = _WRITTEN
        result.append((unit.name, [application]))
    return result


def gateway_api_application(version: str, options: GitOps) -> dict[str, Any]:
    """The Gateway API's CRDs from their project's repository, at a release's tag."""
    source = {"repoURL": GATEWAY_API_GIT, "path": GATEWAY_API_PATH, "targetRevision": version}
    return _application("gateway-api", 0, source, "default", options)


def in_wave(objects: Objects, wave: int) -> Objects:
    """Plain objects for the same repository, after the Applications of lower waves."""
    return [
        {
            **obj,
            "metadata": {
                **obj["metadata"],
                "annotations": {
                    **(obj["metadata"].get("annotations") or {}),
                    _WAVE: str(wave),
                    "argocd.argoproj.io/sync-options": "SkipDryRunOnMissingResource=true,ServerSideApply=true",
                },
            },
        }
        for obj in objects
    ]


def _application(name: str, wave: int, source: Mapping[str, Any], namespace: str, options: GitOps) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": options.namespace, "annotations": {_WAVE: str(wave)}},
        "spec": {
            "project": options.project,
            "source": dict(source),
            "destination": {"server": options.server, "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": False, "selfHeal": True},
                "syncOptions": ["ServerSideApply=true", "RespectIgnoreDifferences=true"],
                "retry": _RETRY,
            },
        },
    }
