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
  - Policy and routing are judged as the mesh carries them out. An L7 policy without a waypoint is a hole or an outage,
    a waypoint that is missing fails open, one without pods fails closed, and sidecars go round it.
  - istiod, ztunnel and Envoy are asked themselves through port-forwards, all at once, for what they were sent, what
    they
    reject, their certificates and what they counted.
  - Without the right to list the whole cluster it works namespace by namespace, and says what it could not see.
  - Checks of your own are JMESPath queries. What is known and accepted stands in a baseline, with reason and expiry.
  - Writes reports on the controller (HTML, JSON, JUnit, Markdown), compares with the last run, and walks one path as an
    expert would with O(explain).
  - Fails the task when what was found is as bad as O(fail_on) says. The result is the same then, and so are the
    reports.
  - Reads only. The checks are described in C(docs/checks.md) of the collection, all else in C(docs/verify.md).
author:
  - the meshwright.istio authors (@meshwright)
extends_documentation_fragment:
  - meshwright.istio.kube_connection
  - meshwright.istio.attributes
attributes:
  check_mode:
    support: full
    details: Reads only, so a run in check mode does the same; reports are written too.
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
options:
  checks:
    description:
      - The checks to run, by identifier (V(MW0017)), number (V(17)) or category (V(webhooks)); all of them by default.
      - V(MW0000), which looks for a mesh at all, always runs along, and so do O(custom_checks), unless O(skip) names
        it.
      - The categories are V(control plane), V(revisions), V(components), V(enrollment), V(certificates), V(webhooks),
        V(gateways), V(policy), V(routing), V(xDS), V(observability), V(multi-cluster) and V(custom).
    type: list
    elements: str
    default: []
  skip:
    description:
      - Checks not to run, in the same way.
    type: list
    elements: str
    default: []
  namespaces:
    description:
      - The namespaces to look at, besides those of the control plane; all by default.
      - Name them where the account may read no others. Without this option, whoever may not list all namespaces sees
        those that he may read, and the checks concerned are C(unknown), for they did not see the rest.
    type: list
    elements: str
    default: []
    version_added: 0.5.0
  port_forward:
    description:
      - Whether istiod, ztunnel and Envoy are asked themselves, by the verbs C(get) and C(create) on C(pods/portforward)
        (and C(get) on C(pods/log) for istiod's log).
      - With V(false) the checks that need it are C(skipped), and everything else comes from the Kubernetes API.
    type: bool
    default: true
    version_added: 0.5.0
  proxy_limit:
    description:
      - How many ztunnels are asked at most, and how many Envoys. Every istiod is.
      - Gateways and waypoints go first, then one sidecar of each workload.
    type: int
    default: 40
    version_added: 0.5.0
  custom_checks:
    description:
      - Checks of your own, in the category V(custom). They run with every selection.
    type: list
    elements: dict
    default: []
    version_added: 0.5.0
    suboptions:
      id:
        description:
          - A stable identifier of letters, digits, dots and dashes, which does not begin with C(MW).
        type: str
        required: true
      title:
        description:
          - What is checked, as in the table.
        type: str
        required: true
      severity:
        description:
          - How bad it is.
        type: str
        choices: [error, warning, info]
        default: warning
      sources:
        description:
          - What to look at, of what the snapshot has, such as V(namespaces), V(pods), V(all_services) or
            V(authorization_policies). C(docs/verify.md) lists all, with their shapes.
        type: list
        elements: str
        default: []
      resource:
        description:
          - A kind of objects to read instead. Of Secrets, values are left out.
        type: dict
        suboptions:
          api_version:
            description:
              - Group and version, such as V(apps/v1).
            type: str
            required: true
          kind:
            description:
              - The kind.
            type: str
            required: true
          namespace:
            description:
              - The namespace; all by default.
            type: str
          label_selector:
            description:
              - Only objects with these labels.
            type: str
      query:
        description:
          - JMESPath over a mapping of the sources by name; where there is one only, C(items) is its list too.
          - All that it gives is a finding, except null, false, and what is empty. A query that fails makes the check
            C(unknown).
        type: str
        required: true
      text:
        description:
          - The finding's sentence. In braces it may have JMESPath over what the query gave, as in C({metadata.name}).
        type: str
      remedy:
        description:
          - What mends it.
        type: str
  baseline:
    description:
      - Findings that are known and accepted. They are in RV(accepted) instead of RV(findings), and fail nothing.
    type: list
    elements: dict
    default: []
    version_added: 0.5.0
    suboptions:
      check:
        description:
          - The check, by identifier or number.
        type: str
        required: true
      object:
        description:
          - A pattern with C(*) and C(?) for the objects concerned, with their kind (V(Service shop/web)) or without
            (V(shop/*)). Everything that the check finds by default.
        type: str
      reason:
        description:
          - Why it is accepted.
        type: str
        required: true
      expires:
        description:
          - The last day on which it is, as V(2027-03-31). From the next day on the finding counts, and a warning says
            so.
        type: str
  explain:
    description:
      - Walks one path as an expert would, and says where it breaks. The answer is RV(explanation), and heads the table.
      - Alone it is all that is done, and never fails the task for what it found; name O(checks) to run these too.
      - Either O(explain.pod), or O(explain.to) with or without O(explain.from), or O(explain.gateway).
    type: dict
    version_added: 0.5.0
    suboptions:
      pod:
        description:
          - A pod or workload, as V(namespace/name). Is it in the mesh as its labels ask, and if not, why.
        type: str
      from:
        description:
          - The client, a pod or workload, as V(namespace/name).
        type: str
      to:
        description:
          - A Service, as V(namespace/name) or V(namespace/name:port). Without a client it is looked at from outside.
        type: str
      gateway:
        description:
          - A Gateway of either API, as V(namespace/name). Is it reachable, and where do its routes lead.
        type: str
  info:
    description:
      - Whether RV(info) is returned, which is what M(meshwright.istio.mesh_info) returns.
    type: bool
    default: false
    version_added: 0.5.0
  reports:
    description:
      - Reports to render on the controller. Their formats are described in C(docs/reports.md).
    type: list
    elements: dict
    default: []
    version_added: 0.5.0
    suboptions:
      format:
        description:
          - V(html) is one page that needs no network, V(json) has a published schema, V(junit) is for CI, V(markdown)
            for a merge request.
        type: str
        choices: [html, json, junit, markdown]
        required: true
      path:
        description:
          - A file on the controller, relative to the playbook. Its folder is made; what is there is replaced as a
            whole.
          - Where the controller's files vanish with the run, as an execution environment's do, leave it out. The report
            is in RV(reports) then.
        type: str
      title:
        description:
          - The report's title.
        type: str
  compare_with:
    description:
      - A JSON report of an earlier run, on the controller. What is new and what is fixed since is in RV(changes) and in
        the reports.
      - By default the JSON report that this run replaces. A file that does not exist yet is nothing to compare with.
    type: str
    version_added: 0.5.0
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
notes:
  - The task fails (C(failed), and with it the play, the AWX job and the exit code of C(ansible-playbook)) exactly when
    O(fail_on) or O(fail_on_unknown) say so, when the cluster cannot be reached, or when an option is wrong. The last
    two
    have no RV(checks).
  - C(async) cannot be combined with O(reports) and O(compare_with).
seealso:
  - module: meshwright.istio.istio_mesh
  - module: meshwright.istio.mesh_info
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

- name: A page to show, a file to compare the next run with, and what CI reads
  meshwright.istio.mesh_verify:
    reports:
      - format: html
        path: reports/{{ inventory_hostname }}.html
        title: Mesh of {{ inventory_hostname }}
      - format: json
        path: reports/{{ inventory_hostname }}.json
      - format: junit
        path: reports/{{ inventory_hostname }}.xml

- name: What is known, and a rule of one's own
  meshwright.istio.mesh_verify:
    baseline:
      - check: MW0007
        reason: One replica is enough in staging
      - check: MW0034
        object: VirtualService legacy/*
        reason: Goes with the old shop
        expires: "2027-03-31"
    custom_checks:
      - id: TEAM-1
        title: Every enrolled namespace names its team
        sources: [namespaces]
        query: items[?metadata.labels."istio.io/dataplane-mode" && metadata.labels.team == null]
        text: Namespace {metadata.name} names no team.
        remedy: kubectl label namespace NAME team=TEAM

- name: With rights in two namespaces only
  meshwright.istio.mesh_verify:
    namespaces: [shop, shop-data]
    port_forward: false

- name: Why does the cart not reach the database
  meshwright.istio.mesh_verify:
    explain:
      from: shop/cart
      to: shop-data/postgres:5432
  register: walked

- name: Show where it breaks
  ansible.builtin.debug:
    msg: "{{ walked.table }}"
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
    accepted:
      description: How many it has besides that the baseline accepts.
      type: int
      sample: 0
findings:
  description: What was found, worst first; at most 500.
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
    related:
      description: Other objects that it tells of, such as the waypoint that a policy is carried out by.
      type: list
      elements: str
      sample: []
    evidence:
      description: What was read.
      type: list
      elements: str
      sample: ["desired 1, updated 0, ready 1, available 1"]
    remedy:
      description: A command, or an option of this collection, that mends it.
      type: str
      sample: kubectl -n istio-system rollout status daemonset ztunnel
    docs:
      description: The page of this collection that describes the check; empty for a check of your own.
      type: str
      sample: docs/checks.md#mw0010
findings_left_out:
  description: How many findings more there are than RV(findings) shows.
  returned: when the cluster could be read
  type: int
  sample: 0
accepted:
  description:
    - Findings that the baseline accepts, as in RV(findings), with C(accepted) (C(reason) and C(expires)); at most
      200.
  returned: when the cluster could be read
  type: list
  elements: dict
  sample: []
baseline:
  description:
    - What became of O(baseline). C(expired) entries would still have accepted something, C(unused) ones found nothing
      to accept, and can go.
  returned: when the cluster could be read
  type: dict
  sample:
    expired: []
    unused: []
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
limits:
  description: What was not looked at, by choice or for want of a right, in sentences.
  returned: when the cluster could be read
  type: list
  elements: str
  sample: []
cluster:
  description:
    - The cluster (C(server), C(context), its C(kubernetes) version), the C(time) of the snapshot, and this
      C(collection).
  returned: when the cluster could be read
  type: dict
  sample:
    server: https://api.example:6443
    context: staging
    kubernetes: v1.35.4
    time: "2026-11-22T09:00:00Z"
    collection: 0.5.0
explanation:
  description: What O(explain) found on its way.
  returned: when O(explain) is given
  type: dict
  contains:
    verdict:
      description: V(works), V(broken), V(doubtful) or V(unknown).
      type: str
      sample: broken
    broken_at:
      description: The step that breaks first; empty when none does.
      type: str
      sample: authorization
    summary:
      description: Where it breaks and what to do, in a sentence.
      type: str
      sample: AuthorizationPolicy shop-data/only-orders denies shop/cart.
    steps:
      description: Each step with C(id), C(title), C(status), C(text), C(objects), C(evidence) and C(remedy).
      type: list
      elements: dict
      sample: []
info:
  description: The mesh as it is, as M(meshwright.istio.mesh_info) returns it.
  returned: when O(info) is true
  type: dict
  sample: {}
changes:
  description:
    - What is C(new) and what is C(fixed) C(since) the earlier run, by check and object. What could not be looked at in
      one of the two is neither.
  returned: when there is an earlier report to compare with
  type: dict
  sample:
    since: "2026-11-21T09:00:00Z"
    new: []
    fixed:
      - check: MW0010
        severity: error
        object: DaemonSet istio-system/ztunnel
        title: ztunnel is not ready on 1 of 3 nodes.
reports:
  description: The reports, with C(format) and either C(path) and C(bytes), or C(content).
  returned: when the cluster could be read
  type: list
  elements: dict
  sample:
    - format: html
      path: /srv/mesh/reports/staging.html
      bytes: 123456
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
from ..module_utils._intent.verify_spec import VERIFY_SPEC
from ..module_utils._kube.client import Client, Deadline
from ..module_utils._kube.connection import CONNECTION_SPEC, ConnectionOptions, connect
from ..module_utils._module import run_module

SPEC: dict[str, dict[str, Any]] = {**CONNECTION_SPEC, **VERIFY_SPEC}


def walk(module: AnsibleModule) -> dict[str, Any]:
    """The corridor of this module: options, context, intent, observe, result."""
    intent = VerifyIntent.from_params(module.params)
    connection = connect(ConnectionOptions.from_params(module.params))
    return verify(Client(connection, deadline=Deadline(intent.read_timeout)), intent)


def main() -> None:
    run_module(AnsibleModule(argument_spec=SPEC, supports_check_mode=True), walk)


if __name__ == "__main__":
    main()
