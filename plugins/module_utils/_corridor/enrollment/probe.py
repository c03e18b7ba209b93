# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Asking the server itself whether a namespace's workloads would be injected: by dry runs of their pods.

Nothing is written: a dry run goes through the webhooks, Pod Security and quotas as the pod itself would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._checks import mesh, naming
from ..._checks.policy.scene import MUTATING
from ..._checks.snapshot import Obj, Snapshot, Source, annotations_of, dig, labels_of, name_of
from ..._desired.enrollment.blocker import Blocker
from ..._desired.enrollment.blockers_table import blocked
from ..._desired.enrollment.journey import wanted_labels
from ..._desired.enrollment.model import DEFAULT, INJECT_LABEL, REVISION_LABEL, STATUS_ANNOTATION
from ..._desired.enrollment.move import Move
from ..._errors import ApiError, Forbidden, NotFound, Unauthorized, Unreachable
from ..._kube.client import Client
from ..workloads import RESTART_ANNOTATION, Workload
from .probe_answers import Answer, refusal
from .probe_quota import Fitted, no_room
from .survey import Survey

_MOST = 50
_PROXY = "istio-proxy"
# Some quotas want every container to say.
_LITTLE = {"cpu": "1m", "memory": "1Mi"}
# What the strictest Pod Security level lets in: stands for workloads to come.
_MODEL: Mapping[str, Any] = {
    "metadata": {},
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "registry.example/app:1",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "runAsNonRoot": True,
                    "runAsUser": 1000,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "resources": {"requests": _LITTLE, "limits": _LITTLE},
            }
        ]
    },
}


def injected(client: Client, survey: Survey, move: Move, workloads: Sequence[Workload]) -> list[Blocker]:
    """Why pods of these workloads would not get the proxy that the move to sidecars is for, or could not be made.

    Of at most 50 workloads, those with a template, a pod is tried; without any a model pod. Of what could not be
    asked `survey.unread` tells. Raises Unreachable or Unauthorized.
    """
    return _Probe(client, survey, move).blockers(workloads)


class _Probe:
    def __init__(self, client: Client, survey: Survey, move: Move) -> None:
        self.client = client
        self.survey = survey
        self.move = move
        self.where = f"Namespace {move.namespace}"
        hooks = tuple(survey.scene.all(MUTATING))
        self.hooks = mesh.injectors(Snapshot.of([Source("mutating_webhooks", hooks)]))
        self.labels = dict(survey.scene.namespaces.get(move.namespace) or {})
        target = wanted_labels(move.namespace, self.labels, move.now, move.goal)
        merged = {**self.labels, **target}
        self.then = {key: value for key, value in merged.items() if value is not None}

    def blockers(self, workloads: Sequence[Workload]) -> list[Blocker]:
        asked: list[tuple[str, Workload | None, Obj]] = [
            (one.ref, one, template) for one in workloads if (template := self._template(one)) is not None
        ]
        if not workloads:
            asked = [(self.where, None, _MODEL)]
        found: list[Blocker] = []
        tried = []
        for where, one, template in asked[:_MOST]:
            if self.hooks and (told := self._never_reached(template)):
                found.append(blocked("not-injected", self.move.namespace, where, told))
            elif (pod := self._pod(template)) is not None:
                tried.append((where, one, pod))
        # Where the injector does not answer, once is enough: each asking waits for it.
        answers = [self._ask(pod) for _where, _one, pod in tried[:1]]
        if answers and answers[0].silent:
            return [*found, blocked("injector-failed", self.move.namespace, self.where, answers[0].message)]
        answers += self.client.many(lambda each: self._ask(each[2]), tried[1:])
        fitted: list[Fitted] = []
        for (where, one, pod), answer in zip(tried, answers, strict=True):
            if answer.unread:
                self._unread(answer.unread)
            elif answer.id and (answer.id != "quota" or one is not None):
                found.append(blocked(answer.id, self.move.namespace, where, answer.message))
            elif answer.pod is not None and not _has_proxy(answer.pod):
                message = "a pod of it, made by a dry run, gets no proxy"
                found.append(blocked("not-injected", self.move.namespace, where, message))
            elif answer.pod is not None and one is not None:
                fitted.append(Fitted(one, pod, answer.pod))
        if any(answer.pod is not None and not _is_native(answer.pod) for answer in answers):
            found += self._never_ending()
        return [*found, *no_room(self.survey, self.move.namespace, fitted)]

    def _never_ending(self) -> list[Blocker]:
        """CronJobs whose pods would have a proxy that outlives what they run."""
        found = []
        for owner in self.survey.owners.get(self.move.namespace, ()):
            template = dig(owner, "spec", "jobTemplate", "spec", "template")
            if owner.get("kind") == "CronJob" and isinstance(template, Mapping) and not _opts_out(template):
                message = "its pods would never end: here proxies are no native sidecars, and run on"
                where = f"CronJob {self.move.namespace}/{name_of(owner)}"
                found.append(blocked("job", self.move.namespace, where, message))
        return found

    def _template(self, one: Workload) -> Obj | None:
        """The pod template, but for those that the injector leaves out for good reason."""
        for owner in self.survey.owners.get(one.namespace, ()):
            if owner.get("kind") == one.kind and dig(owner, "metadata", "name") == one.name:
                template = dig(owner, "spec", "template")
                if not isinstance(template, Mapping) or dig(template, "spec", "hostNetwork") or _opts_out(template):
                    return None
                return template
        return None

    def _never_reached(self, template: Obj) -> str:
        """Why no webhook will answer for these pods once the namespace is labelled as it shall be; "" if one will."""
        later, wanted = naming.injecting(self.hooks, self.then, labels_of(template)), self.move.expects.revision
        if later and (not wanted or wanted in later):
            return ""
        told = f"only {', '.join(sorted(later))}" if later else "none"
        return f"of the webhooks that inject, {told} would answer for its pods, not that of revision {wanted}"

    def _pod(self, template: Obj) -> dict[str, Any] | None:
        """The pod to try, with labels by which the injector answers; None where it cannot before the move is made."""
        labels = self._asking(dict(labels_of(template)))
        if labels is None:
            self._unread(
                f"No webhook that injects answers in {self.where} by the labels that it has now. So it is not known "
                "whether pods would be injected there."
            )
            return None
        annotations = {key: value for key, value in annotations_of(template).items() if key != RESTART_ANNOTATION}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": "meshwright-probe-",
                "namespace": self.move.namespace,
                "labels": labels,
                "annotations": annotations,
            },
            "spec": template["spec"],
        }

    def _asking(self, labels: dict[str, str]) -> dict[str, str] | None:
        """As the namespace is not labelled yet, the pod has to ask itself.

        One that another revision injects now is tried with that: its answer differs in little.
        """
        name = self.move.goal.revision or (self.move.now.revision if self.move.now.mode == "sidecar" else DEFAULT)
        itself = {**labels, INJECT_LABEL: "true"}
        tries = [labels, itself, {**labels, REVISION_LABEL: name}]
        if not self.hooks:
            # They could not be read.
            return labels if self.move.now.mode == "sidecar" else tries[2] if name != DEFAULT else itself
        answered = [naming.injecting(self.hooks, self.labels, each) for each in tries]
        for wanted in ({self.move.expects.revision}, None):
            for each, who in zip(tries, answered, strict=True):
                if who == wanted or (wanted is None and who):
                    return each
        return None

    def _ask(self, pod: Mapping[str, Any]) -> Answer:
        try:
            return Answer(pod=self.client.create(pod, dry_run=True))
        except Unauthorized:
            raise
        except (Forbidden, NotFound) as error:
            return Answer(unread=f"{error.message} So it is not known whether pods would be injected.")
        except ApiError as error:
            answer = refusal(error, self.move.goal.pod_security)
            if answer is None and isinstance(error, Unreachable):
                raise
            return answer or Answer(id="pod-refused", message=f"a new pod of it is refused: {error.message}")

    def _unread(self, told: str) -> None:
        if told not in self.survey.unread:
            self.survey.unread = (*self.survey.unread, told)


def _is_native(pod: Obj) -> bool:
    """Whether the proxy is a native sidecar, which ends when the pod's containers have."""
    return not any(one.get("name") == _PROXY for one in dig(pod, "spec", "containers") or ())


def _opts_out(template: Obj) -> bool:
    return labels_of(template).get(INJECT_LABEL, annotations_of(template).get(INJECT_LABEL)) == "false"


def _has_proxy(pod: Obj) -> bool:
    every = (*(dig(pod, "spec", "containers") or ()), *(dig(pod, "spec", "initContainers") or ()))
    return bool(annotations_of(pod).get(STATUS_ANNOTATION)) and any(one.get("name") == _PROXY for one in every)
