# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Control planes by revision: one, a canary beside it, two meshes, retired, removed; a real istiod runs for each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.driver import HelmDriver
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.context import start
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.driver import Prepared
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.present import carry_out_alone
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import Layout, Part
from ansible_collections.meshwright.istio.plugins.module_utils._errors import GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import mesh_intent

from tests.unit.plugins.module_utils._intent.meshes import params

from .conftest import BY_REVISIONS, Mesh, steps, until
from .dying_helm import dying_helm
from .test_faults import failed


def env_of(mesh: Mesh, daemon_set: str) -> dict[str, str]:
    spec = mesh.kubectl.json("get", "daemonset", daemon_set, "-n", "istio-system")["spec"]["template"]["spec"]
    return {entry["name"]: entry.get("value", "") for entry in spec["containers"][0]["env"]}


def asked_by(mesh: Mesh, kind: str, name: str) -> set[str]:
    """The Services that a webhook configuration calls."""
    webhooks = mesh.kubectl.json("get", kind, name)["webhooks"]
    assert all(webhook["clientConfig"].get("caBundle") for webhook in webhooks)
    return {webhook["clientConfig"]["service"]["name"] for webhook in webhooks}


def versions_of(mesh: Mesh, *refs: str) -> list[str]:
    """resourceVersions: whether anything wrote these objects."""
    return [mesh.kubectl.json("get", *ref.split())["metadata"]["generation"] for ref in refs]


class Layouts:
    """The driver as an upgrade uses it, in this process."""

    def __init__(self, mesh: Mesh, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        cluster = mesh.cluster
        given = {**mesh.task(**BY_REVISIONS, **options)["meshwright.istio.istio_mesh"]}
        given["helm_binary"] = cluster.programs["helm"]
        for name in ("K8S_AUTH_KUBECONFIG", "K8S_AUTH_CONTEXT", "KUBECONFIG"):
            monkeypatch.delenv(name, raising=False)
        connection = {"kubeconfig": cluster.kubeconfig, "context": cluster.context}
        checked = params(**given)
        self.run = start(mesh_intent(checked), {**checked, **connection}, str(folder), check_mode=False)
        self.driver = HelmDriver(self.run)

    def layout(self) -> Layout:
        found = self.driver.installed().layout
        assert found is not None
        return found

    def prepare(self, parts: Iterable[Part], **changes: Any) -> Prepared:
        return self.driver.prepare(self.layout().change(**changes), set(parts))

    def bring(self, parts: Iterable[Part], **changes: Any) -> Prepared:
        prepared = self.prepare(parts, **changes)
        return carry_out_alone(self.run, self.driver, prepared, lambda: self.prepare(parts, **changes))


def test_check_apply_check_apply(empty: Mesh) -> None:
    before, revision = empty.inventory(), empty.revision()
    predicted = empty(check=True, diff=True, **BY_REVISIONS).ok()
    names = [step["step"] for step in predicted.result["steps"]]
    assert names == [
        "Namespace istio-system",
        "release/istio-base",
        "gateway-api",
        f"release/istiod-{revision}",
        "release/istio-cni",
        "release/ztunnel",
        "tag/default",
    ]
    assert {step["action"] for step in predicted.result["steps"]} == {"create"}
    assert all(step["predicted_by"] in ("server", "schema") for step in predicted.result["steps"])
    assert empty.inventory() == before, "check mode wrote something"

    applied = empty(**BY_REVISIONS).ok()
    assert applied.changed == 1
    state = applied.result["mesh"]
    assert state["revisions"] == {revision: empty.cluster.versions["current"]}
    assert state["active"] == state["serving"] == revision
    assert state["tags"] == {"default": revision} and state["stale"] == state["others"] == []
    assert "next" not in applied.result

    # ztunnel dials the istiod that there is, and what nobody labelled is validated and injected by it.
    address = env_of(empty, "ztunnel")["XDS_ADDRESS"]
    assert address == f"istiod-{revision}.istio-system.svc:15012"
    assert "service/istiod-default-v1-31-1" in empty.kubectl("get", "service", "-n", "istio-system", "-o", "name")
    assert asked_by(empty, "validatingwebhookconfiguration", "istiod-default-validator") == {f"istiod-{revision}"}
    assert asked_by(empty, "mutatingwebhookconfiguration", "istio-revision-tag-default") == {f"istiod-{revision}"}

    assert empty(check=True, **BY_REVISIONS).ok().changed == 0
    nothing: dict[str, Any] = {"helm_binary": "/nowhere/helm", "charts": {"repository": "http://127.0.0.1:1/charts"}}
    assert empty(**BY_REVISIONS, **nothing).ok().changed == 0, "a run without work needs neither helm nor charts"

    refused = empty(update_strategy="in_place")
    failed(refused, "GuardRefused", "revision_based", revision)


def test_a_new_version_is_installed_beside_and_moves_nothing(
    revisioned: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = revisioned.revision(), revisioned.revision("next")
    newer = {**BY_REVISIONS, "version": revisioned.cluster.versions["next"]}
    moved = (
        "daemonset ztunnel -n istio-system",
        "daemonset istio-cni-node -n istio-system",
        f"deployment istiod-{old} -n istio-system",
        "mutatingwebhookconfiguration istio-revision-tag-default",
    )
    before = versions_of(revisioned, *moved)
    predicted = revisioned(check=True, **newer).ok()
    changing = [name for name, step in steps(predicted).items() if step["action"] != "none"]
    assert changing == ["release/istio-base", f"release/istiod-{new}"]
    applied = revisioned(**newer).ok()
    assert "mesh_upgrade" in applied.result["next"]
    state = applied.result["mesh"]
    assert (state["serving"], state["active"], state["stale"]) == (old, new, [new])
    assert state["revisions"].keys() == {old, new} and state["tags"] == {"default": old}
    again = revisioned(**newer).ok()
    assert again.changed == 0 and again.result["next"] == applied.result["next"]
    assert versions_of(revisioned, *moved) == before
    assert asked_by(revisioned, "validatingwebhookconfiguration", "istiod-default-validator") == {f"istiod-{old}"}
    # The run of the old version still finds everything as it should be; the CRDs stay new.
    assert revisioned(**BY_REVISIONS).ok().changed == 0

    layouts = Layouts(revisioned, tmp_path, monkeypatch, version=newer["version"])
    current = layouts.layout()
    with pytest.raises(GuardRefused, match="ztunnel") as refused:
        layouts.prepare(["retire"], revisions={new: current.revisions[new]})
    assert "tag default" in refused.value.details["used_by"][old]
    layouts.bring(["retire"], revisions={old: current.revisions[old]})
    assert not [name for name in revisioned.inventory() if name.endswith(new)], "something of the revision is left"
    assert revisioned(**BY_REVISIONS).ok().changed == 0


def test_killed_in_the_middle(empty: Mesh, tmp_path: Path) -> None:
    release = f"istiod-{empty.revision()}"
    helm = dying_helm(tmp_path, empty.cluster, release, "pending-install")
    assert empty(helm_binary=helm, **BY_REVISIONS).failed == 1
    assert empty.releases()[release][1] == "pending-install"
    resumed = empty(**BY_REVISIONS).ok()
    assert steps(resumed)[f"release/{release}"]["action"] == "recover"
    assert {status for _revision, status in empty.releases().values()} == {"deployed"}
    assert empty(**BY_REVISIONS).ok().changed == 0


def test_two_meshes_side_by_side(revisioned: Mesh) -> None:
    stable = revisioned.revision()
    second: dict[str, Any] = {**BY_REVISIONS, "name": "canary", "version": revisioned.cluster.versions["next"]}
    failed(revisioned(check=True, **second), "GuardRefused", "ztunnel", stable, "node_agents: false")
    second["node_agents"] = False
    newest = revisioned.revision("next", "canary")
    applied = revisioned(**second, tags=[{"name": "early"}]).ok()
    state = applied.result["mesh"]
    assert state["revisions"].keys() == {newest} and state["tags"] == {"early": newest}
    assert state["others"] == [f"istio-system/{stable}"] and "next" not in applied.result
    assert revisioned(**second).ok().changed == 0
    # The first does not undo what they share: the CRDs of the newer one.
    first = revisioned(**BY_REVISIONS).ok()
    assert first.changed == 0 and first.result["mesh"]["others"] == [f"istio-system/{newest}"]
    assert asked_by(revisioned, "validatingwebhookconfiguration", "istiod-default-validator") == {f"istiod-{stable}"}
    failed(revisioned(check=True, **second, tags=[{"name": "default"}]), "GuardRefused", "default", "another mesh")

    removed = revisioned(state="absent", name="canary").ok()
    changed = [name for name, step in steps(removed).items() if step["action"] != "none"]
    assert f"release/istiod-{newest}" in changed and "release/ztunnel" not in changed
    assert steps(removed)["release/istio-base"]["action"] == "none"
    assert not [name for name in revisioned.inventory() if newest in name or name.endswith("-early")]
    assert revisioned(state="absent", name="canary").ok().changed == 0
    assert revisioned(**BY_REVISIONS).ok().changed == 0


def test_removed_to_nothing_left(empty: Mesh) -> None:
    before = empty.inventory()
    empty(**BY_REVISIONS, tags=[{"name": "prod"}], istiod_alias=True).ok()
    removed = empty(state="absent", purge=True).ok()
    names = [step["step"] for step in removed.result["steps"]]
    order = ["tags and validation", "release/ztunnel", "release/istio-cni", f"release/istiod-{empty.revision()}"]
    assert names == [*order, "leftovers", "release/istio-base", "purge"]
    until("all is as before", lambda: empty.inventory() <= before)
    assert empty(state="absent", purge=True).ok().changed == 0
