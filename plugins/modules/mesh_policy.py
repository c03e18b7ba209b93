#!/usr/bin/python

# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesh_policy
short_description: Apply, prune, render or remove mesh policy in bulk
version_added: 0.3.0
description:
  - Applies any number of traffic, security and telemetry objects in one task, by server-side apply over one connection
    pool. What is as desired already costs no request.
  - Objects come as they are (O(definitions), O(src), O(template)), and from short forms that expand to the right ones
    for each namespace's data plane, sidecars or waypoints (O(traffic), O(security), O(limits), O(gateways), O(egress),
    O(telemetry)).
  - Before the first write all of them go through the server's dry run, that is schema and webhooks, and through guards
    against lock-outs and references to nothing. Whatever is wrong is told at once, with every object named.
  - An O(apply_set) remembers what was applied, as the ApplySet specification of Kubernetes (KEP 3659) has it, so that
    O(prune) can delete what is not asked for any more, and nothing else.
  - Afterwards every object that was written is followed until istiod accepts it, and the result says on what that word
    rests.
  - The values of Secrets appear nowhere, neither in results and diffs nor in logs or printed arguments.
author:
  - the meshwright.istio authors (@meshwright)
requirements:
  - kubernetes (Python package)
extends_documentation_fragment:
  - meshwright.istio.policy_traffic
  - meshwright.istio.policy_security
  - meshwright.istio.policy_limits
  - meshwright.istio.policy_gateways
  - meshwright.istio.policy_egress
  - meshwright.istio.policy_telemetry
  - meshwright.istio.kube_connection
  - meshwright.istio.attributes
attributes:
  check_mode:
    support: full
    details: The server's dry run and the guards say what would happen; with O(validate=false) only this module does.
  diff_mode:
    support: full
    details: One entry for each object that changes, less what controllers own, the values of Secrets hidden.
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) applies the objects.
      - V(absent) deletes them, and waits until they are gone. With O(apply_set) and no objects it deletes all that the
        set applied, and the set.
      - V(rendered) returns the objects, short forms expanded. No cluster is read where O(data_planes) says all that
        must be known.
    type: str
    choices: [present, absent, rendered]
    default: present
  definitions:
    description:
      - Objects, or texts of YAML with any number of documents. A single one need not be in a list.
      - Kinds of Istio's networking, security, telemetry and extension groups, of the Gateway API, and C(Service),
        C(ServiceAccount), C(ConfigMap), C(Secret) and C(NetworkPolicy). Others are refused.
    type: list
    elements: raw
    default: []
  src:
    description:
      - Files, folders and globs on the controller, read there. Folders are read with all below them
        (C(*.yml), C(*.yaml), C(*.json)), in the order of their names. Files encrypted by Ansible Vault are decrypted.
      - Relative paths are looked for as those of any task's C(files).
    type: list
    elements: raw
    default: []
  template:
    description:
      - Jinja2 templates on the controller, rendered there with the task's variables. Files, folders (with C(*.j2) too)
        and globs, or mappings with C(path) and C(vars), variables for this template alone.
      - Relative paths are looked for as those of any task's C(templates).
    type: list
    elements: raw
    default: []
  namespace:
    description:
      - The namespace of objects and short forms that name none.
    type: str
  labels:
    description:
      - Labels for all objects. One that an object has itself stays as it is.
    type: dict
    default: {}
  annotations:
    description:
      - Annotations for all objects. One that an object has itself stays as it is.
    type: dict
    default: {}
  apply_set:
    description:
      - The name of the set that the objects belong to. It is kept in a ConfigMap of this name, and each object is
        labelled with it; C(kubectl) can list it by these labels.
      - An object belongs to one set, and one of another set is refused.
      - Each set applies as a field manager of its own, so that two sets do not undo each other. Two runs of the same
        set exclude each other.
    type: str
  apply_set_namespace:
    description:
      - Where the ConfigMap of O(apply_set) is. The default is O(namespace), or V(default) without it.
    type: str
  prune:
    description:
      - Delete what O(apply_set) applied before and is not asked for any more. Nothing is deleted when applying failed.
      - Objects that another tool manages by now are left, with a warning.
    type: bool
    default: false
  force_conflicts:
    description:
      - Take over fields that other managers own. Without it they are a conflict, which names the manager and the field.
      - What was edited by hand belongs to the editor by then, so repairing it needs this.
    type: bool
    default: false
  concurrency:
    description:
      - How many requests are under way at a time, 1 to 64.
    type: int
    default: 8
  validate:
    description:
      - Rehearse all changes by the server's dry run before the first write, so that one bad object stops all.
      - Without it changes are predicted by this module alone, and what the server refuses shows when it is written.
    type: bool
    default: true
  wait:
    description:
      - Wait until istiod has accepted what was written.
      - Where istiod writes conditions they are waited for, of this very generation. Elsewhere acceptance is admission
        by its webhook, and no proxy that rejects what it was sent since.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds that the whole task may take.
    type: int
    default: 120
  on_error:
    description:
      - What to do when an object is refused after the first write.
      - V(stop) sends nothing more. The error says exactly what was written and what was not; the next run completes it.
      - V(continue) tries all of them, and fails then. Nothing is pruned.
      - V(return) stops, and puts back what this set had before. What could not be put back is listed.
    type: str
    choices: [stop, continue, return]
    default: stop
  lockout_guard:
    description:
      - What to do when workloads would lose traffic by mTLS becoming strict or by a default that denies.
      - Each rule is described in C(docs/policy-guards.md) of the collection.
    type: str
    choices: [refuse, warn, accept]
    default: refuse
  semantic_guard:
    description:
      - What to do when objects refer to hosts, subsets, ports, gateways or waypoints that do not exist, clash with each
        other, or could not be enforced by the data plane of their namespace.
      - Each rule is described in C(docs/policy-guards.md) of the collection.
    type: str
    choices: [refuse, warn, accept]
    default: refuse
  managed_elsewhere:
    description:
      - What to do with objects that would change and are managed by Argo CD, Flux, Helm or a controller.
      - V(refuse) refuses the run and names them, V(adopt) applies them all the same, V(leave) leaves them as they are.
    type: str
    choices: [refuse, adopt, leave]
    default: refuse
  prometheus:
    description:
      - A Prometheus that knows who sends traffic, for O(lockout_guard).
    type: dict
    suboptions:
      url:
        description: Its address, as seen from where the module runs.
        type: str
        required: true
      token:
        description: A bearer token.
        type: str
      validate_certs:
        description: Whether its certificate must be valid.
        type: bool
        default: true
      ca_cert:
        description: A file with the authority of its certificate.
        type: path
      window:
        description: How far to look back, as PromQL has it.
        type: str
        default: 1h
  istio_namespace:
    description:
      - The namespace of istiod, which is the mesh's root namespace too.
    type: str
    default: istio-system
  data_planes:
    description:
      - The data planes of namespaces, instead of what the cluster says. For rendering without a cluster, and for
        namespaces that are about to change.
    type: list
    elements: dict
    default: []
    suboptions:
      mode:
        description: Sidecars, ambient, or not in the mesh.
        type: str
        required: true
        choices: [sidecar, ambient, none]
      waypoint:
        description: The waypoint that the namespaces use, as C(name) or C(namespace/name).
        type: str
      namespaces:
        description: The namespaces meant. Without any, all that no other element names.
        type: list
        elements: str
        default: []
  return:
    description:
      - V(summary) returns the objects that changed, at most 200; V(full) returns every object.
    type: str
    choices: [summary, full]
    default: summary
notes:
  - A relative O(src) or O(template) is read on the controller, also when the task runs elsewhere.
  - The guards look at what this run writes and deletes. What became wrong around objects that are as desired is found
    by M(meshwright.istio.mesh_verify).
  - Ansible prints the lines of a playbook around a task that fails. Keep the values of Secrets in vaulted files or
    variables, never literally in the task.
  - Objects are never deleted to be made anew. A field that the API server holds immutable is an error.
seealso:
  - module: meshwright.istio.mesh_verify
  - name: The short forms and what they expand to
    description: Every short form with both expansions.
    link: https://github.com/meshwright/meshwright.istio/tree/main/docs/intents
"""

EXAMPLES = r"""
- name: Apply a folder of policies as one set, and remove what has left the folder
  meshwright.istio.mesh_policy:
    src: [policies/]
    namespace: shop
    apply_set: shop-policies
    prune: true

- name: See what would change, object by object
  meshwright.istio.mesh_policy:
    src: ["policies/*.yaml"]
    apply_set: shop-policies
    apply_set_namespace: shop
  check_mode: true
  diff: true

- name: A canary release with retries, on sidecars or behind a waypoint, whichever the namespace has
  meshwright.istio.mesh_policy:
    namespace: shop
    traffic:
      - host: reviews
        canary: {v1: 90, v2: 10}
        retries: {attempts: 3, per_try_timeout: 2s}
        timeout: 10s

- name: Strict mTLS, unless somebody still talks plain text to the namespace
  meshwright.istio.mesh_policy:
    namespace: shop
    security:
      - mtls: {mode: strict}
    prometheus: {url: "http://prometheus.monitoring:9090"}

- name: Put everything back when one object of many is refused by the server
  meshwright.istio.mesh_policy:
    template: [routes.yaml.j2]
    apply_set: routes
    apply_set_namespace: edge
    on_error: return

- name: The objects for a Git repository, without a cluster
  meshwright.istio.mesh_policy:
    state: rendered
    namespace: shop
    data_planes: [{mode: ambient, waypoint: waypoint}]
    security:
      - service: reviews
        allow:
          - {service_accounts: [productpage], methods: [GET]}
  register: policies

- name: Remove a set and all that it applied
  meshwright.istio.mesh_policy:
    state: absent
    apply_set: shop-policies
    apply_set_namespace: shop
"""

RETURN = r"""
summary:
  description: How many objects were (or would be) created, updated, deleted, unchanged, or left to another tool.
  returned: success, unless O(state=rendered)
  type: dict
  sample: {created: 3, updated: 1, deleted: 0, unchanged: 196, left: 0}
objects:
  description: The objects that changed, or with O(return=full) all of them, in the order of writing.
  returned: success, unless O(state=rendered)
  type: list
  elements: dict
  contains:
    object:
      description: Kind, namespace and name.
      type: str
      sample: VirtualService shop/reviews
    action:
      description: What was done; C(none) for one that is as desired or was left.
      type: str
      sample: update
    reason:
      description: Why.
      type: str
      sample: differs in spec.http[0].route[0].weight
    origin:
      description: Where the object was asked for.
      type: str
      sample: policies/reviews.yaml, document 2
    predicted_by:
      description: Who vouched for the change before it was made. C(server), C(schema) or C(local).
      type: str
      sample: server
    acceptance:
      description:
        - C(rests_on) is C(conditions) where istiod itself said so, C(admission) where its webhook let the object pass,
          or C(none); C(detail) is a sentence.
      type: dict
      sample: {rests_on: conditions, detail: "Accepted, ResolvedRefs"}
objects_left_out:
  description: How many changed objects are not in RV(objects) for their number.
  returned: success, unless O(state=rendered)
  type: int
  sample: 0
table:
  description: The changes as lines of text, columns aligned; for a C(debug) task to show.
  returned: success, unless O(state=rendered)
  type: list
  elements: str
findings:
  description: What the guards found and did not refuse, each with guard, rule, object, message and severity.
  returned: success, and failures by guards
  type: list
  elements: dict
apply_set:
  description: The set's name and namespace.
  returned: with O(apply_set)
  type: dict
  sample: {name: shop-policies, namespace: shop}
manifests:
  description: The objects in the order of writing. Values of Secrets are hidden.
  returned: with O(state=rendered)
  type: list
  elements: dict
origins:
  description: Where each of RV(manifests) was asked for.
  returned: with O(state=rendered)
  type: list
  elements: str
notes:
  description: What to know about RV(manifests).
  returned: with O(state=rendered)
  type: list
  elements: str
boundary:
  description:
    - What was C(applied) and C(deleted), what C(failed), of what it is C(unknown) whether it was written, and what was
      C(not_sent). Long lists are cut, with their whole numbers in C(counts).
  returned: when a write failed
  type: dict
errors:
  description: All errors, each with the object's name and the message.
  returned: when more than one object was refused
  type: list
  elements: dict
returned:
  description: Objects that are as they were before.
  returned: when O(on_error=return) put something back
  type: list
  elements: str
not_returned:
  description: Objects that could not be put back, each with the reason.
  returned: when O(on_error=return) put something back
  type: list
  elements: dict
seconds:
  description: How long the module ran.
  returned: success
  type: float
  sample: 1.4
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.policy.walk import walk as policy_walk
from ..module_utils._intent.policy import PolicyIntent
from ..module_utils._intent.policy_egress import EGRESS_SPEC
from ..module_utils._intent.policy_gateways import GATEWAYS_SPEC
from ..module_utils._intent.policy_limits import LIMITS_SPEC
from ..module_utils._intent.policy_security import SECURITY_SPEC
from ..module_utils._intent.policy_spec import POLICY_SPEC
from ..module_utils._intent.policy_telemetry import TELEMETRY_SPEC
from ..module_utils._intent.policy_traffic import TRAFFIC_SPEC
from ..module_utils._kube.client import Client, Deadline
from ..module_utils._kube.connection import CONNECTION_SPEC, ConnectionOptions, connect
from ..module_utils._module import QuietModule, run_module

SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION_SPEC,
    **POLICY_SPEC,
    "traffic": TRAFFIC_SPEC,
    "security": SECURITY_SPEC,
    "limits": LIMITS_SPEC,
    "gateways": GATEWAYS_SPEC,
    "egress": EGRESS_SPEC,
    "telemetry": TELEMETRY_SPEC,
}
# Objects, with Secrets among them: never logged, never printed.
BODIES = ("definitions", "src", "template")


def walk(module: AnsibleModule) -> dict[str, Any]:
    """The corridor of this module: options, intent, and the walk, which connects where it has to."""
    intent = PolicyIntent.from_params(module.params)

    def client() -> Client:
        connection = connect(ConnectionOptions.from_params(module.params))
        return Client(connection, deadline=Deadline(intent.wait_timeout), threads=intent.concurrency)

    return policy_walk(intent, client, check=module.check_mode, diff=module._diff)


def main() -> None:
    run_module(QuietModule(bodies=BODIES, argument_spec=SPEC, supports_check_mode=True), walk)


if __name__ == "__main__":
    main()
