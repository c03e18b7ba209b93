# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Explaining: one question, answered from one snapshot. Pure.

The steps stand in the order in which an expert would look. Whatever comes after the first broken one is shown as far as
it can be judged; `broken_at` names the first.
"""

from __future__ import annotations

from .. import sources as names
from ..policy.seen import SOURCE_OF
from ..snapshot import Snapshot
from .gateway import gateway_steps
from .model import Explanation, Question, concluded
from .path import path_steps
from .pod import pod_steps
from .sight import Sight, guarded

_MESH = (
    "namespaces",
    "nodes",
    "istiods",
    "daemonsets",
    "component_pods",
    "mutating_webhooks",
    "validating_webhooks",
    "services",
    "endpoint_slices",
    "autoscalers",
    "disruption_budgets",
    "proxies",
    "sail_ztunnels",
    "sail_revisions",
    names.PODS,
    names.ALL_SERVICES,
    names.ROOT_CERTIFICATES,
    names.MESH_CONFIGS,
    names.ISTIOD_SYNC,
    names.ISTIOD_LOGS,
)
_AMBIENT = (names.ZTUNNEL_DUMPS,)


def sources(question: Question) -> tuple[str, ...]:
    """The names of the sources that answering reads."""
    policy = tuple(SOURCE_OF.values())
    return tuple(dict.fromkeys((*_MESH, *(() if question.gateway else _AMBIENT), *policy)))


def explain(snapshot: Snapshot, question: Question) -> Explanation:
    """The answer. Raises BadInput, with names that are close, for a pod, workload or Gateway that does not exist."""
    sight = Sight(snapshot, question)
    if question.pod is not None:
        pod = question.pod
        steps = guarded("exists", "The pod is there", lambda: pod_steps(sight, sight.workload(pod, "pod")))
    elif question.gateway is not None:
        gateway = question.gateway
        steps = guarded("gateway", "The Gateway", lambda: gateway_steps(sight, gateway))
    elif question.target is not None:
        target = question.target
        steps = guarded("client", "The way", lambda: path_steps(sight, question.source, target))
    else:
        raise ValueError("a question without a pod, a gateway or a target")
    return concluded(question, steps)
