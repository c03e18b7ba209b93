# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading objects of one kind for the survey: of some namespaces, or of all; what cannot be read is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._errors import ApiError, Invalid, Unauthorized, Unreachable
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind

# From so many namespaces one LIST of all is cheaper than one for each.
EVERYWHERE = 5
RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
_ON_HOST = "spec.hostNetwork=true"


@dataclass(frozen=True, slots=True)
class Rows:
    """Objects of one kind, and in words what could not be read of them."""

    items: list[dict[str, Any]]
    unread: tuple[str, ...] = ()


class Lists:
    """LISTs for a survey of these namespaces; `leaves` says what is not known without one."""

    def __init__(self, client: Client, namespaces: Sequence[str]) -> None:
        self.client = client
        self.namespaces = namespaces
        self._mine = frozenset(namespaces)

    def everywhere(self, kind: Kind, leaves: str, **how: Any) -> Rows:
        """Of the whole cluster."""
        return self._list(kind, None, leaves, **how)

    def inside(self, kind: Kind, namespace: str | None, leaves: str, **how: Any) -> Rows:
        """Of one namespace; None for all."""
        return self._list(kind, namespace, leaves, **how)

    def mine(self, kind: Kind, leaves: str, **how: Any) -> Rows:
        """Of our namespaces; each by itself where they are few, or where all may not be listed."""
        if len(self.namespaces) >= EVERYWHERE:
            try:
                found = self.client.list(kind, **how)
                return Rows([item for item in found if item["metadata"].get("namespace") in self._mine])
            except (Unauthorized, Unreachable):
                raise
            except ApiError as error:
                if error.status != 403:
                    return Rows([], (_told(error, leaves),))
        each = [self._list(kind, namespace, f"{leaves} in {namespace}", **how) for namespace in self.namespaces]
        return Rows([item for one in each for item in one.items], tuple(told for one in each for told in one.unread))

    def on_host(self) -> Rows:
        """Pods on their host's network."""
        leaves = "which pods are on their host's network"
        try:
            if len(self.namespaces) >= EVERYWHERE:
                return self.mine(kinds.POD, leaves, fields=_ON_HOST, metadata_only=True)
            found = [
                item
                for namespace in self.namespaces
                for item in self.client.list(kinds.POD, namespace, fields=_ON_HOST, metadata_only=True)
            ]
            return Rows(found)
        except Invalid:  # servers before 1.28 do not know the field; templates tell of most
            return Rows([])
        except (Unauthorized, Unreachable):
            raise
        except ApiError as error:
            return Rows([], (_told(error, leaves),))

    def node(self, name: str) -> Rows:
        try:
            found = self.client.get(kinds.NODE, name)
        except (Unauthorized, Unreachable):
            raise
        except ApiError as error:
            return Rows([], (_told(error, f"whether pods may come to node {name}"),))
        return Rows([found] if found else [])

    def on_node(self, name: str) -> Rows:
        """Which of our pods run there."""
        fields = f"spec.nodeName={name},{RUNNING}"
        return self.mine(kinds.POD, f"which pods run on node {name}", fields=fields, metadata_only=True)

    def _list(self, kind: Kind, namespace: str | None, leaves: str, **how: Any) -> Rows:
        try:
            return Rows(self.client.list(kind, namespace, **how))
        except (Unauthorized, Unreachable):
            raise
        except ApiError as error:
            return Rows([], (_told(error, leaves),))


def _told(error: ApiError, leaves: str) -> str:
    return f"{error.message} So it is not known {leaves}."
