# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the API server answers, and which typed error an unwelcome answer is. Pure.

The wording matched here is the API server's own (k8s.io/apiserver, apimachinery; seen on 1.35).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._errors import ApiError, Conflict, Forbidden, Invalid, NotFound, Rejected, Unauthorized, Unreachable


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer: `body` as it came, `json()` parsed."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises ValueError for anything else (an HTML page, half an answer)."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return value

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, as messages say it: `verb` is Kubernetes' (get, list, patch ...), `target` names the object."""

    verb: str
    target: str
    server: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.target}"


_DENIED_BY_RBAC = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) (?:resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'|path "(?P<path>[^"]*)")(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_ADMISSION = re.compile(r"denied the request|denied request|admission webhook|ValidatingAdmissionPolicy")
_WEBHOOK_DOWN = re.compile(r'failed calling webhook "(?P<name>[^"]*)": (?P<why>.*)', re.S)
# Up to the next field's error: the value may be any text, of several lines too.
_GOT = re.compile(r"got &(?:value\.|\{).*?(?=\n +\.|\Z)", re.DOTALL)
_NO_DRY_RUN = "does not support dry run"
_UNDECLARED = re.compile(r"(?P<path>\.\S+): field not declared in schema")
_UNKNOWN = re.compile(r'unknown field "(?P<path>[^"]*)"')
_TYPED_PATCH = "failed to create typed patch object"
# A value that its type cannot hold, such as a quantity.
_UNCONVERTED = re.compile(
    r"failed to convert new object \([^)]*\) to proper version(?: \([^)]*\))?: "
    r"(?:unable to convert [^:]*: )?(?P<why>.*)",
    re.S,
)
_KINDLESS = "the server could not find the requested resource"
_MISSING_NAMESPACE = re.compile(r'namespaces "(?P<name>[^"]*)" not found')


def status_of(response: Response) -> dict[str, Any]:
    """The `Status` object of an unwelcome answer; one with the plain text as message if it is none."""
    try:
        value = response.json()
    except ValueError:
        return {"message": response.text.strip()[:500]}
    return value if value.get("kind") == "Status" else {"message": str(value.get("message") or "")}


def is_typed_patch_error(status: dict[str, Any]) -> bool:
    """Server-side apply reports an unknown or mistyped field as a 500, though it is the object that is wrong."""
    message = status.get("message") or ""
    return _TYPED_PATCH in message or bool(_UNCONVERTED.search(message))


def is_webhook_down(status: dict[str, Any]) -> bool:
    """True when an admission webhook could not be asked, so that the request was not carried out."""
    return bool(_WEBHOOK_DOWN.search(status.get("message") or ""))


def is_contention(status: dict[str, Any]) -> bool:
    """True for a 409 that another writer's concurrent write caused, not a conflict of field managers."""
    causes = (status.get("details") or {}).get("causes") or []
    return not any(cause.get("reason") == "FieldManagerConflict" for cause in causes)


def is_unserved(response: Response) -> bool:
    """True for a 404 because the kind is not served, rather than because the object is missing."""
    if response.status != 404:
        return False
    status = status_of(response)
    return status.get("reason") != "NotFound" or _KINDLESS in (status.get("message") or "")


def error_for(response: Response, request: Request) -> ApiError:
    """The typed error for an answer of 400 and above."""
    status = status_of(response)
    message = (status.get("message") or f"HTTP {response.status}").strip()
    code = response.status
    if code == 401:
        return _error(
            Unauthorized,
            code,
            request,
            f"The API server {request.server} did not accept the credentials.",
            hint="They may have expired: log in again, or check `api_key`, `kubeconfig` and `context` (K8S_AUTH_*).",
        )
    if down := _WEBHOOK_DOWN.search(message):
        return _error(
            Rejected,
            code,
            request,
            f"Could not {request}: the admission webhook {down['name']} did not answer ({_last_cause(down['why'])}).",
            hint="Nothing was written. See whether the webhook's Service has ready endpoints, then run again.",
            details={"webhook": down["name"]},
        )
    if _ADMISSION.search(message):
        details = {"dry_run_unsupported": True} if _NO_DRY_RUN in message else _causes(status)
        return _error(Rejected, code, request, f"Could not {request}: {message}", details=details)
    if is_typed_patch_error(status) or code in (400, 422):
        return _invalid(code, request, status, message)
    if code == 403:
        return _forbidden(code, request, status, message)
    if code == 404:
        return _not_found(response, request, message)
    if code == 409:
        return _conflict(code, request, status, message)
    if code == 410:
        return _error(NotFound, code, request, f"Could not {request}: {message}", hint="Run again.")
    if code == 413:
        return _error(Invalid, code, request, f"Could not {request}: the object is too large: {message}")
    if code == 429 or code >= 500:
        return _error(
            Unreachable,
            code,
            request,
            f"Could not {request}: the API server {request.server} answered {code}: {message}",
            hint="It is overloaded or not ready; run again later.",
        )
    return _error(ApiError, code, request, f"Could not {request}: {message}")


def _error(
    cls: type[ApiError],
    code: int,
    request: Request,
    message: str,
    *,
    hint: str = "",
    details: dict[str, Any] | None = None,
) -> ApiError:
    return cls(message, status=code, verb=request.verb, target=request.target, hint=hint, details=details)


def _causes(status: dict[str, Any]) -> dict[str, Any]:
    causes = (status.get("details") or {}).get("causes") or []
    return {"causes": causes} if causes else {}


def _last_cause(text: str) -> str:
    """Go wraps errors from the outside in; what actually happened stands last."""
    return text.strip().rsplit(": ", 2)[-1] if len(text) > 200 else text.strip()


def _invalid(code: int, request: Request, status: dict[str, Any], message: str) -> ApiError:
    unknown = [match["path"] for match in _UNDECLARED.finditer(message)]
    unknown += [match["path"] for match in _UNKNOWN.finditer(message)]
    if unknown:
        fields = [path.lstrip(".") for path in dict.fromkeys(unknown)]
        return _error(
            Invalid,
            code,
            request,
            f"Could not {request}: unknown field {', '.join(fields)}.",
            hint="It is misspelt, or the server's version of this kind does not have it (yet).",
            details={"unknown_fields": fields},
        )
    typed = message.partition(f"{_TYPED_PATCH} ")[2]
    if typed:
        # What was found instead is the value itself, which may be a secret.
        message = _GOT.sub("got another type", typed.partition("): ")[2] or typed)
    if unconverted := _UNCONVERTED.search(message):
        return _error(
            Invalid,
            code,
            request,
            f"Could not {request}: {unconverted['why'].strip()}",
            hint="A value does not have the form of its field: a quantity is like 500m or 1Gi, a time like 30s.",
        )
    if "HTTP request to an HTTPS server" in message:
        return _error(
            Unreachable, code, request, f"{request.server} speaks HTTPS, not HTTP.", hint="Write https:// in `host`."
        )
    causes = (status.get("details") or {}).get("causes") or []
    fields = [str(cause["field"]) for cause in causes if cause.get("field")]
    details = {"fields": fields} if fields else {}
    return _error(Invalid, code, request, f"Could not {request}: {' '.join(message.split())}", details=details)


def _forbidden(code: int, request: Request, status: dict[str, Any], message: str) -> ApiError:
    match = _DENIED_BY_RBAC.search(message)
    if match is None:
        causes = (status.get("details") or {}).get("causes") or []
        if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
            return _error(
                Conflict,
                code,
                request,
                f"Could not {request}: its namespace is being deleted.",
                hint="Wait until it is gone, then run again.",
            )
        # Quota, Pod Security and the like: an admission plugin's word, not a missing permission.
        return _error(Rejected, code, request, f"Could not {request}: {message}")
    where = f"in the namespace {match['namespace']}" if match["namespace"] else "at the cluster scope"
    resource = match["path"] or (f"{match['resource']}.{match['group']}" if match["group"] else match["resource"])
    scope = "Role" if match["namespace"] else "ClusterRole"
    return _error(
        Forbidden,
        code,
        request,
        f"Could not {request}: user {match['user']} may not {match['verb']} {resource} {where}.",
        hint=f"Bind it a {scope} with the verb {match['verb']} on {resource}.",
        details={
            "missing_permission": {
                "user": match["user"],
                "verb": match["verb"],
                "resource": resource,
                "namespace": match["namespace"] or "",
            }
        },
    )


def _not_found(response: Response, request: Request, message: str) -> ApiError:
    if is_unserved(response):
        return _error(
            NotFound,
            404,
            request,
            f"Could not {request}: the API server does not serve this kind.",
            hint="Its CustomResourceDefinition is missing, or has another version: install what brings it first.",
            details={"unserved": True},
        )
    if match := _MISSING_NAMESPACE.search(message):
        return _error(
            NotFound,
            404,
            request,
            f"Could not {request}: the namespace {match['name']} does not exist.",
            hint="Create it first.",
            details={"missing_namespace": match["name"]},
        )
    return _error(NotFound, 404, request, f"Could not {request}: {message}")


def _conflict(code: int, request: Request, status: dict[str, Any], message: str) -> ApiError:
    causes = (status.get("details") or {}).get("causes") or []
    owned: dict[str, list[str]] = {}
    for cause in causes:
        if cause.get("reason") == "FieldManagerConflict":
            manager = re.search(r'conflict with "([^"]*)"', cause.get("message") or "")
            owned.setdefault(manager[1] if manager else "another manager", []).append(
                str(cause.get("field")).lstrip(".")
            )
    if owned:
        said = "; ".join(f"{manager} owns {', '.join(fields)}" for manager, fields in owned.items())
        return _error(
            Conflict,
            code,
            request,
            f"Could not {request}: {said}.",
            hint="Leave these fields to it, or take them over with `force_conflicts: true`.",
            details={"conflicts": owned},
        )
    if status.get("reason") == "AlreadyExists":
        return _error(Conflict, code, request, f"Could not {request}: it exists already.")
    return _error(
        Conflict, code, request, f"Could not {request}: {message}", hint="Someone else changed it meanwhile: run again."
    )
