# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each of urllib3's exceptions means for a request."""

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._kube.transport import transport_error
from urllib3 import HTTPConnectionPool, exceptions
from urllib3.connection import HTTPConnection

POOL, CONNECTION = HTTPConnectionPool("x"), HTTPConnection("x")
CERTIFICATE = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
PLAIN = "[SSL: WRONG_VERSION_NUMBER] wrong version number"
CASES: dict[str, tuple[Exception, str, bool, bool]] = {
    "refused": (exceptions.NewConnectionError(CONNECTION, "failed"), "connection failed", False, False),
    "no such name": (exceptions.NameResolutionError("x", CONNECTION, OSError()), "cannot be resolved", False, False),  # type: ignore[arg-type]
    "connecting takes too long": (exceptions.ConnectTimeoutError(), "connecting timed out", False, False),
    "no answer in time": (exceptions.ReadTimeoutError(POOL, "/", "late"), "did not answer in time", True, False),
    "reset": (exceptions.ProtocolError("Connection aborted.", ConnectionResetError()), "connection broke", True, False),
    "certificate": (exceptions.SSLError(CERTIFICATE), "not trusted", False, True),
    "plain HTTP": (exceptions.SSLError(PLAIN), "TLS failed", False, True),
    "TLS handshake": (exceptions.SSLError("_ssl.c: handshake failure"), "TLS failed", False, False),
    "TLS breaks in the middle": (
        exceptions.SSLError("EOF occurred in violation of protocol"),
        "TLS failed",
        True,
        False,
    ),
    "proxy": (exceptions.ProxyError("Unable to connect to proxy", OSError("refused")), "proxy failed", False, False),
    "certificate behind a proxy": (
        exceptions.ProxyError(CERTIFICATE, OSError(CERTIFICATE)),
        "not trusted",
        False,
        True,
    ),
    "no URL": (exceptions.LocationParseError("x"), "not a URL", False, True),
}


@pytest.mark.parametrize(("error", "said", "maybe_done", "fatal"), CASES.values(), ids=CASES)
def test_transport_error(error: Exception, said: str, maybe_done: bool, fatal: bool) -> None:
    seen = transport_error(error, "https://x")
    assert said in str(seen)
    assert (seen.maybe_done, seen.fatal) == (maybe_done, fatal)
