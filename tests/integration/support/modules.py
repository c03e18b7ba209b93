# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's own client, for tests and benchmarks that bring a cluster somewhere without a playbook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect


def client(kubeconfig: str, context: str, *, seconds: float = 60) -> Client:
    return Client(connect(ConnectionOptions(kubeconfig=kubeconfig, context=context)), deadline=Deadline(seconds))


def apply(found: Client, objects: Sequence[dict[str, Any]]) -> None:
    """Apply as a manager of tests'."""
    ObjectEngine(found.with_deadline(Deadline(600)), manager="meshwright-tests", force_conflicts=True).apply(objects)


def remove_all(found: Client, objects: Sequence[dict[str, Any]]) -> None:
    """All objects of these objects' kinds in their namespaces, and the sets that own them."""
    fresh = found.with_deadline(Deadline(600))
    places = {(fresh.resolve(each), each["metadata"]["namespace"]) for each in objects}
    fresh.many(lambda place: fresh.raw("DELETE", place[0].path(place[1])), sorted(places, key=str))
    fresh.raw("DELETE", "/api/v1/namespaces/default/configmaps", query={"labelSelector": "applyset.kubernetes.io/id"})
