# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The charts inside the operator: the repository's own, with base less its CRDs, and one for revision tags."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .. import chart_edits
from ..errors import HarnessError

CHARTS = ("base", "istiod", "cni", "ztunnel")
TAGS = "revisiontags"
_VALIDATOR = "defaultrevision-validatingwebhookconfiguration.yaml"
_FOR_TAGS = ("revision-tags-mwc.yaml", "revision-tags-svc.yaml", "zzz_profile.yaml")


def write(unpacked: Path, into: Path) -> None:
    """From the unpacked charts of one build make the operator's, below `into`. Errors: HarnessError."""
    for name in CHARTS:
        shutil.copytree(unpacked / name, into / name)
    for name in ("templates/crds.yaml", "files/crd-all.gen.yaml"):
        (into / "base" / name).unlink()
    tags = into / TAGS
    shutil.copytree(unpacked / "istiod", tags)
    for path in (tags / "templates").iterdir():
        if path.name not in _FOR_TAGS:
            path.unlink()
    manifest = tags / "Chart.yaml"
    manifest.write_text(re.sub(r"(?m)^name: .*$", f"name: {TAGS}", manifest.read_text()))
    validator = (unpacked / "base" / "templates" / _VALIDATOR).read_text()
    condition = '{{- if not (eq .Values.defaultRevision "") }}'
    ours = '{{- if has "default" (.Values.revisionTags | default list) }}'
    (tags / "templates" / _VALIDATOR).write_text(chart_edits.replace_once(validator, condition, ours, _VALIDATOR))


def label(source: Path, into: Path, version: str) -> None:
    """A copy of an unpacked chart as of another version: its own, its application's and its images'."""
    shutil.copytree(source, into)
    manifest = into / "Chart.yaml"
    text, count = re.subn(r"(?m)^(version|appVersion): .*$", rf"\1: {version}", manifest.read_text())
    if count != 2:
        raise HarnessError(f"{manifest}: expected version and appVersion")
    manifest.write_text(text)
    values = into / "values.yaml"
    values.write_text(re.sub(r"(?m)^(\s*)tag: \d\S*$", rf"\1tag: {version}", values.read_text()))
