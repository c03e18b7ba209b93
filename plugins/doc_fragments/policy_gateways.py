# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short forms in `gateways`; their spec is `GATEWAYS_SPEC` in `_intent/policy_gateways.py`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.policy_gateways`."""

    DOCUMENTATION = r"""
options:
  gateways:
    description:
      - Hosts that are reached from outside, by a gateway of the Gateway API or of Istio's own, and its routes.
      - A gateway goes past waypoints, unless a Service is labelled C(istio.io/ingress-use-waypoint=true), which is not
        done here.
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
          - The name of the gateway and its routes.
        type: str
        required: true
      api:
        description:
          - V(gateway_api) makes C(Gateway), C(HTTPRoute) or C(TLSRoute), and C(ReferenceGrant) where one is needed.
          - V(istio) makes Istio's C(Gateway) and C(VirtualService).
        type: str
        choices: [gateway_api, istio]
        default: gateway_api
      hosts:
        description:
          - Fully qualified names. One may begin with V(*.), and V(*) alone is for all.
        type: list
        elements: str
        required: true
      gateway:
        description:
          - A gateway that is there, as C(name) or C(namespace/name). Then only the routes are made.
        type: str
      section:
        description:
          - The listener of O(gateways[].gateway) to attach to. All that fit, if not given.
        type: str
      class:
        description:
          - The C(GatewayClass), C(istio) if not given.
        type: str
      selector:
        description:
          - Labels of the pods of a gateway of Istio's own API, needed there.
        type: dict
      port:
        description:
          - The port to listen on. The default is 443 with O(gateways[].tls), 80 without.
        type: int
      routes_from:
        description:
          - From which namespaces routes may be attached to the Gateway.
        type: str
        choices: [same, all]
        default: same
      tls:
        description:
          - How connections are encrypted. They are not, if not given.
        type: dict
        suboptions:
          mode:
            description:
              - V(simple) ends TLS at the gateway, V(mutual) wants a certificate of the client too, V(passthrough)
                leaves it to the service.
            type: str
            required: true
            choices: [simple, mutual, passthrough]
          credential:
            description:
              - The Secret with the certificate, as C(name) or C(namespace/name), for V(mutual) with C(ca.crt) in it.
              - For Istio's own API it must be in the namespace of the gateway's pods, and is named without one.
            type: str
      redirect_https:
        description:
          - Redirect what comes unencrypted at O(gateways[].http_port).
        type: bool
        default: false
      http_port:
        description:
          - The port from which O(gateways[].redirect_https) redirects.
        type: int
        default: 80
      routes:
        description:
          - Where requests go. The most specific one that matches is taken, in whatever order they are written.
        type: list
        elements: dict
        suboptions:
          prefix:
            description: The beginning of the path, in whole segments. All paths, if neither is given.
            type: str
          path:
            description: The whole path.
            type: str
          method:
            description: The request's method.
            type: str
          headers:
            description: Values of headers that the request must have.
            type: dict
          service:
            description: The Service to go to.
            type: str
            required: true
          namespace:
            description: Its namespace. The default is that of the element.
            type: str
          port:
            description: Its port.
            type: int
            required: true
          rewrite:
            description: What takes the place of the prefix, or of the path.
            type: str
          timeout:
            description: How long the request may take, such as V(10s).
            type: str
"""
