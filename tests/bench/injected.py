# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A large sidecar mesh in which nothing is wrong: namespaces with injected pods, Services and policy.

One namespace comes about as anywhere: its Deployments, their ReplicaSets, and pods that istiod's webhook injected. Pods
of the others are copies of those, byte by byte as the API server stores them, put beside them in etcd: by their own way
ten a second come about here. All else is made through the API. There is no controller manager meanwhile: it is started
again once it finds everything as it wants it.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tests.harness import cluster, processes
from tests.harness.agent.proxies import PROXY
from tests.harness.api import ApiError
from tests.harness.state import State, folders

Obj = dict[str, Any]
PODS, POLICIES = 20, 4
"""In each namespace."""
ORIGINAL = "team-original"
_THREADS = 8
_MOST_SECONDS = 300
_CONTROLLERS = "kube-controller-manager"
_MERGE = "application/merge-patch+json"
# Every copy's address has as many characters.
_ADDRESS = "10.100.100.100"
_MARK = {"bench": "injected"}
_DEPLOYMENTS = (("web", "v1", 5), ("web", "v2", 5), ("api", "v1", 10))
_IMAGE = "registry.example/shop/{}:1.4.2"
_OF_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


def names(first: int, last: int) -> list[str]:
    # As long as the original's, so that names within names stay within their limits.
    return [f"team-{number:08d}" for number in range(first, last)]


class Mesh:
    """The pods and policies of a cluster that has a control plane already."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._api = cluster.client(state)
        self._nodes: list[Obj] = self._api.request("GET", "/api/v1/nodes")["items"]
        self._copied: list[_Copied] = []
        self.pods = 0

    def grow(self, pods: int) -> None:
        """To so many pods, all of them Ready; POLICIES for PODS. RuntimeError when they do not come about."""
        started = time.monotonic()
        if not self._copied:
            self._copied = list(self._original())
        found = names(self.pods // PODS, pods // PODS)
        with ThreadPoolExecutor(_THREADS) as threads, self._without_controllers():
            for work in (self._space, self._policies, self._workloads):
                list(threads.map(work, found, range(self.pods // PODS, pods // PODS)))
            # Labelled last: they are injected already.
            list(threads.map(self._enrol, found))
        self.pods = pods
        self._until("replicas ready", self._settled)
        print(f"bench: {pods} pods after {time.monotonic() - started:.0f} s", flush=True)

    def _make(self, obj: Obj, manager: str = "kubectl-create") -> Obj:
        made: Obj = self._api.request("POST", path_of(obj), obj, query={"fieldManager": manager})
        return made

    def _etcd(self, what: str, body: Obj) -> Obj:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._state.ports['etcd']}/v3/kv/{what}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: Obj = json.load(answer)
            return found

    def _original(self) -> Iterator[_Copied]:
        """Makes the first namespace, and takes from it what is copied."""
        self._make(_namespace(ORIGINAL, **_INJECTED))
        for obj in [*_accounts(ORIGINAL), *_deployments(ORIGINAL, replicas=1)]:
            self._make(obj)
        where = f"/apis/apps/v1/namespaces/{ORIGINAL}/replicasets"
        for app, version, replicas in _DEPLOYMENTS:
            labels = f"app={app},version={version}"
            replica_set = self._until("a ReplicaSet", partial(self._settled_one, where, labels))
            pod = self._until("a pod", partial(self._settled_one, f"/api/v1/namespaces/{ORIGINAL}/pods", labels))
            yield _Copied(replicas, replica_set, *self._stored(pod))
        self._api.delete(f"/api/v1/namespaces/{ORIGINAL}")
        self._until("end of the original", lambda: self._api.get(f"/api/v1/namespaces/{ORIGINAL}") is None)

    def _settled_one(self, path: str, labels: str) -> Obj | None:
        items: list[Obj] = self._api.request("GET", path, query={"labelSelector": labels})["items"]
        return items[0] if len(items) == 1 and _is_settled(items[0]) else None

    def _stored(self, pod: Obj) -> tuple[Obj, bytes]:
        """The pod, with an address of some length, and as it is stored."""
        path = f"/api/v1/namespaces/{ORIGINAL}/pods/{pod['metadata']['name']}"
        # So many connections of proxies are no part of what is measured.
        self._api.request("PATCH", path, {"metadata": {"annotations": {PROXY: "none"}}}, content_type=_MERGE)
        status = {"status": {"podIP": _ADDRESS, "podIPs": [{"ip": _ADDRESS}]}}
        found = self._api.request("PATCH", f"{path}/status", status, content_type=_MERGE)
        stored = self._etcd("range", {"key": _text(f"/registry/pods/{ORIGINAL}/{pod['metadata']['name']}".encode())})
        return found, base64.b64decode(stored["kvs"][0]["value"])

    def _space(self, space: str, _number: int) -> None:
        self._make(_namespace(space))
        for obj in [*_accounts(space), *_services(space)]:
            self._make(obj)

    def _policies(self, space: str, number: int) -> None:
        for obj in policies(space, number):
            self._make(obj)

    def _enrol(self, space: str) -> None:
        body = {"metadata": {"labels": _INJECTED}}
        self._api.request("PATCH", f"/api/v1/namespaces/{space}", body, content_type=_MERGE)

    def _workloads(self, space: str, number: int) -> None:
        numbers = itertools.count(number * PODS)
        puts = []
        for deployment, copied in zip(_deployments(space), self._copied, strict=True):
            owner = self._make(deployment)["metadata"]["uid"]
            replica_set = self._make(copied.replica_set(space, owner), _CONTROLLERS)["metadata"]["uid"]
            nodes = [node for node in self._nodes if copied.fits(node)]
            for index in range(copied.replicas):
                each = next(numbers)
                name, value = copied.pod(space, replica_set, index, each, nodes[each % len(nodes)])
                key = f"/registry/pods/{space}/{name}".encode()
                puts.append({"request_put": {"key": _text(key), "value": _text(value)}})
        self._etcd("txn", {"success": puts})

    def _settled(self) -> bool:
        query = {"labelSelector": "bench=injected"}
        items = self._api.request("GET", "/apis/apps/v1/deployments", query=query)["items"]
        ready = sum(each.get("status", {}).get("readyReplicas", 0) for each in items)
        return ready == self.pods and all(map(_is_settled, items))

    @contextlib.contextmanager
    def _without_controllers(self) -> Iterator[None]:
        place = folders(self._state.name)
        (mine,) = (each for each in processes.records(place.pids) if each.name == _CONTROLLERS)
        environment = Path(f"/proc/{mine.pid}/environ").read_text(encoding="utf-8").rstrip("\0").split("\0")
        processes.stop(place.pids, [mine])
        try:
            yield
        finally:
            processes.start(
                place.pids,
                _CONTROLLERS,
                mine.command,
                log=place.logs / f"{_CONTROLLERS}.log",
                port=mine.port,
                environment=dict(each.split("=", 1) for each in environment),
                cwd=place.root,
            )

    @staticmethod
    def _until(what: str, probe: Callable[[], Any]) -> Any:
        ends = time.monotonic() + _MOST_SECONDS
        while time.monotonic() < ends:
            with contextlib.suppress(ApiError):
                if found := probe():
                    return found
            time.sleep(0.5)
        raise RuntimeError(f"no {what} after {_MOST_SECONDS} s")


class _Copied:
    """A ReplicaSet and a pod of it, in which what differs is replaced: in the pod by as many characters."""

    def __init__(self, replicas: int, replica_set: Obj, pod: Obj, stored: bytes) -> None:
        self.replicas = replicas
        self._replica_set = _bare("apps/v1", "ReplicaSet", replica_set)
        self._replica_set["spec"]["replicas"] = replicas
        self._replica_set["metadata"]["annotations"] |= {
            f"deployment.kubernetes.io/{which}-replicas": str(count)
            for which, count in (("desired", replicas), ("max", replicas + -(-replicas // 4)))
        }
        meta = pod["metadata"]
        self._name = meta["name"]
        self._node = (pod["spec"]["nodeName"], pod["status"]["hostIP"])
        self._old = (ORIGINAL, self._name, meta["uid"], meta["ownerReferences"][0]["uid"], *self._node, _ADDRESS)
        self._stored = stored

    def fits(self, node: Obj) -> bool:
        return [*map(len, _of_node(node))] == [*map(len, self._node)]

    def replica_set(self, space: str, owner: str) -> Obj:
        found: Obj = json.loads(json.dumps(self._replica_set).replace(ORIGINAL, space))
        found["metadata"]["ownerReferences"][0]["uid"] = owner
        return found

    def pod(self, space: str, owner: str, index: int, number: int, node: Obj) -> tuple[str, bytes]:
        """Its name, and what is stored."""
        name = f"{self._name[:-5]}{index:05d}"
        address = f"10.{100 + number // 10_000}.{100 + number // 100 % 100}.{100 + number % 100}"
        stored = self._stored
        for old, new in zip(self._old, (space, name, str(uuid.uuid4()), owner, *_of_node(node), address), strict=True):
            stored = stored.replace(old.encode(), new.encode())
        if len(stored) != len(self._stored):
            raise RuntimeError(f"the copy {space}/{name} is not as long as the original")
        return name, stored


def _of_node(node: Obj) -> tuple[str, str]:
    """A node's name and address."""
    (address,) = (each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    return node["metadata"]["name"], address


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def path_of(obj: Obj) -> str:
    """Where an object of these kinds is created."""
    version, kind = obj["apiVersion"], obj["kind"].lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    namespace = obj["metadata"].get("namespace")
    base = "/api/v1" if version == "v1" else f"/apis/{version}"
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"


def _bare(api_version: str, kind: str, obj: Obj) -> Obj:
    """An item of a list as an object, less what the server gives; a copy."""
    found: Obj = json.loads(json.dumps({"apiVersion": api_version, "kind": kind, **obj}))
    found.pop("status", None)
    for name in _OF_SERVER:
        found["metadata"].pop(name, None)
    return found


def _is_settled(obj: Obj) -> bool:
    """Whether a Deployment or ReplicaSet has all its replicas, and a pod is Ready."""
    if "replicas" in obj["spec"]:
        status = obj.get("status", {})
        return bool(status.get("readyReplicas") == obj["spec"]["replicas"] == status.get("replicas"))
    return any(c["type"] == "Ready" and c["status"] == "True" for c in obj.get("status", {}).get("conditions") or ())


_INJECTED = {"istio-injection": "enabled"}


def _namespace(name: str, **labels: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**_MARK, **labels}}}


def _object(api_version: str, kind: str, space: str, name: str, **body: Any) -> Obj:
    metadata = {"name": name, "namespace": space, "labels": dict(_MARK)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def _accounts(space: str) -> Iterator[Obj]:
    for name in ("web", "api"):
        yield _object("v1", "ServiceAccount", space, name)


def _services(space: str) -> Iterator[Obj]:
    for app in ("web", "api"):
        ports = [{"port": 80, "targetPort": 8080, "name": "http"}]
        yield _object("v1", "Service", space, app, spec={"selector": {"app": app}, "ports": ports})


def _deployments(space: str, replicas: int | None = None) -> Iterator[Obj]:
    for app, version, count in _DEPLOYMENTS:
        labels = {"app": app, "version": version}
        container = {
            "name": app,
            "image": _IMAGE.format(app),
            "ports": [{"containerPort": 8080, "name": "http"}],
            "env": [{"name": f"SETTING_{number}", "value": f"value-{number}"} for number in range(8)],
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
        }
        spec = {
            "replicas": count if replicas is None else replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": {**labels, **_MARK}},
                "spec": {"serviceAccountName": app, "containers": [container]},
            },
        }
        yield _object("apps/v1", "Deployment", space, f"{app}-{version}", spec=spec)


def policies(space: str, number: int) -> list[Obj]:
    """POLICIES of them: routes to subsets, who may call whom, and one of the other kinds in turn."""
    routes = [{"destination": {"host": "web", "subset": name}, "weight": 50} for name in ("v1", "v2")]
    subsets = [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]
    source = {"principals": [f"cluster.local/ns/{space}/sa/web"]}
    operation = {"methods": ["GET", "POST"], "paths": ["/api/*"]}
    rules = [{"from": [{"source": source}], "to": [{"operation": operation}]}]
    selector = {"matchLabels": {"app": "api"}}
    issuer = {"issuer": "https://issuer.example.com", "jwks": '{"keys":[]}'}
    external = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    others: Sequence[tuple[str, str, Obj]] = (
        ("security.istio.io/v1", "PeerAuthentication", {"mtls": {"mode": "STRICT"}}),
        ("networking.istio.io/v1", "Sidecar", {"egress": [{"hosts": ["./*", "istio-system/*"]}]}),
        ("security.istio.io/v1", "RequestAuthentication", {"selector": selector, "jwtRules": [issuer]}),
        ("telemetry.istio.io/v1", "Telemetry", {"tracing": [{"randomSamplingPercentage": 5.0}]}),
        (
            "networking.istio.io/v1",
            "ServiceEntry",
            {"hosts": [f"{space}.example.com"], "location": "MESH_EXTERNAL", "resolution": "DNS", "ports": external},
        ),
    )
    version, kind, spec = others[number % len(others)]
    route = {"hosts": ["web"], "http": [{"route": routes, "timeout": "10s", "retries": {"attempts": 3}}]}
    rule = {"host": "web", "trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 5}}, "subsets": subsets}
    allow = {"selector": selector, "action": "ALLOW", "rules": rules}
    return [
        _object("networking.istio.io/v1", "VirtualService", space, "web", spec=route),
        _object("networking.istio.io/v1", "DestinationRule", space, "web", spec=rule),
        _object("security.istio.io/v1", "AuthorizationPolicy", space, "api", spec=allow),
        _object(version, kind, space, "default", spec=spec),
    ]
