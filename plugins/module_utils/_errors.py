# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The errors that every part of the collection raises.

Utilities raise, they never exit; `_module.run_module` alone turns a `MeshError` into `fail_json`.
"""

from __future__ import annotations

from typing import Any


class MeshError(Exception):
    """Something went wrong that a person can act on.

    `message` names the option, object or program concerned; `hint` says the way out;
    `details` is JSON-able evidence for the task's result and never holds a secret.
    """

    def __init__(self, message: str, *, hint: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(MeshError):
    """The request cannot be carried out as written; nothing was sent."""


class ToolError(MeshError):
    """A program this collection calls (helm, oc) is missing, too old, or failed."""


class SettleTimeout(MeshError):
    """What was applied did not become ready in time; `details["unready"]` lists what was last seen."""


class GuardRefused(MeshError):
    """A safety guard stopped the run before the first write."""


class ApiError(MeshError):
    """The API server could not be reached, or refused a request.

    `status` is the HTTP status (0 when no answer came), `verb` the Kubernetes verb,
    `target` what the request was about, such as `Deployment istio-system/istiod`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        verb: str = "",
        target: str = "",
        hint: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.status = status
        self.verb = verb
        self.target = target


class Unreachable(ApiError):
    """No usable answer came: refused, reset, timed out, TLS failure, or the deadline passed while retrying.

    `maybe_done`: whether the request may have been carried out all the same.
    """

    maybe_done = True


class Unauthorized(ApiError):
    """401: the credentials were not accepted."""


class Forbidden(ApiError):
    """403 by RBAC: the message names verb, resource and namespace that are missing."""


class NotFound(ApiError):
    """404 where a missing object is not simply a value (missing namespace, kind not served)."""


class Conflict(ApiError):
    """409: another field manager owns the field, or a precondition (resourceVersion, uid) failed."""


class Invalid(ApiError):
    """400 or 422: the object breaks its schema; unknown fields are named."""


class Rejected(ApiError):
    """An admission webhook or policy denied the request; its words are in the message."""
