# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Sail Operator that is asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .._errors import BadInput
from .charts import ChartSource, chart_source
from .versions import Version, parse_version

OPERATOR_REPOSITORY = "https://istio-ecosystem.github.io/sail-operator"
Install = Literal["", "helm", "olm", "none"]


@dataclass(frozen=True, slots=True)
class OperatorIntent:
    """`install` is "" and `version` None where nothing was said. `given` tells whether any option of it was."""

    install: Install
    version: Version | None
    namespace: str
    charts: ChartSource
    values: Mapping[str, Any]
    package: str
    channel: str
    source: str
    source_namespace: str
    approval: str
    given: bool


def operator_intent(params: Mapping[str, Any]) -> OperatorIntent:
    """From checked module parameters. Raises BadInput that names the option and the way out."""
    given = params.get("operator") or {}
    if given and params["method"] != "sail":
        raise BadInput(
            "operator: there is no operator with method helm.", hint="Remove the option, or use method: sail."
        )
    openshift = params.get("platform") == "openshift"
    version = given.get("version")
    return OperatorIntent(
        install=given.get("install") or "",
        version=parse_version(version, "operator.version") if version else None,
        namespace=given.get("namespace") or ("openshift-operators" if openshift else "sail-operator"),
        charts=chart_source(given.get("charts") or {}, OPERATOR_REPOSITORY, "operator.charts"),
        values=given.get("values") or {},
        package=given.get("package") or ("servicemeshoperator3" if openshift else "sailoperator"),
        channel=given.get("channel") or "stable",
        source=given.get("source") or ("redhat-operators" if openshift else "operatorhubio-catalog"),
        source_namespace=given.get("source_namespace") or ("openshift-marketplace" if openshift else "olm"),
        approval=given.get("approval") or "Manual",
        given=bool(given),
    )
