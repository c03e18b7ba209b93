# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Envoy's rate limit filters, as `limits` configures them. Pure.

Each is written with its own type, not as a TypedStruct: so istiod's webhook knows it, and refuses what Envoy would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._errors import BadInput
from .texts import Element, host, milliseconds, port

_TYPE = "type.googleapis.com/envoy.extensions.filters.http."
_ALL = {"numerator": 100, "denominator": "HUNDRED"}
_NONE = {"numerator": 0, "denominator": "HUNDRED"}
_SHORTEST = 50
Given = Mapping[str, Any]


def local(element: Element, given: Given) -> dict[str, Any]:
    """`envoy.filters.http.local_ratelimit`: a token bucket, and one more for each rule."""
    interval = element.read("local.per", _interval, given["per"])
    value: dict[str, Any] = {
        "@type": f"{_TYPE}local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "http_local_rate_limiter",
        "token_bucket": _bucket(element, "local", given, interval),
        "filter_enabled": {"runtime_key": "local_rate_limit_enabled", "default_value": _ALL},
        "filter_enforced": {
            "runtime_key": "local_rate_limit_enforced",
            "default_value": _NONE if given.get("enforce") is False else _ALL,
        },
    }
    if given.get("status") is not None:
        if not 400 <= given["status"] <= 599:
            element.wrong(f"local.status: {given['status']} is no refusal; give 400 to 599, or leave it out for 429.")
        value["status"] = {"code": given["status"]}
    if given.get("headers"):
        value["response_headers_to_add"] = [
            {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "header": {"key": str(name), "value": str(text)}}
            for name, text in given["headers"].items()
        ]
    rules = given.get("rules") or ()
    if rules:
        value["rate_limits"] = [{"actions": [_matched(element, index, rule)]} for index, rule in enumerate(rules)]
        value["descriptors"] = [_descriptor(element, index, rule, interval) for index, rule in enumerate(rules)]
    return {"name": "envoy.filters.http.local_ratelimit", "typed_config": value}


def _interval(text: str) -> int:
    found = milliseconds(text)
    if found < _SHORTEST:
        raise BadInput(f"Envoy refills no more often than every {_SHORTEST}ms.")
    return found


def _bucket(element: Element, option: str, given: Given, interval: int | None) -> dict[str, Any]:
    requests = given["requests"]
    burst = given.get("burst") or requests
    if requests < 1:
        element.wrong(f"{option}.requests: {requests} is no number of requests; give at least 1.")
    if burst < requests:
        element.wrong(f"{option}.burst: {burst} is fewer than the {requests} requests that are let through each time.")
    seconds = f"{(interval or 0) / 1000:g}s"
    return {"max_tokens": burst, "tokens_per_fill": requests, "fill_interval": seconds}


def _key(index: int) -> str:
    return f"rule-{index}"


def _matched(element: Element, index: int, rule: Given) -> dict[str, Any]:
    """The action that gives a request the rule's descriptor, if it matches."""
    headers: list[dict[str, Any]] = []
    for option, how in (("path", "exact"), ("prefix", "prefix")):
        text = rule.get(option)
        if text:
            if not text.startswith("/"):
                element.wrong(f"local.rules[{index}].{option}: {text!r} does not begin with a slash.")
            headers.append(_path(how, text))
    if rule.get("method"):
        headers.append({"name": ":method", "string_match": {"exact": rule["method"].upper()}})
    for name, text in (rule.get("headers") or {}).items():
        headers.append({"name": str(name).lower(), "string_match": {"exact": str(text)}})
    return {"header_value_match": {"descriptor_value": _key(index), "expect_match": True, "headers": headers}}


def _path(how: str, text: str) -> dict[str, Any]:
    """A match of `:path`, which has the query with it."""
    if how == "prefix":
        return {"name": ":path", "string_match": {"prefix": text}}
    return {"name": ":path", "string_match": {"safe_regex": {"regex": f"{_quoted(text)}(\\?.*)?"}}}


def _quoted(text: str) -> str:
    return "".join(f"\\{each}" if each in "\\.+*?()|[]{}^$" else each for each in text)


def _descriptor(element: Element, index: int, rule: Given, interval: int | None) -> dict[str, Any]:
    own = element.read(f"local.rules[{index}].per", _interval, rule.get("per")) or interval
    if own and interval and own % interval:
        element.wrong(f"local.rules[{index}].per: Envoy wants a multiple of `local.per`.")
    return {
        "entries": [{"key": "header_match", "value": _key(index)}],
        "token_bucket": _bucket(element, f"local.rules[{index}]", rule, own),
    }


@dataclass(frozen=True, slots=True)
class Shared:
    """`envoy.filters.http.ratelimit`: `actions` make the descriptors that the service at `host` is asked about."""

    host: str
    actions: Sequence[Mapping[str, Any]]
    config: Mapping[str, Any]

    def filter(self, *, with_actions: bool) -> dict[str, Any]:
        """The filter; with its actions inside it, Envoy 1.36 (Istio 1.28) is needed."""
        more = {"rate_limits": list(self.actions)} if with_actions else {}
        return {"name": "envoy.filters.http.ratelimit", "typed_config": {**self.config, **more}}


def shared(element: Element, given: Given, namespace: str) -> Shared:
    """From the option `global`."""
    address, _colon, number = given["service"].rpartition(":")
    found = element.read("global.service", lambda text: host(text, namespace), address or given["service"])
    if not number.isdigit() or not address:
        element.wrong(f"global.service: {given['service']!r} has no port; write it as ratelimit.limits.svc:8081.")
    else:
        element.read("global.service", port, int(number))
    full = found.text if found else ""
    if found and found.service and "." not in full:
        full = address if "." in address else f"{found.service}.{found.namespace}.svc.cluster.local"
        full = full if full.count(".") > 2 else f"{full}.cluster.local"
    config: dict[str, Any] = {
        "@type": f"{_TYPE}ratelimit.v3.RateLimit",
        "domain": given["domain"],
        "failure_mode_deny": bool(given.get("fail_closed")),
        "rate_limit_service": {
            "grpc_service": {"envoy_grpc": {"cluster_name": f"outbound|{number}||{full}", "authority": full}},
            "transport_api_version": "V3",
        },
    }
    if given.get("timeout"):
        limit = element.read("global.timeout", milliseconds, given["timeout"])
        config["timeout"] = f"{(limit or 0) / 1000:g}s"
    if not given["descriptors"] or not all(each.get("entries") for each in given["descriptors"]):
        element.wrong("global.descriptors: without entries the service is asked nothing.")
    actions = [{"actions": [_action(each) for each in descriptor["entries"]]} for descriptor in given["descriptors"]]
    return Shared(full, actions, config)


def _action(entry: Given) -> dict[str, Any]:
    if entry.get("remote_address"):
        return {"remote_address": {}}
    if entry.get("header"):
        return {"request_headers": {"header_name": entry["header"], "descriptor_key": entry["key"]}}
    if entry.get("prefix"):
        match = {"expect_match": True, "headers": [_path("prefix", entry["prefix"])]}
        return {"header_value_match": {"descriptor_key": entry["key"], "descriptor_value": entry["value"], **match}}
    return {"generic_key": {"descriptor_key": entry["key"], "descriptor_value": entry["value"]}}
