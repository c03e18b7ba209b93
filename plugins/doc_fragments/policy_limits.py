# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short forms in `limits`; their spec is `LIMITS_SPEC` in `_intent/policy_limits.py`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.policy_limits`."""

    DOCUMENTATION = r"""
options:
  limits:
    description:
      - Rate limits, as one C(EnvoyFilter) for each element.
      - In ambient they are refused. Without a waypoint nothing could count requests, and on waypoints Istio does not
        support C(EnvoyFilter); see O(limits[].unsupported).
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
          - The object's name. The default is what it is for, with V(-limit).
        type: str
      workload:
        description:
          - Labels of pods with sidecars. Beside O(limits[].service) they say what the Service selects.
        type: dict
      service:
        description:
          - The name of a Service, whose pods are limited. All of the namespace, if nothing is named.
        type: str
      gateway:
        description:
          - The name of a Gateway of the Gateway API in the namespace.
        type: str
      gateway_workload:
        description:
          - Labels of the pods of a gateway of Istio's own API.
        type: dict
      unsupported:
        description:
          - Make an C(EnvoyFilter) for a waypoint, although Istio does not support that and it may stop in any release.
        type: bool
        default: false
      local:
        description:
          - What each proxy lets through on each of its ports, by itself.
        type: dict
        suboptions:
          requests:
            description: How many requests.
            type: int
            required: true
          per:
            description: In which time, such as V(1s) or V(1m), at least V(50ms).
            type: str
            required: true
          burst:
            description: How many at once after a quiet time. As many as C(requests), if not given.
            type: int
          rules:
            description:
              - Further limits of some requests. All conditions of a rule must hold. Rules should not overlap.
            type: list
            elements: dict
            suboptions:
              prefix:
                description: The beginning of the path.
                type: str
              path:
                description: The whole path, without the query.
                type: str
              method:
                description: The request's method.
                type: str
              headers:
                description: Values of headers that the request must have.
                type: dict
              requests:
                description: How many requests.
                type: int
                required: true
              per:
                description: In which time, a multiple of O(limits[].local.per), which is the default.
                type: str
              burst:
                description: How many at once after a quiet time. As many as C(requests), if not given.
                type: int
          status:
            description: The refusal's HTTP status, 400 to 599. 429, if not given.
            type: int
          headers:
            description: Headers of the refusal.
            type: dict
          enforce:
            description: V(false) only counts what would be refused, in the proxies' statistics.
            type: bool
            default: true
      global:
        description:
          - What a rate limit service lets through, which all proxies ask.
        type: dict
        suboptions:
          domain:
            description: The domain of the service's own configuration.
            type: str
            required: true
          service:
            description: The service and its gRPC port, such as V(ratelimit.limits.svc:8081).
            type: str
            required: true
          descriptors:
            description:
              - What the service is asked about. It refuses a request when one of them is over its limit.
            type: list
            elements: dict
            required: true
            suboptions:
              entries:
                description: The parts of the descriptor, as the service's configuration nests them.
                type: list
                elements: dict
                required: true
                suboptions:
                  key:
                    description: The entry's key.
                    type: str
                  value:
                    description: A constant.
                    type: str
                  header:
                    description:
                      - The header whose value it is, V(:path) for the path. A request without it is not counted.
                    type: str
                  prefix:
                    description: Take the constant only for paths that begin so.
                    type: str
                  remote_address:
                    description: The client's address, as key C(remote_address).
                    type: bool
          timeout:
            description: How long to wait for the service. 20ms, if not given.
            type: str
          fail_closed:
            description: Refuse requests when the service does not answer.
            type: bool
            default: false
"""
