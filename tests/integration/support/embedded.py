# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The embedded cluster as tests see it: its state file, kubectl, and who takes it down."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness import builder, cluster
from tests.harness.errors import HarnessError

from .playbook import ROOT, Playbooks


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedded cluster that is up; fields as in its state.json, `state` is all of it."""

    name: str
    kubeconfig: str
    context: str
    server: str
    charts: str
    gateway_api: str
    versions: dict[str, str]
    programs: dict[str, str]
    sail: dict[str, Any]
    state: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> Embedded:
        state = json.loads((ROOT / "build" / "clusters" / name / "state.json").read_text(encoding="utf-8"))
        return cls(
            name=name,
            kubeconfig=state["kubeconfig"],
            context=state["context"],
            server=state["server"],
            charts=state["charts"],
            gateway_api=state["gateway_api"],
            versions=state["versions"],
            programs=state["programs"],
            sail=state["sail"],
            state=state,
        )

    def playbooks(self, folder: Path) -> Playbooks:
        """A runner whose playbooks reach this cluster, and find its helm and kubectl on PATH."""
        path = list(dict.fromkeys(str(Path(program).parent) for program in self.programs.values()))
        return Playbooks(folder, kubeconfig=self.kubeconfig, context=self.context, path=path)


class Kubectl:
    """kubectl against one embedded cluster; a failure is an AssertionError with its words."""

    def __init__(self, embedded: Embedded) -> None:
        self.cluster = embedded

    def __call__(self, *args: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [self.cluster.programs["kubectl"], "--kubeconfig", self.cluster.kubeconfig, *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr.strip()}"
        return done.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "-o", "json"))

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects, server-side."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "--server-side", "-f", "-", stdin=json.dumps(items))


def is_up(name: str) -> bool:
    """Whether the cluster's API server answers now."""
    try:
        Kubectl(Embedded.read(name))("get", "--raw", "/readyz")
    except (OSError, ValueError, KeyError, AssertionError, subprocess.TimeoutExpired):
        return False
    return True


def up(name: str) -> Embedded:
    """The cluster of that name, brought up; skips the test where its programs can be neither found nor built.

    With MESHWRIGHT_NEED_CLUSTER=1, as in .ci/run, it fails there instead: a run without a cluster proves little.
    """
    try:
        builder.ensure()
    except HarnessError as error:
        if os.environ.get("MESHWRIGHT_NEED_CLUSTER") == "1":
            raise
        pytest.skip(f"the embedded cluster's programs cannot be had here: {error}")
    cluster.up(name)
    return Embedded.read(name)


@contextlib.contextmanager
def shared(suffix: str = "") -> Iterator[Embedded]:
    """The shared cluster, brought up when it is not, and down again by whoever brought it up.

    With a suffix it is one beside it, for tests that need a cluster of their own; kept as the shared one is.
    """
    name = os.environ.get("MESHWRIGHT_CLUSTER", "test") + suffix
    kept = is_up(name) and os.environ.get("MESHWRIGHT_KEEP") == "1"
    embedded = up(name)
    try:
        yield embedded
    finally:
        if not kept:
            cluster.down(name)
