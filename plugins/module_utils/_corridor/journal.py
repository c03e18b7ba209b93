# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a long operation has done and means to do: one ConfigMap, written before each step.

A run that was killed, cancelled or cut off finds it, and goes on or goes back.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from .._checks.journals import FORMAT, KEY, content
from .._errors import BadInput, Conflict, GuardRefused, NotFound
from .._kube.client import Client
from .._kube.kinds import CONFIG_MAP
from .._kube.lease import RUN_ANNOTATION

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
JOURNAL_LABEL = "meshwright.io/journal"
WHO_ANNOTATION = "meshwright.io/who"
EXPIRES_ANNOTATION = "meshwright.io/expires"
# A ConfigMap holds at most 1 MiB, with its metadata.
_LARGEST = 900_000
_EVENTS = 50


@dataclass(slots=True)
class Journal:
    """One operation's record. `state` is the operation's own JSON; `events` are {time, what}, the last 50 kept.

    `operation` is such as "upgrade"; `id` stays the same as long as the operation, over all its runs; `run` names
    the run that writes, `expires` (RFC 3339, or "") until when it is worth something.
    """

    operation: str
    namespace: str
    name: str
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    state: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, str]] = field(default_factory=list)
    run: str = ""
    expires: str = ""
    who: str = ""
    version: str = ""
    uid: str = ""

    @classmethod
    def load(cls, client: Client, namespace: str, name: str) -> Journal | None:
        """The journal of that name; None when there is none. Raises GuardRefused when it cannot be understood."""
        found = client.get(CONFIG_MAP, name, namespace)
        return None if found is None else cls.parse(found)

    @classmethod
    def parse(cls, obj: dict[str, Any]) -> Journal:
        """The journal that a ConfigMap holds; raises GuardRefused naming it, and the way out, when it holds none."""
        meta = obj["metadata"]
        annotations = meta.get("annotations") or {}
        try:
            found = content(obj)
        except (KeyError, ValueError, TypeError) as error:
            raise GuardRefused(
                f"The journal ConfigMap {meta['namespace']}/{meta['name']} cannot be understood: "
                + (f"it has no {error}" if isinstance(error, KeyError) else str(error))
                + ".",
                hint="It says how far an operation got. Save it, see to the mesh by hand, then delete it: "
                f"kubectl -n {meta['namespace']} delete configmap {meta['name']}",
            ) from error
        return cls(
            operation=found.operation,
            namespace=meta["namespace"],
            name=meta["name"],
            id=found.id,
            state=found.state,
            events=found.events,
            run=str(annotations.get(RUN_ANNOTATION, "")),
            expires=str(annotations.get(EXPIRES_ANNOTATION, "")),
            who=str(annotations.get(WHO_ANNOTATION, "")),
            version=meta.get("resourceVersion", ""),
            uid=meta.get("uid", ""),
        )

    def note(self, what: str) -> None:
        """Add an event, now; `save` writes it."""
        self.events.append({"time": _time(datetime.now(timezone.utc)), "what": what})
        del self.events[:-_EVENTS]

    def expire_in(self, seconds: float) -> None:
        """Set `expires` to so many seconds from now."""
        self.expires = _time(datetime.now(timezone.utc) + timedelta(seconds=seconds))

    @property
    def expired(self) -> bool:
        """Whether `expires` is past; without one, or one that cannot be read, it never is."""
        try:
            until = datetime.strptime(self.expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        except ValueError:
            return False
        return until < datetime.now(timezone.utc)

    def save(self, client: Client) -> None:
        """Write it, provided that nobody else has written since it was loaded or saved.

        Raises GuardRefused when another run did, BadInput when it is too large to be kept in a ConfigMap.
        """
        self.who = _who()
        obj = self.rendered()
        try:
            live = client.replace(obj) if self.version else client.create(obj)
        except (Conflict, NotFound) as error:
            if isinstance(error, NotFound) and not self.version:
                raise  # The namespace is missing.
            known = self._own_write(client, obj)
            if known is None:
                raise GuardRefused(
                    f"Another run changed the journal ConfigMap {self.namespace}/{self.name} of the {self.operation} "
                    "meanwhile; this run stops before it writes anything more.",
                    hint="Run again: it goes on from where the other run is.",
                ) from error
            live = known
        self.version, self.uid = live["metadata"]["resourceVersion"], live["metadata"]["uid"]

    def _own_write(self, client: Client, obj: dict[str, Any]) -> dict[str, Any] | None:
        """The live object if it is just what was to be written: a repeated request meets its own first attempt."""
        live = client.get(CONFIG_MAP, self.name, self.namespace)
        return live if live is not None and live.get("data") == obj["data"] else None

    def rendered(self) -> dict[str, Any]:
        """The ConfigMap; raises BadInput when it would be too large."""
        written = {
            "format": FORMAT,
            "operation": self.operation,
            "id": self.id,
            "state": self.state,
            "events": self.events[-_EVENTS:],
            # Two saves are never equal, so that a repeated request is told from another run's write.
            "write": secrets.token_hex(8),
        }
        text = json.dumps(written, sort_keys=True, separators=(",", ":"))
        size = len(text.encode())
        if size > _LARGEST:
            largest = sorted(self.state, key=lambda key: -len(json.dumps(self.state[key])))[:3]
            raise BadInput(
                f"The journal of the {self.operation} would be {size} bytes; a ConfigMap takes {_LARGEST}.",
                hint=f"Work on fewer namespaces at a time. The largest parts are {', '.join(largest)}.",
            )
        annotations = {RUN_ANNOTATION: self.run, WHO_ANNOTATION: self.who, EXPIRES_ANNOTATION: self.expires}
        meta: dict[str, Any] = {
            "name": self.name,
            "namespace": self.namespace,
            "labels": {MANAGED_BY_LABEL: "meshwright", JOURNAL_LABEL: self.operation},
            "annotations": {key: value for key, value in annotations.items() if value},
        }
        if self.version:
            meta["resourceVersion"] = self.version
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {KEY: text}}

    def delete(self, client: Client) -> bool:
        """Delete it; False when it was gone already. Raises GuardRefused when another has taken its place."""
        try:
            gone = client.delete(CONFIG_MAP, self.name, self.namespace, uid=self.uid or None)
        except Conflict as error:
            raise GuardRefused(
                f"The journal ConfigMap {self.namespace}/{self.name} is another than the one this run read.",
                hint="Another run is at work, or was meanwhile: run again, which looks first.",
            ) from error
        self.version = self.uid = ""
        return gone


def _who() -> str:
    """user@host, for people who find the journal."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
