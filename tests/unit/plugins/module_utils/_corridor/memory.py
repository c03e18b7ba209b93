# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client that answers from memory, for taking snapshots."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, cast

from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden
from ansible_collections.meshwright.istio.plugins.module_utils._kube.answers import Response
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import Kind

_PODS = "/api/v1/pods"


class Memory:
    """A client over a dict of objects by plural (and namespace); errors by plural, by plural and namespace, or of
    listing in all namespaces only, as `list PLURAL`.

    With `rights`, the plurals that may be listed by namespace ("*" for all), everything else that is namespaced is
    forbidden, and reviews say so; with `tells` False they say that they are incomplete.
    """

    def __init__(
        self,
        objects: dict[str, list[Any]] | None = None,
        errors: dict[str, Exception] | None = None,
        *,
        rights: dict[str, set[str]] | None = None,
        tells: bool = True,
        own: str = "",
    ) -> None:
        self.objects = objects or {}
        self.errors = errors or {}
        self.rights = rights
        self.tells = tells
        self.asked: list[str] = []
        self.deadline = Deadline(60)
        self.connection = SimpleNamespace(namespace=own)

    def with_deadline(self, deadline: Deadline) -> Memory:
        return self

    def version(self) -> dict[str, Any]:
        if "version" in self.errors:
            raise self.errors["version"]
        return {}

    def api_versions(self) -> list[str]:
        return ["v1", "v1/Pod", "apps/v1", "apps/v1/Deployment", *self.objects.get("api", [])]

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [call(item) for item in items]

    def list(self, kind: Kind, namespace: str | None = None, **query: Any) -> Any:
        place = f"{kind.plural}@{namespace}" if namespace else kind.plural
        if (refusal := self.errors.get(f"list {kind.plural}")) and not namespace:
            raise refusal
        self._ask(place, kind.plural, namespace, kind.namespaced)
        return self.objects.get(place, [])

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Any:
        self._ask(f"{kind.plural}/{name}", kind.plural, namespace or name, True)
        where = f"{kind.plural}@{namespace}" if namespace else kind.plural
        return next((item for item in self.objects.get(where, []) if item["metadata"]["name"] == name), None)

    def raw(self, method: str, path: str, *, query: dict[str, str] | None = None, body: Any = None) -> Response:
        if method == "POST":
            return Response(200, json.dumps({"status": self._review(body["spec"]["namespace"])}).encode())
        where = path.removeprefix("/api/v1/namespaces/").removesuffix("/pods") if path != _PODS else None
        self._ask(path, "pods", where, True)
        token = (query or {}).get("continue", "")
        page = self.objects.get(f"{path}?{token}", [{"items": []}])[0]
        if isinstance(page, Exception):
            self.objects[f"{path}?{token}"].pop(0)
            raise page
        return Response(200, json.dumps(page, separators=(",", ":")).encode())

    def _ask(self, place: str, plural: str, namespace: str | None, namespaced: bool) -> None:
        self.asked.append(place)
        for key in (place, plural):
            if key in self.errors:
                raise self.errors[key]
        if self.rights is not None and namespaced and not {plural, "*"} & self.rights.get(namespace or "", set()):
            where = f"in the namespace {namespace}" if namespace else "at the cluster scope"
            raise Forbidden(f"Could not list {plural}: user u may not list {plural} {where}.", status=403)

    def _review(self, namespace: str) -> dict[str, Any]:
        self.asked.append(f"review {namespace}")
        rules = [{"verbs": ["list"], "apiGroups": ["*"], "resources": sorted((self.rights or {}).get(namespace, ()))}]
        return {"resourceRules": rules, "incomplete": not self.tells}


def take(memory: Memory, *names: str, **options: Any) -> Snapshot:
    return snapshot.take(cast(Client, memory), names, **options)


def pod(name: str, container: str = "istio-proxy", phase: str = "Running") -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "managedFields": [{"manager": "kubelet"}],
            "annotations": {"istio.io/rev": "default", "secret-ish": "x"},
        },
        "spec": {
            "containers": [{"name": container, "image": "proxyv2:1.31.1", "env": [{"name": "TOKEN", "value": "t"}]}]
        },
        "status": {"phase": phase},
    }
