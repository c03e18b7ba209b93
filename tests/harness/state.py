# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a cluster's state lies, and the part of it that others read (state.json)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import HarnessError

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_NAME = "demo"
_SOCKET_PATH_LIMIT = 100  # bytes; the system's own limit for Unix sockets is 108


@dataclass(frozen=True, slots=True)
class State:
    """A running cluster, as in state.json."""

    name: str
    kubeconfig: str
    context: str
    server: str
    charts: str
    gateway_api: str
    gateway_api_older: str
    versions: dict[str, str]
    programs: dict[str, str]
    tokens: dict[str, str] = field(repr=False)
    ports: dict[str, int]
    logs: str
    sail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one cluster."""

    name: str

    @property
    def root(self) -> Path:
        return CHECKOUT / "build" / "clusters" / self.name

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        return self.root / "pids"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def pods(self) -> Path:
        """One folder per istiod pod: its working directory with what the pod mounts."""
        return self.root / "pods"

    @property
    def sail(self) -> Path:
        """The simulated Sail Operator's charts and Helm's caches."""
        return self.root / "sail"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def starts(self) -> Path:
        """How often the cluster was started on this data."""
        return self.root / "starts.json"

    @property
    def lock(self) -> Path:
        return self.root.parent / f".{self.name}.lock"

    @property
    def socket(self) -> Path:
        """The egress proxy's Unix socket: beside the state, or in the temporary folder when that path is too long."""
        path = self.root / "egress.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"meshwright-{os.getuid()}-{digest}" / "egress.sock"


def folders(name: str) -> Folders:
    """The folders of the cluster `name`; HarnessError when the name could not be a file's and a context's."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise HarnessError(f"cluster name {name!r}: use up to 40 lower-case letters, digits and dashes")
    return Folders(name)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file whole or not at all."""
    scratch = path.with_name(f".{path.name}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    scratch.rename(path)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file, {} when the file is absent or damaged."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def load(name: str) -> State | None:
    """The state of a cluster that an `up` completed, else None."""
    try:
        return State(**read_json(folders(name).state))
    except TypeError:
        return None


def save(state: State) -> None:
    write(folders(state.name).state, json.dumps(asdict(state), indent=2) + "\n")


def kubeconfig(context: str, server: str, authority: bytes, tokens: dict[str, str]) -> str:
    """A kubeconfig (JSON, which is YAML) with a context per user: admin's is current and bears the cluster's name."""
    contexts = {context if user == "admin" else f"{context}-{user}": user for user in tokens}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [
                {
                    "name": context,
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": base64.b64encode(authority).decode(),
                    },
                }
            ],
            "users": [{"name": f"{context}-{user}", "user": {"token": token}} for user, token in tokens.items()],
            "contexts": [
                {"name": name, "context": {"cluster": context, "user": f"{context}-{user}", "namespace": "default"}}
                for name, user in contexts.items()
            ],
        },
        indent=2,
    )
