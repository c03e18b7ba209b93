# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the reconcilers share: the store, Helm, the operator that is installed, and what was done already."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from ...sail import versions
from . import names, status, switches
from .releases import Releases, Wanted
from .store import Store

Object = dict[str, Any]
Ident = tuple[str, int] | None
"""(uid, generation) of a workload."""


class Invalid(Exception):
    """A resource that cannot be reconciled as it is; in the operator's words."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator that is installed."""

    version: str
    deployment: Object

    @property
    def namespace(self) -> str:
        return str(self.deployment["metadata"]["namespace"])


def edited(earlier: Ident, later: Ident) -> bool:
    """Whether more happened to a workload than one run of Helm can explain: somebody edited it meanwhile."""
    if later is None:
        return False
    if earlier is None or earlier[0] != later[0]:
        return later[1] > 1
    return later[1] > earlier[1] + 1


@dataclass
class Context:
    """For the reconcilers of all kinds; each runs in a thread of its own."""

    store: Store
    releases: Releases
    operator: Operator
    _applied: dict[str, tuple[str, Ident]] = field(default_factory=dict)
    targets: dict[str, tuple[str, Object]] = field(default_factory=dict)
    """ZTunnel's name -> what it asked for, and the IstioRevision that this meant then."""

    def chart_version(self, spec: Object) -> str:
        """The version that a spec means, without v. Errors: Invalid for one that the operator cannot install."""
        wanted = str(spec["version"])
        found = versions.resolve(self.operator.version, wanted)
        if found is None:
            raise Invalid(f"unsupported version: {wanted!r}")
        if versions.is_end_of_life(self.operator.version, wanted):
            raise Invalid(status.end_of_life(wanted))
        return versions.plain(found)

    def check_namespace(self, namespace: str) -> None:
        """Errors: Invalid when the namespace does not exist."""
        found = self.store.get("Namespace", namespace)
        if found is None:
            raise Invalid(status.no_namespace(namespace))

    def istio_of(self, item: Object) -> Object | None:
        """The Istio that owns an IstioRevision."""
        return next((each for each in self.store.all("Istio") if names.is_owned(item, each["metadata"]["uid"])), None)

    def fail_if_told(self, item: Object, version: str, *more: Object | None) -> None:
        """Errors: Invalid where a switch says so."""
        if (words := switches.error(version, item, *more)) is not None:
            raise Invalid(words)

    def _ident(self, workload: tuple[str, str, str] | None, *, fresh: bool = False) -> Ident:
        if workload is None:
            return None
        kind, namespace, name = workload
        if fresh:
            found = self.store.api.get(f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s/{name}")
            if found is not None:
                self.store.put(kind, found)
        else:
            found = self.store.get(kind, f"{namespace}/{name}")
        return None if found is None else (found["metadata"]["uid"], found["metadata"]["generation"])

    def _ignored(self, workload: tuple[str, str, str] | None) -> bool:
        found = workload and self.store.get(workload[0], f"{workload[1]}/{workload[2]}")
        return bool(found) and switches.read(names.IGNORE, found or None) == "true"

    def install(self, item: Object, wanted: Wanted, workload: tuple[str, str, str] | None = None) -> None:
        """Install or upgrade a release where it is not known to be as wanted.

        `workload` (kind, namespace, name) is what it is known by: when that is gone or was edited, Helm runs again.
        Errors: HelmError.
        """
        digest = json.dumps([wanted.version, wanted.namespace, wanted.values, wanted.owner, wanted.node_selector])
        key = f"{wanted.namespace}/{wanted.name}"
        before = self._applied.get(key)
        if before is not None and before[0] == digest:
            now = self._ident(workload)
            if now == before[1] or (now is not None and self._ignored(workload)):
                return
        self._applied.pop(key, None)
        time.sleep(switches.seconds(item, self.istio_of(item), self.operator.deployment))
        earlier = self._ident(workload, fresh=True)
        self.releases.apply(wanted)
        later = self._ident(workload, fresh=True)
        if not edited(earlier, later):
            self._applied[key] = (digest, later)

    def uninstall(self, namespace: str, name: str) -> None:
        """Errors: HelmError."""
        self._applied.pop(f"{namespace}/{name}", None)
        self.releases.remove(namespace, name)
