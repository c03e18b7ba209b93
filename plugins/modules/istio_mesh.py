#!/usr/bin/python

# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: istio_mesh
short_description: Install, upgrade, repair or remove an Istio service mesh
version_added: 0.1.0
description:
  - Brings one Istio control plane, with the node agents of its mode, to what is asked for by Istio's own Helm charts.
    The releases are C(istio-base), C(istiod), C(istio-cni) and C(ztunnel), in this order, after their namespaces;
    the Gateway API's CRDs come along.
  - Plans first and says what each step does and who predicts it, whether in check mode or not. The server's dry run
    where it can judge already, the CRD's schema or this module alone where a namespace or CRD comes with this very
      plan.
  - What was edited or deleted by hand is found by comparing the cluster with the release's manifest, repaired through
    Helm, and compared again.
  - A release that a killed run left unfinished is recovered. Two runs exclude each other by a Lease in the mesh's
    namespace, which is gone afterwards.
  - Nothing is written when everything is as asked for, and neither helm nor the charts are needed then.
author:
  - the meshwright.istio authors (@meshwright)
requirements:
  - kubernetes (Python package)
  - helm 3.17 or newer, 4 included (only when a release is to be installed, changed, removed or rendered)
extends_documentation_fragment:
  - meshwright.istio.kube_connection
  - meshwright.istio.attributes
attributes:
  check_mode:
    support: full
    details: Charts are fetched and rendered, and the server's dry run asked; nothing is written.
  diff_mode:
    support: full
    details: One entry for each step. CRDs and long texts are shown by version, size and digest.
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) installs, upgrades or repairs the mesh.
      - V(absent) removes it, node agents first, with what istiod itself wrote. Succeeds where there is none.
        Istio's CRDs, with all policies, the self-signed root and the namespaces stay unless O(purge) says otherwise.
      - V(rendered) returns the objects that would be installed. No cluster is read.
    type: str
    choices: [present, absent, rendered]
    default: present
  method:
    description: How Istio is installed.
    type: str
    choices: [helm]
    default: helm
  version:
    description:
      - The Istio version, in full, such as V(1.31.1). Required unless O(state=absent).
      - An installed mesh is upgraded in place, one minor version at a time; see O(allow_version_skip),
        O(allow_downgrade).
    type: str
  mode:
    description:
      - V(ambient) installs istio-cni and ztunnel too, and sets the charts' profile of this name.
      - V(sidecar) installs istiod only, and istio-cni if O(cni.enabled).
    type: str
    choices: [ambient, sidecar]
    default: ambient
  namespace:
    description: The namespace of the control plane. It is made when missing.
    type: str
    default: istio-system
  cni_namespace:
    description: The namespace of istio-cni. By default O(namespace), and C(kube-system) with O(platform=openshift).
    type: str
  ztunnel_namespace:
    description:
      - The namespace of ztunnel. By default O(namespace), and C(kube-system) with O(platform=openshift).
      - istiod is told to trust it.
    type: str
  namespace_labels:
    description: Labels for these namespaces, such as C(pod-security.kubernetes.io/enforce).
    type: dict
  cluster_name:
    description: The cluster's name, for istiod and ztunnel alike. Istio's default is C(Kubernetes).
    type: str
  network:
    description: The network this cluster is on, for istiod, ztunnel and as a label of O(namespace).
    type: str
  mesh_id:
    description: The mesh's identifier.
    type: str
  trust_domain:
    description: The trust domain of the mesh's identities. Istio's default is C(cluster.local).
    type: str
  platform:
    description: The platform whose paths and permissions the charts shall fit.
    type: str
    choices: [gke, k3d, k3s, microk8s, minikube, openshift]
  istiod:
    description: How istiod runs.
    type: dict
    suboptions:
      replicas:
        description: A fixed number of replicas, instead of autoscaling. Excludes O(istiod.autoscale).
        type: int
      autoscale:
        description: Bounds and targets of the HorizontalPodAutoscaler.
        type: dict
        suboptions:
          min:
            description: The least number of replicas.
            type: int
            required: true
          max:
            description: The largest number of replicas.
            type: int
            required: true
          target_cpu:
            description: The average CPU utilization aimed at, in percent of the request.
            type: int
          target_memory:
            description: The average memory utilization aimed at, in percent of the request.
            type: int
      disruption_budget:
        description: The PodDisruptionBudget. The chart makes it only for two or more replicas.
        type: dict
        suboptions:
          enabled:
            description: Whether there is one.
            type: bool
            default: true
          min_available:
            description:
              - How many pods must stay, a number or a percentage. Excludes O(istiod.disruption_budget.max_unavailable).
            type: str
          max_unavailable:
            description: How many pods may go, a number or a percentage.
            type: str
          unhealthy_pod_eviction:
            description: When pods that are not ready may be evicted.
            type: str
            choices: [IfHealthyBudget, AlwaysAllow]
      resources:
        description: Requests and limits of the container.
        type: dict
      node_selector:
        description: Labels that nodes must have.
        type: dict
      affinity:
        description: Affinity of the pods.
        type: dict
      tolerations:
        description: Taints that the pods tolerate.
        type: list
        elements: dict
      topology_spread:
        description: Topology spread constraints of the pods.
        type: list
        elements: dict
      priority_class:
        description: The priority class of the pods.
        type: str
      env:
        description: Environment variables of istiod.
        type: dict
  cni:
    description: How istio-cni runs, on every node.
    type: dict
    suboptions:
      enabled:
        description: Whether to install it in sidecar mode. Ambient mode always does.
        type: bool
      resources:
        description: Requests and limits of the container.
        type: dict
      affinity:
        description: Affinity of the pods. The chart has no node selector of its own.
        type: dict
      tolerations:
        description: Taints that the pods tolerate, instead of all.
        type: list
        elements: dict
      chained:
        description: Whether the plugin is added to another plugin's configuration.
        type: bool
      bin_dir:
        description: The folder of CNI programs on the nodes.
        type: path
      conf_dir:
        description: The folder of CNI configuration on the nodes.
        type: path
      netns_dir:
        description: The folder of network namespaces on the nodes.
        type: path
      exclude_namespaces:
        description: Namespaces whose pods are never touched, instead of C(kube-system).
        type: list
        elements: str
  ztunnel:
    description: How ztunnel runs, on every node.
    type: dict
    suboptions:
      resources:
        description: Requests and limits of the container.
        type: dict
      node_selector:
        description: Labels that nodes must have.
        type: dict
      affinity:
        description: Affinity of the pods.
        type: dict
      tolerations:
        description: Taints that the pods tolerate, instead of all.
        type: list
        elements: dict
      env:
        description: Environment variables of ztunnel.
        type: dict
      log_level:
        description: The log level.
        type: str
      termination_grace_period:
        description: Seconds that a ztunnel may take to drain connections.
        type: int
  tracing:
    description: Where proxies send traces, as the mesh's default. ztunnel makes no spans.
    type: dict
    suboptions:
      provider:
        description: The protocol.
        type: str
        choices: [opentelemetry, zipkin]
        default: opentelemetry
      service:
        description: The collector's host name, such as C(otel-collector.observability.svc.cluster.local).
        type: str
        required: true
      port:
        description: The collector's port. By default 4317 for OpenTelemetry and 9411 for Zipkin.
        type: int
      sampling:
        description: The percentage of requests that are traced, 0 to 100.
        type: float
  access_log:
    description: The access log of all proxies.
    type: dict
    suboptions:
      file:
        description: Where it is written.
        type: str
        default: /dev/stdout
      encoding:
        description: Its encoding.
        type: str
        choices: [text, json]
      format:
        description: Its format, as Envoy has it.
        type: str
  discovery_selectors:
    description:
      - Label selectors of the namespaces that istiod watches.
      - They must match the namespaces of istiod and ztunnel, which is checked.
    type: list
    elements: dict
  dns_capture:
    description: Whether proxies resolve DNS, in sidecars and in ambient mode.
    type: bool
  hub:
    description: The registry and folder of all images.
    type: str
  tag:
    description: The tag of all images. By default that of the charts.
    type: str
  variant:
    description: The variant of all images, such as C(distroless) or C(debug).
    type: str
  image_pull_policy:
    description: The pull policy of all images.
    type: str
    choices: [Always, IfNotPresent, Never]
  image_pull_secrets:
    description: Names of the Secrets to pull images with, in each of the namespaces.
    type: list
    elements: str
  charts:
    description:
      - Where the charts come from. At most one of O(charts.repository), O(charts.oci) and O(charts.path).
      - By default Istio's repository, C(https://istio-release.storage.googleapis.com/charts).
    type: dict
    suboptions:
      repository:
        description: The URL of a Helm repository that holds C(base), C(istiod), C(cni) and C(ztunnel).
        type: str
      oci:
        description: An OCI reference of the folder that holds them, starting with C(oci://).
        type: str
      path:
        description:
          - A folder on the host the module runs on, with archives such as C(istiod-1.31.1.tgz), or with the charts'
            folders
            as in Istio's release archive. Their version must be O(version).
        type: path
      username:
        description: The user name for the repository or registry.
        type: str
      password:
        description: The password for it. It is handed to helm on its standard input.
        type: str
      ca_file:
        description: The CA certificate of the repository or registry.
        type: path
      validate_certs:
        description: Whether its certificate is verified.
        type: bool
        default: true
  gateway_api:
    description:
      - The Gateway API's CRDs. They are installed when absent, upgraded, and never downgraded.
      - They are left alone where a platform or another tool keeps them (OpenShift's ingress operator, GKE, Argo CD,
        Flux, Helm).
    type: dict
    suboptions:
      manage:
        description: Whether to look after them.
        type: bool
        default: true
      version:
        description: The release that is wanted. By default V(v1.6.0), which Istio 1.31 is built against.
        type: str
      source:
        description: The path or URL of a bundle such as C(standard-install.yaml). By default the project's own release.
        type: str
  values:
    description:
      - Values for the charts, under the typed options.
      - Where both set one value to different things, the task fails and names them.
    type: dict
    suboptions:
      base:
        description: Values of the chart C(base).
        type: dict
      istiod:
        description: Values of the chart C(istiod).
        type: dict
      cni:
        description: Values of the chart C(cni).
        type: dict
      ztunnel:
        description: Values of the chart C(ztunnel).
        type: dict
  kubernetes_version:
    description: The Kubernetes version to render for. Required with O(state=rendered), and ignored otherwise.
    type: str
  helm_binary:
    description: The helm program, by name or path. By default C(helm) on the C(PATH).
    type: str
  helm_driver:
    description:
      - Where Helm keeps its records. By default what the environment variable E(HELM_DRIVER) says, else V(secret).
    type: str
    choices: [secret, configmap]
  take_ownership:
    description:
      - Take over objects that another tool made or keeps (Argo CD, Flux, the Sail Operator, istioctl, another release).
      - Otherwise the task fails and names them.
    type: bool
    default: false
  allow_downgrade:
    description: Allow an older version than the installed one.
    type: bool
    default: false
  allow_version_skip:
    description: Allow an upgrade in place over more than one minor version.
    type: bool
    default: false
  preflight:
    description:
      - Check before the first write that Istio supports this Kubernetes, that a node is ready and the permissions
        are there.
    type: bool
    default: true
  wait:
    description:
      - Wait until all workloads are ready in their present generation and istiod's webhooks answer.
      - With this, an upgrade goes on to the node agents only when the control plane is ready.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for readiness. The whole task takes at most three minutes longer.
    type: int
    default: 300
  pending_grace:
    description:
      - Seconds after which a release that another Helm left unfinished counts as abandoned, and is recovered.
        Until then it is waited for. What this module itself left unfinished is recovered at once.
    type: int
    default: 300
  purge:
    description:
      - With O(state=absent), also remove Istio's CRDs with B(all objects of their kinds), the self-signed root
        certificate,
        the namespaces that this module made, and the Gateway API's CRDs if it installed them and nothing uses them.
    type: bool
    default: false
  allow_enrolled:
    description:
      - With O(state=absent), remove the mesh although namespaces are labelled for it, pods have sidecars, or
        Gateways use it.
        Otherwise the task fails and lists them.
    type: bool
    default: false
seealso:
  - module: meshwright.istio.mesh_verify
"""

EXAMPLES = r"""
- name: Install an ambient mesh
  meshwright.istio.istio_mesh:
    context: demo
    version: 1.31.1
    cluster_name: homelab

- name: See what an upgrade would do
  meshwright.istio.istio_mesh:
    context: demo
    version: 1.32.0
    cluster_name: homelab
  check_mode: true
  diff: true

- name: A sidecar mesh for production, from a mirror
  meshwright.istio.istio_mesh:
    context: production
    version: 1.31.1
    mode: sidecar
    charts:
      oci: oci://registry.example.com/istio/charts
    hub: registry.example.com/istio
    istiod:
      autoscale:
        min: 2
        max: 5
      disruption_budget:
        min_available: "1"
      priority_class: system-cluster-critical
    tracing:
      service: otel-collector.observability.svc.cluster.local
      sampling: 5
    values:
      istiod:
        meshConfig:
          outboundTrafficPolicy:
            mode: REGISTRY_ONLY

- name: Render the manifests for a review, without a cluster
  meshwright.istio.istio_mesh:
    state: rendered
    version: 1.31.1
    kubernetes_version: "1.34"
    charts:
      path: files/istio-charts
    gateway_api:
      manage: false
  register: mesh

- name: Remove the mesh with all its policies
  meshwright.istio.istio_mesh:
    context: demo
    state: absent
    purge: true
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode, in order.
  returned: success, and when a step fails
  type: list
  elements: dict
  contains:
    step:
      description: What the step is about, such as C(Namespace istio-system), C(release/istiod) or C(gateway-api).
      type: str
    action:
      description: C(create), C(update), C(repair), C(recover), C(delete) or C(none).
      type: str
    reason:
      description: Why.
      type: str
    predicted_by:
      description:
        - Who predicted it. C(server), C(schema), or C(local) where part of it could not be asked of the server yet.
      type: str
    notes:
      description: How many objects it takes, and how it was carried out.
      type: list
      elements: str
  sample:
    - step: release/istiod
      action: repair
      reason: "changed since it was installed: Deployment istio-system/istiod (spec.replicas)"
      predicted_by: server
      notes: ["helm v3.22: upgraded", "compared again: as the manifest says"]
table:
  description: The steps as lines of aligned text, to be printed by C(ansible.builtin.debug).
  returned: success, unless O(state=rendered)
  type: list
  elements: str
mesh:
  description: The mesh as it is afterwards.
  returned: success, unless O(state=rendered)
  type: dict
  contains:
    version:
      description: The version of istiod.
      type: str
    mode:
      description: The mode asked for.
      type: str
    method:
      description: How it is installed.
      type: str
    namespace:
      description: The namespace of the control plane.
      type: str
    server:
      description: The URL of the API server.
      type: str
    kubernetes:
      description: The version of Kubernetes.
      type: str
    components:
      description: The release of each installed component (C(base), C(istiod), C(cni), C(ztunnel)).
      type: dict
rendered:
  description: Groups of objects in the order in which to apply them.
  returned: O(state=rendered)
  type: list
  elements: dict
  contains:
    name:
      description: The release, or C(namespaces), or C(gateway-api).
      type: str
    namespace:
      description: The release's namespace.
      type: str
    objects:
      description: The objects.
      type: list
      elements: dict
notes:
  description: What else there is to know, such as what could not be checked.
  returned: success
  type: list
  elements: str
seconds:
  description: How long the module took.
  returned: success
  type: float
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.mesh.walk import walk_mesh
from ..module_utils._intent.mesh_spec import MESH_SPEC
from ..module_utils._kube.connection import CONNECTION_SPEC
from ..module_utils._module import run_module


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**CONNECTION_SPEC, **MESH_SPEC}, supports_check_mode=True)
    run_module(module, walk_mesh)


if __name__ == "__main__":
    main()
