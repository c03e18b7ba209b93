# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What policy is judged by, and the rest that checks look at in all namespaces: Services, certificates, journals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sys import intern
from typing import Any

try:
    import yaml
except ImportError:  # The kubernetes package, without which nothing here runs, brings it along.
    yaml = None  # type: ignore[assignment]

from .._checks import mesh, sources
from .._checks.snapshot import Obj, Snapshot, dig, meta
from .._errors import ApiError
from .._kube import kinds
from .._kube.kinds import KINDS, Kind
from .snapshot_reads import Items, Read
from .snapshot_scope import Look

_ROOT_CERTIFICATE = "istio-ca-root-cert"
JOURNAL = "meshwright-enrollment"
_MULTI_CLUSTER = "istio/multiCluster=true"
_MESH_CONFIG = "istio"
_KEPT = ("name", "namespace", "labels", "annotations", "creationTimestamp")


def _of_kind(name: str) -> Read:
    """A kind (`group/Kind`) in the best version that is served and known here."""
    group, _slash, kind = name.partition("/")
    versions = [each for each in KINDS.values() if (each.group, each.kind) == (group, kind)]

    def served(seen: Snapshot) -> list[Kind]:
        there = {(item["group"], item["version"], item["kind"]) for item in seen.items("api")}
        return [each for each in versions if (each.group, each.version, each.kind) in there]

    def read(look: Look) -> Items:
        return look.list(served(look.seen)[0])

    return Read(sources.OF_KIND[name], read, ("api",), served=lambda seen: bool(served(seen)))


def _config_maps(name: str) -> Callable[[Look], Items]:
    """The ConfigMaps of that name. Most of the texts in them are the same everywhere, and kept once."""

    def read(look: Look) -> Iterator[Obj]:
        for item in look.list(kinds.CONFIG_MAP, fields=f"metadata.name={name}"):
            kept = {key: value for key, value in meta(item).items() if key in _KEPT}
            data = {key: intern(str(value)) for key, value in (item.get("data") or {}).items()}
            yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": kept, "data": data}

    return read


def _mesh_configs(look: Look) -> Iterator[Obj]:
    """istiod reads `istio`, or of a revision `istio-<revision>`."""
    for plane in mesh.control_planes(look.seen):
        name = _MESH_CONFIG if plane.revision == "default" else f"{_MESH_CONFIG}-{plane.revision}"
        found = look.client.get(kinds.CONFIG_MAP, name, plane.namespace)
        if found is None:
            continue
        kept = {key: value for key, value in meta(found).items() if key in _KEPT}
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": kept,
            "revision": plane.revision,
            "mesh": _parsed(found),
        }


def _parsed(config_map: Obj) -> dict[str, Any]:
    try:
        found: Any = yaml.safe_load(dig(config_map, "data", "mesh") or "{}")
    except yaml.YAMLError as error:
        found = str(error)
    if isinstance(found, dict):
        return found
    where = f"{meta(config_map).get('namespace')}/{meta(config_map).get('name')}"
    raise ApiError(f"The mesh configuration in ConfigMap {where} is no YAML mapping: {found}.")


def _remote_secrets(look: Look) -> Iterator[Obj]:
    """istiod looks for them in its own namespace only."""
    for namespace in sorted({plane.namespace for plane in mesh.control_planes(look.seen)}):
        yield from look.list(kinds.SECRET, namespace, labels=_MULTI_CLUSTER, metadata_only=True)


POLICY_READS: tuple[Read, ...] = (
    Read(sources.ALL_SERVICES, lambda look: look.list(kinds.SERVICE)),
    *(_of_kind(name) for name in sources.OF_KIND),
    Read(sources.ROOT_CERTIFICATES, _config_maps(_ROOT_CERTIFICATE)),
    Read(sources.JOURNALS, _config_maps(JOURNAL)),
    Read(sources.MESH_CONFIGS, _mesh_configs, ("istiods",)),
    Read(sources.REMOTE_SECRETS, _remote_secrets, ("istiods",)),
)
