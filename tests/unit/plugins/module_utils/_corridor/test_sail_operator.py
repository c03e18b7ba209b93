# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.observe import ReleaseState
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail import operator
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_served import ServedSail
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import MeshIntent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import Version, parse_version

from .._intent.meshes import intent
from . import sails


def sail(**given: Any) -> MeshIntent:
    return intent(**{"method": "sail", "version": "1.30.2", **given})


def subscription(namespace: str = "sail-operator", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "Subscription",
        "metadata": {"name": "sailoperator", "namespace": namespace, "labels": labels},
        "spec": {"name": "sailoperator"},
        "status": {"installedCSV": "sailoperator.v1.30.3"},
    }


def installed_by(helm: bool) -> ReleaseState:
    return ReleaseState([sails.record(ours=helm)], sails.release("1.29.2"))


DEPLOYMENT = sails.workload("Deployment", "sail-operator", "sail-operator")


@pytest.mark.parametrize(
    ("given", "objects", "more", "how"),
    [
        ({}, [], {}, "helm"),
        ({"platform": "openshift"}, [], {}, "olm"),
        ({}, [DEPLOYMENT], {}, "none"),
        ({}, [subscription()], {}, "none"),
        ({}, [subscription(**{"meshwright.io/made-by": "meshwright-mesh"})], {}, "olm"),
        ({}, [DEPLOYMENT], {"release": installed_by(True)}, "helm"),
        ({}, [DEPLOYMENT], {"release": installed_by(False)}, "none"),
        ({}, [], {"release_elsewhere": [sails.record(namespace="other")]}, "none"),
        ({"operator": {"install": "helm"}}, [DEPLOYMENT], {"release": installed_by(False)}, "helm"),
        ({"operator": {"install": "none"}}, [], {}, "none"),
        ({"operator": {"install": "olm"}}, [subscription()], {}, "olm"),
    ],
)
def test_who_looks_after_the_operator(given: Any, objects: Any, more: Any, how: str) -> None:
    assert operator.looked_after_by(sail(**given), sails.observed(*objects, **more)) == how


@pytest.mark.parametrize(
    ("asked", "objects", "more"),
    [
        ("helm", [DEPLOYMENT], {}),
        ("helm", [subscription()], {}),
        ("helm", [], {"release_elsewhere": [sails.record(namespace="other")]}),
        ("olm", [], {"release": installed_by(True)}),
        ("olm", [subscription("another")], {}),
    ],
)
def test_two_operators_are_refused(asked: str, objects: Any, more: Any) -> None:
    with pytest.raises(GuardRefused, match=f"operator.install is {asked}, but there is an operator already"):
        operator.looked_after_by(sail(operator={"install": asked}), sails.observed(*objects, **more))


def versions(*texts: str) -> list[Version]:
    return [parse_version(text) for text in texts]


@pytest.mark.parametrize(
    ("asked", "there", "istios", "wanted", "noted"),
    [
        (None, None, ["1.30.2"], "1.30.3", False),
        (None, None, ["1.28.3", "1.27.3"], "1.29.2", False),
        (None, "1.29.2", ["1.28.3"], "1.30.3", False),
        (None, "1.31.0", ["1.30.2"], "1.31.0", False),
        (None, "1.44.0", ["1.44.0"], "1.44.0", False),
        ("1.28.3", None, ["1.28.3"], "1.28.3", False),
        ("1.28.3", "1.30.3", ["1.28.3"], "1.30.3", True),
    ],
)
def test_which_release(asked: str | None, there: str | None, istios: list[str], wanted: str, noted: bool) -> None:
    mesh = sail(operator={"version": asked} if asked else None)
    found, note = operator.wanted_version(mesh, parse_version(there) if there else None, versions(*istios))
    assert (str(found), bool(note)) == (wanted, noted)


def test_a_release_that_installs_it_stays() -> None:
    served = ServedSail(versions=("v1.29.2", "v1.28.3"))
    assert operator.wanted_version(sail(), parse_version("1.29.2"), versions("1.28.3"), served) == (
        parse_version("1.29.2"),
        "",
    )
    found, _note = operator.wanted_version(sail(), parse_version("1.29.2"), versions("1.30.3", "1.29.2"), served)
    assert str(found) == "1.30.3"


def test_no_release_is_known() -> None:
    with pytest.raises(BadInput, match=r"known to install Istio 1\.31\.1"):
        operator.wanted_version(sail(version="1.31.1"), None, versions("1.31.1"))


def test_what_the_operator_cannot_install() -> None:
    served = ServedSail(versions=("v1.30-latest", "v1.30.3", "v1.30.2", "v1.27.3"))
    operator.guard_version(sail(), parse_version("1.30.2"), served)
    with pytest.raises(BadInput) as caught:
        operator.guard_version(sail(), parse_version("1.27.3"), served)
    assert "past its end of life. It can install 1.30.3, 1.30.2." in caught.value.message
    assert caught.value.details["operators"] == ["1.27.3", "1.28.3", "1.29.2"]
    with pytest.raises(BadInput, match=r"cannot install Istio 1\.33\.0\. It can"):
        operator.guard_version(sail(), parse_version("1.33.0"), served)
    # Where the Lifecycle Manager is yet to bring the kinds, nothing is known.
    operator.guard_version(sail(), parse_version("1.33.0"), None)


def test_the_operators_version() -> None:
    image = sails.workload("Deployment", "sail-operator", "sail-operator")
    image["spec"]["template"]["spec"]["containers"][0]["image"] = "quay.io/sail-dev/sail-operator:1.28.3"
    assert str(operator.operator_version(sails.observed(image))) == "1.28.3"
    assert str(operator.operator_version(sails.observed(subscription()))) == "1.30.3"
    assert str(operator.operator_version(sails.observed(image, release=installed_by(True)))) == "1.29.2"
    assert operator.operator_version(sails.observed(DEPLOYMENT)) is None


def test_helm_writes_one_label_over() -> None:
    chart: list[dict[str, Any]] = [
        {"kind": "A", "metadata": {"labels": {"app.kubernetes.io/managed-by": "helm", "a": "b"}}},
        {"kind": "B"},
    ]
    assert operator.as_helm_writes(chart) == [
        {"kind": "A", "metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm", "a": "b"}}},
        {"kind": "B"},
    ]
