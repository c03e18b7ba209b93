# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short forms for the traffic of a host: the option `traffic` of `mesh_policy`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.policy_traffic`."""

    DOCUMENTATION = r"""
options:
  traffic:
    description:
      - How requests to a host are routed, and what connections to it are like. One element holds all that is said of
        its host.
      - With sidecars it becomes one C(VirtualService) and one C(DestinationRule) with a subset for each version.
        Behind a waypoint it becomes an C(HTTPRoute) attached to the Service, a C(Service) for each version, and a
        C(DestinationRule) for each of these Services.
      - Without a waypoint, ambient traffic knows no requests, and all of this is refused. What a waypoint cannot do
        is refused too, with the reason; C(docs/intents/traffic.md) lists both expansions of each short form.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - The Service, by its name, or fully qualified such as V(reviews.bookinfo.svc.cluster.local).
          - With sidecars and gateways also a host outside the cluster that a C(ServiceEntry) names.
        type: str
        required: true
      namespace:
        description:
          - The namespace of the objects. By default that of the task.
          - Behind a waypoint it is the Service's own. With sidecars it may be another, such as that of the clients.
        type: str
      name:
        description: The name of the objects. By default O(traffic[].host).
        type: str
      gateways:
        description:
          - Istio gateways, as C(namespace/name), at which the routes hold, instead of the mesh's sidecars. Name
            V(mesh) too for both.
          - Routes at gateways alone need no data plane. V(mesh) is for sidecars only.
        type: list
        elements: str
      gateway_hosts:
        description: The hosts that clients ask these gateways for.
        type: list
        elements: str
      port:
        description:
          - The port of the Service that the routes hold for. By default all that may speak HTTP.
          - Required for a waypoint when the Service cannot be read.
        type: int
      selector:
        description:
          - The labels of all pods of the Service, which with a version's own become that version's Service, for
            waypoints. By default those of the live Service.
        type: dict
      versions:
        description:
          - The labels that tell the pods of each version, by the version's name.
          - By default the versions that O(traffic[].canary), O(traffic[].header_route) and O(traffic[].mirror) name,
            each with the label C(version).
        type: dict
      canary:
        description:
          - "The share of requests for each version, in percent, such as C({v1: 90, v2: 10}). They must sum to 100."
          - Without it, requests go to all pods of the host.
        type: dict
      header_route:
        description:
          - Requests with certain headers go elsewhere (A/B tests). The first that fits counts; what fits none is
            split as O(traffic[].canary) says.
          - A waypoint prefers more headers to fewer, so an order that says otherwise is refused there.
        type: list
        elements: dict
        suboptions:
          headers:
            description:
              - All that must match, by the header's name. A text is the exact value. For others give a dictionary of
                one of C(exact), C(prefix) and C(regex), of which the last is in RE2's syntax and for the whole value.
            type: dict
            required: true
          version:
            description: The version that serves them.
            type: str
          host:
            description: Another host that serves them.
            type: str
          port:
            description: The port of O(traffic[].header_route[].host), where it is not the same.
            type: int
      retries:
        description:
          - How often failed requests are sent again. Istio's default is two more attempts.
          - Behind a waypoint these need the experimental channel of the Gateway API's CRDs.
        type: dict
        suboptions:
          attempts:
            description: The most attempts after the first. With sidecars and gateways V(0) turns retries off.
            type: int
            required: true
          per_try_timeout:
            description: How long each attempt may take, such as V(2s). By default as long as the whole request.
            type: str
          retry_on:
            description:
              - What counts as failed. Envoy's conditions, such as V(5xx) or V(gateway-error), and HTTP codes.
              - A waypoint takes HTTP codes, V(gateway-error) and V(retriable-4xx) beside failures to connect, on
                which it always retries.
            type: list
            elements: str
      timeout:
        description:
          - How long a request may take, retries included, such as V(10s) or V(500ms). Istio's default is no limit.
        type: str
      mirror:
        description: A copy of requests goes here too, and its answers are dropped.
        type: dict
        suboptions:
          version:
            description: The version that gets the copies.
            type: str
          host:
            description: Another host that gets the copies.
            type: str
          port:
            description: The port of O(traffic[].mirror.host), where it is not the same.
            type: int
          percent:
            description: How many of the requests are copied, in percent.
            type: float
            default: 100
      fault:
        description:
          - Faults that are made on purpose, for tests. Istio leaves timeouts and retries out where it makes faults.
          - With sidecars and gateways only.
        type: dict
        suboptions:
          delay:
            description: Requests wait before they are sent on.
            type: dict
            suboptions:
              duration:
                description: How long, such as V(5s).
                type: str
                required: true
              percent:
                description: How many of the requests, in percent.
                type: float
                default: 100
          abort:
            description: Requests are answered with an error and not sent on.
            type: dict
            suboptions:
              status:
                description: The HTTP status to answer with.
                type: int
                required: true
              percent:
                description: How many of the requests, in percent.
                type: float
                default: 100
      circuit_breaker:
        description: Limits beyond which requests fail at once instead of queueing, for each version and client proxy.
        type: dict
        suboptions:
          max_connections:
            description: The most connections.
            type: int
          max_pending_requests:
            description: The most requests that wait for a connection.
            type: int
          max_requests:
            description: The most requests under way.
            type: int
          max_retries:
            description: The most retries under way.
            type: int
      outlier_detection:
        description: Pods that fail are left out for a while. Given empty, with Envoy's defaults.
        type: dict
        suboptions:
          consecutive_5xx_errors:
            description: So many 5xx answers in a row, connections that fail among them. V(0) turns this off.
            type: int
          consecutive_gateway_errors:
            description: So many answers of 502, 503 and 504 in a row. V(0) turns this off.
            type: int
          consecutive_local_origin_failures:
            description:
              - So many failures to connect in a row.
              - Needs O(traffic[].outlier_detection.split_external_local_origin_errors).
            type: int
          split_external_local_origin_errors:
            description: Whether failures to connect count by themselves.
            type: bool
          interval:
            description: How often this is looked at, such as V(10s).
            type: str
          base_ejection_time:
            description: How long a pod is left out at first, such as V(30s); each time longer.
            type: str
          max_ejection_percent:
            description: The most pods left out at a time, in percent.
            type: int
          min_health_percent:
            description: With fewer healthy pods than this, in percent, none is left out.
            type: int
      load_balancer:
        description: Which pod a request goes to.
        type: dict
        suboptions:
          algorithm:
            description: Envoy's algorithm. V(passthrough) keeps the address that the client asked for.
            type: str
            choices: [least_request, passthrough, random, round_robin]
          consistent_hash:
            description: The same pod for the same value, as long as the pods stay the same.
            type: dict
            suboptions:
              http_header_name:
                description: The value of this header.
                type: str
              http_query_parameter_name:
                description: The value of this query parameter.
                type: str
              http_cookie:
                description: The value of a cookie.
                type: dict
                suboptions:
                  name:
                    description: The cookie's name.
                    type: str
                    required: true
                  path:
                    description: Its path.
                    type: str
                  ttl:
                    description:
                      - How long it lives, if the proxy is to make it where it is missing. V(0s) is a session's.
                    type: str
              use_source_ip:
                description: The client's address.
                type: bool
              minimum_ring_size:
                description: The least size of the ring; larger spreads more evenly.
                type: int
          locality:
            description: Where the pods are preferred.
            type: dict
            suboptions:
              enabled:
                description: Whether locality counts. V(false) turns it off for this host.
                type: bool
              distribute:
                description: Shares of requests by locality.
                type: list
                elements: dict
                suboptions:
                  from:
                    description: The client's locality, C(region/zone/sub-zone), with V(*) for the rest.
                    type: str
                    required: true
                  to:
                    description: The share for each locality, in percent. They must sum to 100.
                    type: dict
                    required: true
              failover:
                description: The region to go to when the own one fails. Needs O(traffic[].outlier_detection).
                type: list
                elements: dict
                suboptions:
                  from:
                    description: The client's region.
                    type: str
                    required: true
                  to:
                    description: The region instead.
                    type: str
                    required: true
              failover_priority:
                description:
                  - Labels that a pod should share with its client, the most important first. Needs
                    O(traffic[].outlier_detection).
                type: list
                elements: str
          warmup:
            description: For how long a new pod gets fewer requests, such as V(60s).
            type: str
      connection_pool:
        description: What connections to the host are like.
        type: dict
        suboptions:
          tcp:
            description: Of TCP.
            type: dict
            suboptions:
              connect_timeout:
                description: How long connecting may take. Istio's default is V(10s).
                type: str
              idle_timeout:
                description: After how long without traffic a connection is closed. Istio's default is V(1h).
                type: str
              max_connection_duration:
                description: How long a connection may live.
                type: str
              tcp_keepalive:
                description: Probes that keep idle connections alive.
                type: dict
                suboptions:
                  probes:
                    description: How many may stay unanswered.
                    type: int
                  time:
                    description: After how long without traffic they begin.
                    type: str
                  interval:
                    description: The time between them.
                    type: str
          http:
            description: Of HTTP.
            type: dict
            suboptions:
              idle_timeout:
                description: After how long without requests a connection is closed. Istio's default is V(1h).
                type: str
              max_requests_per_connection:
                description: After how many requests a connection is closed. V(1) turns keep-alive off.
                type: int
              max_concurrent_streams:
                description: The most requests at a time on one connection of HTTP/2.
                type: int
              h2_upgrade_policy:
                description: Whether HTTP/1.1 goes on as HTTP/2. V(default) is what the mesh says.
                type: str
                choices: [default, do_not_upgrade, upgrade]
              use_client_protocol:
                description: Whether the protocol is the one that the client used.
                type: bool
"""
