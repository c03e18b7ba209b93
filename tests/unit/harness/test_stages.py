# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kwok is told: every pod is played by exactly one stage, and istiod's pods are left to the agent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness import stages
from tests.harness.agent import launch

BY_NAME: Mapping[str, dict[str, Any]] = {each["metadata"]["name"]: each for each in stages.stages()}


def conditions(name: str) -> dict[str, tuple[str, list[str]]]:
    expressions = BY_NAME[name]["spec"]["selector"]["matchExpressions"]
    return {each["key"]: (each["operator"], each.get("values", [])) for each in expressions}


@pytest.mark.parametrize("name", ["pod-ready", "pod-complete"])
def test_ordinary_pods_are_those_without_istiod_absent_image_or_crash(name: str) -> None:
    found = conditions(name)
    for key in (stages.PILOT, stages.ABSENT, stages.CRASH):
        assert found[key] == ("NotIn", ["true"])


@pytest.mark.parametrize(
    ("name", "key"),
    [("istiod-starting", stages.PILOT), ("image-absent", stages.ABSENT), ("crash", stages.CRASH)],
)
def test_special_pods_have_a_stage(name: str, key: str) -> None:
    assert conditions(name)[key] == ("In", ["true"])


@pytest.mark.parametrize("name", ["image-absent", "crash"])
def test_failing_pods_say_why_and_warn(name: str) -> None:
    following = BY_NAME[name]["spec"]["next"]
    reason = {"image-absent": "ImagePullBackOff", "crash": "CrashLoopBackOff"}[name]
    assert f"reason: {reason}" in following["statusTemplate"]
    assert following["event"]["type"] == "Warning"
    assert "ready: true" not in following["statusTemplate"]


@pytest.mark.parametrize("image", ["hub/pilot:1.31.1", "hub/proxyv2:1", "hub/pilot@sha256:0", "hub/my-pilot:1"])
def test_kwok_and_the_agent_agree_on_what_istiod_is(image: str) -> None:
    expression = re.search(r'test\("(.+?)"\)', stages.PILOT)
    assert expression is not None
    pod = {"spec": {"containers": [{"image": image}]}}
    assert bool(re.search(expression.group(1), image)) == (launch.pilot_container(pod) is not None)


def test_configuration_is_one_head_and_the_stages() -> None:
    documents = [json.loads(text) for text in stages.configuration(1, "10.1.0.0/16", "c", "k").split("---\n")[1:]]
    assert documents[0]["options"]["serverAddress"] == "127.0.0.1:1"
    assert documents[0]["options"]["cidr"] == "10.1.0.0/16"
    assert documents[1:] == stages.stages()


def test_successive_starts_have_ranges_of_their_own() -> None:
    assert len({stages.pod_cidr(start) for start in range(100)}) == 100
