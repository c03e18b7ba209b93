# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Websockets to the API server. The only importer of `websocket`, which the `kubernetes` package brings.

The package's own port-forward starts a thread that nobody can wait for, and passes on no impersonation and no time-out.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from .answers import Response
from .retries import TransportError

HAS_WEBSOCKET = True
try:
    import websocket
except ImportError:
    HAS_WEBSOCKET = False


class WebSocket(Protocol):
    """What is used of an open websocket: binary messages both ways."""

    def settimeout(self, timeout: float) -> None: ...

    def send_binary(self, payload: bytes) -> int: ...

    def recv(self) -> bytes | str: ...

    def close(self, status: int = ..., reason: bytes = ..., timeout: int = ...) -> None: ...


class Refused(Exception):
    """The server answered the request for a websocket with something else; `response` is that."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server proves who it is, and we who we are; paths of PEM files."""

    verify: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None

    def options(self) -> dict[str, Any]:
        """The same for the websocket package."""
        found: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE}
        if self.verify:
            found["check_hostname"] = True
            if self.ca_file:
                found["ca_certs"] = self.ca_file
        else:
            found["check_hostname"] = False
        for key, value in (
            ("certfile", self.cert_file),
            ("keyfile", self.key_file),
            ("server_hostname", self.server_name),
        ):
            if value:
                found[key] = value
        return found


def open_websocket(
    url: str, *, tls: Tls, headers: list[tuple[str, str]], proxy: str, protocol: str, timeout: float
) -> WebSocket:
    """Connect; `url` is the API server's http(s) URL, `timeout` is in seconds and counts for each wait.

    Raises TransportError when no connection came about, Refused when the server declined.
    """
    if not HAS_WEBSOCKET:
        raise TransportError(
            "the Python package websocket-client is missing",
            maybe_done=False,
            fatal=True,
            hint="pip install websocket-client; the kubernetes package asks for it.",
        )
    # The package looks for proxies in the environment, unless it is given one, if only to pass it by.
    options: dict[str, Any] = {"http_proxy_host": "none", "http_proxy_port": 1, "http_no_proxy": ["*"]}
    if proxy:
        split = urlsplit(proxy)
        options = {
            "http_proxy_host": split.hostname,
            "http_proxy_port": split.port,
            "proxy_type": split.scheme,
            # Whether to go by the proxy was decided already; what the environment says has no part in it.
            "http_no_proxy": [""],
        }
        if split.username:
            options["http_proxy_auth"] = (split.username, split.password or "")
    opened: Any = websocket.WebSocket(sslopt=tls.options(), skip_utf8_validation=True)
    try:
        opened.connect(
            "ws" + url.removeprefix("http"),
            header=[f"{name}: {value}" for name, value in headers],
            subprotocols=[protocol],
            suppress_origin=True,
            timeout=timeout,
            **options,
        )
    except websocket.WebSocketBadStatusException as error:
        body = getattr(error, "resp_body", None) or b""
        # It writes the names of headers small, others look for them as they are spelt.
        seen = {str(name).title(): str(value) for name, value in (error.resp_headers or {}).items()}
        raise Refused(Response(error.status_code, bytes(body), seen)) from error
    except ssl.SSLCertVerificationError as error:
        raise TransportError(
            f"its certificate is not trusted ({error.verify_message or error})",
            maybe_done=False,
            fatal=True,
            hint="Give the CA with `ca_cert` (K8S_AUTH_SSL_CA_CERT) or in the kubeconfig.",
        ) from error
    except (websocket.WebSocketException, OSError, ValueError) as error:
        raise broken(error) from error
    found: WebSocket = opened
    return found


def broken(error: Exception) -> TransportError:
    """The TransportError for an exception of an open, or opening, websocket."""
    if isinstance(error, TimeoutError) or type(error).__name__ == "WebSocketTimeoutException":
        return TransportError("it did not answer in time")
    return TransportError(f"the connection broke ({str(error) or type(error).__name__})")
