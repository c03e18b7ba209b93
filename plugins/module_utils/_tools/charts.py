# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Charts of Istio and of the Sail Operator from wherever they are kept: a repository, an OCI registry, a folder."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

from .._errors import BadInput, ToolError
from .._intent.charts import ChartSource
from .helm import Helm

_REPOSITORY = "meshwright"
_INDEX_LIMIT = 32 * 1024 * 1024
# Where a chart may lie in a folder: by its published name, or as in Istio's release archive.
_FOLDERS = {
    "base": ("base", "manifests/charts/base"),
    "istiod": ("istiod", "istio-control/istio-discovery", "manifests/charts/istio-control/istio-discovery"),
    "cni": ("cni", "istio-cni", "manifests/charts/istio-cni"),
    "ztunnel": ("ztunnel", "manifests/charts/ztunnel"),
    "sail-operator": ("sail-operator", "chart"),
}
# Under which option the place of a chart is given.
_OPTIONS = {"sail-operator": "operator.charts"}


def fetch_charts(helm: Helm, source: ChartSource, charts: Iterable[str], version: str) -> dict[str, str]:
    """The path of each chart, by name; remote ones are fetched into helm's private folder, all at once.

    Raises ToolError naming chart, version and place (and the versions that exist, where that can be told),
    BadInput when a folder holds other versions.
    """
    wanted = list(charts)
    if source.kind == "path":
        return {chart: _local(source.location, chart, version) for chart in wanted}
    folder = os.path.join(helm.folder, "charts")
    os.makedirs(folder, exist_ok=True)
    options = _tls_options(source)
    if source.kind == "oci":
        if source.username:
            host = urlsplit(source.location).netloc
            login_options = [f"--insecure={str(not source.validate_certs).lower()}"]
            if source.ca_file:
                login_options += ["--ca-file", source.ca_file]
            helm.login(host, source.username, source.password, login_options)
        prefix = source.location
    else:
        helm.add_repository(_REPOSITORY, source.location, source.username, source.password, options)
        prefix, options = _REPOSITORY, []

    def fetch(chart: str) -> str:
        before = f"{chart}-{version}"
        try:
            helm.pull(f"{prefix}/{chart}", version, folder, options)
        except ToolError as error:
            raise _not_fetched(helm, source, chart, version, error) from error
        path = os.path.join(folder, f"{before}.tgz")
        if not os.path.isfile(path):
            raise ToolError(f"The chart {chart} {version} of {source.location} arrived under another name.")
        return path

    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(wanted, pool.map(fetch, wanted), strict=True))


def _tls_options(source: ChartSource) -> list[str]:
    options = ["--ca-file", source.ca_file] if source.ca_file else []
    if not source.validate_certs:
        options.append("--insecure-skip-tls-verify")
    return options


def _not_fetched(helm: Helm, source: ChartSource, chart: str, version: str, error: ToolError) -> ToolError:
    known = _versions(helm.repository_index(_REPOSITORY), chart) if source.kind == "repository" else []
    place = _OPTIONS.get(chart, "charts")
    hint = f"Check version and {place}: the place may be unreachable from here, or need credentials."
    if known:
        hint = f"It holds {chart} in {', '.join(known[:8])}{' and older ones' if len(known) > 8 else ''}."
    return ToolError(
        f"The chart {chart} {version} could not be fetched from {source.location}: {error.message}",
        hint=hint,
        details={"chart": chart, "version": version, "location": source.location, "versions": known[:50]},
    )


def _versions(index: str, chart: str) -> list[str]:
    """The versions of a chart that a repository's index lists, as it lists them; empty when it cannot be read."""
    try:
        if os.path.getsize(index) > _INDEX_LIMIT:
            return []
        with open(index, encoding="utf-8") as file:
            content = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return [str(entry["version"]) for entry in content["entries"][chart]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return []


def _local(folder: str, chart: str, version: str) -> str:
    """A chart in a folder: an archive of this version, or the chart's own folder."""
    option = _OPTIONS.get(chart, "charts")
    if not os.path.isdir(folder):
        raise BadInput(f"{option}.path: {folder} is not a folder on this host.", hint=f"It holds the chart {chart}.")
    archive = os.path.join(folder, f"{chart}-{version}.tgz")
    candidates = [archive, *(os.path.join(folder, *name.split("/")) for name in _FOLDERS[chart])]
    seen = []
    for path in candidates:
        found = _chart_version(path)
        if found == version:
            return path
        if found:
            seen.append(f"{path} is version {found}")
    others = sorted(name for name in os.listdir(folder) if name.startswith(f"{chart}-") and name.endswith(".tgz"))
    raise BadInput(
        f"{option}.path: {folder} holds no chart {chart} of version {version}.",
        hint="; ".join(seen + ([f"there are {', '.join(others)}"] if others else []))
        or f"It must hold {chart}-{version}.tgz, or a folder {chart} with a Chart.yaml.",
    )


def _chart_version(path: str) -> str:
    """The version of the chart at a path (a folder or an archive), "" when there is none."""
    try:
        if os.path.isdir(path):
            with open(os.path.join(path, "Chart.yaml"), encoding="utf-8") as file:
                content = file.read()
        elif os.path.isfile(path):
            with tarfile.open(path) as archive:
                name = next(n for n in archive.getnames() if n.count("/") == 1 and n.endswith("/Chart.yaml"))
                member = archive.extractfile(name)
                content = member.read().decode() if member else ""
        else:
            return ""
        return str((yaml.safe_load(content) or {}).get("version", ""))
    except (OSError, StopIteration, tarfile.TarError, ValueError, AttributeError, yaml.YAMLError):
        return ""
