# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the programs of the embedded cluster from their Go modules, once, into a cache outside the checkout."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import HarnessError
from .toolchain import find_go

FAMILIES = Path(__file__).resolve().parent / "programs"
KUBERNETES_VERSION = "v1.35.4"
ISTIO_VERSIONS = ("1.31.1", "1.32.0")


@dataclass(frozen=True, slots=True)
class Program:
    """One program: the Go package that it is built from and the family (folder with go.mod) that pins it."""

    name: str
    family: str
    package: str
    values: tuple[str, ...] = ()
    """Linker values, each "import/path.variable=value"."""

    @property
    def flags(self) -> list[str]:
        return ["-trimpath", "-ldflags", " ".join(["-s", "-w", *(f"-X {value}" for value in self.values)])]


def _kubernetes(command: str) -> Program:
    version = f"k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}"
    return Program(command, "kubernetes", f"k8s.io/kubernetes/cmd/{command}", (version,))


def _stamped(name: str, family: str, command: str, version: str) -> Program:
    package = "istio.io/istio/pkg/version"
    values = (f"{package}.buildVersion={version}", f"{package}.buildTag={version}", f"{package}.buildStatus=Clean")
    return Program(name, family, f"istio.io/istio/{command}", values)


def _istiod(version: str) -> Program:
    return _stamped(f"istiod-{version}", "istio", "pilot/cmd/pilot-discovery", version)


PROGRAMS: tuple[Program, ...] = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    *map(_kubernetes, ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")),
    Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    Program("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
    *map(_istiod, ISTIO_VERSIONS),
    Program("proxies", "istio", "./proxies"),
)
# What single tests and the benchmark ask for: no cluster needs it, so it is not built for one.
HELM_4 = Program("helm", "helm4", "helm.sh/helm/v4/cmd/helm")
ISTIOCTL = _stamped("istioctl", "istioctl", "istioctl/cmd/istioctl", ISTIO_VERSIONS[0])
EXTRA = {"helm4": HELM_4, "istioctl": ISTIOCTL}


def cache_folder() -> Path:
    """${XDG_CACHE_HOME:-~/.cache}/meshwright"""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "meshwright"


def content_hash(program: Program, family: Path, go_version: str) -> str:
    """A key that changes with anything that changes the built program: pins, own sources, flags, Go."""
    digest = hashlib.sha256()
    sources = [family / "go.mod", family / "go.sum"]
    if program.package.startswith("./"):
        sources += sorted((family / program.package).rglob("*.go"))
    for source in sources:
        digest.update(f"{source.relative_to(family)}\0".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    digest.update("\0".join([go_version, program.package, *program.flags]).encode())
    return digest.hexdigest()[:20]


@contextlib.contextmanager
def locked(path: Path, note: Callable[[str], None], what: str) -> Iterator[None]:
    """Hold an exclusive lock on `path`; says so once when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"waiting for another process that is {what}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def sweep(folder: Path, pattern: str) -> None:
    """Remove what a killed run left half-made; only while holding the folder's lock."""
    for leftover in folder.glob(pattern):
        shutil.rmtree(leftover, ignore_errors=True)


def _build(go: str, program: Program, family: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=target.parent))
    try:
        environment = dict(os.environ, GOFLAGS="-mod=readonly", GOWORK="off", GOTOOLCHAIN="local")
        command = [go, "build", *program.flags, "-o", str(scratch / program.name), program.package]
        answer = subprocess.run(command, cwd=family, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            tail = "\n".join((answer.stderr or answer.stdout).strip().splitlines()[-15:])
            raise HarnessError(f"building {program.name} from {program.package} failed (in {family}):\n{tail}")
        scratch.chmod(0o755)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def ensure(programs: Sequence[Program] = PROGRAMS, *, note: Callable[[str], None] = print) -> dict[str, Path]:
    """Return {name: path} of built programs, building what the cache lacks.

    One line of progress per program that is built, with its time; one line in all when nothing is.
    Errors: HarnessError with the compiler's last lines, or when no Go can be had.
    """
    cache = cache_folder()
    go, version = find_go(cache)
    targets = {
        program: cache / "programs" / content_hash(program, FAMILIES / program.family, version) for program in programs
    }
    paths = {program.name: target / program.name for program, target in targets.items()}
    missing = [program for program in programs if not paths[program.name].exists()]
    if not missing:
        note(f"programs: {len(programs)} cached")
        return paths
    time_taken = " (12 to 14 minutes on 2 idle cores for all)" if programs is PROGRAMS else ""
    note(f"programs: {len(missing)} to build from source, once{time_taken}")
    with locked(cache / "programs" / ".lock", note, "building programs"):
        sweep(cache / "programs", ".building-*")
        for number, program in enumerate(programs, 1):
            label = f"program {number:2}/{len(programs)} {program.name}"
            if paths[program.name].exists():
                note(f"{label}: cached")
                continue
            started = time.monotonic()
            _build(go, program, FAMILIES / program.family, targets[program])
            note(f"{label}: built in {time.monotonic() - started:.0f} s")
    return paths


def program(name: str, *, note: Callable[[str], None] = print) -> Path:
    """The path of one of EXTRA, built now when the cache lacks it: istioctl in 2 minutes after a cluster's programs.

    Errors: HarnessError as of `ensure`.
    """
    wanted = EXTRA[name]
    return ensure([wanted], note=note)[wanted.name]


def built(name: str) -> Path | None:
    """The path of one of EXTRA while the cache has it."""
    wanted, cache = EXTRA[name], cache_folder()
    _go, version = find_go(cache)
    path = cache / "programs" / content_hash(wanted, FAMILIES / wanted.family, version) / wanted.name
    return path if path.exists() else None


def module_folder(family: str, module: str) -> Path:
    """Where Go keeps the sources of a module that `family` pins (downloaded when absent)."""
    go, _version = find_go(cache_folder())
    environment = dict(os.environ, GOFLAGS="-mod=readonly", GOWORK="off", GOTOOLCHAIN="local")
    listing = ["list", "-m", "-f", "{{.Dir}}", module]
    for arguments in (listing, ["mod", "download", module], listing):
        answer = subprocess.run(
            [go, *arguments], cwd=FAMILIES / family, env=environment, capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise HarnessError(f"go {' '.join(arguments)} in {family}: {answer.stderr.strip()}")
        if arguments is listing and answer.stdout.strip():
            return Path(answer.stdout.strip())
    raise HarnessError(f"the Go module {module} pinned in programs/{family} has no sources here")
