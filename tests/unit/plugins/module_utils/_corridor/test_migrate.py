# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.journal import Journal
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import target as live_target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate import compare, operator, records
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate import sail_side as sail
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate.records import Place, Rename
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate.state import Migration
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate.to_sail import as_manifest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.observe import SailObserved
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import Layout
from ansible_collections.meshwright.istio.plugins.module_utils._errors import GuardRefused, ToolError
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._tools.helm_releases import decode, record

from .._intent.meshes import intent

V = parse_version("1.30.3")
BY_REVISION = Layout(
    {"default-v1-30-3": V}, "default-v1-30-3", V, V, V, "default-v1-30-3", {"default": "default-v1-30-3"}
)
IN_PLACE = Layout({"default": V}, "default", V, V, V, "default")
SAIL: dict[str, Any] = {"method": "sail", "version": "1.30.3"}
OWNER = {"apiVersion": "sailoperator.io/v1", "kind": "ZTunnel", "name": "default", "uid": "7", "controller": True}
SOMEBODY = {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "8"}


def _payload(**more: Any) -> dict[str, Any]:
    return {
        "name": "default-v1-30-3-istiod",
        "namespace": "istio-system",
        "version": 3,
        "info": {"status": "deployed", "last_deployed": "2026-11-21T10:00:00Z"},
        "chart": {"metadata": {"name": "istiod", "version": "1.30.3"}},
        "config": {"revision": "default-v1-30-3"},
        "manifest": "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: x\n",
        **more,
    }


# -- records -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", ["secret", "configmap"])
def test_a_record_is_what_helm_would_have_written(driver: str) -> None:
    place = Place("istio-system", "istiod-default-v1-30-3", driver)
    obj = records.record_object(_payload(), place)
    assert obj["metadata"]["name"] == "sh.helm.release.v1.istiod-default-v1-30-3.v3"
    assert obj.get("type") == ("helm.sh/release.v1" if driver == "secret" else None)
    known, release = record(obj), decode(obj)
    assert known is not None
    assert (known.name, known.revision, known.status) == ("istiod-default-v1-30-3", 3, "deployed")
    assert (release.name, release.namespace, release.version) == ("istiod-default-v1-30-3", "istio-system", "1.30.3")
    assert release.values == {"revision": "default-v1-30-3"}
    assert records.unpack(obj)["chart"] == _payload()["chart"]


def test_a_record_of_helm_is_read_whole() -> None:
    text = json.dumps(_payload()).encode()
    stored = base64.b64encode(base64.b64encode(gzip.compress(text))).decode()
    assert records.unpack({"kind": "Secret", "metadata": {}, "data": {"release": stored}}) == _payload()


@pytest.mark.parametrize("data", [{}, {"release": "???"}, {"release": base64.b64encode(b"e30=").decode()}])
def test_what_is_no_record_is_named(data: dict[str, str]) -> None:
    with pytest.raises(ToolError, match="istio-system/broken"):
        records.unpack({"kind": "Secret", "metadata": {"namespace": "istio-system", "name": "broken"}, "data": data})


def test_a_manifest_loses_the_operators_owner_and_no_other() -> None:
    objects = [
        {"kind": "DaemonSet", "metadata": {"ownerReferences": [OWNER], "labels": {"managed-by": "sail-operator"}}},
        {"kind": "Service", "metadata": {"ownerReferences": [OWNER, SOMEBODY], "labels": {"managed-by": "me"}}},
    ]
    for obj in objects:
        obj |= {"apiVersion": "v1"}
    cleaned = records.without_owner(_payload(manifest=records.as_text(objects)))
    assert "sailoperator.io/" not in cleaned["manifest"]
    daemons, service = (json.loads(line) for line in cleaned["manifest"].splitlines() if line != "---")
    assert daemons["metadata"] == {"labels": {}}
    assert service["metadata"] == {"ownerReferences": [SOMEBODY], "labels": {"managed-by": "me"}}


def test_a_manifest_without_owners_stays_as_it_is_written() -> None:
    assert records.without_owner(_payload()) == _payload()


# -- names by both methods ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "strategy", "expected"),
    [
        (
            BY_REVISION,
            "revision_based",
            ["istio-system/default-v1-30-3-istiod becomes istio-system/istiod-default-v1-30-3"],
        ),
        (
            IN_PLACE,
            "in_place",
            [
                "istio-system/default-istiod becomes istio-system/istiod",
                "ops/default-base becomes istio-system/istio-base",
            ],
        ),
    ],
)
def test_names_of_releases(layout: Layout, strategy: str, expected: list[str]) -> None:
    asked = intent(**SAIL, update_strategy=strategy)
    found = sail.renames(asked, layout, "ops", "secret")
    assert [str(change) for change in found] == expected
    assert [change.reverse.reverse for change in found] == found


def test_records_in_config_maps_move_from_the_operators_secrets() -> None:
    found = sail.renames(intent(**SAIL, update_strategy="revision_based"), BY_REVISION, "ops", "configmap")
    moved = {(change.old.kind.kind, change.new.kind.kind, change.new.name) for change in found}
    assert moved == {
        ("Secret", "ConfigMap", "istiod-default-v1-30-3"),
        ("Secret", "ConfigMap", "istio-cni"),
        ("Secret", "ConfigMap", "ztunnel"),
    }


def test_the_default_validator_is_a_tags_only_by_revision() -> None:
    asked = intent(**SAIL, update_strategy="revision_based")
    assert sail.default_validator(BY_REVISION, asked) == Place("istio-system", "default-revisiontags")
    assert sail.default_validator(BY_REVISION.change(tags={}), asked) is None
    assert sail.default_validator(IN_PLACE, asked) is None


# -- what belongs to the mesh ------------------------------------------------------------------------------------------


def _resource(kind: str, name: str, uid: str, spec: dict[str, Any] | None = None, owner: str = "") -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "uid": uid}
    if owner:
        meta["ownerReferences"] = [{"apiVersion": "sailoperator.io/v1", "kind": "Istio", "uid": owner}]
    return {"apiVersion": "sailoperator.io/v1", "kind": kind, "metadata": meta, "spec": spec or {}}


def _observed(**more: Any) -> SailObserved:
    empty: dict[str, Any] = dict.fromkeys(SailObserved.__slots__)
    tables = ("istios", "revisions", "tags")
    return SailObserved(**{**empty, **{name: {} for name in tables}, **more})


def test_only_this_meshs_resources_are_let_go() -> None:
    mine, other = _resource("Istio", "default", "1"), _resource("Istio", "canary", "2")
    seen = _observed(
        istios={"default": mine, "canary": other},
        revisions={
            "default-v1-30-3": _resource("IstioRevision", "default-v1-30-3", "3", owner="1"),
            "canary-v1-30-3": _resource("IstioRevision", "canary-v1-30-3", "4", owner="2"),
        },
        tags={
            "prod": _resource("IstioRevisionTag", "prod", "5", {"targetRef": {"name": "default-v1-30-3"}}),
            "test": _resource("IstioRevisionTag", "test", "6", {"targetRef": {"name": "canary"}}),
        },
        ztunnel=_resource("ZTunnel", "default", "7"),
        cni=_resource("IstioCNI", "default", "8"),
    )
    found = sail.resources(seen, intent(**SAIL, update_strategy="revision_based"))
    names = [f"{obj['kind']} {obj['metadata']['name']}" for obj in found]
    assert names == [
        "IstioRevisionTag prod",
        "ZTunnel default",
        "IstioCNI default",
        "Istio default",
        "IstioRevision default-v1-30-3",
    ]
    assert sail.others(seen, found) == ["Istio canary", "IstioRevision canary-v1-30-3", "IstioRevisionTag test"]
    second = sail.resources(seen, intent(**SAIL, update_strategy="revision_based", name="canary", node_agents=False))
    assert [obj["kind"] for obj in second] == ["IstioRevisionTag", "Istio", "IstioRevision"]


def test_node_agents_do_not_move() -> None:
    asked = intent(version="1.30.3")
    seen = _observed(cni=_resource("IstioCNI", "default", "8", {"namespace": "istio-cni"}))
    with pytest.raises(GuardRefused, match="cni_namespace is istio-system") as refused:
        sail.guard_places(asked, seen)
    assert "cni_namespace: istio-cni" in refused.value.hint
    sail.guard_places(intent(version="1.30.3", cni_namespace="istio-cni"), seen)


@pytest.mark.parametrize(
    "meta",
    [
        {"ownerReferences": [{"kind": "ClusterServiceVersion", "name": "sailoperator.v1.30.3"}]},
        {"labels": {"olm.owner": "sailoperator.v1.30.3"}},
    ],
)
def test_an_operator_kept_by_olm_is_not_fought(meta: dict[str, Any]) -> None:
    obj = {"kind": "Deployment", "metadata": {"name": "sail-operator", "namespace": "operators", **meta}, "spec": {}}
    with pytest.raises(GuardRefused, match=r"sailoperator\.v1\.30\.3") as refused:
        operator.guard_stoppable([obj])
    assert "Subscription" in refused.value.hint
    operator.guard_stoppable([{**obj, "metadata": {"name": "sail-operator", "namespace": "operators"}}])


def test_an_operator_that_somebody_else_scaled_down_is_not_ours_to_start() -> None:
    by_us = {"metadata": {"annotations": {operator.REPLICAS: "2"}}, "spec": {"replicas": 0}}
    by_others = {"metadata": {}, "spec": {"replicas": 0}}
    runs = {"metadata": {"annotations": {operator.REPLICAS: "2"}}, "spec": {"replicas": 1}}
    assert operator.stopped([by_us, by_others, runs]) == [by_us]
    assert operator.running([by_us, by_others, runs]) == [runs]


# -- what restarts -----------------------------------------------------------------------------------------------------


def _workload(kind: str, name: str, template: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": "ns"}, "spec": {"template": template}}


def test_only_a_changed_template_is_said_to_restart() -> None:
    now = [
        _workload("Deployment", "istiod", {"metadata": {"labels": {"instance": "one"}}}),
        _workload("DaemonSet", "ztunnel", {"spec": {"image": "a"}}),
        _workload("DaemonSet", "istio-cni-node", {"spec": {"image": "a"}}),
    ]
    then = [
        _workload("Deployment", "istiod", {"metadata": {"labels": {"instance": "two"}}}),
        _workload("DaemonSet", "ztunnel", {"spec": {"image": "b"}}),
        {**_workload("DaemonSet", "istio-cni-node", {"spec": {"image": "a"}}), "metadata": now[2]["metadata"]},
        _workload("Deployment", "new", {"spec": {}}),
    ]
    istiod, ztunnel = compare.predicted(now, then)
    assert istiod.startswith("Deployment ns/istiod will be restarted") and "metadata.labels.instance" in istiod
    assert "resets long connections" in ztunnel and "resets" not in istiod


def test_what_restarted_is_told_of_all() -> None:
    notes = compare.told(
        {"Deployment a": "1", "DaemonSet ztunnel": "1", "DaemonSet c": "1"},
        {"Deployment a": "1", "DaemonSet ztunnel": "2"},
    )
    assert [note.split(":")[0] for note in notes] == [
        "DaemonSet c is gone",
        "DaemonSet ztunnel was restarted",
        "Deployment a was not restarted",
    ]


# -- tags as the operator's releases -----------------------------------------------------------------------------------


def test_a_tag_as_a_chart_would_have_rendered_it() -> None:
    live = {
        "metadata": {
            "name": "istio-revision-tag-prod",
            "uid": "1",
            "resourceVersion": "2",
            "labels": {"istio.io/tag": "prod"},
            "annotations": {"meshwright.io/rendered": "x", "other": "y"},
        },
        "webhooks": [{"name": "a", "clientConfig": {"caBundle": "Q0E=", "service": {"name": "istiod-x"}}}],
    }
    found = as_manifest(live_target(kinds.MUTATING_WEBHOOK, None, "istio-revision-tag-prod"), live)
    # What is in the manifest and not in the operator's chart goes, and only that: the certificate stays.
    assert found == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": "istio-revision-tag-prod",
            "labels": {"istio.io/tag": "prod"},
            "annotations": {"meshwright.io/rendered": "x"},
        },
        "webhooks": [{"name": "a", "clientConfig": {"service": {"name": "istiod-x"}}}],
    }
    service = {"metadata": {"name": "s"}, "spec": {"ports": [1], "selector": {"a": "b"}, "clusterIP": "10.0.0.1"}}
    found = as_manifest(live_target(kinds.SERVICE, "ns", "s"), service)
    assert found["spec"] == {"ports": [1], "selector": {"a": "b"}} and found["metadata"]["namespace"] == "ns"


# -- the journal -------------------------------------------------------------------------------------------------------


class _Stored:
    """A client that keeps one ConfigMap."""

    def __init__(self) -> None:
        self.obj: dict[str, Any] | None = None

    def get(self, *_which: Any) -> dict[str, Any] | None:
        return self.obj

    def create(self, obj: dict[str, Any], **_more: Any) -> dict[str, Any]:
        self.obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": "1", "uid": "u"}}
        return self.obj

    replace = create


def _migration() -> Migration:
    change = Rename(Place("istio-system", "a"), Place("istio-system", "b", "configmap"))
    return Migration("sail", "helm", BY_REVISION, [change], [Place("istio-system", "t")], {"Deployment x": "1"})


def test_the_journal_gives_back_what_was_written() -> None:
    client: Any = _Stored()
    written = _migration()
    written.begin(client, "istio-system", "default", "let_go")
    read = Migration.load(client, "istio-system", "default")
    assert read is not None and read.journal is not None
    assert (read.state, read.stage) == (written.state, "let_go")
    assert read.journal.name == "meshwright-migrate-default"
    back = read.back([change.reverse for change in read.renames], [], "operator")
    assert (back.source, back.to, back.turned, back.journal) == ("helm", "sail", True, read.journal)


def test_a_journal_that_is_no_migration_is_named() -> None:
    client: Any = _Stored()
    Journal("migrate", "istio-system", "meshwright-migrate-default", state={"from": "sail"}).save(client)
    with pytest.raises(GuardRefused, match="istio-system/meshwright-migrate-default"):
        Migration.load(client, "istio-system", "default")
