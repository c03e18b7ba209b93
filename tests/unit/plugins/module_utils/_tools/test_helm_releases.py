# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ToolError
from ansible_collections.meshwright.istio.plugins.module_utils._tools.helm_releases import (
    decode,
    last_deployed,
    latest,
    record,
    seconds,
)

RELEASE: dict[str, Any] = {
    "name": "istiod",
    "namespace": "istio-system",
    "version": 3,
    "info": {
        "status": "deployed",
        "description": "Upgrade complete",
        "last_deployed": "2026-11-21T12:00:00.123456789Z",
    },
    "chart": {"metadata": {"name": "istiod", "version": "1.31.1", "appVersion": "1.31.1"}},
    "config": {"profile": "ambient"},
    "manifest": "---\n",
}
LABELS = {"owner": "helm", "name": "istiod", "version": "3", "status": "deployed", "modifiedAt": "1795262400"}


def stored(kind: str = "Secret", *, zipped: bool = True, release: Any = None, **labels: Any) -> dict[str, Any]:
    payload = json.dumps(RELEASE if release is None else release).encode()
    text = base64.b64encode(gzip.compress(payload) if zipped else payload)
    data = text.decode() if kind == "ConfigMap" else base64.b64encode(text).decode()
    meta = {
        "name": "sh.helm.release.v1.istiod.v3",
        "namespace": "istio-system",
        "uid": "u",
        "labels": {**LABELS, **labels},
    }
    return {"kind": kind, "metadata": meta, "data": {"release": data}}


@pytest.mark.parametrize(("kind", "zipped"), [("Secret", True), ("Secret", False), ("ConfigMap", True)])
def test_decoding(kind: str, zipped: bool) -> None:
    release = decode(stored(kind, zipped=zipped))
    assert (release.name, release.revision, release.status) == ("istiod", 3, "deployed")
    assert (release.chart, release.version, release.values) == ("istiod", "1.31.1", {"profile": "ambient"})
    assert release.modified == pytest.approx(1795262400.123456)
    assert "profile" not in str(release.summary())


def test_minimal_and_damaged_records() -> None:
    assert decode(stored(release={"name": "x", "version": 1})).values == {}
    damaged = stored()
    damaged["data"]["release"] = damaged["data"]["release"][:100]
    with pytest.raises(ToolError, match=r"istio-system/sh\.helm\.release\.v1\.istiod\.v3"):
        decode(damaged)
    unusable: list[Any] = [[], {}, {"name": "x"}]
    for release in unusable:
        with pytest.raises(ToolError):
            decode(stored(release=release))


def test_records() -> None:
    found = record(stored())
    assert found is not None
    assert (found.revision, found.status, found.ours, found.modified) == (3, "deployed", False, 1795262400.0)
    label: dict[str, Any] = {"meshwright.io/writer": "istio_mesh"}
    ours = record(stored(**label))
    assert ours is not None and ours.ours
    assert record({"metadata": {"labels": {"owner": "helm"}}}) is None
    assert record({"metadata": {}}) is None


def test_which_record_counts() -> None:
    found = [
        record(stored(version=str(n), status=s))
        for n, s in ((2, "superseded"), (3, "deployed"), (4, "pending-upgrade"))
    ]
    records = [one for one in found if one]
    newest, good = latest(records), last_deployed(records)
    assert newest is not None and newest.revision == 4
    assert good is not None and good.revision == 3
    assert latest([]) is None and last_deployed([]) is None


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-21T12:00:00Z", 1795262400.0),
        ("2026-11-21T14:00:00+02:00", 1795262400.0),
        ("2026-11-21T14:00:00.5+02:00", 1795262400.5),
        ("", 0.0),
        (None, 0.0),
        ("yesterday", 0.0),
    ],
)
def test_times(stamp: Any, expected: float) -> None:
    assert seconds(stamp) == pytest.approx(expected)
