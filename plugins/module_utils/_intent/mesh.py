# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The request of `istio_mesh` as one frozen, validated value. Pure: nothing is read or sent here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .._errors import BadInput
from .charts import ChartSource, chart_source
from .operator import OperatorIntent, operator_intent
from .versions import OLDEST_MINOR, Version, parse_version

Component = Literal["base", "istiod", "cni", "ztunnel"]
RELEASES: dict[Component, str] = {"base": "istio-base", "istiod": "istiod", "cni": "istio-cni", "ztunnel": "ztunnel"}
CHART_REPOSITORY = "https://istio-release.storage.googleapis.com/charts"
# The Gateway API release that Istio 1.31 itself is built against.
GATEWAY_API_VERSION = "v1.6.0"
GATEWAY_API_URL = "https://github.com/kubernetes-sigs/gateway-api/releases/download/{version}/standard-install.yaml"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class GatewayApi:
    """`source` is empty when the upstream release of `version` is meant."""

    manage: bool
    version: str
    source: str

    @property
    def url(self) -> str:
        return self.source or GATEWAY_API_URL.format(version=self.version)


@dataclass(frozen=True, slots=True)
class MeshIntent:
    """What is asked for. `options` are the typed options as given (None where not); `values` the free ones.

    `tags` maps a tag to its revision, "" for the one of `version`; `absent_tags` are to be gone.
    """

    state: Literal["present", "absent", "rendered"]
    name: str
    method: Literal["helm", "sail"]
    revisioned: bool
    tags: Mapping[str, str]
    absent_tags: tuple[str, ...]
    default_tag: bool
    node_agents: bool
    istiod_alias: bool
    inactive_revision_grace: int
    operator: OperatorIntent
    migrate: bool
    version: Version
    mode: Literal["ambient", "sidecar"]
    namespace: str
    cni_namespace: str
    ztunnel_namespace: str
    components: tuple[Component, ...]
    options: Mapping[str, Any]
    values: Mapping[Component, Mapping[str, Any]]
    charts: ChartSource
    gateway_api: GatewayApi
    namespace_labels: Mapping[str, str]
    kubernetes_version: str
    wait: bool
    wait_timeout: int
    pending_grace: int
    preflight: bool
    purge: bool
    allow_enrolled: bool
    allow_downgrade: bool
    allow_version_skip: bool
    take_ownership: bool

    def namespace_of(self, component: Component) -> str:
        return {"cni": self.cni_namespace, "ztunnel": self.ztunnel_namespace}.get(component, self.namespace)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Each namespace once, the control plane's first."""
        return tuple(dict.fromkeys(self.namespace_of(component) for component in self.components))


def mesh_intent(params: Mapping[str, Any]) -> MeshIntent:
    """The intent of checked module parameters. Raises BadInput that names the option and the way out."""
    state, mode = params["state"], params["mode"]
    absent = state == "absent"
    if not params.get("version") and not absent:
        raise BadInput(f"version is required when state is {state}.", hint="Name the Istio version, such as 1.31.1.")
    version = parse_version(params.get("version") or "0.0.0")
    if not absent and version.major == 1 and 0 < version.minor < OLDEST_MINOR:
        raise BadInput(
            f"version: Istio {version} is older than this module can install.",
            hint=f"Its charts take other values; use 1.{OLDEST_MINOR} or newer.",
        )
    if state == "rendered" and not params.get("kubernetes_version"):
        raise BadInput(
            "kubernetes_version is required when state is rendered.",
            hint="Rendering reads no cluster; name the version the manifests are for, such as 1.34.",
        )
    cni_default, ztunnel_default = _node_namespaces(params)
    tags = params.get("tags") or []
    components: list[Component] = ["base", "istiod"]
    cni_enabled = (params.get("cni") or {}).get("enabled")
    if mode == "ambient" and cni_enabled is False:
        raise BadInput(
            "cni.enabled: ambient mode cannot work without istio-cni.", hint="Leave it out, or use mode: sidecar."
        )
    if mode == "ambient" or cni_enabled or absent:
        components.append("cni")
    if mode == "ambient" or absent:
        components.append("ztunnel")
    intent = MeshIntent(
        state=state,
        name=params["name"],
        method=params["method"],
        revisioned=params["update_strategy"] == "revision_based",
        tags={tag["name"]: tag.get("revision") or "" for tag in tags if tag["state"] == "present"},
        absent_tags=tuple(tag["name"] for tag in tags if tag["state"] == "absent"),
        default_tag=params["default_tag"],
        node_agents=params["node_agents"],
        istiod_alias=params["istiod_alias"],
        inactive_revision_grace=params["inactive_revision_grace"],
        operator=operator_intent(params),
        migrate=bool(params.get("migrate")),
        version=version,
        mode=mode,
        namespace=params["namespace"],
        cni_namespace=params.get("cni_namespace") or cni_default,
        ztunnel_namespace=params.get("ztunnel_namespace") or ztunnel_default,
        components=tuple(components),
        options=params,
        values={name: dict(given) for name, given in (params.get("values") or {}).items() if given},
        charts=chart_source(params.get("charts") or {}, CHART_REPOSITORY),
        gateway_api=_gateway_api(params.get("gateway_api") or {}),
        namespace_labels={str(k): str(v) for k, v in (params.get("namespace_labels") or {}).items()},
        kubernetes_version=params.get("kubernetes_version") or "",
        wait=params["wait"],
        wait_timeout=params["wait_timeout"],
        pending_grace=params["pending_grace"],
        preflight=params["preflight"],
        purge=params["purge"],
        allow_enrolled=params["allow_enrolled"],
        allow_downgrade=params["allow_downgrade"],
        allow_version_skip=params["allow_version_skip"],
        take_ownership=params["take_ownership"],
    )
    _check(intent)
    return intent


def _node_namespaces(params: Mapping[str, Any]) -> tuple[str, str]:
    """Where istio-cni and ztunnel go unless told: as the method's own documentation has it."""
    if params.get("platform") == "openshift":
        # The charts' own profile trusts a ztunnel in kube-system only.
        return "kube-system", "kube-system"
    if params["method"] == "sail":
        return "istio-cni", "ztunnel"
    return params["namespace"], params["namespace"]


def _gateway_api(given: Mapping[str, Any]) -> GatewayApi:
    version = given.get("version") or ""
    if version:
        version = f"v{parse_version(version, 'gateway_api.version')}"
    return GatewayApi(given.get("manage", True), version or GATEWAY_API_VERSION, given.get("source") or "")


def _check(intent: MeshIntent) -> None:
    if not _NAME.fullmatch(intent.name):
        raise BadInput(f"name: {intent.name!r} is no name of a mesh.", hint="Lower case letters, digits and '-'.")
    if not intent.revisioned:
        for option in ("tags", "istiod_alias"):
            if intent.options.get(option):
                raise BadInput(
                    f"{option}: a mesh that is upgraded in place has one control plane, and no use for it.",
                    hint="Use update_strategy: revision_based, or leave it out.",
                )
    for option in ("namespace", "cni_namespace", "ztunnel_namespace"):
        name = getattr(intent, option)
        if not _NAME.fullmatch(name):
            raise BadInput(f"{option}: {name!r} is not a namespace's name.", hint="Lower case letters, digits and '-'.")
    for option in ("wait_timeout", "pending_grace", "inactive_revision_grace"):
        if getattr(intent, option) < 0:
            raise BadInput(f"{option}: {getattr(intent, option)} is negative.", hint="It counts seconds.")
    istiod = intent.options.get("istiod") or {}
    replicas, scale = istiod.get("replicas"), istiod.get("autoscale")
    if replicas is not None and replicas < 1:
        raise BadInput(
            f"istiod.replicas: {replicas} would leave the mesh without a control plane.", hint="Use at least 1."
        )
    if scale and not 1 <= scale["min"] <= scale["max"]:
        raise BadInput(
            f"istiod.autoscale: min {scale['min']} and max {scale['max']} are no range.",
            hint="1 <= min <= max is needed.",
        )
    sampling = (intent.options.get("tracing") or {}).get("sampling")
    if sampling is not None and not 0 <= sampling <= 100:
        raise BadInput(f"tracing.sampling: {sampling} is not a percentage.", hint="Use 0 to 100.")
    if intent.mode == "sidecar" and intent.state != "absent":
        if intent.options.get("ztunnel") or intent.values.get("ztunnel"):
            raise BadInput("ztunnel: sidecar mode has no ztunnel.", hint="Remove the option, or use mode: ambient.")
        if intent.values.get("istiod", {}).get("profile") == "ambient":
            raise BadInput("values.istiod.profile is ambient while mode is sidecar.", hint="Use mode: ambient.")
        if "cni" not in intent.components and (
            intent.values.get("cni") or any(v is not None for v in (intent.options.get("cni") or {}).values())
        ):
            raise BadInput(
                "cni: options of istio-cni are given, but it is not installed.", hint="Set cni.enabled: true."
            )
