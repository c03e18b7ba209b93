# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `explain`: what is a question, and what is told of what is none."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.model import Place, Question
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.explain import question_of


@pytest.mark.parametrize(
    ("params", "question"),
    [
        ({"pod": "shop/web-1"}, Question(pod=Place("shop", "web-1"))),
        ({"pod": "shop/deploy/web", "to": None}, Question(pod=Place("shop", "web", "Deployment"))),
        (
            {"from": "shop/StatefulSet/db", "to": "shop/cart:grpc"},
            Question(source=Place("shop", "db", "StatefulSet"), target=Place("shop", "cart", port="grpc")),
        ),
        ({"to": "observability/service/kiali:20001"}, Question(target=Place("observability", "kiali", port="20001"))),
        ({"gateway": "ingress/public"}, Question(gateway=Place("ingress", "public"))),
        (
            {"gateway": "ingress/gateway.networking.istio.io/public"},
            Question(gateway=Place("ingress", "public", "Gateway.networking.istio.io")),
        ),
    ],
)
def test_questions(params: dict[str, Any], question: Question) -> None:
    assert question_of(params) == question


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "says nothing"),
        ({"pod": None, "to": ""}, "says nothing"),
        ({"pod": "web"}, r"'web', and has to be namespace/name\. Such as shop/web"),
        ({"pod": "shop/"}, "has to be namespace/name"),
        ({"pod": "a/b/c/d"}, "has to be namespace/name"),
        ({"pod": "shop/web", "to": "shop/cart"}, "both pod and to"),
        ({"gateway": "a/b", "to": "shop/cart"}, "both to and gateway"),
        ({"from": "shop/web"}, "without `explain.to`"),
        ({"from": "shop/web", "pod": "shop/web"}, "without `explain.to`"),
        ({"to": "shop/cart:"}, "after the colon"),
        ({"pod": "shop/Web"}, "'Web' is no name of Kubernetes"),
        ({"pod": "shop/Service/web"}, "kind Service, which is no workload"),
        ({"to": "shop/Deployment/web"}, "is for a Service"),
        ({"gateway": "shop/Service/web"}, "is for a Gateway"),
        ({"service": "shop/web"}, "knows no service"),
    ],
)
def test_what_is_none(params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        question_of(params)
