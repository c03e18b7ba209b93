# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What went wrong on the wire, in words, and whether the request may have been carried out all the same. Pure.

Exceptions of urllib3 are told by their classes' names, so that this needs no import of it.
"""

from __future__ import annotations

from .retries import TransportError


def transport_error(error: Exception, server: str) -> TransportError:
    """The TransportError for an exception of urllib3."""
    classes = {cls.__name__ for cls in type(error).__mro__}
    text = str(getattr(error, "original_error", None) or error)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return TransportError(
            f"its certificate is not trusted ({text})",
            maybe_done=False,
            fatal=True,
            hint="Give the CA with `ca_cert` (K8S_AUTH_SSL_CA_CERT) or in the kubeconfig.",
        )
    if "SSLError" in classes:
        plain = "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text
        hint = "Does it speak HTTPS?" if plain else ""
        # TLS may also break after the request went out.
        shaking_hands = plain or "handshake" in text.lower()
        return TransportError(f"TLS failed ({text})", maybe_done=not shaking_hands, fatal=plain, hint=hint)
    if classes & {"LocationParseError", "URLSchemeUnknown"}:
        return TransportError(f"{server} is not a URL one can connect to", maybe_done=False, fatal=True)
    if "NameResolutionError" in classes or "Name or service not known" in text:
        return TransportError("its name cannot be resolved", maybe_done=False)
    if "NewConnectionError" in classes:
        cause = error.__cause__ or error.__context__
        return TransportError(str(getattr(cause, "strerror", None) or "connection failed"), maybe_done=False)
    if "ProxyError" in classes:
        return TransportError(f"the proxy failed ({text})", maybe_done=False)
    if "ReadTimeoutError" in classes:
        return TransportError("it did not answer in time")
    if "ConnectTimeoutError" in classes:
        return TransportError("connecting timed out", maybe_done=False)
    return TransportError(f"the connection broke ({text})")
