# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks as a user does: a process of its own, from the running Python's ansible-core."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .processes import kill_tree

ROOT = Path(__file__).resolve().parents[3]
COLLECTIONS = ROOT / "build" / "collections"
CALLBACKS = Path(__file__).resolve().parent / "callback"
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "XDG_CACHE_HOME", "COVERAGE_PROCESS_START")
_WARNING = re.compile(
    r"^\[(?:DEPRECATION )?WARNING\]: ?.*(?:\n(?![\[\n{]|TASK |PLAY |ok: |changed: |fatal: ).+)*", re.MULTILINE
)


@dataclass(slots=True)
class Run:
    """What one `ansible-playbook` did.

    `results` holds one entry per task and host: `{task, action, host, status, changed, result}`, where `status` is
    ok, failed, ignored, skipped or unreachable and `result` is the task's whole answer.
    """

    command: list[str]
    rc: int
    stdout: str
    stderr: str
    results: list[dict[str, Any]] = field(default_factory=list)
    stats: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many tasks changed something, over all hosts."""
        return sum(host.get("changed", 0) for host in self.stats.values())

    @property
    def failed(self) -> int:
        """How many tasks failed or could not be run, over all hosts."""
        return sum(host.get("failures", 0) + host.get("unreachable", 0) for host in self.stats.values())

    @property
    def warnings(self) -> list[str]:
        """Every warning and deprecation that was printed, less Ansible's word on how to silence them."""
        found = [match.group(0) for text in (self.stdout, self.stderr) for match in _WARNING.finditer(text)]
        return [warning for warning in found if "Deprecation warnings can be disabled" not in warning]

    @property
    def text(self) -> str:
        return f"{self.stdout}\n{self.stderr}"

    @property
    def result(self) -> dict[str, Any]:
        """The answer of the last task that was not skipped."""
        done = [entry for entry in self.results if entry["status"] != "skipped"]
        assert done, f"no task ran\n{self.text}"
        answer: dict[str, Any] = done[-1]["result"]
        return answer

    def of(self, action: str) -> list[dict[str, Any]]:
        """The answers of one module's tasks, in order; `istio_mesh` is short for its full name."""
        wanted = {action, f"meshwright.istio.{action}"}
        return [entry["result"] for entry in self.results if entry["action"] in wanted]

    def ok(self) -> Run:
        """Itself, when it succeeded; else an AssertionError with what it printed."""
        assert self.rc == 0 and self.failed == 0, f"rc={self.rc}\n{' '.join(self.command)}\n{self.text}"
        return self

    def quiet(self, *allowed: str) -> Run:
        """Itself, when it warned of nothing but what `allowed` (substrings) names."""
        loud = [warning for warning in self.warnings if not any(part in warning for part in allowed)]
        assert not loud, "warnings were printed:\n" + "\n".join(loud)
        return self


def environment(home: Path, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """An environment that names no cluster and no settings of the person at the keyboard; None in `extra` removes."""
    settings = home / "ansible.cfg"
    settings.touch()
    env: dict[str, str | None] = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env |= {
        "HOME": str(home),
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_REMOTE_TMP": str(home / ".ansible" / "tmp"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "meshwright_record",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    env |= extra or {}
    return {name: value for name, value in env.items() if value is not None}


class Playbooks:
    """Runs playbooks against one cluster (or none): call it with tasks, plays, or a playbook's path.

    Calling it gives a `Run`. Options:
    `check`, `diff`: as ansible-playbook has them; `extra_vars`: variables for the whole run;
    `env`: variables to add to the environment (None removes one); `args`: further command line;
    `kubeconfig`, `context`: another cluster than the fixture's; `allow`: substrings of warnings that are expected;
    `timeout`: seconds until the run is ended, with an AssertionError.
    Any other warning fails the test.
    """

    def __init__(self, folder: Path, *, kubeconfig: str = "", context: str = "", path: Sequence[str] = ()) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig
        self.context = context
        self.path = list(path)

    def __call__(
        self,
        what: Sequence[Mapping[str, Any]] | Mapping[str, Any] | str | Path,
        *,
        check: bool = False,
        diff: bool = False,
        extra_vars: Mapping[str, Any] | None = None,
        env: Mapping[str, str | None] | None = None,
        args: Sequence[str] = (),
        kubeconfig: str | None = None,
        context: str | None = None,
        allow: Sequence[str] = (),
        timeout: float = 600,
    ) -> Run:
        with self.start(
            what,
            check=check,
            diff=diff,
            extra_vars=extra_vars,
            env=env,
            args=args,
            kubeconfig=kubeconfig,
            context=context,
        ) as running:
            return running.wait(timeout).quiet(*allow)

    def start(
        self,
        what: Sequence[Mapping[str, Any]] | Mapping[str, Any] | str | Path,
        *,
        check: bool = False,
        diff: bool = False,
        extra_vars: Mapping[str, Any] | None = None,
        env: Mapping[str, str | None] | None = None,
        args: Sequence[str] = (),
        kubeconfig: str | None = None,
        context: str | None = None,
    ) -> Running:
        """The same, not waited for: for tests that kill a run in its middle."""
        work = Path(tempfile.mkdtemp(dir=self.folder))
        kubeconfig = self.kubeconfig if kubeconfig is None else kubeconfig
        context = self.context if context is None else context
        variables: dict[str, Any] = {"ansible_python_interpreter": sys.executable}
        if kubeconfig:
            variables |= {"mesh_kubeconfig": kubeconfig, "mesh_context": context}
        variables |= extra_vars or {}
        (work / "vars.json").write_text(json.dumps(variables), encoding="utf-8")
        command = [sys.executable, "-m", "ansible", "playbook", *self._playbook(what, work, bool(kubeconfig))]
        command += ["-e", f"@{work / 'vars.json'}"]
        command += ["--check"] * check + ["--diff"] * diff + list(args)
        here = {"MESHWRIGHT_RECORD": str(work / "record.jsonl")}
        if self.path:
            here["PATH"] = os.pathsep.join([*self.path, os.environ.get("PATH", "")])
        return Running(command, environment(work, {**here, **(env or {})}), work)

    def _playbook(self, what: Any, work: Path, connected: bool) -> list[str]:
        if isinstance(what, Path) or (isinstance(what, str) and what.endswith((".yml", ".yaml"))):
            return [str(what if Path(what).is_absolute() else ROOT / what)]
        if isinstance(what, str):
            return [what]  # meshwright.istio.site and its like
        tasks = [dict(what)] if isinstance(what, Mapping) else [dict(entry) for entry in what]
        if tasks and "hosts" in tasks[0]:
            plays = tasks
        else:
            plays = [
                {"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
            ]
            if connected:
                connection = {"kubeconfig": "{{ mesh_kubeconfig }}", "context": "{{ mesh_context }}"}
                plays[0]["module_defaults"] = {"group/meshwright.istio.istio": connection}
        (work / "play.json").write_text(json.dumps(plays, indent=1), encoding="utf-8")
        return [str(work / "play.json")]


class Running:
    """One `ansible-playbook` under way."""

    def __init__(self, command: list[str], env: dict[str, str], work: Path) -> None:
        self.command = command
        self.work = work
        self._out = (work / "stdout").open("wb")
        self._err = (work / "stderr").open("wb")
        self.process = subprocess.Popen(
            command,
            env=env,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
        )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self._out.close()
        self._err.close()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return (self.work / "stdout").read_text(encoding="utf-8", errors="replace")

    def kill(self) -> Run:
        """End it at once, with all that it started, as a power cut would."""
        kill_tree(self.process.pid)
        return self.wait(30)

    def wait(self, timeout: float = 600) -> Run:
        try:
            rc = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            kill_tree(self.process.pid)
            self.process.wait()
            raise AssertionError(
                f"not done after {timeout} s: {' '.join(self.command)}\n{self.output[-4000:]}"
            ) from None
        run = Run(self.command, rc, self.output, (self.work / "stderr").read_text(encoding="utf-8", errors="replace"))
        for entry in self._record():
            if "stats" in entry:
                run.stats = entry["stats"]
            else:
                run.results.append(entry)
        return run

    def _record(self) -> Iterator[dict[str, Any]]:
        record = self.work / "record.jsonl"
        if not record.exists():
            return
        for line in record.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                return  # killed while it was writing
