# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk's steps that read and write, in process: what faults are tried on, a playbook would add only time."""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item, raise_all
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import carry, drafting, rehearsal
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.draft import Draft
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.outcome import Outcome
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.model import Document
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import ApplySetName, PolicyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from tests.harness.fault_proxy import FaultProxy

from ..support.embedded import Embedded

Obj = dict[str, Any]


def client_of(cluster: Embedded, user: str = "", *, threads: int = 8, seconds: float = 60) -> Client:
    """A client of the administrator, or of `viewer` or `nobody`."""
    context = f"{cluster.context}-{user}" if user else cluster.context
    options = ConnectionOptions(kubeconfig=cluster.kubeconfig, context=context)
    return Client(connect(options, threads=threads), deadline=Deadline(seconds), threads=threads)


@contextlib.contextmanager
def through_proxy(cluster: Embedded, *, seconds: float = 60) -> Iterator[tuple[FaultProxy, Client]]:
    """A proxy before the API server, and the administrator's client that goes through it."""
    config = yaml.safe_load(Path(cluster.kubeconfig).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.crt"
        ca_file.write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
        with FaultProxy(cluster.server, token=cluster.state["tokens"]["admin"], ca_file=str(ca_file)) as proxy:
            yield proxy, Client(connect(ConnectionOptions(host=proxy.url)), deadline=Deadline(seconds))


@dataclass
class Carried:
    """One run, as far as it came: `outcome` is None when it was refused before the first write."""

    client: Client
    intent: PolicyIntent
    draft: Draft
    outcome: Outcome = field(default_factory=Outcome)

    def labels(self, name: str) -> set[str]:
        items: Sequence[Item] = getattr(self.outcome, name)
        return {item.target.name for item in items}


def draft(client: Client, objects: Sequence[Obj], *, apply_set: tuple[str, str] | None = None, **more: Any) -> Carried:
    """A rehearsed draft; raises what speaks against it, all as one error."""
    named = ApplySetName(*apply_set) if apply_set else None
    more = {"prune": bool(apply_set), **more}
    intent = PolicyIntent(definitions=tuple(objects), apply_set=named, **more)
    documents = [Document(obj, f"definitions[{number}]") for number, obj in enumerate(objects)]
    found = drafting.draft(client, documents, intent)
    raise_all(rehearsal.rehearse(client, found, intent))
    return Carried(client, intent, found)


def carried(client: Client, objects: Sequence[Obj], **more: Any) -> Carried:
    """Drafted, rehearsed and carried out."""
    run = draft(client, objects, **more)
    run.outcome = carry.carry_out(client, run.draft, run.intent)
    return run


def config_map(namespace: str, name: str, value: str = "1", **meta: Any) -> Obj:
    metadata = {"name": name, "namespace": namespace, **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


def config_maps(namespace: str, count: int, value: str = "1") -> list[Obj]:
    return [config_map(namespace, f"c-{number:03}", value) for number in range(count)]


def virtual_service(namespace: str, name: str, *weights: int, **meta: Any) -> Obj:
    """A route of one host; weights below zero are what Istio's webhook refuses."""
    route = [
        {"destination": {"host": f"{name}.{namespace}.svc.cluster.local", "subset": f"v{at}"}, "weight": weight}
        for at, weight in enumerate(weights or (100,), start=1)
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace, **meta},
        "spec": {"hosts": [f"{name}.{namespace}.svc.cluster.local"], "http": [{"route": route}]},
    }


def values(client: Client, namespace: str) -> dict[str, str]:
    """What the namespace's ConfigMaps hold, by name."""
    return {
        obj["metadata"]["name"]: obj["data"]["value"]
        for obj in client.list(kinds.CONFIG_MAP, namespace)
        if "value" in (obj.get("data") or {})
    }
