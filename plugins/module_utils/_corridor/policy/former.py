# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What this module applied before under another field manager: without a set, or in a set the object has left. Pure.

Its fields would stay for ever, named by nobody: a policy that loses its selector would keep it. So the manager of
today takes them over, and the former one gives up what it has.
"""

from __future__ import annotations

from ..._desired.policy.applyset import set_of
from .. import differ, fields
from ..live import Obj

# Managers of this module's are named so, or begin with it and a dash.
FAMILY = "meshwright-policy"


def is_former(name: str, manager: str) -> bool:
    """Whether a field manager is this module's, but not the one of today."""
    return name != manager and (name == FAMILY or name.startswith(f"{FAMILY}-"))


def formers(live: Obj | None, manager: str, identity: str) -> list[str]:
    """This module's other managers that have applied a live object.

    None where the object is still a member of another set than `identity` ("": none): that is no former one.
    """
    found: list[str] = []
    if set_of(live) not in ("", identity):
        return found
    for entry in ((live or {}).get("metadata") or {}).get("managedFields") or []:
        if entry.get("operation") == "Apply" and not entry.get("subresource"):
            name = str(entry.get("manager"))
            if is_former(name, manager):
                found.append(name)
    return found


def as_desired(obj: Obj, live: Obj, manager: str, identity: str) -> bool:
    """Whether the live object tells that applying `obj` would change nothing; else the server has to be asked."""
    return differ.is_applied(obj, live, manager) and not formers(live, manager, identity)


def owned(live: Obj, manager: str) -> Obj:
    """What a manager owns of the object, less what says which object it is."""
    part = fields.owned_part(live, manager)
    part.pop("apiVersion", None)
    part.pop("kind", None)
    part["metadata"] = {key: value for key, value in part["metadata"].items() if key not in ("name", "namespace")}
    return part
