# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""From typed options to the values of Istio's charts. Pure.

Paths were read in the charts of Istio 1.31. Two things about these charts decide where a value goes:

* A profile (`ambient`, a platform's) may set `pilot.x` or `cni.x`, and the charts copy what is under `pilot` and
  `cni` over the top level *after* the user's own values. So a value at the top level can lose silently; ours go
  under the prefix, where the user's word is the last one.
* ztunnel's chart reads its own `multiCluster.clusterName` and `network`, not istiod's `global.*`: both must be set,
  else ztunnel claims to be in a cluster that istiod does not know, and gets no certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._errors import BadInput
from .._intent.mesh import Component, MeshIntent
from .values import Path, leaves, merge, put, same_values

TRACING_PROVIDER = "meshwright-tracing"
_DEFAULT_NAMESPACE = "istio-system"


class Setting(NamedTuple):
    """One value that a typed option sets in one chart."""

    component: Component
    path: Path
    value: Any
    option: str


def release_values(intent: MeshIntent) -> dict[Component, dict[str, Any]]:
    """The values of each component's release: free values with the typed options over them.

    Raises BadInput naming option and path where both set one value to different things.
    """
    result: dict[Component, dict[str, Any]] = {}
    settings = list(typed_settings(intent))
    for component in intent.components:
        typed: dict[str, Any] = {}
        options: dict[Path, str] = {}
        for setting in settings:
            if setting.component == component:
                put(typed, setting.path, setting.value)
                options[setting.path] = setting.option
        free = intent.values.get(component, {})
        typed = _join_providers(typed, free)
        _refuse_conflicts(component, typed, free, options)
        result[component] = merge(free, typed)
    return result


def typed_settings(intent: MeshIntent) -> Iterator[Setting]:
    """Every value that follows from a typed option that was given; nothing for options left out."""
    yield from _shared(intent)
    yield from _istiod(intent)
    yield from _mesh_config(intent)
    yield from _node_agents(intent)


def _given(table: Mapping[str, Path], given: Mapping[str, Any], component: Component, prefix: str) -> Iterator[Setting]:
    for option, path in table.items():
        if given.get(option) is not None:
            yield Setting(component, path, given[option], f"{prefix}{option}")


def _shared(intent: MeshIntent) -> Iterator[Setting]:
    """Settings that several charts must agree on."""
    options = intent.options
    if intent.mode == "ambient":
        for component in ("istiod", "cni"):
            yield Setting(component, ("profile",), "ambient", "mode")
    if intent.namespace != _DEFAULT_NAMESPACE:
        for component, path in (
            ("base", ("global", "istioNamespace")),
            ("istiod", ("global", "istioNamespace")),
            ("ztunnel", ("istioNamespace",)),
        ):
            yield Setting(component, path, intent.namespace, "namespace")  # type: ignore[arg-type]
    everywhere: dict[Component, dict[str, Path]] = {
        "base": {"image_pull_secrets": ("global", "imagePullSecrets")},
        "istiod": {
            "cluster_name": ("global", "multiCluster", "clusterName"),
            "network": ("global", "network"),
            "mesh_id": ("global", "meshID"),
            "platform": ("global", "platform"),
            "hub": ("global", "hub"),
            "tag": ("global", "tag"),
            "variant": ("global", "variant"),
            "image_pull_policy": ("global", "imagePullPolicy"),
            "image_pull_secrets": ("global", "imagePullSecrets"),
            "trust_domain": ("meshConfig", "trustDomain"),
        },
        "cni": {
            "platform": ("global", "platform"),
            "hub": ("global", "hub"),
            "tag": ("global", "tag"),
            "variant": ("global", "variant"),
            "image_pull_policy": ("global", "imagePullPolicy"),
            "image_pull_secrets": ("global", "imagePullSecrets"),
            "dns_capture": ("cni", "ambient", "dnsCapture"),
        },
        "ztunnel": {
            "cluster_name": ("multiCluster", "clusterName"),
            "network": ("network",),
            "platform": ("global", "platform"),
            "hub": ("hub",),
            "tag": ("tag",),
            "variant": ("variant",),
            "image_pull_policy": ("imagePullPolicy",),
            "image_pull_secrets": ("imagePullSecrets",),
        },
    }
    for name, table in everywhere.items():
        if name == "cni" and intent.mode == "sidecar":
            table = {option: path for option, path in table.items() if option != "dns_capture"}
        yield from _given(table, options, name, "")


def _istiod(intent: MeshIntent) -> Iterator[Setting]:
    given = intent.options.get("istiod") or {}
    table: dict[str, Path] = {
        "resources": ("pilot", "resources"),
        "node_selector": ("pilot", "nodeSelector"),
        "affinity": ("pilot", "affinity"),
        "tolerations": ("pilot", "tolerations"),
        "topology_spread": ("pilot", "topologySpreadConstraints"),
        "env": ("pilot", "env"),
        "priority_class": ("global", "priorityClassName"),
    }
    yield from _given(table, given, "istiod", "istiod.")
    if given.get("replicas") is not None:
        yield Setting("istiod", ("pilot", "autoscaleEnabled"), False, "istiod.replicas")
        yield Setting("istiod", ("pilot", "replicaCount"), given["replicas"], "istiod.replicas")
    if scale := given.get("autoscale"):
        yield Setting("istiod", ("pilot", "autoscaleEnabled"), True, "istiod.autoscale")
        yield from _given(
            {
                "min": ("pilot", "autoscaleMin"),
                "max": ("pilot", "autoscaleMax"),
                "target_cpu": ("pilot", "cpu", "targetAverageUtilization"),
                "target_memory": ("pilot", "memory", "targetAverageUtilization"),
            },
            scale,
            "istiod",
            "istiod.autoscale.",
        )
    if budget := given.get("disruption_budget"):
        switch = ("global", "defaultPodDisruptionBudget", "enabled")
        yield Setting("istiod", switch, budget.get("enabled", True), "istiod.disruption_budget.enabled")
        for option, key in (("min_available", "minAvailable"), ("max_unavailable", "maxUnavailable")):
            if budget.get(option) is not None:
                yield Setting(
                    "istiod", ("pdb", key), _int_or_percent(budget[option]), f"istiod.disruption_budget.{option}"
                )
        if budget.get("unhealthy_pod_eviction"):
            path = ("pdb", "unhealthyPodEvictionPolicy")
            yield Setting(
                "istiod", path, budget["unhealthy_pod_eviction"], "istiod.disruption_budget.unhealthy_pod_eviction"
            )
    if intent.mode == "ambient":
        # What istiod assumes when told nothing: its own namespace, or kube-system by the OpenShift profile.
        assumed = "kube-system" if intent.options.get("platform") == "openshift" else intent.namespace
        if intent.ztunnel_namespace != assumed:
            path = ("pilot", "trustedZtunnelNamespace")
            yield Setting("istiod", path, intent.ztunnel_namespace, "ztunnel_namespace")
    elif "cni" in intent.components:
        yield Setting("istiod", ("pilot", "cni", "enabled"), True, "cni.enabled")


def _mesh_config(intent: MeshIntent) -> Iterator[Setting]:
    options = intent.options
    yield from _given({"discovery_selectors": ("meshConfig", "discoverySelectors")}, options, "istiod", "")
    if options.get("dns_capture") is not None:
        path = ("meshConfig", "defaultConfig", "proxyMetadata", "ISTIO_META_DNS_CAPTURE")
        yield Setting("istiod", path, "true" if options["dns_capture"] else "false", "dns_capture")
    if log := options.get("access_log"):
        yield Setting("istiod", ("meshConfig", "accessLogFile"), log["file"], "access_log.file")
        if log.get("encoding"):
            yield Setting("istiod", ("meshConfig", "accessLogEncoding"), log["encoding"].upper(), "access_log.encoding")
        if log.get("format"):
            yield Setting("istiod", ("meshConfig", "accessLogFormat"), log["format"], "access_log.format")
    if tracing := options.get("tracing"):
        port = tracing.get("port") or {"opentelemetry": 4317, "zipkin": 9411}[tracing["provider"]]
        provider = {"name": TRACING_PROVIDER, tracing["provider"]: {"service": tracing["service"], "port": port}}
        yield Setting("istiod", ("meshConfig", "enableTracing"), True, "tracing")
        yield Setting("istiod", ("meshConfig", "extensionProviders"), [provider], "tracing")
        yield Setting("istiod", ("meshConfig", "defaultProviders", "tracing"), [TRACING_PROVIDER], "tracing")
        sampling = tracing.get("sampling")
        if sampling is not None:
            yield Setting("istiod", ("pilot", "traceSampling"), sampling, "tracing.sampling")
            if not sampling:
                # The chart leaves a sampling of 0 out, and istiod then samples 1 %.
                yield Setting("istiod", ("pilot", "env", "PILOT_TRACE_SAMPLING"), "0", "tracing.sampling")


def _node_agents(intent: MeshIntent) -> Iterator[Setting]:
    yield from _given(
        {
            "resources": ("cni", "resources"),
            "affinity": ("cni", "affinity"),
            "tolerations": ("cni", "tolerations"),
            "chained": ("cni", "chained"),
            "bin_dir": ("cni", "cniBinDir"),
            "conf_dir": ("cni", "cniConfDir"),
            "netns_dir": ("cni", "cniNetnsDir"),
            "exclude_namespaces": ("cni", "excludeNamespaces"),
        },
        intent.options.get("cni") or {},
        "cni",
        "cni.",
    )
    yield from _given(
        {
            "resources": ("resources",),
            "node_selector": ("nodeSelector",),
            "affinity": ("affinity",),
            "tolerations": ("tolerations",),
            "env": ("env",),
            "log_level": ("logLevel",),
            "termination_grace_period": ("terminationGracePeriodSeconds",),
        },
        intent.options.get("ztunnel") or {},
        "ztunnel",
        "ztunnel.",
    )


def _int_or_percent(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _join_providers(typed: dict[str, Any], free: Mapping[str, Any]) -> dict[str, Any]:
    """Free extension providers stay beside the tracing provider: the list is one of names, not one value."""
    ours = typed.get("meshConfig", {}).get("extensionProviders")
    config = free.get("meshConfig")
    theirs = config.get("extensionProviders") if isinstance(config, Mapping) else None
    if not ours or not isinstance(theirs, list):
        return typed
    names = {provider.get("name") for provider in theirs if isinstance(provider, Mapping)}
    if TRACING_PROVIDER in names:
        return typed
    return merge(typed, {"meshConfig": {"extensionProviders": [*theirs, *ours]}})


def _canonical(component: Component, path: Path) -> Path:
    """One spelling for the paths that a chart treats as the same."""
    alias = {"istiod": "pilot", "cni": "cni", "ztunnel": "global"}.get(component)
    return path[1:] if len(path) > 1 and path[0] == alias else path


def _refuse_conflicts(
    component: Component, typed: Mapping[str, Any], free: Mapping[str, Any], options: Mapping[Path, str]
) -> None:
    ours = {_canonical(component, path): (path, value) for path, value in leaves(typed)}
    for free_path, free_value in leaves(free):
        spelled = _canonical(component, free_path)
        for path, (typed_path, value) in ours.items():
            shorter = min(len(path), len(spelled))
            if path[:shorter] != spelled[:shorter] or (path == spelled and same_values(value, free_value)):
                continue
            if _joined(typed_path, value, free_value):
                continue
            option = next(
                (options[typed_path[:end]] for end in range(len(typed_path), 0, -1) if typed_path[:end] in options), "?"
            )
            raise BadInput(
                f"{option} and values.{component}.{'.'.join(free_path)} set the same value to different things.",
                hint="Keep one of them.",
                details={"option": option, "value": f"values.{component}.{'.'.join(free_path)}"},
            )


def _joined(path: Path, value: Any, free_value: Any) -> bool:
    """Whether the free list is contained in ours (see `_join_providers`)."""
    return path[-1] == "extensionProviders" and isinstance(free_value, list) and value[: len(free_value)] == free_value
