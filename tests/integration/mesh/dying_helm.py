# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A helm that is killed at a chosen moment of a chosen release, together with the program that started it.

Standing in for a power cut, at a place that a killed test process could only hit by luck.
"""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Literal

from ..support.embedded import Embedded

_SCRIPT = """#!{python}
import json, os, signal, subprocess, sys, time

real, kubectl, kubeconfig, release, moment, starter = json.loads({settings!r})
arguments = sys.argv[1:]
if release not in arguments[:2] or arguments[0] not in ("upgrade", "uninstall"):
    os.execv(real, [real, *arguments])
ask = [kubectl, "--kubeconfig", kubeconfig, "get", "secrets", "-A", "-l", f"owner=helm,name={{release}}"]
ask += ["-o", "jsonpath={{.items[*].metadata.labels.status}}"]
if moment != "before":
    helm = subprocess.Popen([real, *arguments])
    while helm.poll() is None:
        time.sleep(0.02)
        helm.send_signal(signal.SIGSTOP)
        if moment in subprocess.run(ask, capture_output=True, text=True).stdout:
            helm.kill()
            helm.wait()
            break
        helm.send_signal(signal.SIGCONT)
    else:
        sys.exit(f"{{release}} was never seen {{moment}}")
if starter:
    os.kill(os.getppid(), signal.SIGKILL)
"""

Moment = Literal["before", "pending-install", "pending-upgrade", "uninstalling"]


def dying_helm(folder: Path, cluster: Embedded, release: str, moment: Moment, *, with_starter: bool = True) -> str:
    """The path of such a helm. At `before` it dies before doing anything; without its starter it dies alone."""
    programs = cluster.programs
    settings = [programs["helm"], programs["kubectl"], cluster.kubeconfig, release, moment, with_starter]
    path = folder / "helm"
    path.write_text(_SCRIPT.format(python=sys.executable, settings=json.dumps(settings)), encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)
