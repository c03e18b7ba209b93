# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loopback Helm repository: Istio's genuine charts in two versions, and bundles of Gateway API's CRDs.

The same charts are there under the versions that the Sail Operator installs, and so is the operator's stand-in.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import builder, chart_edits
from .errors import HarnessError
from .sail import istio_charts, operator_chart
from .sail import versions as sail_versions

CHARTS = {
    "base": "base",
    "istiod": "istio-control/istio-discovery",
    "cni": "istio-cni",
    "ztunnel": "ztunnel",
    "gateway": "gateway",
}
"""Name in the repository -> folder under manifests/charts of the istio module."""
OLDER_BUNDLE = "v1.0.0"
BUNDLE_ANNOTATION = "gateway.networking.k8s.io/bundle-version"


def set_bundle_version(bundle: str, version: str) -> str:
    """The same CRDs under another bundle version: for tests that must not downgrade."""
    return re.sub(rf"(?m)^(\s*{re.escape(BUNDLE_ANNOTATION)}:) .*$", rf"\1 {version}", bundle)


def concatenate(folder: Path) -> str:
    """One standard-install.yaml of all manifests in `folder`; HarnessError when there are none."""
    parts = []
    for path in sorted(folder.glob("*.yaml")):
        text = path.read_text()
        if path.name != "kustomization.yaml" and "\nkind:" in text:
            parts.append(text.removeprefix("---\n").rstrip() + "\n")
    if not parts:
        raise HarnessError(f"no Gateway API CRDs in {folder}")
    return "---\n".join(parts)


def _key() -> str:
    digest = hashlib.sha256()
    here = Path(__file__).resolve().parent
    sources = [builder.FAMILIES / "istio" / "go.mod", here / "charts.py", here / "chart_edits.py"]
    sources += sorted(path for path in (here / "sail").iterdir() if path.is_file())
    if (genuine := operator_chart.genuine_folder()) is not None:
        sources += sorted(genuine.glob("*/*.yaml"))
    for path in sources:
        digest.update(path.read_bytes())
    for family in ("helm", "kwok"):
        digest.update((builder.FAMILIES / family / "go.mod").read_bytes())
    return digest.hexdigest()[:20]


def _helm(helm: Path, *arguments: str) -> None:
    answer = subprocess.run([str(helm), *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise HarnessError(f"helm {' '.join(arguments)}: {answer.stderr.strip()}")


def _unpack(source: Path, chart: Path, name: str, version: str, *, altered: bool) -> None:
    """An editable copy of a genuine chart, as of `version`."""
    shutil.copytree(source, chart, copy_function=shutil.copyfile)
    for path in (chart, *chart.rglob("*")):
        # Go's module cache is read-only, and copytree copies folder modes.
        path.chmod(0o755 if path.is_dir() else 0o644)
    manifest = chart / "Chart.yaml"
    manifest.write_text(re.sub(r"(?m)^name: .*$", f"name: {name}", manifest.read_text()))
    chart_edits.edit(chart, name, version, altered=altered)


def _package_one(helm: Path, chart: Path, version: str, into: Path) -> None:
    _helm(helm, "package", str(chart), "--version", version, "--app-version", version, "-d", str(into))


def _package(helm: Path, source: Path, into: Path, sail: Path) -> None:
    """Package everything into the repository `into`; the Sail Operator's own charts go unpacked to `sail`/<build>."""
    builds = dict(zip(("current", "next"), builder.ISTIO_VERSIONS, strict=True))
    with tempfile.TemporaryDirectory(prefix="meshwright-charts-") as scratch:
        for build, version in builds.items():
            unpacked = Path(scratch) / build
            for name, folder in CHARTS.items():
                _unpack(source / folder, unpacked / name, name, version, altered=build == "next")
                _package_one(helm, unpacked / name, version, into)
            istio_charts.write(unpacked, sail / build)
        for version, build in sail_versions.LABELLED.items():
            for name in CHARTS:
                labelled = Path(scratch) / version / name
                istio_charts.label(Path(scratch) / build / name, labelled, version)
                _package_one(helm, labelled, version, into)
        istio_crds = (Path(scratch) / "next" / "base" / "files" / "crd-all.gen.yaml").read_text()
        for version in sail_versions.OPERATORS:
            chart = Path(scratch) / f"operator-{version}" / "sail-operator"
            operator_chart.write(chart, version, istio_crds)
            _package_one(helm, chart, version, into)
    # Relative URLs: the repository works on whatever port it is served.
    _helm(helm, "repo", "index", str(into))


def ensure(helm: Path, *, note: Callable[[str], None] = print) -> Path:
    """Return the folder to serve: charts/ (index.yaml and archives), gateway-api/{standard,older}-install.yaml,
    kwok/ with kwok's own CRDs, and sail/{current,next}/ with the charts inside the Sail Operator.

    Errors: HarnessError when a chart is not as the edits expect, or helm fails.
    """
    cache = builder.cache_folder() / "charts"
    target = cache / _key()
    if target.exists():
        return target
    with builder.locked(cache / ".lock", note, "packaging charts"):
        if target.exists():
            return target
        builder.sweep(cache, ".packaging-*")
        scratch = Path(tempfile.mkdtemp(prefix=".packaging-", dir=cache))
        try:
            repository, crds = scratch / "charts", scratch / "gateway-api"
            repository.mkdir()
            crds.mkdir()
            istio = builder.module_folder("istio", "istio.io/istio")
            _package(helm, istio / "manifests" / "charts", repository, scratch / "sail")
            gateway_api = builder.module_folder("istio", "sigs.k8s.io/gateway-api")
            bundle = concatenate(gateway_api / "config" / "crd" / "standard")
            (crds / "standard-install.yaml").write_text(bundle)
            (crds / "older-install.yaml").write_text(set_bundle_version(bundle, OLDER_BUNDLE))
            kwok = builder.module_folder("kwok", "sigs.k8s.io/kwok")
            shutil.copytree(kwok / "kustomize" / "crd" / "bases", scratch / "kwok", copy_function=shutil.copyfile)
            for folder in (scratch, scratch / "kwok"):
                folder.chmod(0o755)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        note(f"charts: Istio {' and '.join(builder.ISTIO_VERSIONS)}, and the Sail Operator's stand-in, packaged")
    return target
