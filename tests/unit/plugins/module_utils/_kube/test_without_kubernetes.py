# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the `kubernetes` package is missing, modules load all the same and can say so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
for name in ("kubernetes", "urllib3", "yaml"):
    sys.modules[name] = None
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import objects, settle
from ansible_collections.meshwright.istio.plugins.module_utils._kube import connection
assert not connection.HAS_KUBERNETES
assert "kubernetes" in connection.KUBERNETES_IMPORT_ERROR or "urllib3" in connection.KUBERNETES_IMPORT_ERROR
"""


def test_the_import_is_guarded(collections: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": str(collections)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
