# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of the webhooks: is somebody behind them, do they fail safely, do they leave each other alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from . import mesh, selectors
from .model import Check, Finding, NotApplicable, counted
from .snapshot import Snapshot, dig, labels_of, name_of

_CATEGORY = "webhooks"
_NAMESPACE_LABELS: tuple[dict[str, str], ...] = ({}, {"istio-injection": "enabled"}, {"istio-injection": "disabled"})
_POD_LABELS: tuple[dict[str, str], ...] = (
    {},
    {"sidecar.istio.io/inject": "true"},
    {"sidecar.istio.io/inject": "false"},
)


def webhooks(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0017."""
    injectors, validators = mesh.injectors(snapshot), mesh.validators(snapshot)
    planes = mesh.control_planes(snapshot)
    if not injectors and not validators:
        if not planes:
            raise NotApplicable("there is neither an istiod nor a webhook of Istio")
        yield Finding(
            "warning",
            "istiod has no webhooks: sidecars are not injected, and bad configuration is let in.",
            tuple(plane.ref for plane in planes),
            ("no webhook whose name ends in sidecar-injector.istio.io or validation.istio.io",),
            "Run meshwright.istio.istio_mesh with state: present.",
        )
    # What is wrong is mostly wrong with all webhooks of a configuration: say it once.
    said: set[tuple[str, str]] = set()
    for hook in (*injectors, *validators):
        injects = hook in injectors
        default = not injects and mesh.catches_unlabelled(hook)
        # Whoever stands behind the default validator is MW0019's question.
        problems = [] if default else list(_service(snapshot, hook, injects))
        problems += [*_trust(hook), *_policy(hook, injects)]
        for finding in problems:
            if (hook.ref, finding.title) not in said:
                said.add((hook.ref, finding.title))
                yield finding


def _service(snapshot: Snapshot, hook: mesh.Webhook, injects: bool) -> Iterator[Finding]:
    problem = dead_service(snapshot, hook)
    if not problem:
        return
    fails = hook.body.get("failurePolicy") != "Ignore"
    if injects:
        effect = "pods that it selects are refused" if fails else "pods that it selects start without a sidecar"
    else:
        effect = "changes to Istio's configuration are refused" if fails else "bad configuration is let in"
    yield Finding(
        "error",
        f"{hook.ref} calls a Service that cannot answer: {effect}.",
        (hook.ref,),
        (problem, f"failurePolicy {hook.body.get('failurePolicy', 'Fail')}"),
        f"Bring that istiod back, or, if its revision is gone, kubectl delete {_resource(injects)} "
        f"{name_of(hook.configuration)}",
    )


def dead_service(snapshot: Snapshot, hook: mesh.Webhook) -> str:
    """Why nobody answers behind a webhook's Service; empty when somebody does, or when it calls a URL."""
    if hook.service is None:
        return ""
    return mesh.nobody_behind(snapshot, *hook.service)


def _trust(hook: mesh.Webhook) -> Iterator[Finding]:
    if hook.service is None or dig(hook.body, "clientConfig", "caBundle"):
        return
    yield Finding(
        "error",
        f"{hook.ref} has no caBundle: the API server cannot trust istiod, so every call fails.",
        (hook.ref,),
        (f"webhook {hook.name}", f"failurePolicy {hook.body.get('failurePolicy', 'Fail')}"),
        "istiod fills it in once it runs: look at its log for 'webhook', and at what else manages this field (GitOps).",
    )


def _policy(hook: mesh.Webhook, injects: bool) -> Iterator[Finding]:
    if hook.body.get("failurePolicy", "Fail") == "Fail":
        return
    yield Finding(
        "warning",
        f"{hook.ref} has failurePolicy Ignore: while istiod is away, "
        + ("pods start without their sidecar." if injects else "bad configuration is let in."),
        (hook.ref,),
        (f"webhook {hook.name}",),
        "istiod sets Fail itself once it can be reached; if it stays, something else manages the field.",
    )


def overlaps(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0018."""
    injectors = mesh.injectors(snapshot)
    if not injectors:
        raise NotApplicable("there are no injectors")
    real = {name_of(item): labels_of(item) for item in snapshot.items("namespaces")}
    revisions = _revisions(injectors)
    synthetic = [dict(base) for base in _NAMESPACE_LABELS]
    synthetic += [{**base, "istio.io/rev": revision} for base in _NAMESPACE_LABELS for revision in revisions]
    pods = [dict(base) for base in _POD_LABELS]
    pods += [{**base, "istio.io/rev": revision} for base in _POD_LABELS for revision in revisions]
    # by the configurations that overlap: the namespaces where it happens today, and labels with which it would
    today: dict[tuple[str, ...], set[str]] = {}
    possible: dict[tuple[str, ...], list[str]] = {}
    for name, labels in real.items():
        # a pod without labels of Istio's stands for what runs there
        both = _both(injectors, labels, {})
        if both:
            today.setdefault(_configurations(both), set()).add(name)
    for labels in (*synthetic, *real.values()):
        for pod in pods:
            both = _both(injectors, labels, pod)
            example = f"namespace {_shown(labels)}, pod {_shown(pod)}: {', '.join(both)}"
            if both and example not in possible.setdefault(_configurations(both), []):
                possible[_configurations(both)].append(example)
    for configurations, examples in sorted(possible.items()):
        namespaces = sorted(today.get(configurations, ()))
        yield Finding(
            "error" if namespaces else "warning",
            f"Injectors overlap: one pod would be injected more than once, by {' and '.join(configurations)}"
            + (f", today in {counted(len(namespaces), 'namespace')}." if namespaces else "."),
            (
                *(f"MutatingWebhookConfiguration {name}" for name in configurations),
                *(f"Namespace {name}" for name in namespaces),
            ),
            tuple(examples),
            "Keep one injector for each revision or tag: delete the stale configuration, or move the tag.",
        )


def _configurations(both: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({entry.partition("/")[0] for entry in both}))


def _both(injectors: list[mesh.Webhook], namespace: Mapping[str, str], pod: Mapping[str, str]) -> tuple[str, ...]:
    """The webhooks that would all take this pod, when there is more than one."""
    found = tuple(
        f"{name_of(hook.configuration)}/{hook.name}"
        for hook in injectors
        if selectors.matches(hook.body.get("namespaceSelector"), namespace)
        and selectors.matches(hook.body.get("objectSelector"), pod)
    )
    return found if len(found) > 1 else ()


def _revisions(injectors: list[mesh.Webhook]) -> list[str]:
    """Every revision and tag that the injectors' labels and selectors name."""
    found = set()
    for hook in injectors:
        found.add(labels_of(hook.configuration).get("istio.io/rev", ""))
        for selector in (hook.body.get("namespaceSelector") or {}, hook.body.get("objectSelector") or {}):
            found.add((selector.get("matchLabels") or {}).get("istio.io/rev", ""))
            for expression in selector.get("matchExpressions") or ():
                if expression.get("key") == "istio.io/rev":
                    found.update(expression.get("values") or ())
    return sorted(found - {""})


def default_validator(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0019."""
    found = [hook for hook in mesh.validators(snapshot) if mesh.catches_unlabelled(hook)]
    if not found:
        planes = mesh.require_control_planes(snapshot)
        yield Finding(
            "warning",
            "There is no default validator: Istio configuration that names no revision is not validated.",
            tuple(plane.ref for plane in planes),
            ("no validating webhook of Istio takes objects without the label istio.io/rev",),
            "Create the tag default (Sail: IstioRevisionTag default; Helm: values.base.defaultRevision).",
        )
    for hook in found:
        problem = dead_service(snapshot, hook)
        if problem:
            fails = hook.body.get("failurePolicy") != "Ignore"
            yield Finding(
                "error",
                f"The default validator {name_of(hook.configuration)} points at nobody: "
                + ("no Istio configuration can be changed." if fails else "bad configuration is let in."),
                (hook.ref,),
                (problem, f"failurePolicy {hook.body.get('failurePolicy', 'Fail')}"),
                "Point it at a revision that exists: values.base.defaultRevision of meshwright.istio.istio_mesh, or "
                "the tag default.",
            )


def _resource(injects: bool) -> str:
    return "mutatingwebhookconfiguration" if injects else "validatingwebhookconfiguration"


def _shown(labels: Mapping[str, str]) -> str:
    told = {key: value for key, value in labels.items() if "istio" in key}
    return ",".join(f"{key}={value}" for key, value in sorted(told.items())) or "without labels of Istio"


CHECKS = (
    Check(
        17,
        "Webhooks: Service, CA bundle, failure policy",
        _CATEGORY,
        "error",
        ("istiods", "mutating_webhooks", "validating_webhooks", "services", "endpoint_slices"),
        "For each of Istio's webhooks: does the Service that it calls exist, with that port and a ready endpoint; is "
        "there a "
        "CA bundle; does it fail closed? istiod writes CA bundle and failure policy itself, so an empty or ignoring "
        "one means that istiod has not got there, or that another manager undoes it.",
        webhooks,
    ),
    Check(
        18,
        "Injectors do not overlap",
        _CATEGORY,
        "error",
        ("mutating_webhooks", "namespaces"),
        "Would one pod be injected twice? Tries each combination of the injection labels, and the labels of the "
        "namespaces that are there, against every injector. An error where it happens in a namespace today, "
        "a warning where labels could make it happen.",
        overlaps,
    ),
    Check(
        19,
        "A default validator with a live Service",
        _CATEGORY,
        "error",
        ("istiods", "validating_webhooks", "services", "endpoint_slices"),
        "Objects without the label `istio.io/rev` are validated by the default validator only. Without one they are "
        "not "
        "validated at all; with one that points at a Service that is gone, none can be changed, or all are let in.",
        default_validator,
    ),
)
