# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an istiod pod to the process that stands for it: image, arguments, environment. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
Lookup = Callable[[str, str, str], Mapping[str, str] | None]
"""(kind "ConfigMap" or "Secret", namespace, name) -> its decoded data, None when it does not exist."""

IMAGE = re.compile(r"(?:^|/)pilot(?::(?P<tag>[^@]+))?(?:@.*)?$")
VARIANTS = ("-distroless", "-debug")
PORTS = {"http": 8080, "https": 15017, "grpc": 15010, "secure-grpc": 15012, "monitoring": 15014, "ctrlz": 9876}
"""istiod's own ports, by what they serve."""
_ADDRESS_FLAGS = {
    "http": "--httpAddr",
    "https": "--httpsAddr",
    "grpc": "--grpcAddr",
    "secure-grpc": "--secureGRPCAddr",
    "monitoring": "--monitoringAddr",
}
# What the harness decides itself: where the API server is, and how much of the machine one istiod may take.
_OWN_ENVIRONMENT = ("KUBECONFIG", "GOMEMLIMIT", "GOMAXPROCS", "GOGC", "PATH", "HOME")


class Unresolved(Exception):
    """The pod refers to something that does not exist; kubelet would say CreateContainerConfigError."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run for a pod: the container concerned, its image's version, arguments and environment."""

    container: str
    version: str
    arguments: list[str]
    environment: dict[str, str]


def pilot_container(pod: Object) -> Object | None:
    """The container of the pod that runs an image named `pilot`, if any."""
    for container in pod["spec"].get("containers", ()):
        if IMAGE.search(container.get("image", "")):
            return dict(container)
    return None


def image_version(image: str) -> str:
    """The version in an image's tag, without the variant: "1.31.1" for ".../pilot:1.31.1-distroless"."""
    match = IMAGE.search(image)
    tag = (match.group("tag") if match else "") or "latest"
    for variant in VARIANTS:
        tag = tag.removesuffix(variant)
    return tag


def _field(pod: Object, path: str) -> str:
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str(metadata.get(match.group(1), {}).get(match.group(2), ""))
    values = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata.get("uid", ""),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": ",".join(each["ip"] for each in status.get("podIPs", [])),
        "status.hostIP": status.get("hostIP", ""),
        "status.hostIPs": ",".join(each["ip"] for each in status.get("hostIPs", [])),
    }
    if path not in values:
        raise Unresolved(f"fieldRef {path} is not known to the harness")
    return str(values[path])


def _reference(pod: Object, source: Object, lookup: Lookup) -> str | None:
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return None  # the harness has its own idea of an istiod's share of this machine
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if reference := source.get(key):
            data = lookup(kind, pod["metadata"]["namespace"], reference["name"])
            if data is not None and reference["key"] in data:
                return data[reference["key"]]
            if reference.get("optional"):
                return None
            raise Unresolved(f"{kind} {reference['name']} or its key {reference['key']} not found")
    raise Unresolved(f"an environment variable from {', '.join(source)} is not known to the harness")


def environment(pod: Object, container: Object, lookup: Lookup) -> dict[str, str]:
    """The container's environment resolved against the cluster. Errors: Unresolved."""
    values: dict[str, str] = {}
    for each in container.get("envFrom", ()):
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if reference := each.get(key):
                data = lookup(kind, pod["metadata"]["namespace"], reference["name"])
                if data is None and not reference.get("optional"):
                    raise Unresolved(f"{kind} {reference['name']} not found")
                values.update({each.get("prefix", "") + name: value for name, value in (data or {}).items()})
    for entry in container.get("env", ()):
        value = _reference(pod, entry["valueFrom"], lookup) if "valueFrom" in entry else entry.get("value", "")
        if value is not None:
            values[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda m: values.get(m.group(1), m.group(0)), value)
    return values


def _without(arguments: list[str], flags: set[str]) -> list[str]:
    """Arguments less these flags, be they written --flag=value or --flag value."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in flags:
            skip = True
        elif argument.partition("=")[0] not in flags:
            kept.append(argument)
    return kept


def plan(pod: Object, ports: Mapping[str, int], kubeconfig: str, base: Mapping[str, str], lookup: Lookup) -> Launch:
    """What to run for this istiod pod, listening on `ports` (by PORTS' names) of loopback.

    `base` is the environment to start from (PATH, HOME). Errors: Unresolved; ValueError for a pod without istiod.
    """
    container = pilot_container(pod)
    if container is None:
        raise ValueError("no container of this pod runs istiod")
    wanted = environment(pod, container, lookup)
    for name in _OWN_ENVIRONMENT:
        wanted.pop(name, None)
    listening = [f"{flag}=127.0.0.1:{ports[name]}" for name, flag in _ADDRESS_FLAGS.items()]
    arguments = _without(
        [*container.get("command", [])[1:], *container.get("args", ["discovery"])],
        {*_ADDRESS_FLAGS.values(), "--ctrlz_port", "--ctrlz_address", "--kubeconfig"},
    )
    return Launch(
        container=container["name"],
        version=image_version(container["image"]),
        arguments=[*arguments, *listening, f"--ctrlz_port={ports['ctrlz']}", f"--kubeconfig={kubeconfig}"],
        environment={**base, **wanted},
    )
