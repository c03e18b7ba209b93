# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small Kubernetes API client of the standard library alone: the agent's, and that of `up`."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON = "application/json"


class ApiError(Exception):
    """The API server answered with an error: `code` is its HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass
class Api:
    """Requests with a bearer token over one kept connection per thread."""

    server: str
    token: str
    authority: str
    """PEM text of the certificate authority."""
    timeout: float = 30.0
    _local: threading.local = field(default_factory=threading.local, repr=False)

    def _connect(self, timeout: float | None) -> http.client.HTTPSConnection:
        address = urlsplit(self.server)
        context = ssl.create_default_context(cadata=self.authority)
        return http.client.HTTPSConnection(
            address.hostname or "127.0.0.1", address.port, timeout=timeout, context=context
        )

    def _send(
        self, connection: http.client.HTTPSConnection, method: str, path: str, body: Any, content_type: str
    ) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": JSON}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = content_type
        connection.request(method, path, data, headers)
        return connection.getresponse()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Any:
        """The parsed JSON of the answer (its text when it is no JSON).

        Errors: ApiError for an answer of 400 or more; OSError or http.client.HTTPException when there is none.
        """
        if query:
            path = f"{path}?{urlencode(query)}"
        connection = getattr(self._local, "connection", None)
        fresh = connection is None
        if connection is None:
            connection = self._local.connection = self._connect(self.timeout)
        try:
            response = self._send(connection, method, path, body, content_type)
            data = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._local.connection = None
            if fresh:
                raise
            # A kept connection may have been closed by the server since; once more on a new one.
            return self.request(method, path, body, content_type=content_type)
        text = data.decode(errors="replace")
        try:
            value = json.loads(text) if text else {}
        except ValueError:
            value = text
        if response.status >= 400:
            message = value.get("message", text) if isinstance(value, dict) else text
            raise ApiError(response.status, str(message))
        return value

    def get(self, path: str) -> Any | None:
        """The object at `path`, None when it does not exist."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def apply(self, path: str, body: Mapping[str, Any], manager: str = "meshwright-harness") -> Any:
        """Server-side apply, taking over the fields."""
        query = {"fieldManager": manager, "force": "true"}
        return self.request("PATCH", path, body, query=query, content_type=APPLY)

    def delete(self, path: str) -> None:
        """Delete; an object that is gone already is fine."""
        try:
            self.request("DELETE", path)
        except ApiError as error:
            if error.code != 404:
                raise

    def watch(self, path: str, version: str, seconds: int = 300) -> Iterator[dict[str, Any]]:
        """Events from `version` on, until the server ends the watch. An ERROR event raises ApiError."""
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": seconds}
        connection = self._connect(seconds + 30.0)
        try:
            response = self._send(connection, "GET", f"{path}?{urlencode(query)}", None, JSON)
            if response.status >= 400:
                raise ApiError(response.status, response.read().decode(errors="replace"))
            while line := response.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
                yield event
        finally:
            connection.close()
