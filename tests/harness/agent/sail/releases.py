# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helm releases, installed by the real helm with the operator's charts, as the operator's own Helm library does it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...api import Api
from ...control_plane import Component
from ...sail import istio_charts, versions
from . import names

Object = dict[str, Any]
SECONDS = 120.0
_WORDS = re.compile(r"^Error: (?:INSTALLATION FAILED: |UPGRADE FAILED: )?", re.MULTILINE)
_POST_RENDERER = Path(__file__).with_name("post_render.py")


class HelmError(Exception):
    """helm refused; in its own words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A release as it should be."""

    name: str
    namespace: str
    chart: str
    version: str
    """Without the leading v."""
    values: Object
    owner: Object
    node_selector: Object = field(default_factory=dict)


@dataclass
class Releases:
    """Runs helm as the cluster's admin: the operator's own permissions are not modelled."""

    api: Api
    helm: Path
    kubeconfig: Path
    charts: Path
    """A folder per build, with the operator's unpacked charts."""
    home: Path
    """Helm's own folders, and charts under other versions."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def _chart(self, name: str, version: str) -> Path:
        target = self.home / "charts" / version / name
        with self._lock:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                    istio_charts.label(self.charts / versions.build(version) / name, Path(scratch) / name, version)
                    (Path(scratch) / name).rename(target)
        return target

    def _run(self, *arguments: str, stdin: str = "") -> str:
        folders = {f"HELM_{name}_HOME": str(self.home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        answer = subprocess.run(
            [str(self.helm), "--kubeconfig", str(self.kubeconfig), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            env={**Component("helm", []).environment(), **folders},
        )
        if answer.returncode != 0:
            raise HelmError(_WORDS.sub("", answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "?"))
        return answer.stdout

    def _last(self, namespace: str, name: str) -> tuple[str, int]:
        """(status, version) of the release's newest record, ("", 0) when there is none."""
        query = {"labelSelector": f"owner=helm,name={name}"}
        items = self.api.request("GET", f"/api/v1/namespaces/{namespace}/secrets", query=query)["items"]
        found = [each["metadata"].get("labels", {}) for each in items]
        newest: Object = max(found, key=lambda labels: int(labels.get("version", 0)), default={})
        return newest.get("status", ""), int(newest.get("version", 0))

    def apply(self, wanted: Wanted) -> None:
        """Install or upgrade. Errors: HelmError, worded as the operator words it."""
        try:
            verb = self._mend(wanted)
            failed = f"failed to {'update' if verb == 'upgrade' else 'install'} helm chart {wanted.chart}"
            rendering = {"owner": wanted.owner, "labels": names.MANAGED_BY, "nodeSelector": wanted.node_selector}
            arguments = [verb, wanted.name, str(self._chart(wanted.chart, wanted.version)), "-n", wanted.namespace]
            arguments += ["--skip-crds", "-f", "-", "--post-renderer", sys.executable]
            for each in ("-I", str(_POST_RENDERER), json.dumps(rendering)):
                arguments += ["--post-renderer-args", each]
            if verb == "upgrade":
                arguments += ["--history-max", "1", "--reset-values"]
            try:
                self._run(*arguments, stdin=json.dumps(wanted.values))
            except HelmError as error:
                raise HelmError(f"{failed}: {error}") from error
        except HelmError as error:
            raise HelmError(f'failed to install/update Helm chart "{wanted.chart}": {error}') from error

    def _mend(self, wanted: Wanted) -> str:
        """Bring a release that was left half-way back to where helm can go on; the verb to go on with."""
        status, version = self._last(wanted.namespace, wanted.name)
        if status == "pending-upgrade" or (status == "failed" and version > 1):
            self._run("rollback", wanted.name, "-n", wanted.namespace)
        elif status in ("pending-install", "uninstalling", "failed"):
            self._run("uninstall", wanted.name, "-n", wanted.namespace)
            return "install"
        elif status == "pending-rollback":
            raise HelmError(f"unrecoverable helm release status {status}")
        return "upgrade" if status else "install"

    def remove(self, namespace: str, name: str) -> None:
        """Uninstall a release; none is fine. Errors: HelmError."""
        if namespace and self._last(namespace, name)[0]:
            try:
                self._run("uninstall", name, "-n", namespace)
            except HelmError as error:
                raise HelmError(f"failed to uninstall Helm release {name}: {error}") from error
