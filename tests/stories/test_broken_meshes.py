# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh broken in one way after the other: each finding named with its remedy, the remedy applied, clean again.

Leaves a page for each in build/reports, and one of the mesh at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.support.embedded import Embedded
from tests.integration.support.playbook import ROOT
from tests.integration.verify.cases.all import CASES
from tests.integration.verify.ground import Case, Ground, deployment, service

from .enrollment_story import begin
from .telling import Story

pytestmark = [pytest.mark.story, pytest.mark.long]

REPORTS = ROOT / "build" / "reports"
ZTUNNEL = ("-n", "istio-system", "set", "env", "daemonset/ztunnel")


def ztunnel_told(*variables: str) -> Callable[[Ground], None]:
    """What ztunnel's DaemonSet is told, at once; its pods follow."""
    return lambda ground: _run(ground, *ZTUNNEL, *variables)


def ztunnel_image(tag: str) -> Callable[[Ground], None]:
    def put(ground: Ground) -> None:
        found = ground.kubectl.json("-n", "istio-system", "get", "daemonset", "ztunnel")
        (container,) = found["spec"]["template"]["spec"]["containers"]
        image = container["image"].rpartition(":")[0] + f":{tag}"
        _run(ground, "-n", "istio-system", "set", "image", "daemonset/ztunnel", f"{container['name']}={image}")

    return put


def istiods(count: int) -> Callable[[Ground], None]:
    def scale(ground: Ground) -> None:
        _run(ground, "-n", "istio-system", "scale", "deployment/istiod", f"--replicas={count}")
        if count:
            _run(ground, "-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=90s")
        else:
            _run(ground, "-n", "istio-system", "wait", "pods", "-l", "app=istiod", "--for=delete", "--timeout=60s")

    return scale


def labelled(label: str) -> Callable[[Ground], None]:
    return lambda ground: _run(ground, "label", "namespace", ground.space, "--overwrite", label)


def in_mode(mode: str) -> Callable[[Ground], None]:
    def make(ground: Ground) -> None:
        space = ground.namespace(mode)
        ground.apply(deployment(space), service(space))

    return make


def _run(ground: Ground, *arguments: str) -> None:
    ground.kubectl(*arguments)


# What breaks more than a namespace, or is broken by a label alone; all else is what the pairs of states are made of.
MESH = [
    Case(
        "MW0012",
        "ztunnel dials nowhere",
        ztunnel_told("XDS_ADDRESS=istiod-old.istio-system.svc:15012"),
        ztunnel_told("XDS_ADDRESS=istiod.istio-system.svc:15012"),
        "istiod-old",
    ),
    Case(
        "MW0013",
        "another cluster name",
        ztunnel_told("ISTIO_META_CLUSTER_ID=homelab"),
        ztunnel_told("ISTIO_META_CLUSTER_ID=Kubernetes"),
        "homelab",
    ),
    Case(
        "MW0010",
        "an update that is stuck",
        ztunnel_image("does-not-exist"),
        ztunnel_image("1.31.1"),
        "ztunnel",
    ),
    Case("MW0008", "istiod is away", istiods(0), istiods(1), "istiod"),
    Case(
        "MW0021",
        "a label that names no revision",
        labelled("istio.io/rev=1-29"),
        labelled("istio.io/rev=default"),
        "istio.io/rev=1-29",
        before=in_mode("none"),
    ),
    Case(
        "MW0020",
        "both modes at once",
        labelled("istio.io/dataplane-mode=ambient"),
        labelled("istio.io/dataplane-mode-"),
        "{space}",
        before=in_mode("sidecar"),
        severity="warning",
    ),
]
# One of each check; the row is told in this order, what disturbs the whole mesh last.
ROW: list[Case] = [*{case.check: case for case in reversed(CASES)}.values()][::-1] + MESH


@pytest.fixture(scope="module")
def told() -> Path:
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    return REPORTS


def test_broken_meshes(fresh_cluster: Embedded, told: Path, tmp_path: Path) -> None:
    story = begin(fresh_cluster, tmp_path)
    failures = []
    for number, case in enumerate(ROW, 1):
        story.tell(f"{case.check}: {case.name}.")
        try:
            _episode(story, case, told / f"{number:02}-{case.check.lower()}-{case.name.replace(' ', '-')}.html")
        except AssertionError as error:
            failures.append(f"{case}: {error}")
            print(f"   NOT as expected: {error}", flush=True)
    story.tell("The mesh at the end.")
    whole = {"reports": [{"format": "html", "path": str(told / "clean.html"), "title": "Clean again"}]}
    result = story.playbooks({"meshwright.istio.mesh_verify": {"wait_timeout": 90, **whole}}).ok().result
    print("\n".join(f"   {line}" for line in result["table"]))
    assert not failures, "\n".join(failures)
    assert {path.suffix for path in told.iterdir()} == {".html"}
    assert len(list(told.iterdir())) == len(ROW) + 1


def _episode(story: Story, case: Case, page: Path) -> None:
    """Broken, found by a run as users run it, mended, not found any more."""
    ground = Ground(story.cluster)
    try:
        if case.before:
            case.before(ground)
            story.expect("it is clean before", lambda: not case.found(ground))
        case.make(ground)
        story.expect("it is found", lambda: case.found(ground), seconds=90)
        report = {"format": "html", "path": str(page), "title": case.name}
        fail_on = "never" if case.severity == "info" else case.severity
        options = {"reports": [report], "fail_on": fail_on}
        run = story.playbooks({"meshwright.istio.mesh_verify": options}, allow=("unknown",))
        assert bool(run.failed) == (case.severity != "info"), run.text
        words = case.expect.format(space=ground.space)
        named = [one for one in run.result["findings"] if one["check"] == case.check and words in one["title"]]
        assert named, f"{case.check} is not among {[(one['check'], one['title']) for one in run.result['findings']]}"
        print(f"   {named[0]['severity']}: {named[0]['title']}\n   remedy: {named[0]['remedy']}", flush=True)
        assert named[0]["remedy"]
        assert words in page.read_text(encoding="utf-8")
        case.mend(ground)
        story.expect("it is clean again", lambda: not case.found(ground), seconds=90)
    finally:
        ground.clean()
