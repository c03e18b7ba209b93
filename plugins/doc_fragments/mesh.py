# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mesh shall be like: the options that `istio_mesh` and `mesh_upgrade` share."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.mesh`."""

    DOCUMENTATION = r"""
options:
  name:
    description:
      - The mesh's name. Revisions are named after it (C(default-v1-31-1)), and by O(method=sail) the C(Istio) resource.
      - Two meshes in one cluster, such as a stable and a canary one, have two names.
    type: str
    version_added: 0.2.0
    default: default
  method:
    description:
      - How Istio is installed. V(helm) uses Istio's own charts, V(sail) the Sail Operator and its resources C(Istio),
        C(IstioCNI), C(ZTunnel) and C(IstioRevisionTag).
      - The other options mean the same for both.
    type: str
    choices: [helm, sail]
    default: helm
  update_strategy:
    description:
      - V(in_place) replaces the control plane by the new version.
      - V(revision_based) runs each version as a revision of its own, named after O(name) and the version.
        A new O(version) is then installed beside the old one and nothing is moved to it;
        M(meshwright.istio.mesh_upgrade) does that, step by step.
      - An installed mesh keeps its strategy.
    type: str
    version_added: 0.2.0
    choices: [in_place, revision_based]
    default: in_place
  version:
    description:
      - The Istio version, in full, such as V(1.31.1). Required, except to remove a mesh or to look at an upgrade.
      - An installed mesh is upgraded one minor version at a time; see O(allow_version_skip), O(allow_downgrade).
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
    description:
      - The namespace of istio-cni. By default O(namespace) with O(method=helm), C(istio-cni) with O(method=sail), and
        C(kube-system) with O(platform=openshift).
    type: str
  ztunnel_namespace:
    description:
      - The namespace of ztunnel. By default O(namespace) with O(method=helm), C(ztunnel) with O(method=sail), and
        C(kube-system) with O(platform=openshift).
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
  node_agents:
    description:
      - Whether this mesh looks after istio-cni and ztunnel, of which a cluster has one each.
        Set it to V(false) for a second mesh.
    type: bool
    version_added: 0.2.0
    default: true
  tags:
    description:
      - Revision tags, which namespaces name in C(istio.io/rev) in place of a revision.
        What is not listed is left as it is.
    type: list
    version_added: 0.2.0
    elements: dict
    suboptions:
      name:
        description: The tag's name.
        type: str
        required: true
      revision:
        description: The revision it stands for. By default the one that O(version) is installed as.
        type: str
      state:
        description: Whether there shall be such a tag. One that namespaces or pods use is not removed.
        type: str
        choices: [present, absent]
        default: present
  default_tag:
    description:
      - With O(update_strategy=revision_based), keep a tag C(default), so that C(istio-injection=enabled) works and
        Istio's objects are validated. It is made where neither a tag nor a revision of this name exists.
    type: bool
    version_added: 0.2.0
    default: true
  istiod_alias:
    description:
      - With O(update_strategy=revision_based), keep a Service C(istiod) that leads to the revision in use, for clients
        that know no other name. An upgrade moves it before the old revision goes.
    type: bool
    version_added: 0.2.0
    default: false
  inactive_revision_grace:
    description: Seconds that the Sail Operator keeps a revision which nothing uses any more.
    type: int
    version_added: 0.2.0
    default: 30
  operator:
    description: The Sail Operator, with O(method=sail).
    type: dict
    version_added: 0.2.0
    suboptions:
      install:
        description:
          - Who installs it. V(helm) is its own chart, V(olm) a Subscription of the Operator Lifecycle Manager,
            V(none) means that somebody else does.
          - By default V(olm) with O(platform=openshift), else V(helm); and V(none) where one is there already that
            this module did not install.
        type: str
        choices: [helm, olm, none]
      version:
        description:
          - The operator's version. By default one that is there stays where it can install O(version); else it is the
            newest that is known to. An operator is upgraded, and never downgraded.
        type: str
      namespace:
        description: Its namespace. By default C(sail-operator), and C(openshift-operators) with O(platform=openshift).
        type: str
      charts:
        description: Where its chart C(sail-operator) comes from. By default its project's repository.
        type: dict
        suboptions:
          repository:
            description: The URL of a Helm repository that holds C(sail-operator).
            type: str
          oci:
            description: An OCI reference of the folder that holds it, starting with C(oci://).
            type: str
          path:
            description: A folder with C(sail-operator-1.30.3.tgz) or C(sail-operator).
            type: path
          username:
            description: The user name for the repository or registry.
            type: str
          password:
            description: The password for it.
            type: str
          ca_file:
            description: The CA certificate of the repository or registry.
            type: path
          validate_certs:
            description: Whether its certificate is verified.
            type: bool
            default: true
      values:
        description: Values for its chart.
        type: dict
      package:
        description: The OLM package. By default C(sailoperator), and C(servicemeshoperator3) on OpenShift.
        type: str
      channel:
        description: The OLM channel.
        type: str
        default: stable
      source:
        description: The CatalogSource. By default C(operatorhubio-catalog), and C(redhat-operators) on OpenShift.
        type: str
      source_namespace:
        description: Its namespace. By default C(olm), and C(openshift-marketplace) on OpenShift.
        type: str
      approval:
        description: Whether OLM may upgrade the operator by itself. V(Manual) keeps O(operator.version).
        type: str
        choices: [Automatic, Manual]
        default: Manual
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
"""
