# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Short forms to objects, family by family. Pure: what must be read of the cluster comes in `Planes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._errors import BadInput
from ..policy.model import Document
from . import egress, gateways, limits, security, telemetry, traffic
from .planes import Planes

Entries = Sequence[Mapping[str, Any]]
# A family: its option's elements, as Ansible validated them (options that were not given are None), `namespace` filled
# in with the task's own where the element names none; to documents whose origin names the element.
Expand = Callable[[Entries, Planes], list[Document]]

FAMILIES: dict[str, Expand] = {
    "traffic": traffic.expand,
    "security": security.expand,
    "limits": limits.expand,
    "gateways": gateways.expand,
    "egress": egress.expand,
    "telemetry": telemetry.expand,
}


def expand(given: Mapping[str, Entries], planes: Planes) -> list[Document]:
    """All families' objects, in the order of FAMILIES. Raises BadInput naming the element, for all that is wrong."""
    found: list[Document] = []
    wrong: list[BadInput] = []
    for name, family in FAMILIES.items():
        try:
            found += family(given.get(name) or (), planes)
        except BadInput as error:
            wrong.append(error)
    if len(wrong) > 1:
        errors = [each for error in wrong for each in error.details.get("errors", [str(error)])]
        raise BadInput("\n".join(str(error) for error in wrong), details={"errors": errors})
    if wrong:
        raise wrong[0]
    return found
