#!/usr/bin/python

# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesh_info
short_description: Gather facts about a service mesh
version_added: 0.5.0
description:
  - Tells what mesh a cluster has, in one dictionary of a stable shape, to be used in conditions, loops, templates and
    inventories.
    Control planes, revisions, tags, components with their versions, gateways and waypoints, namespaces with their mode,
    the policies that there are, who is connected to istiod, certificates that end first, what proxies request, and how
    far the moves of namespaces are.
  - Works for any Istio, whoever installed it (Helm, the Sail Operator, istioctl), in sidecar and in ambient mode.
  - Judges nothing, and does not fail for what it finds. M(meshwright.istio.mesh_verify) judges.
    A cluster without a mesh gives empty lists and the mode V(none).
  - What could not be read is C(null), and RV(mesh.unread) says why, with the permission that is missing. It is never an
    empty list, so that nothing seen is not mistaken for nothing there.
    Who may not list in all namespaces is told about those where he may.
  - Reads only what the parts named in O(gather) need.
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
  gather:
    description:
      - The parts of RV(mesh) to gather, all of them by default. Fewer are faster, and need fewer permissions.
      - V(proxies) and V(certificates) ask istiod and proxies themselves, unless O(port_forward) is V(false).
    type: list
    elements: str
    choices:
      - mode
      - control_planes
      - tags
      - components
      - gateways
      - namespaces
      - policies
      - versions
      - proxies
      - certificates
      - resources
      - waves
    default:
      - mode
      - control_planes
      - tags
      - components
      - gateways
      - namespaces
      - policies
      - versions
      - proxies
      - certificates
      - resources
      - waves
  namespaces:
    description:
      - Tell about these namespaces only, and read no others than these and the mesh's own.
      - All of them by default.
    type: list
    elements: str
    default: []
  port_forward:
    description:
      - Whether to ask istiod, ztunnels and Envoys themselves, as C(istioctl) does.
      - It takes the verb C(create) on C(pods/portforward). Where that is not permitted, RV(mesh.unread) says so.
    type: bool
    default: true
  proxy_limit:
    description:
      - How many ztunnels, and how many sidecars, gateways and waypoints, are asked for their certificates at most.
    type: int
    default: 40
  read_timeout:
    description:
      - How many seconds all of the reading may take. What is not read by then is in RV(mesh.unread).
    type: int
    default: 60
seealso:
  - module: meshwright.istio.mesh_verify
  - module: meshwright.istio.istio_mesh
  - module: meshwright.istio.mesh_enrollment
"""

EXAMPLES = r"""
- name: Gather all there is to tell
  meshwright.istio.mesh_info:
  register: found

- name: Go on only with an ambient mesh whose control planes are all ready
  ansible.builtin.assert:
    that:
      - found.mesh.mode == 'ambient'
      - found.mesh.control_planes | rejectattr('ready', 'ge', 1) | length == 0
      - found.mesh.unread == {}

- name: Look at namespaces only, without asking a proxy
  meshwright.istio.mesh_info:
    gather: [namespaces]
    namespaces: [shop, media]
  register: spaces

- name: Restart what runs a proxy of another revision than its namespace asks for
  ansible.builtin.command: "kubectl -n {{ item.name }} rollout restart deployment"
  loop: "{{ spaces.mesh.namespaces | selectattr('outdated') }}"
  loop_control:
    label: "{{ item.name }}"
  changed_when: true

- name: Move what has a sidecar to ambient mode
  meshwright.istio.mesh_enrollment:
    namespaces: "{{ found.mesh.namespaces | selectattr('mode', 'eq', 'sidecar') | map(attribute='name') | list }}"
    mode: ambient

- name: Upgrade only while no proxy is behind
  meshwright.istio.mesh_upgrade:
    version: 1.31.1
    stage: shift
  when:
    - found.mesh.proxies.stale | default(1) == 0
    - found.mesh.versions.control_plane == ['1.31.1']

- name: Write what costs what into a file
  ansible.builtin.copy:
    content: "{{ found.mesh.resources.namespaces | to_nice_json }}"
    dest: /tmp/mesh-costs.json
    mode: "0644"
"""

RETURN = r"""
mesh:
  description:
    - The mesh. It has the keys that O(gather) names, and C(unread).
    - A key, or one beneath it, is C(null) when it could not be read.
  returned: when the cluster could be reached
  type: dict
  contains:
    mode:
      description: V(ambient), V(sidecar), or V(none) where there is no mesh. A mesh with both is V(ambient).
      returned: when gathered
      type: str
      sample: ambient
    control_planes:
      description: Each istiod, of any revision and in any namespace.
      returned: when gathered
      type: list
      elements: dict
      contains:
        namespace:
          description: The namespace of its Deployment.
          type: str
          sample: istio-system
        name:
          description: The name of its Deployment.
          type: str
          sample: istiod
        revision:
          description: Its revision.
          type: str
          sample: default
        version:
          description: Its version, C(null) when its image does not tell.
          type: str
          sample: 1.31.1
        replicas:
          description: How many pods are wanted.
          type: int
          sample: 2
        ready:
          description: How many of them are ready.
          type: int
          sample: 2
        ambient:
          description: Whether it serves an ambient data plane.
          type: bool
          sample: true
        tags:
          description: The revision tags that lead to it.
          type: list
          elements: str
          sample: [prod]
        in_use:
          description: Whether a tag, a namespace, a pod or a ztunnel uses it.
          type: bool
          sample: true
        cluster_name:
          description: The name that this cluster has for it.
          type: str
          sample: Kubernetes
        trust_domain:
          description: The trust domain of its identities.
          type: str
          sample: cluster.local
        root_namespace:
          description: The namespace whose policies are for the whole mesh.
          type: str
          sample: istio-system
    tags:
      description: The revision tags, whoever made them.
      returned: when gathered
      type: list
      elements: dict
      contains:
        name:
          description: Its name.
          type: str
          sample: prod
        revision:
          description: The revision that it leads to, C(null) when it leads to none. Two while it is being moved.
          type: str
          sample: 1-31-1
        namespaces:
          description: The namespaces whose labels name it; at most 1000.
          type: list
          elements: str
          sample: [shop]
    components:
      description: The DaemonSets of istio-cni and of ztunnel.
      returned: when gathered
      type: list
      elements: dict
      contains:
        component:
          description: V(istio-cni) or V(ztunnel).
          type: str
          sample: ztunnel
        namespace:
          description: The DaemonSet's namespace.
          type: str
          sample: istio-system
        name:
          description: The DaemonSet's name.
          type: str
          sample: ztunnel
        version:
          description: Its version, C(null) when its image does not tell.
          type: str
          sample: 1.31.1
        nodes:
          description: On how many nodes it is wanted.
          type: int
          sample: 3
        updated:
          description: On how many of them it is up to date.
          type: int
          sample: 3
        ready:
          description: On how many of them it is ready.
          type: int
          sample: 3
    gateways:
      description:
        - The Gateways that Istio carries out, waypoints among them; and the workloads that the injector made gateways
          of, as charts and C(istioctl) install them.
        - At most 1000.
      returned: when gathered
      type: list
      elements: dict
      contains:
        namespace:
          description: Its namespace.
          type: str
          sample: shop
        name:
          description: Its name.
          type: str
          sample: waypoint
        class:
          description: Its GatewayClass, C(null) for a workload that the injector made a gateway of.
          type: str
          sample: istio-waypoint
        role:
          description: V(waypoint), V(ingress), V(east-west) or V(egress).
          type: str
          sample: waypoint
        for:
          description: What a waypoint stands before, V(service), V(workload), V(all) or V(none). C(null) for others.
          type: str
          sample: service
        programmed:
          description: Whether istiod has programmed it. C(null) for what is no Gateway of the Gateway API.
          type: bool
          sample: true
        addresses:
          description: Where it is reached.
          type: list
          elements: str
          sample: [10.0.0.17]
        pods:
          description: How many pods it has.
          type: int
          sample: 1
        pods_ready:
          description: How many of them are ready.
          type: int
          sample: 1
        revision:
          description: The revision of its pods.
          type: str
          sample: default
        version:
          description: The version of its pods, the oldest of several.
          type: str
          sample: 1.31.1
    gateways_left_out:
      description: How many more gateways there are.
      returned: when gathered
      type: int
      sample: 0
    namespaces:
      description: The namespaces, those in the mesh first; at most 1000.
      returned: when gathered
      type: list
      elements: dict
      contains:
        name:
          description: Its name.
          type: str
          sample: shop
        mode:
          description: What its labels ask for, V(sidecar), V(ambient), V(both) of them, or V(none).
          type: str
          sample: ambient
        revision:
          description: The revision that would inject its pods now. C(null) for namespaces without sidecars.
          type: str
          sample: default
        label:
          description: The labels that decide, as they are written; C(null) without any.
          type: str
          sample: istio.io/dataplane-mode=ambient
        waypoint:
          description: The waypoint that it names, as namespace/name; C(null) without one.
          type: str
          sample: shop/waypoint
        mtls:
          description:
            - What PeerAuthentications ask of its clients, by the namespace's own or else the mesh-wide one.
              V(strict), V(permissive), V(disable), V(mixed) where those for workloads or ports say otherwise, V(unset)
              where none says anything, which is permissive, and for namespaces outside of the mesh.
          type: str
          sample: strict
        pods:
          description: How many pods it has, less those that are ending.
          type: int
          sample: 4
        sidecars:
          description: How many of them have a sidecar.
          type: int
          sample: 0
        captured:
          description: How many of them ztunnel carries.
          type: int
          sample: 3
        outside:
          description: How many of them are in neither, gateways and waypoints not counted.
          type: int
          sample: 0
        outdated:
          description: How many run a proxy of another revision than their labels lead to, or of one that is gone.
          type: int
          sample: 0
        policies:
          description: How many policies of which kind it has, as in RV(mesh.policies), less those it has none of.
          type: dict
          sample: {AuthorizationPolicy: 2, HTTPRoute: 1}
    namespaces_left_out:
      description: How many more namespaces there are.
      returned: when gathered
      type: int
      sample: 0
    policies:
      description:
        - How many objects there are of each kind that decides about traffic. C(null) for a kind that could not be read.
        - Istio's own Gateways are counted as C(Gateway.networking.istio.io); those of the Gateway API are in
          RV(mesh.gateways).
      returned: when gathered
      type: dict
      sample: {AuthorizationPolicy: 12, PeerAuthentication: 1, HTTPRoute: 7}
    versions:
      description: Which versions run, so that a skew shows. V(unknown) stands for images that do not tell.
      returned: when gathered
      type: dict
      contains:
        control_plane:
          description: Those of istiod.
          type: list
          elements: str
          sample: [1.31.1]
        cni:
          description: Those of istio-cni.
          type: list
          elements: str
          sample: [1.31.1]
        ztunnel:
          description: Those of ztunnel.
          type: list
          elements: str
          sample: [1.31.1]
        proxies:
          description: How many sidecars, gateways and waypoints run which version.
          type: dict
          sample: {1.30.3: 2, 1.31.1: 40}
    proxies:
      description: The proxies that are connected to istiod, each once.
      returned: when gathered
      type: dict
      contains:
        connected:
          description: How many there are.
          type: int
          sample: 43
        synced:
          description: How many of them have acknowledged all that they were sent.
          type: int
          sample: 43
        stale:
          description: How many have not yet.
          type: int
          sample: 0
        rejecting:
          description: How many reject something.
          type: int
          sample: 0
        by_type:
          description: How many there are of each type.
          type: dict
          sample: {sidecar: 30, router: 2, waypoint: 8, ztunnel: 3}
        unknown:
          description: Why none of this is known.
          returned: when istiod could not be asked
          type: str
          sample: istiod_sync was not read
    certificates:
      description:
        - The root certificates that namespaces are given, and the certificates of proxies that were asked; the 50 that
          end first.
      returned: when gathered
      type: list
      elements: dict
      contains:
        what:
          description: What it is.
          type: str
          sample: root certificate O=cluster.local
        where:
          description: Where it was seen.
          type: str
          sample: ConfigMap istio-ca-root-cert of 12 namespaces
        not_before:
          description: From when it holds, as RFC 3339.
          type: str
          sample: "2026-01-01T00:00:00Z"
        not_after:
          description: Until when it holds, as RFC 3339.
          type: str
          sample: "2036-01-01T00:00:00Z"
    resources:
      description: What proxies request, and use where a metrics server tells it, in all and by namespace.
      returned: when gathered
      type: dict
      contains:
        total:
          description:
            - By kind (C(sidecars), C(ztunnel), C(waypoints)) and in C(all), the number of C(proxies), what is
              C(requested) as C(cpu_millicores) and C(memory_mib), and what is C(used) in the same way, which is
              C(null) where no metrics server tells it.
          type: dict
          sample: {sidecars: {proxies: 2, requested: {cpu_millicores: 200, memory_mib: 256}, used: null}}
        namespaces:
          description:
            - The same of each namespace that has proxies; C(ztunnel_share) is its part of what ztunnel requests.
          type: dict
          sample: {shop: {sidecars: {proxies: 2, requested: {cpu_millicores: 200, memory_mib: 256}, used: null}}}
        nodes:
          description: How many nodes the cluster has.
          type: int
          sample: 3
        ztunnel_nodes:
          description: On how many of them a ztunnel runs.
          type: int
          sample: 3
        used_unknown:
          description: Why it is not told what they use.
          returned: when it is not known
          type: str
          sample: the cluster serves no metrics.k8s.io
    waves:
      description:
        - How far the moves of namespaces are that M(meshwright.istio.mesh_enrollment) wrote down, by what they are to
          become. Journals do not know which wave of a plan they are of.
      returned: when gathered
      type: list
      elements: dict
      contains:
        name:
          description: What the namespaces are to become.
          type: str
          sample: to ambient, waypoint shop/waypoint
        status:
          description: V(done), V(under way), or V(failed) when the last step of one failed.
          type: str
          sample: under way
        namespaces:
          description: The namespaces; at most 1000.
          type: list
          elements: str
          sample: [media, shop]
        total:
          description: How many namespaces there are.
          type: int
          sample: 2
        done:
          description: How many of them are through.
          type: int
          sample: 1
        stages:
          description: How many are at which stage.
          type: dict
          sample: {done: 1, restart: 1}
        from:
          description: How many came from which mode.
          type: dict
          sample: {sidecar: 2}
        workloads:
          description: How many workloads are being restarted (C(started)), and have been (C(done)).
          type: dict
          sample: {started: 1, done: 7}
        failed:
          description: Those whose last step failed; at most 1000.
          type: list
          elements: str
          sample: []
        message:
          description: Why the first of them failed.
          type: str
          sample: null
        last:
          description: When something was written last, as RFC 3339.
          type: str
          sample: "2026-11-22T02:40:00Z"
    unread:
      description: Why a source could not be read, or in part only, by its name. Empty when all was seen.
      returned: always
      type: dict
      sample:
        peer_authentications: "viewer may not list peerauthentications.security.istio.io at the cluster scope"
cluster:
  description: Which cluster this is, when it was looked at, and by which version of this collection.
  returned: when the cluster could be reached
  type: dict
  contains:
    server:
      description: The address of its API server.
      type: str
      sample: https://10.0.0.1:6443
    context:
      description: The context of the kubeconfig, empty without one.
      type: str
      sample: staging
    kubernetes:
      description: The version of its API server.
      type: str
      sample: v1.34.1
    time:
      description: When the reading began, as RFC 3339.
      type: str
      sample: "2026-11-22T02:40:00Z"
    collection:
      description: The version of this collection.
      type: str
      sample: 0.5.0
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.info import info
from ..module_utils._intent.info import INFO_SPEC, InfoIntent
from ..module_utils._kube.client import Client, Deadline
from ..module_utils._kube.connection import CONNECTION_SPEC, ConnectionOptions, connect
from ..module_utils._module import run_module

SPEC: dict[str, dict[str, Any]] = {**CONNECTION_SPEC, **INFO_SPEC}


def walk(module: AnsibleModule) -> dict[str, Any]:
    """The corridor of this module: options, context, intent, observe, result."""
    intent = InfoIntent.from_params(module.params)
    connection = connect(ConnectionOptions.from_params(module.params))
    return info(Client(connection, deadline=Deadline(intent.read_timeout)), intent)


def main() -> None:
    run_module(AnsibleModule(argument_spec=SPEC, supports_check_mode=True), walk)


if __name__ == "__main__":
    main()
