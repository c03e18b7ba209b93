# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs and verifies a mesh: on the embedded cluster, or on one context of one's own kubeconfig that is named twice.

    python tools/demo.py [--name demo] [-- arguments for ansible-playbook]
    python tools/demo.py --context NAME --confirm NAME [-- arguments for ansible-playbook]

Without --context no other cluster is reached, whatever the environment says: everything in it that could name one is
left out, and every program is handed the embedded cluster's kubeconfig.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "playbooks" / "site.yml"
SAMPLE = ROOT / "tools" / "sample.yml"
# What is installed on a cluster of one's own, unless ARGS="-e control_plane_version=..." says otherwise.
VERSION = "1.31.1"
# What could name a cluster, credentials for one, or settings that change how it is reached.
_POINTERS = ("KUBECONFIG", "KUBERNETES_", "K8S_AUTH_", "HELM_", "ANSIBLE_", "KUBE_")


class Refused(Exception):
    """The demo does not run; its words say what to do."""


def scrubbed(environ: Mapping[str, str], kubeconfig: str) -> dict[str, str]:
    """The environment less all that could lead to another cluster, with `kubeconfig` in its place."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_POINTERS)}
    loopback = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), "127.0.0.1,localhost"]))
    return kept | {
        "KUBECONFIG": kubeconfig,
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "ANSIBLE_CONFIG": str(ROOT / "tools" / "ansible.cfg"),
    }


def own_context(context: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Kubeconfig (as KUBECONFIG names it, else ~/.kube/config) and server of a context of one's own.

    Raises Refused when there is no such context. Reads files only; sends nothing.
    """
    kubeconfig = environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    contexts: dict[str, str] = {}
    servers: dict[str, str] = {}
    for path in filter(os.path.exists, kubeconfig.split(os.pathsep)):
        try:
            config = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
            # As kubectl has it: what the first file says of a name holds.
            for entry in config.get("contexts") or []:
                contexts.setdefault(entry["name"], entry["context"]["cluster"])
            for entry in config.get("clusters") or []:
                servers.setdefault(entry["name"], entry["cluster"].get("server", ""))
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            raise Refused(f"{path} cannot be read as a kubeconfig: {error}") from error
    if context not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise Refused(f"There is no context {context!r} in {kubeconfig}. It has: {known}.")
    server = servers.get(contexts[context])
    if not server:
        raise Refused(f"Context {context!r} in {kubeconfig} names a cluster that the file does not describe.")
    return kubeconfig, server


def confirm(context: str, confirmed: str, server: str) -> None:
    """Raises Refused unless the context was named twice."""
    if context != confirmed:
        raise Refused(
            f"This installs a mesh on context {context!r}, server {server}: a cluster of your own.\n"
            f"If that is what you want: make demo CONTEXT={context} CONFIRM={context}\n"
            "Nothing was sent to it."
        )


def play(variables: Mapping[str, Any], env: Mapping[str, str], arguments: list[str]) -> int:
    """Run site.yml with these variables; its exit code."""
    command = [sys.executable, "-m", "ansible", "playbook", str(SITE)]
    command += ["--inventory", "localhost,", "--extra-vars", json.dumps(dict(variables)), *arguments]
    return subprocess.run(command, env=dict(env), cwd=ROOT / "build", check=False).returncode


def on_own_cluster(context: str, confirmed: str, arguments: list[str]) -> int:
    kubeconfig, server = own_context(context, os.environ)
    confirm(context, confirmed, server)
    print(f"demo: context {context}, server {server}, from {kubeconfig}", flush=True)
    env = scrubbed(os.environ, kubeconfig)
    variables = {"mesh_kubeconfig": kubeconfig, "mesh_context": context, "control_plane_version": VERSION}
    return play(variables, env, arguments)


def embedded_mesh(version: str, charts: str, gateway_api: str) -> dict[str, Any]:
    """The mesh that the demo installs on an embedded cluster, as variables of site.yml."""
    return {
        "control_plane_version": version,
        "control_plane_charts": {"repository": charts},
        "control_plane_gateway_api": {"source": gateway_api},
        # No autoscaler: the embedded cluster has no metrics for one.
        "control_plane_istiod": {"replicas": 1},
    }


def on_embedded_cluster(name: str, arguments: list[str]) -> int:
    started = time.monotonic()
    # What the harness starts inherits this process's environment: scrub it before anything is imported or started.
    kept = scrubbed(os.environ, os.devnull)
    os.environ.clear()
    os.environ.update(kept)
    from tests.harness import cluster
    from tests.harness.errors import HarnessError

    try:
        state = cluster.up(name)
    except HarnessError as error:
        raise Refused(f"The embedded cluster {name!r} does not come up: {error}") from error
    print(f"demo: embedded cluster {name!r} is up, context {state.context}, server {state.server}", flush=True)
    env = scrubbed(os.environ, state.kubeconfig)
    env["PATH"] = os.pathsep.join([str(Path(state.programs["helm"]).parent), env["PATH"]])
    kubectl = [state.programs["kubectl"], "--kubeconfig", state.kubeconfig]
    subprocess.run([*kubectl, "apply", "--server-side", "--filename", str(SAMPLE)], env=env, check=True)
    variables: dict[str, Any] = {"mesh_kubeconfig": state.kubeconfig, "mesh_context": state.context}
    variables |= embedded_mesh(state.versions["current"], state.charts, state.gateway_api)
    code = play(variables, env, arguments)
    print(farewell(name, kubectl, state.kubeconfig, time.monotonic() - started, code), flush=True)
    return code


def farewell(name: str, kubectl: list[str], kubeconfig: str, seconds: float, code: int) -> str:
    """What to do next."""
    call = " ".join(kubectl)
    again = "" if name == "demo" else f" NAME={name}"
    return f"""
demo: {"done" if code == 0 else f"FAILED (exit {code})"} after {seconds:.0f} s. The cluster stays up.

  kubeconfig   {kubeconfig}
  look around  {call} get pods --all-namespaces
               {call} get namespaces --show-labels
  its health   make cluster-status{again}
  once more    make demo{again}                (changes nothing)
  take it down make cluster-down{again}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--name", default="demo", help="the embedded cluster's name")
    parser.add_argument("--context", default="", help="a context of your own kubeconfig instead")
    parser.add_argument("--confirm", default="", help="that context's name once more")
    parser.add_argument("arguments", nargs="*", help="passed to ansible-playbook")
    options = parser.parse_args()
    try:
        if options.context:
            return on_own_cluster(options.context, options.confirm, options.arguments)
        if options.confirm:
            raise Refused("CONFIRM without CONTEXT: name the context to run on as well, or neither.")
        return on_embedded_cluster(options.name, options.arguments)
    except Refused as refusal:
        print(f"demo: {refusal}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
