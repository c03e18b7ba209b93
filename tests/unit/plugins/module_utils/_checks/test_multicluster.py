# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How istiod reads the other clusters of a mesh (MW0040)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.inside import moment
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_parse as parse

from .answers import body, istiod, run, said, told

RECORDED_PAIRS = {"MW0040": "test_a_secret_that_istiod_does_not_know"}
NOW = moment("2026-11-22T10:00:00Z") or 0.0
SECRET = "istio-system/istio-remote-secret-west"


def clusters(*others: tuple[str, str, str], pod: str = "istio-system/istiod-1") -> dict[str, Any]:
    """The recorded cluster itself, and (id, secret, status) of others."""
    own = parse.clusters(body("recorded-healthy-ambient-clusterz.json"))["clusters"]
    more = [{"id": name, "secretName": secret, "syncStatus": status} for name, secret, status in others]
    return said(pod, revision="default", clusters=[*own, *more])


def secret(made: str = "2026-11-22T09:00:00Z") -> dict[str, Any]:
    namespace, _slash, name = SECRET.partition("/")
    meta = {"name": name, "namespace": namespace, "creationTimestamp": made}
    return {"kind": "Secret", "metadata": {**meta, "annotations": {"networking.istio.io/cluster": "west"}}}


def root(text: str = "") -> list[dict[str, Any]]:
    recorded = json.loads(body("recorded-healthy-ambient-root.json"))
    return [{**recorded, "data": {"root-cert.pem": text}}] if text else [recorded]


def look(answers: list[Any], secrets: list[Any], roots: list[Any] | None = None) -> Any:
    lists = {"istiod_clusters": answers, "remote_secrets": secrets, "root_certificates": roots or []}
    return run("MW0040", lists, NOW)


def test_a_mesh_of_one_cluster_is_skipped() -> None:
    result = look([clusters()], [])
    assert (result.status, result.reason[:26]) == ("skipped", "the mesh is of one cluster")
    assert run("MW0040", {"istiods": [], "istiod_clusters": [], "remote_secrets": []}).status == "skipped"


def test_all_are_read() -> None:
    assert look([clusters(("west", SECRET, "synced"))], [secret()]).status == "passed"


@pytest.mark.parametrize(
    ("status", "words", "severity"),
    [
        ("timeout", "could not finish reading the cluster west", "error"),
        ("closed", "has stopped reading the cluster west", "error"),
        ("syncing", "has not finished reading the cluster west", "warning"),
        ("strange", "has trouble with the cluster west", "error"),
    ],
)
def test_one_is_not_read(status: str, words: str, severity: str) -> None:
    result = look([clusters(("west", SECRET, status))], [secret()])
    ((found, title),) = told(result)
    assert (found, words in title) == (severity, True)
    assert result.findings[0].objects == (f"Secret {SECRET}",)


def test_a_secret_that_istiod_does_not_know() -> None:
    two = [clusters(("west", SECRET, "synced")), clusters(pod="istio-system/istiod-2")]
    (finding,) = look(two, [secret()]).findings
    assert finding.title.startswith("istiod does not read the cluster west")
    assert finding.related == ("Pod istio-system/istiod-2",)
    assert look([clusters()], [secret(made="2026-11-22T09:59:30Z")]).status == "passed"
    # it has a minute for a first time only
    assert look([clusters(("west", SECRET, "timeout"))], [secret(made="2026-11-22T09:59:30Z")]).status == "failed"


def test_an_istiod_that_does_not_answer() -> None:
    silent = {**said("istio-system/istiod-2"), "error": "Nothing answers"}
    result = look([clusters(("west", SECRET, "synced")), silent], [secret()])
    assert (result.status, result.reason) == ("unknown", "1 of 2 istiods did not answer: Nothing answers")
    nobody = {"istiods": [istiod(ready=0)], "istiod_clusters": [], "remote_secrets": [secret()]}
    assert run("MW0040", nobody).status == "unknown"


def test_a_root_that_istiod_made_itself_is_nobody_elses() -> None:
    (finding,) = look([clusters(("west", SECRET, "synced"))], [secret()], root()).findings
    assert finding.severity == "warning"
    assert finding.title.startswith("istiod made the mesh's root certificate itself")
    given = body("other-root.pem", "certificates").decode()
    result = look([clusters(("west", SECRET, "synced"))], [secret()], root(given))
    assert (result.status, result.findings) == ("passed", ())
