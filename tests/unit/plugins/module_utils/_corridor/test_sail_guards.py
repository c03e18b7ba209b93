# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail import guards
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.resources import guard_tags
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import Layout
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail import istio
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_served import ServedSail
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import MeshIntent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version

from .._intent.meshes import intent
from . import sails

VERSION = parse_version("1.30.2")
R2 = "default-v1-30-2"


def sail(**given: Any) -> MeshIntent:
    return intent(**{"method": "sail", "update_strategy": "revision_based", "version": "1.30.2", **given})


def test_a_namespace_cannot_be_changed() -> None:
    live = sails.istio(namespace="elsewhere")
    with pytest.raises(GuardRefused, match="namespace: Istio default installs into namespace elsewhere") as caught:
        guards.guard_place(istio(sail(), VERSION), live)
    assert "state: absent" in caught.value.hint
    guards.guard_place(istio(sail(namespace="elsewhere"), VERSION), live)
    guards.guard_place(istio(sail(), VERSION), None)


@pytest.mark.parametrize(("there", "wanted"), [("InPlace", "revision_based"), ("RevisionBased", "in_place")])
def test_a_strategy_is_kept(there: str, wanted: str) -> None:
    seen = sails.observed(sails.istio(strategy=there))
    with pytest.raises(GuardRefused, match="update_strategy: Istio default is"):
        guards.guard_strategy(sail(update_strategy=wanted), seen)
    other = "in_place" if wanted == "revision_based" else "revision_based"
    guards.guard_strategy(sail(update_strategy=other), seen)
    guards.guard_strategy(sail(update_strategy=wanted, name="second"), seen)


def test_resources_of_gitops_tools_are_refused() -> None:
    argo = sails.istio()
    argo["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "mesh:sailoperator.io/Istio:/default"}
    flux = sails.ztunnel()
    flux["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "mesh"}
    with pytest.raises(GuardRefused, match=r"Argo CD \(mesh\): Istio default; Flux \(mesh\): ZTunnel default"):
        guards.guard_owners(sail(), [argo, flux])
    guards.guard_owners(sail(take_ownership=True), [argo, flux])
    guards.guard_owners(sail(), [sails.istio()])


def test_what_the_schema_would_drop_names_the_option() -> None:
    pilot = {"type": "object", "properties": {"env": {"type": "object", "additionalProperties": {"type": "string"}}}}
    values = {"type": "object", "properties": {"pilot": pilot}}
    text = {"type": "string"}
    spec = {
        "type": "object",
        "properties": {
            "values": values,
            "version": {**text, "enum": ["v1.30.2"]},
            "namespace": text,
            "profile": text,
            "updateStrategy": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    served = ServedSail(schemas={"Istio": {"type": "object", "properties": {"spec": spec}}})
    mesh = sail(istiod={"node_selector": {"a": "b"}}, mode="sidecar", values={"istiod": {"extra": 1}})
    with pytest.raises(BadInput) as caught:
        guards.guard_schema(mesh, [istio(mesh, VERSION)], served)
    assert "istiod.node_selector: this release of the Sail Operator has no Istio.spec.values.pilot" in str(caught.value)
    assert set(caught.value.details["unknown_fields"]) == {"istiod.node_selector", "values.istiod.extra"}
    fine = sail(mode="sidecar", istiod={"env": {"A": "1"}})
    guards.guard_schema(fine, [istio(fine, VERSION)], served)


def test_an_alias_is_warned_of() -> None:
    assert "v1.30-latest" in guards.alias_warning(sails.observed(sails.istio("v1.30-latest")), "default")
    assert guards.alias_warning(sails.observed(sails.istio()), "default") == ""
    assert guards.alias_warning(sails.observed(), "default") == ""


def test_tags_that_cannot_be() -> None:
    layout = Layout(revisions={R2: VERSION}, active=R2, tags={"prod": R2})
    seen = sails.observed(
        sails.istio(),
        sails.istio(name="other"),
        sails.revision(R2, "v1.30.2"),
        sails.revision("other-v1-30-2", "v1.30.2", "other"),
        sails.tag("theirs", "Istio", "other"),
    )
    guard_tags(sail(tags=[{"name": "prod"}]), seen, layout)
    with pytest.raises(BadInput, match="prod shall stand for gone, which is no revision"):
        guard_tags(sail(tags=[{"name": "prod", "revision": "gone"}]), seen, layout)
    with pytest.raises(BadInput, match=f"{R2} is the name of a revision"):
        guard_tags(sail(), seen, layout.change(tags={R2: R2}))
    mine = sail(tags=[{"name": "theirs"}])
    with pytest.raises(GuardRefused, match="theirs stands for a revision of another mesh"):
        guard_tags(mine, seen, layout.change(tags={"theirs": R2}))
