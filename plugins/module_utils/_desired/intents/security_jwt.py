# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""JSON Web Tokens: which are valid, and which requests must have one. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..._errors import BadInput
from .security_rules import Obj, condition

# Members of a JSON Web Key that only its owner may have (RFC 7518, 6.2.2, 6.3.2 and 6.4).
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")


def rule(asked: Mapping[str, Any]) -> Obj:
    """The `jwtRules` entry. Raises BadInput."""
    if not asked["issuer"]:
        raise BadInput("issuer is empty.")
    for option in ("audiences", "from_headers", "from_params", "from_cookies", "claims"):
        if asked.get(option) is not None and not asked[option]:
            raise BadInput(f"{option} is empty.", hint="Leave it out, or name some.")
    uri = asked.get("jwks_uri")
    if uri is not None and not str(uri).startswith(("http://", "https://")):
        raise BadInput(f"jwks_uri is {uri!r}, no address by http or https.")
    if not (uri or asked.get("jwks") or str(asked["issuer"]).startswith(("http://", "https://"))):
        raise BadInput(
            f"nothing says where the keys of {asked['issuer']!r} are: it is no address at which to ask.",
            hint="Give `jwks_uri` or `jwks`.",
        )
    found: Obj = {"issuer": asked["issuer"]}
    if asked.get("audiences"):
        found["audiences"] = list(asked["audiences"])
    if uri:
        found["jwksUri"] = uri
    if asked.get("jwks"):
        found["jwks"] = _key_set(asked["jwks"])
    if asked.get("from_headers"):
        found["fromHeaders"] = [
            {key: value for key, value in each.items() if value is not None} for each in asked["from_headers"]
        ]
    for option, field in (("from_params", "fromParams"), ("from_cookies", "fromCookies")):
        if asked.get(option):
            found[field] = list(asked[option])
    if asked.get("payload_header"):
        found["outputPayloadToHeader"] = asked["payload_header"]
    if asked.get("forward"):
        found["forwardOriginalToken"] = True
    return found


def required(asked: Mapping[str, Any], operation: Obj) -> list[Obj]:
    """The rules of a DENY for requests that show no token, or not the claims; empty where none is asked for.

    A DENY, since ALLOW policies add up: beside any other the token would be one of several ways in. Claims are asked
    for one by one: each names the values of which one will do. Raises BadInput.
    """
    claims = asked.get("claims") or {}
    if not asked.get("required") and not claims:
        if operation:
            raise BadInput("ports and paths say which requests need a token.", hint="Give `required: true`.")
        return []
    to = {"to": [{"operation": operation}]} if operation else {}
    rules: list[Obj] = [{"from": [{"source": {"notRequestPrincipals": ["*"]}}], **to}]
    for name, values in claims.items():
        texts = [values] if isinstance(values, str) else values
        if not name or not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
            raise BadInput(f"claims: {name} has no usable values.", hint="Give a list of texts.")
        key = f"request.auth.claims{name if name.startswith('[') else f'[{name}]'}"
        rules.append({**to, "when": [condition(key, None, texts)]})
    return rules


def _key_set(given: Any) -> str:
    """The key set as Istio takes it, a text of JSON. Raises BadInput, which never holds a key."""
    parsed = given
    if isinstance(given, str):
        try:
            parsed = json.loads(given)
        except ValueError:
            raise BadInput("jwks is no JSON.", hint="Give a key set, {keys: [...]}.") from None
    keys = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise BadInput("jwks is no key set.", hint="Give an object with a list of `keys`.")
    if any(member in key for key in keys for member in _PRIVATE):
        raise BadInput("jwks holds a private key, which anybody who reads the policy could sign with.")
    return given if isinstance(given, str) else json.dumps(given, sort_keys=True, separators=(",", ":"))
