# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Helm chart `sail-operator`: a Deployment whose pod kwok plays, with the genuine chart's names and labels.

What the operator does is done by the cluster's agent, as long as a pod of this Deployment is Ready.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from . import crds

GENUINE_CRDS = "MESHWRIGHT_SAIL_CRDS"
"""A folder with a folder per operator version, of genuine CRDs to package instead of the minimal ones."""

_VALUES = """# The stand-in chart's values: the genuine chart has more.
name: sailoperator
deployment:
  name: sail-operator
  annotations: {}
serviceAccountName: sail-operator
operatorLogLevel: info
platform: kubernetes
image: quay.io/sail-dev/sail-operator:%(version)s
imagePullPolicy: ""
operator:
  resources:
    limits: {cpu: 500m, memory: 512Mi}
    requests: {cpu: 10m, memory: 64Mi}
"""

_DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Values.deployment.name }}
  namespace: {{ .Release.Namespace }}
  labels:
    app.kubernetes.io/component: manager
    app.kubernetes.io/created-by: {{ .Values.name }}
    app.kubernetes.io/instance: {{ .Values.deployment.name }}
    app.kubernetes.io/managed-by: helm
    app.kubernetes.io/name: deployment
    app.kubernetes.io/part-of: {{ .Values.name }}
    control-plane: {{ .Values.deployment.name }}
spec:
  replicas: 1
  selector:
    matchLabels:
      app.kubernetes.io/created-by: {{ .Values.name }}
      app.kubernetes.io/part-of: {{ .Values.name }}
      control-plane: {{ .Values.deployment.name }}
  template:
    metadata:
      annotations:
        kubectl.kubernetes.io/default-container: sail-operator
        {{- range $key, $value := .Values.deployment.annotations }}
        {{ $key | quote }}: {{ $value | quote }}
        {{- end }}
      labels:
        app.kubernetes.io/created-by: {{ .Values.name }}
        app.kubernetes.io/part-of: {{ .Values.name }}
        control-plane: {{ .Values.deployment.name }}
    spec:
      serviceAccountName: {{ .Values.serviceAccountName }}
      securityContext:
        runAsNonRoot: true
      terminationGracePeriodSeconds: 10
      containers:
      - name: sail-operator
        image: {{ .Values.image }}
        {{- with .Values.imagePullPolicy }}
        imagePullPolicy: {{ . }}
        {{- end }}
        command: [/sail-operator]
        args:
        - --health-probe-bind-address=:8081
        - --metrics-bind-address=:8443
        - --zap-log-level={{ .Values.operatorLogLevel }}
        {{- if eq .Values.platform "openshift" }}
        - --default-profile=openshift
        {{- end }}
        resources:
          {{- toYaml .Values.operator.resources | nindent 10 }}
"""

_ACCOUNT = """apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Values.serviceAccountName }}
  namespace: {{ .Release.Namespace }}
  labels:
    app.kubernetes.io/component: rbac
    app.kubernetes.io/created-by: {{ .Values.name }}
    app.kubernetes.io/managed-by: helm
    app.kubernetes.io/part-of: {{ .Values.name }}
"""

_ROLES = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .Values.name }}-role
rules:
- apiGroups: [sailoperator.io]
  resources: ["*"]
  verbs: ["*"]
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .Values.name }}-rolebinding
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .Values.name }}-role
subjects:
- kind: ServiceAccount
  name: {{ .Values.serviceAccountName }}
  namespace: {{ .Release.Namespace }}
"""


def genuine_folder() -> Path | None:
    """The folder that MESHWRIGHT_SAIL_CRDS names, if it is set."""
    found = os.environ.get(GENUINE_CRDS)
    return Path(found) if found else None


def _definitions(version: str) -> dict[str, str]:
    """File name -> text of the operator's own CRDs: the minimal ones, or the genuine ones where asked for."""
    genuine = genuine_folder()
    if genuine is not None and (genuine / version).is_dir():
        return {path.name: path.read_text() for path in sorted((genuine / version).glob("*.yaml"))}
    found = {}
    for each in crds.definitions(version):
        name = f"{crds.GROUP}_{each['spec']['names']['plural']}.yaml"
        found[name] = yaml.safe_dump(each, sort_keys=False, width=120)
    return found


def write(folder: Path, version: str, istio_crds: str) -> None:
    """Write the unpacked chart of an operator's release; `istio_crds` is crd-all.gen.yaml of Istio's base chart."""
    files = {
        "Chart.yaml": (
            "apiVersion: v2\nname: sail-operator\ntype: application\n"
            "description: A stand-in for the Sail Operator, played by the embedded cluster\n"
            f"version: {version}\nappVersion: {version}\n"
        ),
        "values.yaml": _VALUES % {"version": version},
        "templates/deployment.yaml": _DEPLOYMENT,
        "templates/rbac/role.yaml": _ROLES,
        "templates/rbac/service_account.yaml": _ACCOUNT,
    }
    files |= {f"crds/{name}": text for name, text in _definitions(version).items()}
    for document in istio_crds.split("\n---\n"):
        if body := yaml.load(document, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            files[f"crds/{body['spec']['group']}_{body['spec']['names']['plural']}.yaml"] = document
    for name, text in files.items():
        path = folder / name
        if name.startswith("crds/") and not text.startswith("---"):
            # `helm show crds` puts files one after the other; the genuine ones begin so.
            text = f"---\n{text}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
