# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short forms in `telemetry`; their spec is `TELEMETRY_SPEC` in `_intent/policy_telemetry.py`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.policy_telemetry`."""

    DOCUMENTATION = r"""
options:
  telemetry:
    description:
      - Access logs, traces and metric tags, as one C(Telemetry) for each element.
      - An element is for the mesh, for a namespace, or for a workload, a Service or a gateway in it. Two for the same
        proxies are refused, since istiod reads one of them.
      - In ambient a waypoint is needed, since ztunnel reads no C(Telemetry).
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
          - The object's name. The default is what it is for, V(default) for a namespace, V(mesh-default) for the mesh.
        type: str
      mesh:
        description:
          - For all of the mesh, in its root namespace.
        type: bool
      workload:
        description:
          - Labels of pods with sidecars. Beside O(telemetry[].service) they say what the Service selects.
        type: dict
      service:
        description:
          - The name of a Service. With sidecars its selector is used, with a waypoint a reference to it.
        type: str
      gateway:
        description:
          - The name of a Gateway of the Gateway API in the namespace, an ingress gateway or a waypoint.
        type: str
      access_log:
        description:
          - What to log of each request or connection.
        type: dict
        suboptions:
          providers:
            description:
              - The mesh's C(extensionProviders) to log to. Those of the mesh by default, if not given.
            type: list
            elements: str
          filter:
            description:
              - An expression in CEL that is true for what to log, such as V(response.code >= 400).
            type: str
          side:
            description:
              - Log at the client's or at the server's proxy only. Both, if not given.
            type: str
            choices: [client, server]
          disabled:
            description:
              - Whether to log nothing.
            type: bool
      tracing:
        description:
          - Which requests to trace.
        type: dict
        suboptions:
          provider:
            description:
              - One of the mesh's C(extensionProviders). That of the mesh by default, if not given.
            type: str
          sampling:
            description:
              - The percentage of requests to trace, 0 to 100.
            type: float
          tags:
            description:
              - Tags for every span. They replace all that wider elements give.
            type: list
            elements: dict
            suboptions:
              name:
                description: The tag's name.
                type: str
                required: true
              value:
                description: A constant.
                type: str
              header:
                description: The name of a request's header whose value it is.
                type: str
              environment:
                description: The name of the proxy's environment variable whose value it is.
                type: str
              default:
                description: The value where there is no such header or variable.
                type: str
          side:
            description:
              - Trace at the client's or at the server's proxy only. Both, if not given.
            type: str
            choices: [client, server]
          disabled:
            description:
              - Whether to report no spans.
            type: bool
      metric_tags:
        description:
          - Tags of metrics to set or remove, and metrics to leave out.
        type: list
        elements: dict
        suboptions:
          metric:
            description:
              - One of Istio's metrics, such as V(request_count), in any case; or the name of another metric.
            type: str
            default: ALL_METRICS
          provider:
            description:
              - The provider of the metrics.
            type: str
            default: prometheus
          tags:
            description:
              - Expressions by the tags' names, such as V(request.url_path), or V("'v1'") for a constant.
                A tag whose value is null is removed.
            type: dict
          side:
            description:
              - Those that the client's or the server's proxy reports only. Both, if not given.
            type: str
            choices: [client, server]
          disabled:
            description:
              - Whether to leave the metric out.
            type: bool
"""
