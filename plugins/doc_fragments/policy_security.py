# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short forms for who may talk to whom: the option `security` of `mesh_policy`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.policy_security`."""

    DOCUMENTATION = r"""
options:
  security:
    description:
      - Who may talk to a workload, and how they prove who they are.
      - Sidecars are chosen by selectors. Behind a waypoint what needs HTTP, or the identity of clients, is attached
        to the Service or to the waypoint by C(targetRefs), and ztunnel gets the rest. Without a waypoint ztunnel
        enforces what it can tell of a connection, and everything else is refused with the reason.
      - C(docs/intents/security.md) lists both expansions of each short form.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: The namespace of what is protected. By default that of the task.
        type: str
      mesh:
        description:
          - For all of the mesh; the objects go to its root namespace, O(istio_namespace).
          - Policies of the whole mesh reach every ztunnel, and no waypoint. So only O(security[].mtls),
            O(security[].default_deny) and rules of ports are possible unless an element of O(data_planes) without
            C(namespaces) says what the mesh is.
        type: bool
        default: false
      name:
        description:
          - What the objects' names begin with. By default the service, the gateway, or the values of the labels of
            the workload.
        type: str
      service:
        description:
          - The Service whose pods are protected. Without O(security[].service), O(security[].workload) and
            O(security[].gateway) it is the whole namespace.
          - Its pods are known from the cluster. For rendering without one, and for a Service that is yet to come,
            give their labels in O(security[].workload) beside it.
        type: str
      workload:
        description: The labels of the pods that are protected.
        type: dict
      gateway:
        description:
          - A Gateway of the Gateway API in the same namespace, whatever data plane that has, for clients from outside
            the mesh; or a waypoint with all that is behind it.
        type: str
      mtls:
        description: Mutual TLS for connections to the pods, as a C(PeerAuthentication).
        type: dict
        suboptions:
          mode:
            description:
              - V(strict) lets only mutual TLS in, V(permissive) plain text too, V(disable) plain text only, which
                only sidecars can.
            type: str
            choices: [strict, permissive, disable]
          ports:
            description:
              - Modes of single ports of the workload, by the port's number. Only for a service or a workload.
            type: dict
      allow:
        description:
          - Who alone may connect. What one rule says must all hold, and one rule is enough.
          - An C(AuthorizationPolicy). A rule without fields allows everything.
        type: list
        elements: dict
        suboptions:
          service_accounts:
            description:
              - Service accounts of clients, as C(namespace/name), or C(name) for one of the same namespace. The name
                may end in V(*) or be it; V(*) alone is anybody with an identity.
            type: list
            elements: str
          not_service_accounts:
            description: Clients with other service accounts than these, and those without an identity.
            type: list
            elements: str
          principals:
            description:
              - Identities of clients as Istio has them, such as V(cluster.local/ns/shop/sa/web); for what
                O(security[].allow[].service_accounts) cannot say.
            type: list
            elements: str
          not_principals:
            description: Clients with other identities than these, and those without one.
            type: list
            elements: str
          namespaces:
            description: Namespaces of clients, as their identities say.
            type: list
            elements: str
          not_namespaces:
            description: Clients of other namespaces than these, and those without an identity.
            type: list
            elements: str
          ip_blocks:
            description: Addresses of clients as the connection has them, such as V(10.1.0.0/16).
            type: list
            elements: str
          not_ip_blocks:
            description: Clients with other addresses than these.
            type: list
            elements: str
          remote_ip_blocks:
            description: Addresses of clients as C(X-Forwarded-For) or the proxy protocol tell them. HTTP.
            type: list
            elements: str
          not_remote_ip_blocks:
            description: Clients with other such addresses than these. HTTP.
            type: list
            elements: str
          request_principals:
            description: Identities that a JWT proves, C(issuer/subject). V(*) is any. HTTP.
            type: list
            elements: str
          not_request_principals:
            description: Requests without one of these identities. V(*) means those without a valid JWT. HTTP.
            type: list
            elements: str
          ports:
            description: The workload's ports, which behind a waypoint are translated to those of the Service.
            type: list
            elements: int
          not_ports:
            description: Other ports than these.
            type: list
            elements: int
          methods:
            description: Methods such as V(GET). HTTP.
            type: list
            elements: str
          not_methods:
            description: Other methods than these. HTTP.
            type: list
            elements: str
          paths:
            description: Paths, such as V(/status) or V(/api/*). HTTP.
            type: list
            elements: str
          not_paths:
            description: Other paths than these. HTTP.
            type: list
            elements: str
          hosts:
            description: Hosts that are asked for. HTTP.
            type: list
            elements: str
          not_hosts:
            description: Other hosts than these. HTTP.
            type: list
            elements: str
          when:
            description: Conditions that must all hold. One with a key that is not about the connection is HTTP.
            type: list
            elements: dict
            suboptions:
              key:
                description: An attribute, such as V(request.headers[x-team]) or V(source.ip).
                type: str
                required: true
              values:
                description: Values of which it must have one.
                type: list
                elements: str
              not_values:
                description: Values that it must not have.
                type: list
                elements: str
      deny:
        description:
          - Who may not connect, whatever is allowed. What one rule says must all hold, and one rule is enough.
        type: list
        elements: dict
        suboptions:
          service_accounts:
            description:
              - Service accounts of clients, as C(namespace/name), or C(name) for one of the same namespace. The name
                may end in V(*) or be it; V(*) alone is anybody with an identity.
            type: list
            elements: str
          not_service_accounts:
            description: Clients with other service accounts than these, and those without an identity.
            type: list
            elements: str
          principals:
            description:
              - Identities of clients as Istio has them, such as V(cluster.local/ns/shop/sa/web); for what
                O(security[].deny[].service_accounts) cannot say.
            type: list
            elements: str
          not_principals:
            description: Clients with other identities than these, and those without one.
            type: list
            elements: str
          namespaces:
            description: Namespaces of clients, as their identities say.
            type: list
            elements: str
          not_namespaces:
            description: Clients of other namespaces than these, and those without an identity.
            type: list
            elements: str
          ip_blocks:
            description: Addresses of clients as the connection has them, such as V(10.1.0.0/16).
            type: list
            elements: str
          not_ip_blocks:
            description: Clients with other addresses than these.
            type: list
            elements: str
          remote_ip_blocks:
            description: Addresses of clients as C(X-Forwarded-For) or the proxy protocol tell them. HTTP.
            type: list
            elements: str
          not_remote_ip_blocks:
            description: Clients with other such addresses than these. HTTP.
            type: list
            elements: str
          request_principals:
            description: Identities that a JWT proves, C(issuer/subject). V(*) is any. HTTP.
            type: list
            elements: str
          not_request_principals:
            description: Requests without one of these identities. V(*) means those without a valid JWT. HTTP.
            type: list
            elements: str
          ports:
            description: The workload's ports, which behind a waypoint are translated to those of the Service.
            type: list
            elements: int
          not_ports:
            description: Other ports than these.
            type: list
            elements: int
          methods:
            description: Methods such as V(GET). HTTP.
            type: list
            elements: str
          not_methods:
            description: Other methods than these. HTTP.
            type: list
            elements: str
          paths:
            description: Paths, such as V(/status) or V(/api/*). HTTP.
            type: list
            elements: str
          not_paths:
            description: Other paths than these. HTTP.
            type: list
            elements: str
          hosts:
            description: Hosts that are asked for. HTTP.
            type: list
            elements: str
          not_hosts:
            description: Other hosts than these. HTTP.
            type: list
            elements: str
          when:
            description: Conditions that must all hold. One with a key that is not about the connection is HTTP.
            type: list
            elements: dict
            suboptions:
              key:
                description: An attribute, such as V(request.headers[x-team]) or V(source.ip).
                type: str
                required: true
              values:
                description: Values of which it must have one.
                type: list
                elements: str
              not_values:
                description: Values that it must not have.
                type: list
                elements: str
      default_deny:
        description:
          - Nobody may connect who is not allowed to by another policy. An C(AuthorizationPolicy) that allows nothing.
        type: bool
        default: false
      jwt:
        description:
          - JSON Web Tokens that are valid. A C(RequestAuthentication), which refuses invalid tokens and lets requests
            without any pass.
          - O(security[].jwt.required) and O(security[].jwt.claims) add an C(AuthorizationPolicy) that denies requests
            without one.
        type: dict
        suboptions:
          issuer:
            description: Who issues the tokens, as their C(iss) has it.
            type: str
            required: true
          jwks_uri:
            description: Where the issuer's public keys are. By default the issuer is asked.
            type: str
          jwks:
            description: The public keys themselves, a JSON Web Key Set. Private keys are refused.
            type: raw
          audiences:
            description: Audiences of which the token must be for one. By default any.
            type: list
            elements: str
          from_headers:
            description: Headers that hold the token. By default C(Authorization), after C(Bearer).
            type: list
            elements: dict
            suboptions:
              name:
                description: The header.
                type: str
                required: true
              prefix:
                description: What comes before the token, with its blank.
                type: str
          from_params:
            description: Parameters of the query that hold the token.
            type: list
            elements: str
          from_cookies:
            description: Cookies that hold the token.
            type: list
            elements: str
          forward:
            description: Whether the workload gets the token too.
            type: bool
            default: false
          payload_header:
            description: A header that gives the workload the token's payload, in base64.
            type: str
          required:
            description: Deny requests without a valid token.
            type: bool
            default: false
          claims:
            description:
              - Claims and their values, of which a token must have one for each claim; without a token requests are
                denied.
              - A nested claim is written V([outer][inner]).
            type: dict
          ports:
            description:
              - The workload's ports that require a token. By default all, of which those without HTTP are then
                closed.
            type: list
            elements: int
          paths:
            description: Paths that require a token. By default all.
            type: list
            elements: str
          not_paths:
            description: Paths that require none.
            type: list
            elements: str
      external_authorization:
        description: Ask an authorizer first. An C(AuthorizationPolicy) with the action C(CUSTOM).
        type: dict
        suboptions:
          provider:
            description: The C(extensionProvider) of the mesh's configuration.
            type: str
            required: true
          ports:
            description: The workload's ports for whose requests it is asked.
            type: list
            elements: int
          methods:
            description: Methods for which it is asked.
            type: list
            elements: str
          paths:
            description: Paths for which it is asked. By default all.
            type: list
            elements: str
          not_paths:
            description: Paths for which it is not asked.
            type: list
            elements: str
          hosts:
            description: Hosts for which it is asked.
            type: list
            elements: str
          not_hosts:
            description: Hosts for which it is not asked.
            type: list
            elements: str
      protect:
        description:
          - Behind a waypoint, let the pods be reached through it alone, so that nobody gets round what it enforces.
            Sidecars and ingress gateways do, unless the Service is labelled C(istio.io/ingress-use-waypoint=true).
          - Clients that O(security[].allow) names by rules without HTTP may still connect directly, if the element
            says nothing else.
          - Required with O(security[].allow) where O(security[].default_deny) closes the pods. Nothing to do for
            sidecars.
        type: bool
        default: false
      waypoint_service_account:
        description:
          - The service account of the waypoint, C(namespace/name), where its Gateway names another than its own.
        type: str
      trust_domain:
        description:
          - The trust domain of service accounts. ztunnel takes it literally, while for Envoy V(cluster.local) is the
            mesh's own. V(*) is any.
        type: str
        default: cluster.local
"""
