#!/usr/bin/python

# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: waypoint
short_description: Make, share, bind to and remove waypoints of an ambient mesh
version_added: 0.4.0
description:
  - A waypoint is the proxy that does for an ambient mesh what ztunnel does not - HTTP routing, and policies about
    methods, paths, headers and tokens. This module makes one as a Gateway of the Gateway API, waits until it works, and
    only then binds to it what O(enroll) names.
  - The order matters. What names a waypoint that does not exist is not protected by it - it fails open. What names one
    without a pod has no traffic - it fails closed. So labels are set once the Gateway is Programmed, its Deployment
    rolled out and a pod of it ready; and O(state=absent) takes them away, and waits until istiod has followed, before
    the Gateway goes.
  - Labels are patched, never applied, since others own them too. What O(enroll) does not name is left as it is.
author:
  - the meshwright.istio authors (@meshwright)
requirements:
  - kubernetes (Python package)
extends_documentation_fragment:
  - meshwright.istio.kube_connection
  - meshwright.istio.attributes
attributes:
  check_mode:
    support: full
    details: The server's dry run is asked about every object and every label.
  diff_mode:
    support: full
    details: One entry for each object; of what is bound, the labels and annotations that change.
  idempotent:
    support: full
notes:
  - istiod makes a Deployment, a Service and a ServiceAccount of the waypoint's name from the Gateway. What O(replicas),
    O(autoscaling), O(disruption_budget), O(resources), O(node_selector), O(tolerations), O(affinity),
    O(topology_spread) and O(priority_class) say is written to the ConfigMap C(NAME-infrastructure), which istiod merges
    into them. This needs Istio 1.26 or newer.
  - Taking such an option out of the task takes out what it made. A HorizontalPodAutoscaler or PodDisruptionBudget is
    deleted then, which istiod itself does not do.
  - Two runs exclude each other by the mesh's Lease.
options:
  state:
    description:
      - V(present) makes the waypoint as asked for, and binds what O(enroll) names.
      - V(absent) unbinds whatever names the waypoint, in any namespace, waits until istiod has followed, and removes
        it. It is refused while a policy or a route counts on the waypoint; see O(accept_dependents).
      - V(rendered) returns the objects as RV(manifests) and asks no cluster.
    type: str
    choices: [present, absent, rendered]
    default: present
  name:
    description: The waypoint's name, which is also that of its Deployment, Service and ServiceAccount.
    type: str
    default: waypoint
  namespace:
    description: The namespace it runs in. It must exist.
    type: str
    required: true
  for:
    description:
      - Which traffic it takes, the label C(istio.io/waypoint-for). Traffic of the other sort passes it by.
      - V(service) is what goes to Services and ServiceEntries, V(workload) what goes straight to a pod's address,
        V(all) both, V(none) nothing.
    type: str
    choices: [service, workload, all, none]
    default: service
  revision:
    description:
      - The revision or tag whose istiod makes it. A waypoint follows a tag when that moves.
      - Without it the namespace's label C(istio.io/rev) counts, else the default revision or tag.
    type: str
  gateway_class:
    description: The GatewayClass. It must be there, and be one for waypoints.
    type: str
    default: istio-waypoint
  allowed_namespaces:
    description:
      - The namespaces from which something may attach to it. V(same) is its own only, V(all) any; everything else is a
        label selector of namespaces, such as V(team=shop) or V(env in (test, stage\),!legacy).
    type: str
    default: same
  enroll:
    description:
      - What is to use the waypoint, by the label C(istio.io/use-waypoint), and C(istio.io/use-waypoint-namespace) where
        it is in another namespace. All of it must exist.
      - It adds. What another run has enrolled stays so.
    type: dict
    suboptions:
      namespaces:
        description: Names of namespaces. Each Service there without a label of its own follows its namespace.
        type: list
        elements: str
      services:
        description: Services, as C(name) in O(namespace) or C(namespace/name).
        type: list
        elements: str
      service_entries:
        description: ServiceEntries, likewise.
        type: list
        elements: str
      pods:
        description:
          - Pods, likewise, for a waypoint that is O(for=workload) or O(for=all).
          - The label goes with the pod. Better is one in the pod template of what makes it.
        type: list
        elements: str
  ingress:
    description:
      - Whether traffic that comes in by a gateway goes through the waypoint as well, the label
        C(istio.io/ingress-use-waypoint) on the Namespaces, Services and ServiceEntries of O(enroll). Without that label
        istiod sends it straight to the pods.
      - Without this option the label is left as it is.
    type: bool
  canary:
    description:
      - A second waypoint, which takes a share of the connections to the Namespaces, Services and ServiceEntries of
        O(enroll), as to try another revision or class. The waypoint of this task stays the first one.
      - Alpha, and in Istio 1.31 or newer only. Without this option labels of a canary are left as they are, unless it
        is O(name) itself, which is promoted so.
    type: dict
    suboptions:
      name:
        description: That waypoint's name. It must be there, and have an address.
        type: str
        required: true
      namespace:
        description: The namespace it is in, O(namespace) unless given.
        type: str
      weight:
        description: Its share, in percent of new connections; of requests where they come in by a gateway.
        type: int
        default: 0
  replicas:
    description: How many pods it has. Left to istiod, it is 1.
    type: int
  autoscaling:
    description: A HorizontalPodAutoscaler in place of O(replicas).
    type: dict
    suboptions:
      min:
        description: Least number of pods.
        type: int
        required: true
      max:
        description: Highest number of pods.
        type: int
        required: true
      cpu:
        description: Percent of the requested CPU to aim at. Kubernetes aims at 80 without this and memory.
        type: int
      memory:
        description: Percent of the requested memory to aim at.
        type: int
  disruption_budget:
    description: A PodDisruptionBudget. One of the two is needed.
    type: dict
    suboptions:
      min_available:
        description: Pods that must stay, a number or a percentage.
        type: str
      max_unavailable:
        description: Pods that may be missing, a number or a percentage.
        type: str
  resources:
    description:
      - Requests and limits of the proxy, as in a container. Merged over those that the mesh gives to waypoints; a
        V(null) takes one of those away.
    type: dict
  node_selector:
    description: Labels of the nodes it may run on.
    type: dict
  tolerations:
    description: Tolerations, as in a pod.
    type: list
    elements: dict
  affinity:
    description: Affinity, as in a pod.
    type: dict
  topology_spread:
    description:
      - Topology spread constraints, as in a pod. One without a C(labelSelector) is for this waypoint's pods.
    type: list
    elements: dict
  priority_class:
    description: The PriorityClass of its pods.
    type: str
  labels:
    description: Labels for all that istiod makes of the Gateway. The Gateway API takes eight at most.
    type: dict
  annotations:
    description: Annotations for all that istiod makes of the Gateway. Eight at most.
    type: dict
  made_for:
    description:
      - A text, such as the name of a wave, that is written as the annotation C(meshwright.io/made-for) on a Gateway
        that this run creates. One that was there already does not get it.
      - With O(state=absent) only a Gateway that carries this very text is removed; any other is left alone, and nothing
        is unbound.
    type: str
  accept_dependents:
    description:
      - With O(state=absent), the policies and routes that may lose the waypoint they count on. Their names
        (V(AuthorizationPolicy shop/only-get)), an effect as the refusal names it in brackets, or V(all).
    type: list
    elements: str
  istio_namespace:
    description: The namespace of istiod.
    type: str
    default: istio-system
  force_conflicts:
    description: Take over fields of the Gateway that another field manager owns, instead of failing.
    type: bool
    default: false
  wait:
    description:
      - Wait until the waypoint is ready, and all that O(enroll) names is bound to it. Needed with O(enroll).
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait. When they are over, the error says what is not so, and why.
    type: int
    default: 300
seealso:
  - module: meshwright.istio.istio_mesh
  - module: meshwright.istio.mesh_policy
  - module: meshwright.istio.mesh_verify
  - name: Configure waypoint proxies
    description: Istio's own page about waypoints.
    link: https://istio.io/latest/docs/ambient/usage/waypoint/
"""

EXAMPLES = r"""
- name: A waypoint for the Services of a namespace, two pods on different nodes
  meshwright.istio.waypoint:
    context: demo
    namespace: shop
    enroll:
      namespaces: [shop]
    replicas: 2
    disruption_budget:
      max_unavailable: "1"
    topology_spread:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway

- name: What would change?
  meshwright.istio.waypoint:
    context: demo
    namespace: shop
    enroll:
      namespaces: [shop]
    autoscaling:
      min: 2
      max: 6
      cpu: 80
  check_mode: true
  diff: true

- name: One waypoint for two Services only, also for what comes in by a gateway
  meshwright.istio.waypoint:
    context: demo
    name: checkout
    namespace: shop
    enroll:
      services: [cart, orders]
    ingress: true

- name: A waypoint that all namespaces of a team share
  meshwright.istio.waypoint:
    context: demo
    name: team
    namespace: shop-infra
    allowed_namespaces: team=shop
    enroll:
      namespaces: [shop, shop-orders]
      service_entries: [shop/payment-provider]

- name: Try a waypoint of another revision, made by an earlier task, with a tenth of the connections
  meshwright.istio.waypoint:
    context: demo
    namespace: shop
    enroll:
      namespaces: [shop]
    canary:
      name: waypoint-next
      weight: 10

- name: The objects, for a repository
  meshwright.istio.waypoint:
    state: rendered
    namespace: shop
    revision: stable
    replicas: 2
  register: rendered

- name: Unbind all that uses the waypoint, and remove it
  meshwright.istio.waypoint:
    state: absent
    context: demo
    namespace: shop
"""

RETURN = r"""
waypoint:
  description: The waypoint as it is; in check mode, as it is before.
  returned: O(state) is V(present) or V(absent)
  type: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    exists:
      description: Whether its Gateway is there.
      type: bool
    for:
      description: Which traffic it takes.
      returned: O(state=present)
      type: str
    revision:
      description: The revision of the istiod that made its Deployment.
      returned: O(state=present)
      type: str
    gateway_class:
      description: Its GatewayClass.
      returned: O(state=present)
      type: str
    address:
      description: The first address of its Gateway. It keeps one also when it has no pods.
      returned: O(state=present)
      type: str
    addresses:
      description: All of them.
      returned: O(state=present)
      type: list
      elements: str
    programmed:
      description: Whether its Gateway is Accepted and Programmed, in its present generation.
      returned: O(state=present)
      type: bool
    replicas:
      description: How many pods its Deployment asks for.
      returned: O(state=present)
      type: int
    ready_pods:
      description: How many of them are ready.
      returned: O(state=present)
      type: int
    service_account:
      description: The account that its pods run as. Workloads behind the waypoint see it as their client.
      returned: O(state=present)
      type: str
    bound:
      description:
        - What O(enroll) names and whether it is bound to this waypoint, in place of Namespaces their Services. At most
          200.
      returned: O(state=present), with O(enroll), when it was waited for
      type: list
      elements: dict
      contains:
        object:
          description: The object, such as C(Service shop/cart).
          type: str
        bound:
          description: Whether istiod says that it is.
          type: bool
        reason:
          description: What istiod says.
          type: str
    bound_left_out:
      description: How many more there are.
      returned: with RV(waypoint.bound)
      type: int
  sample:
    namespace: shop
    name: waypoint
    exists: true
    for: service
    revision: default
    gateway_class: istio-waypoint
    address: 10.96.12.7
    addresses: [10.96.12.7, waypoint.shop.svc.cluster.local]
    programmed: true
    replicas: 2
    ready_pods: 2
    service_account: waypoint
    bound:
      - {object: Service shop/cart, bound: true, reason: Successfully attached to waypoint shop/waypoint}
    bound_left_out: 0
steps:
  description: What was done, or would be done in check mode, in order.
  returned: O(state) is V(present) or V(absent), and when a step fails
  type: list
  elements: dict
  contains:
    step:
      description: The object, such as C(Gateway shop/waypoint) or C(Namespace shop).
      type: str
    action:
      description: C(create), C(update), C(delete) or C(none).
      type: str
    reason:
      description: Why.
      type: str
    predicted_by:
      description: C(server), C(schema) or C(local).
      type: str
    notes:
      description: What else there is to know of it.
      type: list
      elements: str
table:
  description: The steps as lines of aligned text.
  returned: O(state) is V(present) or V(absent)
  type: list
  elements: str
unbound:
  description: What was taken from the waypoint, or would be in check mode.
  returned: O(state=absent)
  type: list
  elements: str
dependents:
  description: The policies and routes that counted on the waypoint, and were accepted. When it is refused, those that
    were not, each with its C(object), C(effect) and C(message).
  returned: O(state=absent), and when it is refused
  type: list
  elements: raw
manifests:
  description: The objects in the order of writing.
  returned: O(state=rendered)
  type: list
  elements: dict
unready:
  description: What is not as it should be when the time is over. C(object), C(reason), and where there are any C(pods)
    and C(warnings).
  returned: when O(wait_timeout) is over
  type: list
  elements: dict
notes:
  description: What else there is to know.
  returned: success
  type: list
  elements: str
seconds:
  description: How long the module took.
  returned: success
  type: float
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.waypoint.walk import walk_waypoint
from ..module_utils._intent.waypoint_spec import WAYPOINT_SPEC
from ..module_utils._kube.connection import CONNECTION_SPEC
from ..module_utils._module import run_module


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**CONNECTION_SPEC, **WAYPOINT_SPEC}, supports_check_mode=True)
    run_module(module, walk_waypoint)


if __name__ == "__main__":
    main()
