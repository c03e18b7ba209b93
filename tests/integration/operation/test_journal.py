# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal on a real API server: written ahead, never over another run's, and found after a kill."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import journal as module
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.journal import Journal
from ansible_collections.meshwright.istio.plugins.module_utils._errors import GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from ..support.embedded import Kubectl

NAME = "meshwright-upgrade"
WORK = """
from {package} import Journal
journal = Journal("upgrade", "{namespace}", "{name}", state={{"done": []}}, run="killed")
for step in ("canary", "gate", "shift"):
    journal.state["doing"] = step
    journal.note("begins " + step)
    journal.save(client)
    if step == "gate":
        print("written", flush=True)
        time.sleep(60)
    journal.state["done"].append(step)
"""


def load(client: Client, namespace: str) -> Journal:
    found = Journal.load(client, namespace, NAME)
    assert found is not None
    return found


def test_it_is_a_config_map_that_people_can_read(client: Client, namespace: str, kubectl: Kubectl) -> None:
    journal = Journal("upgrade", namespace, NAME, state={"from": "stable"}, run="run-1")
    journal.note("it begins")
    journal.expire_in(60)
    journal.save(client)
    journal.state["to"] = "canary"
    journal.save(client)
    (shown,) = kubectl.json("-n", namespace, "get", "configmaps", "-l", "meshwright.io/journal=upgrade")["items"]
    assert shown["metadata"]["name"] == NAME
    assert shown["metadata"]["annotations"]["meshwright.io/expires"] == journal.expires
    assert load(client, namespace) == journal
    assert journal.delete(client)
    assert Journal.load(client, namespace, NAME) is None
    assert not journal.delete(client)


def test_of_two_runs_only_one_writes(client: Client, namespace: str) -> None:
    Journal("upgrade", namespace, NAME).save(client)
    ours, theirs = load(client, namespace), load(client, namespace)
    theirs.note("theirs")
    theirs.save(client)
    ours.note("ours")
    with pytest.raises(GuardRefused, match="Another run changed"):
        ours.save(client)
    assert [event["what"] for event in load(client, namespace).events] == ["theirs"]


def test_one_deleted_meanwhile_stays_deleted(client: Client, namespace: str) -> None:
    journal = Journal("upgrade", namespace, NAME)
    journal.save(client)
    load(client, namespace).delete(client)
    with pytest.raises(GuardRefused, match="Another run changed"):
        journal.save(client)
    assert Journal.load(client, namespace, NAME) is None


def test_a_killed_run_leaves_what_it_was_about_to_do(
    client: Client, namespace: str, python: Callable[[str], subprocess.Popen[str]]
) -> None:
    killed = python(WORK.format(package=module.__name__, namespace=namespace, name=NAME))
    assert killed.stdout is not None
    assert killed.stdout.readline() == "written\n"
    killed.kill()
    killed.wait()
    found = load(client, namespace)
    assert found.state == {"done": ["canary"], "doing": "gate"}
    assert found.run == "killed"
    found.run = "second"
    found.state["done"].append("gate")
    found.save(client)
    assert load(client, namespace).state["done"] == ["canary", "gate"]
    assert load(client, namespace).id == found.id


def test_the_largest_that_is_let_through_fits(client: Client, namespace: str) -> None:
    journal = Journal("upgrade", namespace, NAME, state={"much": "x" * 899_000})
    journal.save(client)
    journal.note("and once more")
    journal.save(client)
    assert len(load(client, namespace).state["much"]) == 899_000
