# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the server says to a pod that is tried, and what that means for a move. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..._checks.snapshot import Obj
from ..._errors import ApiError

_INJECTOR = "sidecar-injector.istio.io"
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[a-z]+):[^"]*": (?P<how>.*)', re.S)
_QUOTA = re.compile(r"(?:exceeded|failed) quota: (?P<name>[^,:]+)[,:] (?P<how>.*)", re.S)
_DENIED = re.compile(r'admission webhook "(?P<name>[^"]*)" denied the request: (?P<how>.*)', re.S)

# As Kubernetes' Pod Security says it: what its level baseline refuses, too.
_BASELINE = re.compile(
    r"host namespaces|hostPath volumes|hostPort|hostProcess|forbidden AppArmor|forbidden sysctls|seLinuxOptions"
    r"|procMount|(?:^|[ ,(])privileged \(|Unconfined"
)
_ADDED = re.compile(r'must not include ((?:"[A-Z_]+"(?:, )?)+)')
# Capabilities that baseline lets pods add.
_HARMLESS = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)


@dataclass(frozen=True, slots=True)
class Answer:
    """`pod` as it would be made, or `id` and `message` of what is in the way, or in `unread` why it was not said.

    `silent`: the injector does not answer, for whichever pod.
    """

    pod: Obj | None = None
    id: str = ""
    message: str = ""
    unread: str = ""
    silent: bool = False


def refusal(error: ApiError, level: str) -> Answer | None:
    """The answer that a refusal is; None for what is none. `level` is what the move sets for Pod Security, or ""."""
    said = error.message
    if webhook := error.details.get("webhook"):
        if str(webhook).endswith(_INJECTOR):
            message = f"the webhook {webhook} does not answer: no pod could be made"
            return Answer(id="injector-failed", message=message, silent=True)
        return Answer(id="pod-refused", message=f"a new pod of it is refused: the webhook {webhook} does not answer")
    if denied := _DENIED.search(said):
        if denied["name"].endswith(_INJECTOR):
            return Answer(id="injector-failed", message=f"{denied['name']} refuses its pod: {_short(denied['how'])}")
        return Answer(
            id="pod-refused", message=f"a new pod of it is refused by {denied['name']}: {_short(denied['how'])}"
        )
    if found := _POD_SECURITY.search(said):
        if lets_in(level, found["how"]):
            return Answer()
        return Answer(
            id="pod-security", message=f"Pod Security {level or found['level']} refuses its pod: {_short(found['how'])}"
        )
    if found := _QUOTA.search(said):
        return Answer(
            id="quota", message=f"ResourceQuota {found['name'].strip()} refuses its pod: {_short(found['how'])}"
        )
    if error.status in (400, 403, 409, 422):
        return Answer(id="pod-refused", message=f"a new pod of it is refused: {_short(said)}")
    return None


def lets_in(level: str, violations: str) -> bool:
    """Whether a level lets a pod in that another refused for these violations."""
    if level == "privileged":
        return True
    if level != "baseline" or _BASELINE.search(violations):
        return False
    added = {name for found in _ADDED.finditer(violations) for name in re.findall(r'"([A-Z_]+)"', found[1])}
    return added <= _HARMLESS


def _short(text: str) -> str:
    told = " ".join(text.split())
    return told if len(told) < 400 else f"{told[:400]} ..."
