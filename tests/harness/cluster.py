# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings an embedded cluster up and down. `up` is idempotent, whatever an earlier run left behind."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from . import bringup, builder, certificates, charts, control_plane, ports, processes, stages, state
from .api import Api
from .control_plane import Component
from .errors import HarnessError, PortTaken
from .sail import versions as sail_versions
from .state import Folders, State

ATTEMPTS = 4
Note = Callable[[str], None]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _agent(folders: Folders, chosen: Mapping[str, int], programs: Mapping[str, Path], repository: Path) -> Component:
    istiods = {version: str(programs[f"istiod-{version}"]) for version in builder.ISTIO_VERSIONS}
    builds = dict(zip(("current", "next"), builder.ISTIO_VERSIONS, strict=True))
    istiods |= {version: istiods[builds[build]] for version, build in sail_versions.builds().items()}
    settings = {
        "server": f"https://127.0.0.1:{chosen['kube-apiserver']}",
        "token": (folders.secrets / "admin.token").read_text(),
        "authority": (folders.secrets / "ca.crt").read_text(),
        "kubelet": chosen["kwok"],
        "port": chosen["agent"],
        "socket": str(folders.socket),
        "repository": str(repository),
        "pids": str(folders.pids),
        "pods": str(folders.pods),
        "logs": str(folders.logs),
        "components": list(bringup.ORDER),
        "istiods": istiods,
        "proxies": str(programs["proxies"]),
        "sail": {
            "helm": str(programs["helm"]),
            "kubeconfig": str(folders.kubeconfig),
            "charts": str(repository / "sail"),
            "home": str(folders.sail),
        },
    }
    path = folders.root / "agent.json"
    state.write(path, json.dumps(settings))
    command = [sys.executable, "-m", "tests.harness.agent", str(path)]
    return Component("agent", command, chosen["agent"], {"PYTHONPATH": str(state.CHECKOUT)})


def _write_configuration(folders: Folders, chosen: Mapping[str, int]) -> None:
    secrets = folders.secrets
    tokens = {user: (secrets / f"{user}.token").read_text() for user in certificates.USERS}
    server = f"https://127.0.0.1:{chosen['kube-apiserver']}"
    authority = (secrets / "ca.crt").read_bytes()
    state.write(folders.kubeconfig, state.kubeconfig(f"meshwright-{folders.name}", server, authority, tokens))
    state.write(folders.root / "egress.yaml", control_plane.egress_configuration(folders))
    state.write(folders.root / "scheduler.yaml", control_plane.scheduler_configuration(folders))
    starts = state.read_json(folders.starts).get("count", 0) + 1
    state.write(folders.starts, json.dumps({"count": starts}))
    cidr = stages.pod_cidr(starts)
    kwok = stages.configuration(chosen["kwok"], cidr, f"{secrets}/server.crt", f"{secrets}/server.key")
    state.write(folders.root / "kwok.yaml", kwok)


def _state(folders: Folders, chosen: Mapping[str, int], programs: Mapping[str, Path]) -> State:
    site = f"http://127.0.0.1:{chosen['agent']}"
    istioctl = builder.built("istioctl")
    return State(
        name=folders.name,
        kubeconfig=str(folders.kubeconfig),
        context=f"meshwright-{folders.name}",
        server=f"https://127.0.0.1:{chosen['kube-apiserver']}",
        charts=f"{site}/charts",
        gateway_api=f"{site}/gateway-api/standard-install.yaml",
        gateway_api_older=f"{site}/gateway-api/older-install.yaml",
        versions=dict(zip(("current", "next"), builder.ISTIO_VERSIONS, strict=True)),
        programs={name: str(programs[name]) for name in ("helm", "kubectl")}
        | ({"istioctl": str(istioctl)} if istioctl else {}),
        tokens={user: (folders.secrets / f"{user}.token").read_text() for user in certificates.USERS},
        ports=dict(chosen),
        logs=str(folders.logs),
        sail=sail_versions.for_state(),
    )


def client(known: State) -> Api:
    """An API client as admin of a running cluster."""
    authority = (state.folders(known.name).secrets / "ca.crt").read_text()
    return Api(known.server, known.tokens["admin"], authority)


def healthy(known: State) -> bool:
    """Whether every process of the cluster runs and the API server is ready."""
    folders = state.folders(known.name)
    running = {record.name for record in processes.records(folders.pids) if processes.alive(record)}
    return running >= set(bringup.ORDER) and bringup.is_ready(client(known), timeout=5.0)


def _start(folders: Folders, port: int | None, nodes: int, programs: Mapping[str, Path], repository: Path) -> State:
    """One attempt to start everything. Errors: PortTaken, HarnessError; what was started is stopped again."""
    wanted = {name: int(value) for name, value in state.read_json(folders.ports).items()}
    if port is not None:
        wanted["kube-apiserver"] = port
    chosen = ports.choose(control_plane.PORTS, wanted)
    state.write(folders.ports, json.dumps(chosen))
    certificates.ensure(folders.secrets)
    _write_configuration(folders, chosen)
    known = _state(folders, chosen, programs)
    components = {
        "etcd": control_plane.etcd(folders, chosen, programs["etcd"]),
        "kube-apiserver": control_plane.apiserver(folders, chosen, programs["kube-apiserver"]),
        "agent": _agent(folders, chosen, programs, repository),
        "kube-controller-manager": control_plane.controller_manager(folders, programs["kube-controller-manager"]),
        "kube-scheduler": control_plane.scheduler(folders, programs["kube-scheduler"]),
        "kwok": control_plane.kwok(folders, chosen, programs["kwok"]),
    }
    try:
        bringup.start(folders, components, client(known), nodes=nodes, crds=repository / "kwok")
    except BaseException:
        bringup.stop(folders)
        raise
    state.save(known)
    return known


def _check_port(port: int) -> None:
    if not ports.is_free(port):
        raise HarnessError(
            f"port {port}, asked for with --port, is taken on 127.0.0.1: stop what listens there "
            f"(ss -ltnp 'sport = :{port}' names it), or leave --port out to have a free one chosen"
        )


def up(name: str = state.DEFAULT_NAME, *, port: int | None = None, nodes: int = 3, note: Note = _say) -> State:
    """Bring the cluster `name` up, or find it up already; return its state.

    What an earlier run left half-done (killed processes, an `up` that was killed) is started again on its data.
    `port` asks for a port of the API server; without it the one of the earlier run or any free one is taken.
    Errors: HarnessError that says what failed and the way out.
    """
    folders = state.folders(name)
    programs = builder.ensure(note=note)
    repository = charts.ensure(programs["helm"], note=note)
    folders.root.parent.mkdir(parents=True, exist_ok=True)
    with builder.locked(folders.lock, note, f"changing the cluster {name}"):
        known = state.load(name)
        if known and healthy(known):
            if port is not None and port != known.ports["kube-apiserver"]:
                raise HarnessError(
                    f"cluster {name} is up at {known.server}, not at port {port}: "
                    f"`python tests/harness down --name {name}` first, or leave --port out"
                )
            note(f"cluster {name} is up already: {known.server}")
            return known
        started = time.monotonic()
        bringup.stop(folders)
        if port is not None:
            _check_port(port)
        folders.root.mkdir(parents=True, exist_ok=True)
        folders.state.unlink(missing_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                known = _start(folders, port, nodes, programs, repository)
            except PortTaken as error:
                if attempt == ATTEMPTS or port is not None:
                    raise
                note(f"{error}; trying other ports")
                folders.ports.unlink(missing_ok=True)
            else:
                note(f"cluster {name} is up after {time.monotonic() - started:.1f} s: {known.server}")
                return known
    raise HarnessError(f"cluster {name}: no free ports found")


def down(name: str = state.DEFAULT_NAME, *, note: Note = _say) -> None:
    """Stop every process of the cluster and remove its state; nothing to do is fine."""
    folders = state.folders(name)
    if not folders.root.exists():
        note(f"cluster {name} does not exist")
        return
    with builder.locked(folders.lock, note, f"changing the cluster {name}"):
        bringup.stop(folders)
        if folders.socket.parent != folders.root:
            shutil.rmtree(folders.socket.parent, ignore_errors=True)
        shutil.rmtree(folders.root)
    note(f"cluster {name} is down, its state is removed")
