# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""helm as one run of `istio_mesh` uses it: looked for, given charts and a kubeconfig only when needed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..._desired.helm import DesiredRelease
from ..._desired.manifests import parse_manifest, with_namespaces
from ..._intent.charts import ChartSource
from ..._kube.client import Client
from ..._kube.connection import Connection
from ..._kube.kinds import known
from ..._tools.charts import fetch_charts
from ..._tools.helm import Helm, find_helm

# Namespaced unless known not to be: what an offline run assumes of kinds it has never heard of.
Rendered = dict[str, list[dict[str, Any]]]


class HelmSide:
    """helm and the charts of one run, each made when first asked for: a run without work needs neither."""

    def __init__(
        self, source: ChartSource, folder: str, *, binary: str | None, driver: str, connection: Connection | None
    ) -> None:
        self._source = source
        self._base = folder
        self._folder = os.path.join(folder, "helm")
        self._binary = binary
        self._driver = driver
        self._connection = connection
        self._helm: Helm | None = None
        self._charts: dict[tuple[str, str], str] = {}

    def beside(self, source: ChartSource, name: str) -> HelmSide:
        """The same helm and cluster for charts from somewhere else, with folders of its own."""
        folder = os.path.join(self._base, name)
        return HelmSide(source, folder, binary=self._binary, driver=self._driver, connection=self._connection)

    @property
    def helm(self) -> Helm:
        if self._helm is None:
            path = find_helm(self._binary)
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            kubeconfig = ""
            if self._connection is not None:
                kubeconfig = os.path.join(self._folder, "kubeconfig")
                self._connection.write_kubeconfig(kubeconfig)
            self._helm = Helm(path, self._folder, kubeconfig=kubeconfig, driver=self._driver)
        return self._helm

    def need(self, releases: Iterable[DesiredRelease]) -> None:
        """Fetch the charts of these releases that are not here yet, those of one version all at once."""
        missing: dict[str, list[str]] = {}
        for release in releases:
            if (release.chart, release.version) not in self._charts:
                missing.setdefault(release.version, []).append(release.chart)
        for version, charts in missing.items():
            fetched = fetch_charts(self.helm, self._source, dict.fromkeys(charts), version)
            self._charts |= {(chart, version): path for chart, path in fetched.items()}

    def chart(self, release: DesiredRelease) -> str:
        self.need([release])
        return self._charts[release.chart, release.version]

    def render(
        self,
        releases: Mapping[str, tuple[DesiredRelease, bool]],
        *,
        kubernetes: str,
        api_versions: Iterable[str] = (),
        client: Client | None = None,
    ) -> Rendered:
        """The objects of each release, by the same key, from `(release, is it an upgrade)`; rendered side by side."""
        self.need(release for release, _status in releases.values())
        served = list(api_versions)

        def one(name: str) -> list[dict[str, Any]]:
            release, is_upgrade = releases[name]
            text = self.helm.template(
                release.name,
                release.namespace,
                self._charts[release.chart, release.version],
                release.values,
                kubernetes=kubernetes,
                api_versions=served,
                is_upgrade=is_upgrade,
            )
            return placed(parse_manifest(text), release.namespace, client)

        with ThreadPoolExecutor(max_workers=4) as pool:
            return dict(zip(releases, pool.map(one, releases), strict=True))


def placed(objects: list[dict[str, Any]], namespace: str, client: Client | None) -> list[dict[str, Any]]:
    """The objects with the namespace that Helm would give those that name none."""

    def namespaced(obj: Mapping[str, Any]) -> bool:
        kind = known(str(obj.get("apiVersion")), str(obj.get("kind")))
        if kind is None and client is not None:
            kind = client.resolve(obj)
        return kind is None or kind.namespaced

    return with_namespaces(objects, namespace, namespaced)
