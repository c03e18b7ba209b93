# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""How a task says which API server it means: the options every module shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import env_fallback


def _env(*names: str) -> tuple[Any, list[str]]:
    return (env_fallback, list(names))


# The names, aliases and environment variables are those of kubernetes.core, so that one set of
# module_defaults or one AWX credential serves both. The doc fragment `kube_connection` says the same.
CONNECTION_SPEC: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "path", "fallback": _env("K8S_AUTH_KUBECONFIG")},
    "context": {"type": "str", "fallback": _env("K8S_AUTH_CONTEXT")},
    "host": {"type": "str", "fallback": _env("K8S_AUTH_HOST")},
    "api_key": {"type": "str", "no_log": True, "fallback": _env("K8S_AUTH_API_KEY")},
    "username": {"type": "str", "fallback": _env("K8S_AUTH_USERNAME")},
    "password": {"type": "str", "no_log": True, "fallback": _env("K8S_AUTH_PASSWORD")},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"], "fallback": _env("K8S_AUTH_VERIFY_SSL")},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"], "fallback": _env("K8S_AUTH_SSL_CA_CERT")},
    "client_cert": {"type": "path", "aliases": ["cert_file"], "fallback": _env("K8S_AUTH_CERT_FILE")},
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False, "fallback": _env("K8S_AUTH_KEY_FILE")},
    "proxy": {"type": "str", "fallback": _env("K8S_AUTH_PROXY")},
    "no_proxy": {"type": "str", "fallback": _env("K8S_AUTH_NO_PROXY")},
    "impersonate_user": {"type": "str", "fallback": _env("K8S_AUTH_IMPERSONATE_USER")},
    "impersonate_groups": {
        "type": "list",
        "elements": "str",
        "fallback": _env("K8S_AUTH_IMPERSONATE_GROUPS"),
    },
}


@dataclass(frozen=True)
class ConnectionOptions:
    """Which API server, and as whom. `None` means: not given, let the kubeconfig or the pod's account decide."""

    kubeconfig: str | None = None
    context: str | None = None
    host: str | None = None
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    validate_certs: bool | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ConnectionOptions:
        """From a module's parameters; empty strings (an unset variable in AWX) count as not given."""
        given = {name: params.get(name) for name in CONNECTION_SPEC}
        groups = given.pop("impersonate_groups") or ()
        return cls(
            **{name: value if value != "" else None for name, value in given.items()},
            impersonate_groups=tuple(group for group in groups if group),
        )
