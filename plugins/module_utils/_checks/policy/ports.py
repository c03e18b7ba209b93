# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which protocol Istio takes a Service's port for: by appProtocol, else by its name. Pure."""

from __future__ import annotations

from typing import Any

PROTOCOLS = (
    "tcp",
    "udp",
    "grpc",
    "grpc-web",
    "http",
    "http_proxy",
    "http2",
    "https",
    "tls",
    "mongo",
    "redis",
    "mysql",
)
_STANDARD = ("kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss")
# Their servers speak first, so Istio does not listen to find out.
_KNOWN_PORTS = (25, 53, 3306, 27017)


def is_declared(port: Any) -> bool:
    """Whether the protocol of a Service's port (an entry of spec.ports) is told, so that nobody has to guess it."""
    if port.get("protocol") in ("UDP", "SCTP"):
        # Neither is for the mesh.
        return True
    application = port.get("appProtocol")
    name = str(application if application is not None else port.get("name") or "")
    if application in _STANDARD or name.lower().startswith("grpc-web"):
        return True
    return name.partition("-")[0].lower() in PROTOCOLS or port.get("port") in _KNOWN_PORTS
