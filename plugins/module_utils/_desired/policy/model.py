# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The objects of one policy task, each with where it was written. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """One object that is asked for.

    `origin` says where, for messages: `policies/reviews.yaml, document 3`, `definitions[2]`, `traffic[0] (reviews)`.
    """

    obj: Obj
    origin: str
