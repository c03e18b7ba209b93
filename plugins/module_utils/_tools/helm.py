# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The adapter to the helm program, version 3.17 or newer, 4 included.

helm sees only what it is given: a kubeconfig written from the module's own connection, and its configuration, cache
and data in a private folder. So `KUBECONFIG`, `HELM_*` and plugins of whoever runs the task cannot redirect it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import BadInput, ToolError
from .helm_releases import WRITER_LABEL

OLDEST = (3, 17)
_GET_HELM = "Install it (https://helm.sh/docs/intro/install/) where the module runs, or name it with helm_binary."
_PR_SET_PDEATHSIG = 1
_LAST_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class HelmVersion:
    major: int
    minor: int
    text: str


def find_helm(binary: str | None) -> str:
    """The path of the helm program. Raises ToolError that says how to get one."""
    path = shutil.which(binary or "helm")
    if path is None:
        what = f"helm_binary: {binary} is not a program here." if binary else "helm is not on the PATH of this host."
        raise ToolError(what, hint=_GET_HELM)
    return path


class Helm:
    """One helm program with private folders under `folder` (which must be private to this run).

    `kubeconfig` may be empty when only charts are fetched and rendered. Safe to call from several threads.
    """

    def __init__(self, binary: str, folder: str, *, kubeconfig: str = "", driver: str = "secret") -> None:
        self.binary = binary
        self.folder = folder
        self._secrets: list[str] = []
        self._counter = 0
        self._lock = threading.Lock()
        self._env = _environment(folder, kubeconfig, driver)
        self.version = self._read_version()

    def _read_version(self) -> HelmVersion:
        text = self.run(["version", "--short"], "tell its version", timeout=30).strip()
        match = re.search(r"v(\d+)\.(\d+)", text)
        if match is None:
            raise ToolError(f"{self.binary} does not tell a helm version but {text[:80]!r}.", hint=_GET_HELM)
        version = HelmVersion(int(match[1]), int(match[2]), text)
        if (version.major, version.minor) < OLDEST:
            raise ToolError(
                f"{self.binary} is helm {text}; {OLDEST[0]}.{OLDEST[1]} or newer is needed.", hint=_GET_HELM
            )
        return version

    # -- charts ----------------------------------------------------------------------------------

    def login(self, registry: str, username: str, password: str, options: Iterable[str]) -> None:
        """Log in to an OCI registry; the login stays in the private folder."""
        self._secrets.append(password)
        self._env["HELM_REGISTRY_CONFIG"] = os.path.join(self.folder, "registry.json")
        arguments = ["registry", "login", registry, "--username", username, "--password-stdin", *options]
        self.run(arguments, f"log in to {registry}", timeout=60, stdin=password)

    def add_repository(self, name: str, url: str, username: str, password: str, options: Iterable[str]) -> None:
        """Add a chart repository under a private name, reading its index once."""
        arguments = ["repo", "add", name, url, *options]
        if username:
            self._secrets.append(password)
            arguments += ["--username", username, "--password-stdin"]
        self.run(arguments, f"read the chart repository {url}", timeout=120, stdin=password if username else None)

    def pull(self, chart: str, version: str, folder: str, options: Iterable[str]) -> None:
        self.run(
            ["pull", chart, "--version", version, "--destination", folder, *options],
            f"fetch the chart {chart} {version}",
            timeout=180,
        )

    def repository_index(self, name: str) -> str:
        """Where helm keeps the index of a repository it has added."""
        return os.path.join(self.folder, "cache", "repository", f"{name}-index.yaml")

    def template(
        self,
        name: str,
        namespace: str,
        chart: str,
        values: Mapping[str, Any],
        *,
        kubernetes: str,
        api_versions: Iterable[str] = (),
        is_upgrade: bool = False,
    ) -> str:
        """A chart's manifest as text, rendered without a cluster."""
        arguments = ["template", name, chart, "--namespace", namespace, "--include-crds", "--skip-tests"]
        arguments += ["--values", self._values_file(values), "--kube-version", kubernetes]
        served = ",".join(api_versions)
        if served:
            arguments += ["--api-versions", served]
        if is_upgrade:
            arguments.append("--is-upgrade")
        return self.run(arguments, f"render the chart of {name}", timeout=120)

    # -- releases --------------------------------------------------------------------------------

    def upgrade(
        self, name: str, namespace: str, chart: str, values: Mapping[str, Any], *, timeout: float, take_ownership: bool
    ) -> None:
        """Install the release, or upgrade it to this chart and these values, whatever values it had before."""
        arguments = ["upgrade", name, chart, "--install", "--namespace", namespace, "--reset-values"]
        arguments += ["--values", self._values_file(values), "--labels", f"{WRITER_LABEL}=istio_mesh"]
        # The objects have been through the server's own strict dry run: helm need not fetch the OpenAPI document.
        arguments += ["--disable-openapi-validation", "--hide-notes", "--timeout", f"{max(1, int(timeout))}s"]
        if take_ownership:
            arguments.append("--take-ownership")
        arguments += self._forced()
        self.run(arguments, f"install or upgrade the release {name}", timeout=timeout, write=True)

    def rollback(self, name: str, namespace: str, revision: int, *, timeout: float) -> None:
        arguments = ["rollback", name, str(revision), "--namespace", namespace, "--timeout", f"{max(1, int(timeout))}s"]
        arguments += self._forced()
        self.run(arguments, f"roll the release {name} back to revision {revision}", timeout=timeout, write=True)

    def _forced(self) -> list[str]:
        """What makes Helm 4 take back what was edited by hand: under server-side apply its editor owns it.

        Server-side is said as well: a release that Helm 3 made is written client-side otherwise, which knows no force.
        """
        return ["--server-side=true", "--force-conflicts"] if self.version.major >= 4 else []

    def uninstall(self, name: str, namespace: str, *, timeout: float) -> None:
        arguments = ["uninstall", name, "--namespace", namespace, "--ignore-not-found"]
        arguments += ["--timeout", f"{max(1, int(timeout))}s"]
        self.run(arguments, f"uninstall the release {name}", timeout=timeout, write=True)

    # -- running ---------------------------------------------------------------------------------

    def _values_file(self, values: Mapping[str, Any]) -> str:
        with self._lock:
            self._counter += 1
            path = os.path.join(self.folder, f"values-{self._counter}.json")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file)
        return path

    def run(
        self, arguments: list[str], what: str, *, timeout: float, stdin: str | None = None, write: bool = False
    ) -> str:
        """What helm prints. Raises ToolError with what it was to do and its last words.

        A run that writes is told to stop when this process dies: no helm outlives the task that started it.
        """
        try:
            process = subprocess.Popen(
                [self.binary, *arguments],
                env=self._env,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=_die_with_parent if write and sys.platform == "linux" else None,
            )
        except OSError as error:
            raise ToolError(f"helm could not be started: {error}.", hint=_GET_HELM) from error
        try:
            out, errors = process.communicate(stdin, timeout=max(1.0, timeout))
        except subprocess.TimeoutExpired as error:
            process.terminate()
            try:
                process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            raise ToolError(
                f"helm did not {what} within {timeout:.0f} s.", hint="See wait_timeout, and whether the server answers."
            ) from error
        if process.returncode != 0:
            raise ToolError(
                f"helm could not {what}: {self._last_words(errors or out)}", details={"helm": self.version_text}
            )
        return out

    @property
    def version_text(self) -> str:
        known = getattr(self, "version", None)
        return known.text if known else "unknown"

    def _last_words(self, text: str) -> str:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("W1", "W0", "I0", "I1"))]
        words = "\n".join(lines)[-_LAST_WORDS:].strip().removeprefix("Error: ")
        for secret in self._secrets:
            if secret:
                words = words.replace(secret, "********")
        return words or "it said nothing"


def _environment(folder: str, kubeconfig: str, driver: str) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HELM_") and name != "KUBECONFIG"}
    registry = os.environ.get("HELM_REGISTRY_CONFIG") or os.path.expanduser("~/.config/helm/registry/config.json")
    env |= {
        "HELM_CONFIG_HOME": os.path.join(folder, "config"),
        "HELM_CACHE_HOME": os.path.join(folder, "cache"),
        "HELM_DATA_HOME": os.path.join(folder, "data"),
        "HELM_REPOSITORY_CONFIG": os.path.join(folder, "config", "repositories.yaml"),
        "HELM_REPOSITORY_CACHE": os.path.join(folder, "cache", "repository"),
        "HELM_DRIVER": driver,
        "KUBECACHEDIR": os.path.join(folder, "kube-cache"),
        # Never a guess: without a kubeconfig of ours, helm shall reach no cluster at all.
        "KUBECONFIG": kubeconfig or os.path.join(folder, "no-kubeconfig"),
    }
    if os.path.isfile(registry):  # A login the user made for OCI registries stays good.
        env["HELM_REGISTRY_CONFIG"] = registry
    return env


def storage_driver(option: str | None) -> str:
    """Where Helm keeps its records: the option, else HELM_DRIVER. Raises BadInput for a driver this cannot read."""
    driver = option or {"secrets": "secret", "configmaps": "configmap", "": "secret"}.get(
        known := os.environ.get("HELM_DRIVER", ""), known
    )
    if driver not in ("secret", "configmap"):
        raise BadInput(
            f"HELM_DRIVER is {driver}: releases kept there cannot be read through the API server.",
            hint="Use secret or configmap (option helm_driver).",
        )
    return driver


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
