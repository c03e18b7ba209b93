# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an istiod pod mounts, written below its working directory.

istiod reads its files by relative paths from the container's root, so the process runs in a folder that stands for it.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..api import Api

Object = dict[str, Any]
SERVICE_ACCOUNT = "var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS = 7 * 24 * 3600


class MountError(Exception):
    """Something that the pod mounts, and that is not optional, does not exist."""


class Source(Protocol):
    """Where mounted data comes from; a test gives a table instead of an API server."""

    def data(self, kind: str, namespace: str, name: str) -> Mapping[str, bytes] | None: ...

    def token(self, pod: Object, audience: str) -> str: ...


class ApiSource:
    """Mounted data from the API server; tokens are bound to the pod, as kubelet's are."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def data(self, kind: str, namespace: str, name: str) -> Mapping[str, bytes] | None:
        plural = {"ConfigMap": "configmaps", "Secret": "secrets"}[kind]
        found = self._api.get(f"/api/v1/namespaces/{namespace}/{plural}/{name}")
        if found is None:
            return None
        data = found.get("data") or {}
        if kind == "Secret":
            return {key: base64.b64decode(value) for key, value in data.items()}
        binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
        return {**{key: value.encode() for key, value in data.items()}, **binary}

    def token(self, pod: Object, audience: str) -> str:
        metadata = pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Object = {"expirationSeconds": TOKEN_SECONDS, "boundObjectRef": bound}
        if audience:
            spec["audiences"] = [audience]
        account = pod["spec"].get("serviceAccountName", "default")
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self._api.request("POST", path, request)["status"]["token"])


def _picked(data: Mapping[str, bytes], items: list[Object] | None) -> dict[str, bytes]:
    if not items:
        return dict(data)
    return {item["path"]: data[item["key"]] for item in items if item["key"] in data}


def _from_object(kind: str, name: str, source: Object, pod: Object, reader: Source) -> dict[str, bytes]:
    data = reader.data(kind, pod["metadata"]["namespace"], name)
    if data is None:
        if source.get("optional"):
            return {}
        raise MountError(f"{kind} {pod['metadata']['namespace']}/{name} not found")
    return _picked(data, source.get("items"))


def _projected(source: Object, pod: Object, reader: Source) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for each in source.get("sources", ()):
        if inner := each.get("configMap"):
            files.update(_from_object("ConfigMap", inner["name"], inner, pod, reader))
        elif inner := each.get("secret"):
            files.update(_from_object("Secret", inner["name"], inner, pod, reader))
        elif inner := each.get("serviceAccountToken"):
            files[inner["path"]] = reader.token(pod, inner.get("audience", "")).encode()
    return files


def contents(pod: Object, volume: Object, reader: Source) -> dict[str, bytes] | None:
    """The files of a volume by relative path; None for a kind of volume that starts empty. Errors: MountError."""
    if source := volume.get("configMap"):
        return _from_object("ConfigMap", source["name"], source, pod, reader)
    if source := volume.get("secret"):
        return _from_object("Secret", source["secretName"], source, pod, reader)
    if source := volume.get("projected"):
        return _projected(source, pod, reader)
    return None


def _write(path: Path, data: bytes) -> None:
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.new")
    scratch.touch(mode=0o600)
    scratch.write_bytes(data)
    scratch.replace(path)


def materialise(root: Path, pod: Object, container: Object, reader: Source, *, refresh: bool = False) -> None:
    """Write what `container` mounts below `root`; `refresh` rewrites only what changes (no tokens).

    A file is rewritten only when its content differs, since istiod watches them. Errors: MountError, ApiError.
    """
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        volume = volumes.get(mount["name"], {})
        folder = root / mount["mountPath"].lstrip("/")
        if folder.is_relative_to(root / SERVICE_ACCOUNT) or (refresh and "projected" in volume):
            continue
        files = contents(pod, volume, reader)
        if mount.get("subPath"):
            folder, files = folder.parent, {folder.name: (files or {}).get(mount["subPath"], b"")}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if files is None:
            continue
        for name, data in files.items():
            _write(folder / name, data)
        if not mount.get("subPath"):
            for path in folder.iterdir():
                if path.name not in {name.partition("/")[0] for name in files}:
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
