# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod really sent: to a ztunnel, by its own dump, and to sidecars and waypoints, by istiod's.

Policies are named "namespace/name". Right after a change it may take istiod a moment to send it: wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.istiod_debug import ready_istiods
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import POD
from ansible_collections.meshwright.istio.plugins.module_utils._kube.portforward import pod_get
from ansible_collections.meshwright.istio.plugins.module_utils._kube.readiness import readiness

Obj = dict[str, Any]
_SECONDS = 30.0
_RULE = re.compile(r"ns\[([^]]*)]-policy\[([^]]*)]-rule\[\d+]")


def ready_ztunnel(client: Client, namespace: str = "istio-system") -> str:
    """The name of a Ready ztunnel pod, the first by name: each is sent the same."""
    pods = [pod for pod in client.list(POD, namespace, labels="app=ztunnel") if readiness(pod).ready]
    return min(str(pod["metadata"]["name"]) for pod in pods)


def ztunnel_dump(client: Client, namespace: str, pod: str) -> Obj:
    """The ztunnel's /config_dump: `policies`, `services` and `workloads`."""
    answer = pod_get(client, namespace, pod, 15000, "/config_dump", deadline=Deadline(_SECONDS))
    assert answer.status == 200, answer.text
    found: Obj = answer.json()
    return found


def policies_of(dump: Obj) -> set[str]:
    """The policies that the ztunnel has."""
    return {f"{each['namespace']}/{each['name']}" for each in dump["policies"]}


def policies_on(dump: Obj, namespace: str, pod: str) -> set[str]:
    """The policies that the ztunnel enforces on a pod: those that select it, its namespace's and the mesh's.

    KeyError for a pod that the ztunnel does not know.
    """
    workloads = {(each["namespace"], each["name"]): each for each in dump["workloads"]}
    named = set(workloads[namespace, pod].get("authorizationPolicies", ()))
    for each in dump["policies"]:
        if each["scope"] == "Global" or (each["scope"] == "Namespace" and each["namespace"] == namespace):
            named.add(f"{each['namespace']}/{each['name']}")
    return named & policies_of(dump)


def proxy_policies(client: Client, namespace: str, pod: str, *, system: str = "istio-system") -> set[str]:
    """The AuthorizationPolicies in the RBAC filters that istiod sent to a sidecar or waypoint."""
    return set().union(*policies_by_chain(client, namespace, pod, system=system).values())


def policies_by_chain(client: Client, namespace: str, pod: str, *, system: str = "istio-system") -> dict[str, set[str]]:
    """The same by filter chain, those with none too: a waypoint has one per Service, "inbound-vip|PORT|http|HOST"."""
    found: dict[str, set[str]] = {}
    for listener in _listeners(client, namespace, pod, system):
        state = listener.get("activeState", {}).get("listener", {})
        chains = [*state.get("filterChains", ()), *filter(None, [state.get("defaultFilterChain")])]
        for chain in chains:
            names = found.setdefault(chain.get("name") or listener["name"], set())
            names |= {"/".join(match) for rule in _rules(chain) for match in _RULE.findall(rule)}
    return found


def _listeners(client: Client, namespace: str, pod: str, system: str) -> list[Obj]:
    said = []
    for istiod in ready_istiods(client, system):
        name = istiod["metadata"]["name"]
        query = {"proxyID": f"{pod}.{namespace}"}
        answer = pod_get(client, system, name, 15014, "/debug/config_dump", query=query, deadline=Deadline(_SECONDS))
        if answer.status == 200:
            configs = answer.json()["configs"]
            (dump,) = [each for each in configs if each["@type"].endswith("ListenersConfigDump")]
            return list(dump.get("dynamicListeners", ()))
        said.append(f"{name}: {answer.status} {answer.text.strip()}")
    raise LookupError(f"no istiod in {system} has {pod}.{namespace} connected: {'; '.join(said) or 'none is Ready'}")


def _rules(value: Any) -> Iterator[str]:
    """The names of the policies that are enforced in RBAC filters anywhere within: not those of a dry run."""
    if isinstance(value, Mapping):
        if str(value.get("@type", "")).endswith("rbac.v3.RBAC"):
            yield from value.get("rules", {}).get("policies", {})
            # CUSTOM: the filter only marks what the provider is asked about.
            yield from (name for name in value.get("shadowRules", {}).get("policies", {}) if "ext-authz" in name)
        else:
            for each in value.values():
                yield from _rules(each)
    elif isinstance(value, list):
        for each in value:
            yield from _rules(each)
