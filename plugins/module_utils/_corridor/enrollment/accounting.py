# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the data plane costs now: proxies from their pods, page by page, and what they use where that is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._checks.proxies import Amount, PodKey, Proxy, proxy_of, usage_of
from ..._checks.resources import Account, account
from ..._errors import ApiError, Forbidden, NotFound
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..collecting import without_collecting
from ..snapshot_pages import paged
from ..snapshot_pods import PROXY_LABEL

_METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
# ztunnel's pods have no canonical name.
_LABELS = (PROXY_LABEL, "app=ztunnel")
# Seconds: an aggregated API that is down is not worth waiting for.
_METRICS_WAIT = 5.0

_Usage = dict[PodKey, dict[str, Amount]]


def account_resources(client: Client, *, captured: Mapping[str, int] | None = None) -> Account:
    """What the cluster's proxies request and use. `captured`: ambient pods by namespace, who share what ztunnel costs.

    What may not be read is told in the account. Raises Unreachable or Unauthorized.
    """
    jobs: list[Callable[[], Any]] = [
        *(lambda labels=labels: _proxies(client, labels) for labels in _LABELS),
        *(lambda labels=labels: _usage(client, labels) for labels in _LABELS),
        lambda: _nodes(client),
    ]
    with without_collecting():
        try:
            *lists, nodes = client.many(lambda job: job(), jobs)
        except Forbidden as error:
            return Account(unread=str(error))
    proxies: list[Proxy] = [*lists[0], *lists[1]]
    usage: _Usage = {}
    reasons = []
    for found, reason in lists[2:]:
        usage |= found
        reasons += [reason] if reason else []
    return account(proxies, usage=usage, unmeasured=reasons[0] if reasons else "", nodes=nodes, captured=captured)


def _proxies(client: Client, labels: str) -> list[Proxy]:
    return [each for each in paged(client, kinds.POD.path(), labels, proxy_of) if each is not None]


def _nodes(client: Client) -> int | None:
    try:
        return len(client.list(kinds.NODE, metadata_only=True))
    except Forbidden:
        return None


def _usage(client: Client, labels: str) -> tuple[_Usage, str]:
    """What pods with these labels use, or why that is not known."""
    asking = client.with_deadline(Deadline(min(_METRICS_WAIT, client.deadline.left())))
    try:
        answer = asking.raw("GET", _METRICS, query={"labelSelector": labels}).json()
        return usage_of(answer.get("items") or ()), ""
    except NotFound:
        return {}, "the cluster serves no metrics.k8s.io"
    except (ApiError, ValueError) as error:
        return {}, f"metrics.k8s.io: {error}"
