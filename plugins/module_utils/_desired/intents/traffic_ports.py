# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The ports of a Service that a waypoint routes by HTTP. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .traffic_model import Traffic

# Istio's names of protocols that no HTTPRoute is for, as `appProtocol` or as a port's name up to its first dash.
_NOT_HTTP = frozenset({"tcp", "tls", "https", "udp", "mongo", "mysql", "redis", "kubernetes.io/wss"})
# Where nothing says the protocol, Istio takes these for TCP: SMTP, DNS, MySQL, MongoDB.
_TCP_PORTS = frozenset({25, 53, 3306, 27017})


@dataclass(frozen=True, slots=True)
class Port:
    """A Service's port; `target` is a number or a name."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target: int | str = 0
    app_protocol: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Port:
        """From a Service's."""
        return cls(
            given["port"],
            given.get("name") or "",
            given.get("protocol") or "TCP",
            given.get("targetPort") or 0,
            given.get("appProtocol") or "",
        )

    def obj(self) -> dict[str, Any]:
        """As a Service says it, with what the server would fill in."""
        found: dict[str, Any] = {"port": self.port, "protocol": self.protocol, "targetPort": self.target or self.port}
        if self.name:
            found["name"] = self.name
        if self.app_protocol:
            found["appProtocol"] = self.app_protocol
        return found

    @property
    def http(self) -> bool:
        """Whether it speaks HTTP, or may: Istio finds out where it is not said."""
        said = (self.app_protocol or self.name.partition("-")[0]).lower()
        return self.protocol == "TCP" and said not in _NOT_HTTP and not (not said and self.port in _TCP_PORTS)


def ports_of(service: Mapping[str, Any]) -> list[Port]:
    """The ports of a Service, which may be one that nobody has checked yet."""
    given = (service.get("spec") or {}).get("ports") or ()
    return [Port.of(each) for each in given if isinstance(each, Mapping) and isinstance(each.get("port"), int)]


def http_ports(traffic: Traffic, live: Mapping[str, Any] | None) -> list[Port]:
    """The ports that the host's routes are for: `port`, or all that may speak HTTP. Notes it when there are none.

    Without the live Service the port has its own number as target, and the name `http`.
    """
    service = traffic.host.service
    if live is None:
        if not traffic.port:
            traffic.element.wrong(
                f"the Service {service} is not there to be read: apply it first, or give `port`, and for versions"
                " `selector`."
            )
        return [Port(traffic.port, "http")]
    ports = ports_of(live)
    found = [port for port in ports if (port.port == traffic.port if traffic.port else port.http)]
    if not found:
        listed = ", ".join(f"{port.port} {port.app_protocol or port.name}".strip() for port in ports) or "none"
        wanted = f"port {traffic.port}" if traffic.port else "port for HTTP"
        traffic.element.wrong(f"the Service {service} has no {wanted}; it has {listed}.")
    return found
