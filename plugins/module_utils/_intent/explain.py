# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is to be explained: the option `explain`, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._checks.explain.model import Place, Question
from .._errors import BadInput

_KINDS = {
    "pod": "Pod",
    "deployment": "Deployment",
    "deploy": "Deployment",
    "statefulset": "StatefulSet",
    "sts": "StatefulSet",
    "daemonset": "DaemonSet",
    "ds": "DaemonSet",
    "replicaset": "ReplicaSet",
    "job": "Job",
}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_EXAMPLES = {
    "pod": "shop/web-7d9f, shop/web or shop/Deployment/web",
    "from": "shop/web or shop/Deployment/web",
    "to": "shop/cart or shop/cart:8080",
    "gateway": "ingress/public",
}


def question_of(params: Mapping[str, Any]) -> Question:
    """From `{pod}`, `{from, to}`, `{to}` or `{gateway}`; raises BadInput for what is no question."""
    given = {name: str(params[name]).strip() for name in _EXAMPLES if params.get(name)}
    unknown = sorted(set(params) - set(_EXAMPLES))
    if unknown:
        raise BadInput(f"`explain` knows no {unknown[0]}.", hint="It takes pod, from and to, or gateway.")
    if not given:
        raise BadInput("`explain` says nothing.", hint="Give pod, from and to, to alone, or gateway.")
    asked = [name for name in ("pod", "to", "gateway") if name in given]
    if len(asked) > 1:
        raise BadInput(
            f"`explain` has both {asked[0]} and {asked[1]}: that is more than one question.",
            hint="Ask one of pod, from and to, or gateway in each task.",
        )
    if "from" in given and "to" not in given:
        raise BadInput(
            "`explain.from` is there without `explain.to`.", hint="Name the Service that it calls, such as shop/cart."
        )
    places = {name: _place(name, text) for name, text in given.items()}
    return Question(places.get("pod"), places.get("from"), places.get("to"), places.get("gateway"))


def _place(option: str, text: str) -> Place:
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise BadInput(
            f"`explain.{option}` is {text!r}, and has to be namespace/name.", hint=f"Such as {_EXAMPLES[option]}."
        )
    kind, name, port = "", parts[-1], ""
    if len(parts) == 3:
        kind = _kind(option, parts[1])
    if option == "to":
        name, colon, port = name.partition(":")
        if colon and not port:
            raise BadInput(
                f"`explain.to` is {text!r}: after the colon there is no port.", hint="Such as shop/cart:8080."
            )
    for part in (parts[0], name):
        if not _NAME.fullmatch(part):
            raise BadInput(
                f"`explain.{option}` is {text!r}, and {part!r} is no name of Kubernetes.",
                hint=f"Such as {_EXAMPLES[option]}.",
            )
    return Place(parts[0], name, kind, port)


def _kind(option: str, given: str) -> str:
    if option == "to":
        if given.lower() in ("service", "svc"):
            return ""
        raise BadInput(f"`explain.to` names a {given}, and is for a Service.", hint=f"Such as {_EXAMPLES['to']}.")
    if option == "gateway":
        if given.lower() in ("gateway", "gateway.gateway.networking.k8s.io"):
            return ""
        if given.lower() == "gateway.networking.istio.io":
            return "Gateway.networking.istio.io"
        raise BadInput(f"`explain.gateway` names a {given}, and is for a Gateway.", hint="Such as ingress/public.")
    kind = _KINDS.get(given.lower())
    if kind is None:
        raise BadInput(
            f"`explain.{option}` names the kind {given}, which is no workload.",
            hint=f"Kinds are {', '.join(dict.fromkeys(_KINDS.values()))}.",
        )
    return kind
