# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The reading half of the client, and what its halves share: the connection, the deadline, the thread pool.

A missing object is a value (None, an empty list); everything else unwelcome is a typed error of `_errors.py`.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Self, TypeVar

from .._errors import ApiError, BadInput, NotFound, Unreachable
from . import discovery
from .answers import Request, Response, error_for, is_unserved, status_of
from .connection import Connection
from .deadline import Deadline
from .kinds import Kind, known
from .requests import Requests
from .retries import Policy

T = TypeVar("T")
R = TypeVar("R")

READ = Policy(idempotent=True)
WRITE_ONCE = Policy(idempotent=False, precondition=True)

_PAGE = 500
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class Reader:
    """Reads from one API server; `Client` adds writing."""

    def __init__(self, connection: Connection, *, deadline: Deadline, threads: int = 8) -> None:
        self.connection = connection
        self.deadline = deadline
        self.threads = threads
        self.requests = Requests(connection)
        self._lock = threading.Lock()
        self._groups: dict[tuple[str, str], dict[str, Kind]] = {}

    def with_deadline(self, deadline: Deadline) -> Self:
        """The same connection and caches with time of its own, as to gather evidence after a time-out."""
        other = type(self)(self.connection, deadline=deadline, threads=self.threads)
        other.requests, other._lock, other._groups = self.requests, self._lock, self._groups
        return other

    # -- reading -----------------------------------------------------------------------------------

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object; None when it, its namespace or its kind does not exist."""
        request = self._request("get", kind.label(namespace, name))
        response = self._ask("GET", kind.path(namespace, name), request, READ, missing=True)
        return None if response is None else self._object(response, request)

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> list[dict[str, Any]]:
        """All objects of a kind, in one namespace or in all; [] when the kind is not served.

        Read in pages of 500. Items carry `apiVersion` and `kind`. With `metadata_only` they have only
        `metadata` besides, which is a fraction of the size.
        """
        request = self._request("list", f"{kind.resource} in {namespace}" if namespace else kind.resource)
        query = {"limit": str(_PAGE)}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        headers = {"Accept": _METADATA_ONLY} if metadata_only else None
        items: list[dict[str, Any]] = []
        restarts = 0
        while True:
            response, _sent = self.requests.send(
                "GET", kind.path(namespace), request, READ, self.deadline, query=query, headers=headers
            )
            if response.status == 410 and restarts < 3:
                # The continue token outlived etcd's history: the pages read so far are of another state.
                restarts += 1
                items.clear()
                query.pop("continue", None)
                if restarts == 3:
                    query.pop("limit")
                continue
            if is_unserved(response):
                return []
            if response.status >= 400:
                raise error_for(response, request)
            page = self._object(response, request)
            items += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                break
            query["continue"] = token
        for item in items:
            item["apiVersion"], item["kind"] = kind.api_version, kind.kind
        return items

    def version(self) -> dict[str, Any]:
        """The server's version: `gitVersion`, `major`, `minor`, ..."""
        request = self._request("get", "the API server's version")
        response = self._must("GET", "/version", request, READ)
        return self._object(response, request)

    def served(self, kind: Kind) -> bool:
        """Whether the API server serves this kind in this version now."""
        return kind.kind in self._discover(kind.group, kind.version)

    def api_versions(self) -> builtins.list[str]:
        """All that is served, as helm's `--api-versions` wants it: `group/version`, then `group/version/Kind`."""
        found: dict[str, list[str]] = {}
        for path in ("/api", "/apis"):
            request = self._request("get", f"the served APIs ({path})")
            response = self._must("GET", path, request, READ, headers={"Accept": discovery.ACCEPT_AGGREGATED})
            answer = self._object(response, request)
            if answer.get("kind") == "APIGroupDiscoveryList":
                found.update(discovery.served_kinds(answer))
                continue
            names = discovery.group_versions(path, answer)
            kinds = self.many(self._discover_named, names)
            found.update((name, [*served]) for name, served in zip(names, kinds, strict=True))
        return sorted(found) + sorted(f"{name}/{kind}" for name, kinds in found.items() for kind in set(kinds))

    def resolve(self, obj: Mapping[str, Any]) -> Kind:
        """The kind of an object: from the table, else by one discovery of its group.

        Raises BadInput for an object without apiVersion or kind, NotFound when the server does not serve it.
        """
        api_version, name = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
        if not api_version or not name:
            raise BadInput(
                "An object has no `apiVersion` or no `kind`.", hint=f"It has the keys {', '.join(sorted(obj))}."
            )
        if kind := known(api_version, name):
            return kind
        found = self._discover_named(api_version)
        if name not in found:
            raise NotFound(
                f"The API server does not serve the kind {name} of {api_version}.",
                status=404,
                verb="get",
                target=f"{name} ({api_version})",
                hint="Check the spelling, or install its CustomResourceDefinition first.",
                details={"unserved": True},
            )
        return found[name]

    def _discover_named(self, api_version: str) -> dict[str, Kind]:
        group, _slash, version = api_version.rpartition("/")
        return self._discover(group, version)

    def _discover(self, group: str, version: str) -> dict[str, Kind]:
        """The kinds of one group version; asked again as long as the group is not there, since it may come."""
        with self._lock:
            if found := self._groups.get((group, version)):
                return found
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        request = self._request("get", f"the kinds of {group or 'core'}/{version}")
        response = self._ask("GET", path, request, READ, missing=True)
        found = {} if response is None else discovery.kinds_in(self._object(response, request), group, version)
        with self._lock:
            self._groups[(group, version)] = found
        return found

    def forget_kinds(self, group: str) -> None:
        """Forget what was discovered of a group, after its CRDs changed."""
        with self._lock:
            for key in [key for key in self._groups if key[0] == group]:
                del self._groups[key]

    # -- in bulk, and by hand ------------------------------------------------------------------------

    def many(self, call: Callable[[T], R], items: Iterable[T]) -> builtins.list[R]:
        """Call for every item on the thread pool; results in the items' order.

        The first exception stops what has not started, and is raised once the calls under way have ended.
        """
        work = list(items)
        if len(work) < 2:
            return [call(item) for item in work]
        with ThreadPoolExecutor(max_workers=min(self.threads, len(work))) as pool:
            futures = [pool.submit(call, item) for item in work]
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                future.cancel()
        for future in futures:
            if not future.cancelled() and (error := future.exception()):
                raise error
        return [future.result() for future in futures]

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Any request (logs, proxy subresources). Answers of 400 and above are raised as typed errors.

        GET, PUT and DELETE are repeated when the connection breaks, others only when surely not carried out.
        """
        policy = READ if method in ("GET", "HEAD", "PUT", "DELETE") else WRITE_ONCE
        request = self._request(method.lower(), path)
        return self._must(method, path, request, policy, query=query, body=body, headers=headers, timeout=timeout)

    def _request(self, verb: str, target: str) -> Request:
        return Request(verb, target, self.connection.server)

    def _ask(
        self, method: str, path: str, request: Request, policy: Policy, *, missing: bool = False, **more: Any
    ) -> Response | None:
        response, _sent = self.requests.send(method, path, request, policy, self.deadline, **more)
        if response.status == 404 and missing:
            return None
        if response.status >= 400:
            raise error_for(response, request)
        return response

    def _must(self, method: str, path: str, request: Request, policy: Policy, **more: Any) -> Response:
        if more.get("body") is not None and not more.get("headers"):
            more["headers"] = {"Content-Type": "application/json"}
        response = self._ask(method, path, request, policy, **more)
        if response is None:
            raise ApiError(f"Could not {request}: no answer.", verb=request.verb, target=request.target)
        return response

    def _object(self, response: Response, request: Request) -> dict[str, Any]:
        try:
            return response.json()
        except ValueError as error:
            said = status_of(response).get("message") or "nothing"
            raise Unreachable(
                f"{self.connection.server} does not answer like a Kubernetes API server: {said[:200]}",
                status=response.status,
                verb=request.verb,
                target=request.target,
                hint="Check the address: it may be a proxy or a login page.",
            ) from error
