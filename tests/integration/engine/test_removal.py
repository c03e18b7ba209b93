# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing: previewed without deleting, in reverse order, waited for, and no failure where nothing is."""

from __future__ import annotations

import uuid

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

from ..support.embedded import Embedded, Kubectl
from .conftest import MANAGER, user
from .samples import config_map, crd, custom, namespace, service


def test_preview_delete_and_again(engine: ObjectEngine, namespace: str) -> None:
    objects = [config_map(namespace, f"c-{number}", a="1") for number in range(4)]
    engine.apply(objects)
    assert {step.action for step in engine.plan_absent(objects)} == {"delete"}
    # The preview asks the server by a dry run: everything is still there.
    assert len(engine.client.list(kinds.CONFIG_MAP, namespace)) >= len(objects)
    assert {step.action for step in engine.plan(objects)} == {"none"}
    assert {step.action for step in engine.absent(objects)} == {"delete"}
    assert {step.action for step in engine.plan(objects)} == {"create"}
    again = engine.absent(objects)
    assert {(step.action, step.reason) for step in again} == {("none", "absent already")}


def test_a_dry_run_deletes_nothing(client: Client, engine: ObjectEngine, namespace: str) -> None:
    engine.apply([config_map(namespace, a="1")])
    assert client.delete(kinds.CONFIG_MAP, "settings", namespace, dry_run=True) is True
    assert client.get(kinds.CONFIG_MAP, "settings", namespace) is not None


def test_everything_down_to_the_namespace(engine: ObjectEngine) -> None:
    name = f"gone{uuid.uuid4().hex[:8]}"
    widgets = crd(f"{name}s", kind="Gone")
    objects = [namespace(name), widgets, config_map(name, a="1"), service(name), custom(widgets, name)]
    engine.apply(objects)
    steps = engine.absent(objects)
    assert [step.name.partition(" ")[0] for step in steps] == [
        "Gone",
        "Service",
        "ConfigMap",
        "Namespace",
        "CustomResourceDefinition",
    ]
    assert engine.client.get(kinds.NAMESPACE, name) is None
    assert engine.client.get(kinds.CRD, widgets["metadata"]["name"]) is None
    # Neither kind nor namespace is there any more: nothing to do, and no error.
    assert {step.action for step in engine.absent(objects)} == {"none"}
    assert {step.action for step in engine.plan_absent(objects)} == {"none"}


def test_by_reference(engine: ObjectEngine, namespace: str) -> None:
    engine.apply([config_map(namespace, a="1")])
    refs = [(kinds.CONFIG_MAP, namespace, "settings"), (kinds.SECRET, namespace, "nothing")]
    assert {step.name: step.action for step in engine.absent(refs)} == {
        f"ConfigMap {namespace}/settings": "delete",
        f"Secret {namespace}/nothing": "none",
    }


def test_what_does_not_go_is_told_with_its_finalizer(client: Client, namespace: str, kubectl: Kubectl) -> None:
    held = config_map(namespace, a="1")
    held["metadata"]["finalizers"] = ["meshwright.test/hold"]
    ObjectEngine(client, manager=MANAGER).apply([held])
    hurried = ObjectEngine(client.with_deadline(Deadline(1)), manager=MANAGER)
    with pytest.raises(
        errors.SettleTimeout, match=r"ConfigMap .*/settings \(finalizers meshwright.test/hold\)"
    ) as caught:
        hurried.absent([held])
    assert caught.value.details["unready"][0]["object"] == f"ConfigMap {namespace}/settings"
    kubectl("patch", "configmap", "settings", "-n", namespace, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_a_missing_permission_is_named(cluster: Embedded, engine: ObjectEngine, namespace: str) -> None:
    engine.apply([config_map(namespace, a="1")])
    nobody = ObjectEngine(user(cluster, "nobody"), manager=MANAGER)
    with pytest.raises(errors.Forbidden, match="nobody may not get configmaps"):
        nobody.plan_absent([config_map(namespace)])
