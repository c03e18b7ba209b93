# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records sources of a cluster's snapshot, in the form of tests/fixtures/snapshots; see `embedded-ambient.json`.

python -m tests.integration.verify.record KUBECONFIG "What it is." SOURCE ... > tests/fixtures/snapshots/NAME.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

_UNSAID = ("uid", "resourceVersion", "managedFields", "generateName", "selfLink")


def recorded(kubeconfig: str, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The sources of these names, less what is another's in every cluster."""
    client = Client(connect(ConnectionOptions(kubeconfig=kubeconfig)), deadline=Deadline(60))
    seen = snapshot.take(client, list(names))
    return {name: [_plain(item) for item in seen.items(name)] for name in names if seen.served(name)}


def text(about: str, lists: dict[str, list[dict[str, Any]]]) -> str:
    """A fixture: one object to a line."""
    parts = [f'  "about": {json.dumps(about)}']
    for name, items in lists.items():
        lines = ",\n".join(f"    {json.dumps(item, separators=(',', ':'))}" for item in items)
        parts.append(f'  "{name}": [\n{lines}\n  ]' if items else f'  "{name}": []')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _plain(item: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(item))
    for key in _UNSAID:
        plain.get("metadata", {}).pop(key, None)
    for owner in plain.get("metadata", {}).get("ownerReferences", ()):
        owner.pop("uid", None)
    return plain


if __name__ == "__main__":
    config, about, *names = sys.argv[1:]
    sys.stdout.write(text(about, recorded(config, names or snapshot.SOURCES)))
