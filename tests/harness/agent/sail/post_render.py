# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helm's post-renderer: owner references and a label on each manifest, as the operator puts them there.

`python post_render.py <json>`, with {"owner": {...}, "labels": {...}, "nodeSelector": {...}} (the last is
optional, for the pods of Deployments); manifests from stdin to stdout. A program of its own, since Helm runs one.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]
    """Dates stay text: they could not be written as JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in _BASE.yaml_implicit_resolvers.items()
}


def edit(manifest: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """One manifest with what is wanted added."""
    metadata = manifest.setdefault("metadata", {})
    metadata["ownerReferences"] = [*(metadata.get("ownerReferences") or ()), wanted["owner"]]
    metadata["labels"] = {**(metadata.get("labels") or {}), **wanted["labels"]}
    if manifest.get("kind") == "Deployment" and (selector := wanted.get("nodeSelector")):
        pods = manifest["spec"]["template"]["spec"]
        pods["nodeSelector"] = {**(pods.get("nodeSelector") or {}), **selector}
    return manifest


def main() -> int:
    wanted = json.loads(sys.argv[1])
    for manifest in yaml.load_all(sys.stdin.buffer, _Loader):
        if manifest:
            # JSON is YAML, and Helm splits at the dashes.
            sys.stdout.write(f"---\n{json.dumps(edit(manifest, wanted))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
