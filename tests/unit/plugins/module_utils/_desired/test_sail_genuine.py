# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our resources under the schemas of the operator's genuine CRDs, where they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.schema import validate
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail import istio, istio_cni, tag, ztunnel
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_served import (
    ServedSail,
    served_by,
    served_from,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_versions import installable
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version

from .._intent.meshes import intent

CRDS = Path("/work/shared/sail-crds")
pytestmark = pytest.mark.skipif(not CRDS.is_dir(), reason="the genuine CRDs of the Sail Operator are not at hand")
OPERATORS = {"1.27.3": "1.27.3", "1.28.3": "1.28.3", "1.30.3": "1.30.3"}
EVERYTHING: dict[str, Any] = {
    "cluster_name": "homelab",
    "network": "lan",
    "mesh_id": "mesh",
    "trust_domain": "mesh.example",
    "platform": "gke",
    "hub": "registry.example.com/istio",
    "tag": "1.2.3",
    "variant": "distroless",
    "image_pull_policy": "IfNotPresent",
    "image_pull_secrets": ["pull"],
    "istiod": {
        "replicas": 2,
        "disruption_budget": {"enabled": True},
        "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}},
        "node_selector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}],
        "topology_spread": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
        "priority_class": "system-cluster-critical",
        "env": {"PILOT_ENABLE_STATUS": True},
    },
    "cni": {
        "resources": {"limits": {"cpu": 1}},
        "chained": True,
        "bin_dir": "/a",
        "conf_dir": "/b",
        "netns_dir": "/c",
        "exclude_namespaces": ["kube-system"],
    },
    "ztunnel": {
        "env": {"A": 1},
        "log_level": "debug",
        "termination_grace_period": 60,
        "resources": {"requests": {"cpu": "1"}},
    },
    "tracing": {"service": "collector.observability.svc", "sampling": 12.5},
    "access_log": {"encoding": "json", "format": "%PROTOCOL%"},
    "discovery_selectors": [{"matchLabels": {"mesh": "on"}}],
    "dns_capture": True,
}


def served(operator: str) -> ServedSail:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = served_by([yaml.load(path.read_text(), loader) for path in sorted((CRDS / operator).glob("*.yaml"))])
    assert found is not None
    return found


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_option_fits_the_genuine_schemas(operator: str) -> None:
    there, version = served(operator), parse_version(OPERATORS[operator])
    mesh = intent(method="sail", update_strategy="revision_based", version=str(version), **EVERYTHING)
    revision = f"default-v{version}".replace(".", "-")
    resources = [
        istio(mesh, version),
        istio_cni(mesh, version),
        ztunnel(mesh, version, revision, there),
        tag("default", revision),
    ]
    for obj in resources:
        schema = dict(there.schemas[obj["kind"]])
        assert [str(problem) for problem in validate(obj, schema)] == [], obj["kind"]


@pytest.mark.parametrize("operator", OPERATORS)
def test_what_is_assumed_of_a_release_is_what_its_crds_serve(operator: str) -> None:
    there, assumed = served(operator), served_from(parse_version(operator))
    assert (there.ztunnel, there.target_ref, there.network) == (assumed.ztunnel, assumed.target_ref, assumed.network)
    assert parse_version(OPERATORS[operator]) == installable(there.versions)[0]
