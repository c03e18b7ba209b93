# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short forms in `egress`; their spec is `EGRESS_SPEC` in `_intent/policy_egress.py`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.policy_egress`."""

    DOCUMENTATION = r"""
options:
  egress:
    description:
      - Hosts outside the mesh, as a C(ServiceEntry) for each element, and a C(DestinationRule) for each host where
        proxies begin TLS.
      - Or, with O(egress[].registry_only), a C(Sidecar) that lets through only what the mesh knows.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description:
          - The namespace. The default is the task's own O(namespace).
        type: str
      name:
        description:
          - The objects' name. The default is the first host; for a C(Sidecar) V(default), or the workload's labels.
        type: str
      hosts:
        description:
          - Fully qualified names. One may begin with V(*.).
        type: list
        elements: str
      ports:
        description:
          - The hosts' ports.
        type: list
        elements: dict
        suboptions:
          number:
            description: The port that clients connect to.
            type: int
            required: true
          protocol:
            description: What clients speak.
            type: str
            required: true
            choices: [HTTP, HTTPS, HTTP2, GRPC, TLS, TCP, MONGO]
          name:
            description: The port's name. The default is made of protocol and number, such as V(http-80).
            type: str
          target_port:
            description: The port at the host, where it is another.
            type: int
      resolution:
        description:
          - How proxies find the hosts' addresses. The default is V(dns), and V(none) for wildcards.
          - V(dynamic_dns) is for wildcards, and needs a waypoint in ambient.
        type: str
        choices: [dns, dns_round_robin, static, none, dynamic_dns]
      endpoints:
        description:
          - Addresses to go to in place of the hosts, needed by O(egress[].resolution=static).
        type: list
        elements: str
      addresses:
        description:
          - Virtual addresses, or ranges, by which the hosts are known.
        type: list
        elements: str
      export_to:
        description:
          - The namespaces that see the hosts, V(.) for its own. All, if not given. ztunnel does not heed it.
        type: list
        elements: str
      waypoint:
        description:
          - The waypoint, as C(name) or C(namespace/name), through which ambient clients reach the hosts.
            That of the namespace, if not given.
        type: str
      tls_origination:
        description:
          - Have proxies speak TLS to the hosts where clients do not. In ambient it needs a waypoint.
        type: dict
        suboptions:
          mode:
            description: V(mutual) shows a certificate of the client too.
            type: str
            choices: [simple, mutual]
            default: simple
          ports:
            description: Those of O(egress[].ports) for which. All that are no TLS yet, if not given.
            type: list
            elements: int
          target_port:
            description: The hosts' TLS port, for ports that name no C(target_port) themselves.
            type: int
            default: 443
          sni:
            description: The name to ask the host for. The one that the client asked for, if not given.
            type: str
          subject_alt_names:
            description: Names of which the host's certificate must have one.
            type: list
            elements: str
          credential:
            description:
              - A Secret with the authority, and the certificate for O(egress[].tls_origination.mode=mutual).
              - With sidecars it needs O(egress[].workload), and the workload's service account must be able to read it.
            type: str
      registry_only:
        description:
          - Whether sidecars refuse what the mesh does not know; V(false) lets all of it through.
          - Refused in ambient, since ztunnel reads no C(Sidecar).
        type: bool
      workload:
        description:
          - Labels of the pods that O(egress[].registry_only) or O(egress[].tls_origination) is for.
            All of the namespace, if not given.
        type: dict
"""
