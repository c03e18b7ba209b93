#!/usr/bin/python

# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesh_verify
short_description: Check up on a service mesh
version_added: 0.1.0
description:
  - Takes one snapshot of a cluster, and runs checks over it that an operator would make by hand.
    Is istiod there, rolled out and reachable; are istio-cni and ztunnel up to date on every node; do the webhooks have
    somebody behind them; do versions and CRDs fit together; do labels and tags lead to a revision that is there.
  - Where the Sail Operator installed the mesh, its resources are read as it means them, and not taken at their word.
    Whether ztunnel dials an istiod that exists, and under the cluster name that istiod knows, is compared, for the
    operator calls a mesh V(Healthy) that fails at both.
  - Works for any Istio, whoever installed it (Helm, the Sail Operator, istioctl), in sidecar and in ambient mode, with
    any number of control planes and revisions.
  - A check that could not see what it needs is C(unknown), with the permission that is missing, and never passes.
    A check with nothing to look at is C(skipped), with the reason.
    A cluster without a mesh fails.
  - Fails the task when what was found is as bad as O(fail_on) says. The result is the same then.
  - Reads only. The checks are described in C(docs/checks.md) of the collection.
author:
  - the meshwright.istio authors (@meshwright)
extends_documentation_fragment:
  - meshwright.istio.kube_connection
  - meshwright.istio.attributes
attributes:
  check_mode:
    support: full
    details: Reads only, so a run in check mode does the same.
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
options:
  checks:
    description:
      - The checks to run, by identifier (V(MW0017)), number (V(17)) or category (V(webhooks)); all of them by default.
      - V(MW0000), which looks for a mesh at all, always runs along, unless O(skip) names it.
      - The categories are V(control plane), V(revisions), V(components), V(webhooks), V(enrollment) and V(gateways).
    type: list
    elements: str
    default: []
  skip:
    description:
      - Checks not to run, in the same way.
    type: list
    elements: str
    default: []
  fail_on:
    description:
      - How bad a finding fails the task.
      - V(error) means errors only, V(warning) means warnings too, and V(never) never fails for what is found.
      - Unless this is V(never), a run in which nothing at all could be decided fails too.
    type: str
    choices: [error, warning, never]
    default: error
  fail_on_unknown:
    description:
      - Whether a check that could not see what it needs fails the task.
      - It is named in a warning in any case.
    type: bool
    default: false
  wait_timeout:
    description:
      - For how many seconds to verify again until nothing fails, as after an installation.
      - V(0) verifies once.
    type: int
    default: 0
  read_timeout:
    description:
      - How many seconds one snapshot may take. What is not read by then is unknown.
    type: int
    default: 60
seealso:
  - module: meshwright.istio.istio_mesh
"""

EXAMPLES = r"""
- name: Verify the mesh of the current context
  meshwright.istio.mesh_verify:

- name: Wait for up to two minutes until an installation has settled
  meshwright.istio.mesh_verify:
    context: staging
    wait_timeout: 120

- name: Look at the data plane only, and be strict
  meshwright.istio.mesh_verify:
    checks: [components, MW0017]
    fail_on: warning
    fail_on_unknown: true

- name: Show what there is, and go on whatever it is
  meshwright.istio.mesh_verify:
    skip: [MW0025]
    fail_on: never
  register: checkup

- name: Print it as a table
  ansible.builtin.debug:
    msg: "{{ checkup.table }}"
"""

RETURN = r"""
checks:
  description: One entry for each check that was asked for, in the order of their numbers.
  returned: when the cluster could be read
  type: list
  elements: dict
  contains:
    id:
      description: The stable identifier.
      type: str
      sample: MW0010
    number:
      description: The number in the list of checks.
      type: int
      sample: 10
    title:
      description: What it looks at.
      type: str
      sample: ztunnel is ready on every node
    category:
      description: What it belongs to.
      type: str
      sample: components
    severity:
      description: The worst that this check reports.
      type: str
      sample: error
    status:
      description:
        - V(passed) without errors or warnings, V(warning) with warnings, V(failed) with errors.
        - V(unknown) when something could not be read, V(skipped) when there was nothing to look at.
      type: str
      sample: failed
    reason:
      description: Why it is unknown or skipped, or what a failed check could not see besides.
      type: str
      sample: ""
    findings:
      description: How many findings it has.
      type: int
      sample: 1
findings:
  description: What was found, worst first; at most 200.
  returned: when the cluster could be read
  type: list
  elements: dict
  contains:
    check:
      description: The check's identifier.
      type: str
      sample: MW0010
    severity:
      description: V(error), V(warning) or V(info).
      type: str
      sample: error
    title:
      description: What is wrong, as a sentence.
      type: str
      sample: "ztunnel is updated on 0 of 1 nodes although it looks ready: old pods serve on, the new ones are not up."
    objects:
      description: The objects concerned; of more than 20 the rest is counted.
      type: list
      elements: str
      sample: [DaemonSet istio-system/ztunnel]
    evidence:
      description: What was read.
      type: list
      elements: str
      sample: ["desired 1, updated 0, ready 1, available 1"]
    remedy:
      description: A command, or an option of this collection, that mends it.
      type: str
      sample: kubectl -n istio-system rollout status daemonset ztunnel
findings_left_out:
  description: How many findings more there are than RV(findings) shows.
  returned: when the cluster could be read
  type: int
  sample: 0
summary:
  description: How many checks there were (C(checks)), how many came out how, and the findings by severity.
  returned: when the cluster could be read
  type: dict
  sample:
    checks: 11
    failed: 1
    warning: 1
    unknown: 0
    skipped: 1
    passed: 8
    errors: 1
    warnings: 1
    infos: 0
table:
  description: All of it as aligned lines of text, to be printed by M(ansible.builtin.debug).
  returned: when the cluster could be read
  type: list
  elements: str
  sample:
    - "CHECK   STATUS    TITLE"
    - "MW0000  passed    A control plane is present"
    - ""
    - "1 checks: 1 passed, 0 warning, 0 failed, 0 unknown, 0 skipped"
attempts:
  description: How many times it was verified, which is more than 1 only with O(wait_timeout).
  returned: when the cluster could be read
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.verify import verify
from ..module_utils._intent.verify import VerifyIntent
from ..module_utils._kube.client import Client, Deadline
from ..module_utils._kube.connection import CONNECTION_SPEC, ConnectionOptions, connect
from ..module_utils._module import run_module

SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    "checks": {"type": "list", "elements": "str", "default": []},
    "skip": {"type": "list", "elements": "str", "default": []},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
    "fail_on_unknown": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 0},
    "read_timeout": {"type": "int", "default": 60},
}


def walk(module: AnsibleModule) -> dict[str, Any]:
    """The corridor of this module: options, context, intent, observe, result."""
    intent = VerifyIntent.from_params(module.params)
    connection = connect(ConnectionOptions.from_params(module.params))
    return verify(Client(connection, deadline=Deadline(intent.read_timeout)), intent)


def main() -> None:
    run_module(AnsibleModule(argument_spec=SPEC, supports_check_mode=True), walk)


if __name__ == "__main__":
    main()
