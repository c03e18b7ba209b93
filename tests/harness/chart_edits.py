# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes the second charts (1.32.0, a stand-in for a next release) differ from the genuine ones.

Three visible changes, so that an upgrade has something to carry out: a template more, a field more in a CRD,
a webhook that is configured otherwise. All of them are text edits that fail when the chart is not as expected.
"""

from __future__ import annotations

import re
from pathlib import Path

from .errors import HarnessError

NEXT_LABEL = "harness.meshwright.io/stand-in"
NEXT_CRD_FIELD = "harnessNote"
NEXT_CRD = "telemetries.telemetry.istio.io"
NEXT_WEBHOOK_TIMEOUT = 15

_CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}{{{{- if not (eq .Values.revision "") }}}}-{{{{ .Values.revision }}}}{{{{- end }}}}
  namespace: {{{{ .Release.Namespace }}}}
  labels:
    {label}: "true"
    release: {{{{ .Release.Name }}}}
    {{{{- include "istio.labels" . | nindent 4 }}}}
data:
  version: {{{{ .Chart.AppVersion | quote }}}}
"""


def replace_once(text: str, old: str, new: str, where: str) -> str:
    """`text` with its only `old` replaced; HarnessError when there is not exactly one."""
    if text.count(old) != 1:
        raise HarnessError(f"{where}: expected exactly one {old!r}, found {text.count(old)}: adapt chart_edits.py")
    return text.replace(old, new)


def set_image(values: str, version: str) -> str:
    """values.yaml with the default image of a release: hub and tag."""
    values = re.sub(r"(?m)^(\s*)tag: latest$", rf"\1tag: {version}", values)
    return values.replace("hub: registry.istio.io/testing", "hub: registry.istio.io/release")


def add_crd_field(crds: str) -> str:
    """crd-all.gen.yaml with one optional string field more in the Telemetry CRD's spec, in all its versions."""
    documents = crds.split("\n---\n")
    for index, document in enumerate(documents):
        if f"name: {NEXT_CRD}\n" not in document:
            continue
        lines = [
            f"{NEXT_CRD_FIELD}:",
            "  description: Added by the stand-in release.",
            "  type: string",
            "accessLogging:",
        ]
        field = "\n".join(rf"\1{line}" for line in lines)
        edited, count = re.subn(r"(?m)^( +)accessLogging:$", field, document)
        if count == 0:
            raise HarnessError(f"{NEXT_CRD}: no spec.accessLogging to put a field beside: adapt chart_edits.py")
        documents[index] = edited
        return "\n---\n".join(documents)
    raise HarnessError(f"{NEXT_CRD} is not among the CRDs of the base chart: adapt chart_edits.py")


def _edit_base(chart: Path) -> None:
    crds = chart / "files" / "crd-all.gen.yaml"
    crds.write_text(add_crd_field(crds.read_text()))


def _edit_istiod(chart: Path) -> None:
    templates = chart / "templates"
    text = _CONFIG_MAP.format(name="istio-stand-in", label=NEXT_LABEL)
    (templates / "stand-in-configmap.yaml").write_text(text)
    webhook = templates / "mutatingwebhook.yaml"
    edited = replace_once(
        webhook.read_text(),
        '  reinvocationPolicy: "{{ .reinvocationPolicy }}"\n',
        f'  reinvocationPolicy: "{{{{ .reinvocationPolicy }}}}"\n  timeoutSeconds: {NEXT_WEBHOOK_TIMEOUT}\n',
        "mutatingwebhook.yaml",
    )
    webhook.write_text(edited)


def edit(chart: Path, name: str, version: str, *, altered: bool) -> None:
    """Turn an unpacked genuine chart into the one of `version`; `altered` adds the stand-in's differences."""
    values = chart / "values.yaml"
    values.write_text(set_image(values.read_text(), version))
    if altered and name == "base":
        _edit_base(chart)
    if altered and name == "istiod":
        _edit_istiod(chart)
