# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What can be asked of the API server, in its own verbs. Thread-safe; every answer is plain JSON.

A missing object is a value (None, an empty list, False); everything else unwelcome is a typed error of `_errors.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import BadInput
from .answers import Response, error_for, is_unserved
from .deadline import Deadline
from .kinds import Kind
from .reading import WRITE_ONCE, Reader
from .retries import Policy

__all__ = ["Client", "Deadline"]


class Client(Reader):
    """The API server of one connection, within one deadline, by at most `threads` requests at a time.

    Reading (`get`, `list`, `served`, `resolve`, `many`, `raw` ...) is the base class's part.
    """

    def apply(
        self,
        obj: Mapping[str, Any],
        *,
        manager: str,
        force: bool = False,
        dry_run: bool = False,
        kind: Kind | None = None,
    ) -> dict[str, Any]:
        """Server-side apply; the object as the server has it then (or, in a dry run, would have it).

        Unknown fields are errors. Raises Conflict when another manager owns a field, unless `force`.
        """
        kind = kind or self.resolve(obj)
        name, namespace = _name_of(obj)
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": "true" if force else "false"}
        request = self._request("apply", kind.label(namespace, name))
        response = self._must(
            "PATCH",
            kind.path(namespace, name),
            request,
            Policy(idempotent=True, precondition="resourceVersion" in obj["metadata"]),
            query=_dry(query, dry_run),
            body=obj,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return self._object(response, request)

    def create(self, obj: Mapping[str, Any], *, manager: str = "meshwright", dry_run: bool = False) -> dict[str, Any]:
        """Create the object (`metadata.generateName` works); Conflict when it exists already."""
        kind = self.resolve(obj)
        name, namespace = _name_of(obj)
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        request = self._request("create", kind.label(namespace, name))
        response = self._must("POST", kind.path(namespace), request, WRITE_ONCE, query=_dry(query, dry_run), body=obj)
        return self._object(response, request)

    def replace(self, obj: Mapping[str, Any], *, manager: str = "meshwright", dry_run: bool = False) -> dict[str, Any]:
        """Replace the whole object; its `metadata.resourceVersion`, when given, is a precondition."""
        kind = self.resolve(obj)
        name, namespace = _name_of(obj)
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        request = self._request("update", kind.label(namespace, name))
        guarded = bool(obj["metadata"].get("resourceVersion"))
        policy = Policy(idempotent=not guarded, precondition=guarded)
        response = self._must("PUT", kind.path(namespace, name), request, policy, query=_dry(query, dry_run), body=obj)
        return self._object(response, request)

    def patch(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        patch: Any,
        *,
        resource_version: str | None,
        dry_run: bool = False,
        content_type: str = "application/merge-patch+json",
        subresource: str | None = None,
        manager: str = "meshwright",
    ) -> dict[str, Any]:
        """Patch an object. With `resource_version` it is refused with Conflict if the object has changed since.

        A JSON patch (a list) gets the precondition as its first operation, a merge patch as a field.
        """
        if resource_version is not None:
            if isinstance(patch, list):
                patch = [{"op": "test", "path": "/metadata/resourceVersion", "value": resource_version}, *patch]
            else:
                patch = {**patch, "metadata": {**(patch.get("metadata") or {}), "resourceVersion": resource_version}}
        request = self._request("patch", kind.label(namespace, name))
        # A JSON patch may add to a list: once more would not be the same.
        policy = Policy(
            idempotent=resource_version is None and not isinstance(patch, list),
            precondition=resource_version is not None,
        )
        response = self._must(
            "PATCH",
            kind.path(namespace, name, subresource),
            request,
            policy,
            query=_dry({"fieldManager": manager, "fieldValidation": "Strict"}, dry_run),
            body=patch,
            headers={"Content-Type": content_type},
        )
        return self._object(response, request)

    def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        propagation: str = "Background",
        uid: str | None = None,
        dry_run: bool = False,
    ) -> bool:
        """Ask for the object's deletion; False when it (or its kind) was absent already.

        `uid` is a precondition: an object of that name that was made since is left alone, with Conflict.
        """
        # Beside a body the server ignores a dryRun in the query, and deletes.
        more: dict[str, Any] = {"dryRun": ["All"]} if dry_run else {}
        response, attempts = self._delete(kind, name, namespace, uid, None, {"propagationPolicy": propagation, **more})
        # On a repeated request it was there when the first one, whose answer was lost, arrived.
        return response.status != 404 or (attempts > 1 and not is_unserved(response))

    def remove(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> dict[str, Any] | None:
        """As `delete`, and what is there of it still, as its finalizers have to run first; None when it is gone."""
        response, _attempts = self._delete(
            kind, name, namespace, uid, resource_version, {"propagationPolicy": "Background"}
        )
        if response.status == 404:
            return None
        answer = self._object(response, self._request("delete", kind.label(namespace, name)))
        # Some kinds answer with what was deleted, as it was; others with a Status.
        return answer if (answer.get("metadata") or {}).get("deletionTimestamp") else None

    def _delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        uid: str | None,
        resource_version: str | None,
        options: dict[str, Any],
    ) -> tuple[Response, int]:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        conditions = {"uid": uid, "resourceVersion": resource_version}
        if uid or resource_version:
            body["preconditions"] = {key: value for key, value in conditions.items() if value}
        request = self._request("delete", kind.label(namespace, name))
        response, attempts = self.requests.send(
            "DELETE",
            kind.path(namespace, name),
            request,
            Policy(idempotent=True, precondition="preconditions" in body),
            self.deadline,
            body=body,
            headers={"Content-Type": "application/json"},
        )
        if response.status >= 400 and response.status != 404:
            raise error_for(response, request)
        return response, attempts


def _name_of(obj: Mapping[str, Any]) -> tuple[str, str | None]:
    """Name and namespace; BadInput without a name."""
    meta = obj.get("metadata") or {}
    name = meta.get("name") or meta.get("generateName")
    if not name:
        raise BadInput(f"An object of kind {obj.get('kind')} has no `metadata.name`.")
    return str(name), meta.get("namespace")


def _dry(query: dict[str, str], dry_run: bool) -> dict[str, str]:
    return {**query, "dryRun": "All"} if dry_run else query
