# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The objects of a task's short forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..._desired.intents.expand import expand
from ..._desired.policy.model import Document
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from .context import offline, planes


def expanded(intent: PolicyIntent, written: Sequence[Document], connect: Callable[[], Client]) -> list[Document]:
    """For the data planes that are given, or else read. Raises BadInput that names each short form that is wrong."""
    return expand(intent.families, planes(None if offline(intent) else connect(), intent, written))
