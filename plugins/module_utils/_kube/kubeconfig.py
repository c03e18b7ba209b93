# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading kubeconfig files the way kubectl does, and writing a minimal one for other programs. Pure, but for reading.

The merged result is handed to the `kubernetes` package, which does the authenticating: reading it here is what lets
a wrong context be answered with the contexts there are, lets `as` be honoured (the package ignores it), and lets
helm be given exactly the context that the task uses.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._errors import BadInput

_LISTS = ("clusters", "users", "contexts")
_FILES = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}


@dataclass(frozen=True)
class KubeContext:
    """One context, resolved: what to connect to and as whom. File names in it are absolute."""

    name: str
    cluster: dict[str, Any]
    user: dict[str, Any]
    namespace: str = ""

    def as_config(self) -> dict[str, Any]:
        """A kubeconfig with this one context and nothing else."""
        context: dict[str, Any] = {"cluster": "cluster", "user": "user"}
        if self.namespace:
            context["namespace"] = self.namespace
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.name,
            "clusters": [{"name": "cluster", "cluster": self.cluster}],
            "users": [{"name": "user", "user": self.user}],
            "contexts": [{"name": self.name, "context": context}],
        }


def read(paths: str, parse: Callable[[str], Any], *, source: str) -> dict[str, Any]:
    """Merge the files of `paths` (`:`-separated, as in KUBECONFIG); the first to name something wins.

    `source` says where the paths came from, for the message. Raises BadInput for files that are
    missing (all of them), unreadable or not a kubeconfig.
    """
    merged: dict[str, Any] = {name: [] for name in _LISTS}
    found = False
    names = [os.path.expanduser(path) for path in paths.split(os.pathsep) if path]
    for name in names:
        if not os.path.exists(name):
            continue
        found = True
        try:
            with open(name, encoding="utf-8") as file:
                content = parse(file.read())
        except OSError as error:
            raise BadInput(f"The kubeconfig {name} ({source}) cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise BadInput(f"The kubeconfig {name} ({source}) is not valid YAML: {error}") from error
        if content is None:
            continue
        if not isinstance(content, dict):
            raise BadInput(f"The file {name} ({source}) is not a kubeconfig.")
        _absolute_files(content, os.path.dirname(os.path.abspath(name)))
        for kind in _LISTS:
            have = {entry["name"] for entry in merged[kind]}
            merged[kind] += [
                entry
                for entry in content.get(kind) or []
                if isinstance(entry, dict) and entry.get("name") and entry["name"] not in have
            ]
        if content.get("current-context") and not merged.get("current-context"):
            merged["current-context"] = content["current-context"]
    if not found:
        raise BadInput(
            f"The kubeconfig {' or '.join(names)} ({source}) does not exist.",
            hint="Name an existing file with the option `kubeconfig` or the variable K8S_AUTH_KUBECONFIG, "
            "or give `host` and `api_key`.",
        )
    return merged


def _absolute_files(config: dict[str, Any], folder: str) -> None:
    """Make file names absolute: they are relative to the kubeconfig that holds them."""
    for singular, keys in _FILES.items():
        for entry in config.get(f"{singular}s") or []:
            body = entry.get(singular) if isinstance(entry, dict) else None
            if not isinstance(body, dict):
                continue
            for key in keys:
                if body.get(key):
                    body[key] = os.path.join(folder, body[key])
            plugin = body.get("exec")
            if isinstance(plugin, dict):
                command = str(plugin.get("command") or "")
                # A bare name is looked up on PATH; only a path with a separator is relative to the file.
                if os.sep in command:
                    plugin["command"] = os.path.join(folder, command)


def choose(config: dict[str, Any], wanted: str | None, *, source: str) -> KubeContext:
    """The wanted context, or the current one. Raises BadInput that lists the contexts there are."""
    contexts = {entry["name"]: entry.get("context") or {} for entry in config["contexts"]}
    name = wanted or config.get("current-context") or ""
    listed = ", ".join(sorted(contexts)) or "none"
    if not name:
        raise BadInput(
            f"The kubeconfig ({source}) has no current context.",
            hint=f"Name one with the option `context` or K8S_AUTH_CONTEXT. There are: {listed}.",
        )
    if name not in contexts:
        raise BadInput(
            f"The context `{name}` is not in the kubeconfig ({source}).",
            hint=f"Set the option `context` or K8S_AUTH_CONTEXT to one there is: {listed}.",
        )
    context = contexts[name]
    clusters = {entry["name"]: entry.get("cluster") or {} for entry in config["clusters"]}
    users = {entry["name"]: entry.get("user") or {} for entry in config["users"]}
    cluster, user = context.get("cluster") or "", context.get("user") or ""
    if cluster not in clusters or not clusters[cluster].get("server"):
        raise BadInput(
            f"The context `{name}` of the kubeconfig ({source}) names the cluster `{cluster}`, which has no address."
        )
    if user and user not in users:
        raise BadInput(
            f"The context `{name}` of the kubeconfig ({source}) names the user `{user}`, which is not in it."
        )
    return KubeContext(
        name=name,
        cluster=copy.deepcopy(clusters[cluster]),
        user=copy.deepcopy(users.get(user, {})),
        namespace=str(context.get("namespace") or ""),
    )
