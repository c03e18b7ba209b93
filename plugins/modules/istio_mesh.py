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
  - meshwright.istio.mesh
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
  kubernetes_version:
    description: The Kubernetes version to render for. Required with O(state=rendered), and ignored otherwise.
    type: str
  render_as:
    description:
      - What O(state=rendered) returns.
      - V(manifests) are the objects that O(method) would apply, the charts rendered or the operator's resources.
      - V(argocd) are Argo CD Applications, V(flux) are Flux's HelmRepository, HelmRelease and Kustomization,
        with their order of installation and without drift over what istiod writes itself.
    type: str
    version_added: 0.2.0
    choices: [manifests, argocd, flux]
    default: manifests
  gitops:
    description: Names for O(render_as=argocd) and O(render_as=flux).
    type: dict
    version_added: 0.2.0
    suboptions:
      namespace:
        description: The namespace of the rendered resources. By default C(argocd) or C(flux-system).
        type: str
      project:
        description: The Argo CD project.
        type: str
        default: default
      server:
        description: The cluster's API server, as Argo CD knows it.
        type: str
        default: https://kubernetes.default.svc
      interval:
        description: How often Flux looks.
        type: str
        default: 10m
  migrate:
    description:
      - Hand the mesh over to O(method) where the other one installed it. istiod, istio-cni and ztunnel stay the objects
        they are; policies, CRDs and certificates are not touched. RV(notes) says what restarts.
      - A run that was interrupted goes on when the task is run again, or back with the other O(method).
      - Otherwise the task fails and says who installed the mesh. What was installed by C(istioctl), or by Helm under
        other names, is a matter of O(take_ownership).
    type: bool
    version_added: 0.2.0
    default: false
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
  - module: meshwright.istio.mesh_upgrade
  - module: meshwright.istio.mesh_verify
"""

EXAMPLES = r"""
- name: Install an ambient mesh
  meshwright.istio.istio_mesh:
    context: demo
    version: 1.31.1
    cluster_name: homelab

- name: Install a mesh by revisions, with a tag that namespaces name
  meshwright.istio.istio_mesh:
    context: demo
    version: 1.31.1
    update_strategy: revision_based
    tags:
      - name: prod

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

- name: An ambient mesh by the Sail Operator, each version a revision of its own
  meshwright.istio.istio_mesh:
    context: homelab
    method: sail
    update_strategy: revision_based
    version: 1.30.3
    cluster_name: homelab

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
      description:
        - What the step is about, such as C(Namespace istio-system), C(release/istiod), C(gateway-api), C(tag/default).
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
next:
  description: What to do next, where this module leaves a part to M(meshwright.istio.mesh_upgrade).
  returned: when a new version was installed, or would be, beside the one in use
  type: str
mesh:
  description: The mesh as it is afterwards.
  returned: success, unless O(state=rendered)
  type: dict
  contains:
    version:
      description: The version of istiod; of the revision in use, where there are several.
      type: str
    revisions:
      description: This mesh's control planes, with the version of each; C(default) is the one in place.
      type: dict
      sample: {default-v1-31-1: 1.31.1}
    active:
      description: The newest of them, which new configuration goes to.
      type: str
    serving:
      description: The revision that workloads are meant to be on.
      type: str
    tags:
      description: Revision tags of this mesh, with the revision of each.
      type: dict
      sample: {default: default-v1-31-1}
    stale:
      description: Revisions beside the one in use that nothing uses. The canary of an upgrade is one at first.
      type: list
      elements: str
    others:
      description: Control planes of other meshes in the cluster, as C(namespace/revision).
      type: list
      elements: str
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
      description:
        - The release of each installed component (C(base), C(istiod), C(cni), C(ztunnel)).
        - With O(method=sail), the resource of each with its C(version), C(state) and C(conditions), and C(operator).
      type: dict
rendered:
  description:
    - Groups of objects in the order in which to apply them.
    - With O(render_as=argocd) and O(render_as=flux) they are for the GitOps tool's own repository. No credentials are
      among them; RV(notes) names the Secrets they refer to. O(charts.path) cannot be rendered this way.
  returned: O(state=rendered)
  type: list
  elements: dict
  contains:
    name:
      description:
        - The release, or C(namespaces), C(gateway-api), C(sources) (Flux's repositories), or what the resources of the
          Sail Operator are for (C(istio), C(istio-cni), C(ztunnel), C(tags)).
      type: str
    namespace:
      description: The release's namespace, or that of the GitOps tool's resource; empty where objects say it.
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
