# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What Secrets hold stays out of everything that is told: results, messages, logs. Pure."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..._errors import MeshError
from .model import Document, Obj

HIDDEN = "(hidden)"
_PARTS = ("data", "stringData")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# A value of one or two characters is in every sentence; one shorter than a word is only hidden as a word.
_SHORTEST = 3
_WORD = 8
# A parser's word on what it choked on: pieces of the body, too short to be found by value.
_CONTEXT = re.compile(r",? error found in #\d+ byte of .*", re.DOTALL)


def shown(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object as a result may show it: a Secret's values hidden, anything else as it is."""
    if obj.get("kind") != "Secret":
        return obj
    found = dict(obj)
    for part in _PARTS:
        if part in found:
            found[part] = dict.fromkeys(found[part], HIDDEN) if isinstance(found[part], Mapping) else HIDDEN
    meta = found.get("metadata")
    if isinstance(meta, Mapping) and _LAST_APPLIED in (meta.get("annotations") or {}):
        kept = {key: value for key, value in meta["annotations"].items() if key != _LAST_APPLIED}
        found["metadata"] = {**meta, "annotations": kept}
    return found


def stored(obj: Obj) -> Obj:
    """A Secret with its `stringData` in `data`, as the API server keeps it; others, and malformed ones, as they are.

    Server-side apply would keep a key that is dropped from `stringData`, and never know such a Secret to be as desired.
    """
    texts, data = obj.get("stringData"), obj.get("data")
    if obj.get("kind") != "Secret" or not isinstance(texts, Mapping) or not isinstance(data or {}, Mapping):
        return obj
    if not all(isinstance(value, str) for value in texts.values()):
        return obj
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in texts.items()}
    kept = {key: value for key, value in obj.items() if key != "stringData"}
    return {**kept, "data": {**(data or {}), **encoded}}


class Scrubber:
    """Hides the values of Secrets, as given and decoded, in texts that others wrote: webhooks, the API server.

    Whatever objects are not Secrets cost nothing. Values shorter than three characters are not looked for.
    """

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self._values: set[str] = set()
        self._ordered: list[str] = []
        for document in documents:
            self.learn(document.obj)

    def learn(self, obj: Mapping[str, Any] | None) -> None:
        """Remember the values of one more object, such as a Secret's live state."""
        if not obj or obj.get("kind") != "Secret":
            return
        for value in _scalars(obj.get("data")):
            self._add(value)
            self._add(_decoded(value))
        for value in _scalars(obj.get("stringData")):
            self._add(value)
            self._add(base64.b64encode(value.encode()).decode())
        meta = obj.get("metadata")
        applied = (meta.get("annotations") or {}).get(_LAST_APPLIED) if isinstance(meta, Mapping) else None
        if isinstance(applied, str):
            with contextlib.suppress(ValueError):
                earlier = json.loads(applied)
                self.learn({part: earlier.get(part) for part in _PARTS} | {"kind": "Secret"})
        self._ordered = []

    def text(self, text: str) -> str:
        """The text with every known value replaced by `(hidden)`."""
        if not self._values:
            return text
        text = _CONTEXT.sub("", text)
        if not self._ordered:
            self._ordered = sorted(self._values, key=lambda value: (-len(value), value))
        for value in self._ordered:
            if value not in text:
                continue
            if len(value) >= _WORD:
                text = text.replace(value, HIDDEN)
            else:
                text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
        return text

    def data(self, value: Any) -> Any:
        """The same for whatever JSON can hold, keys left alone."""
        if not self._values:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.data(below) for key, below in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(below) for below in value]
        return value

    def error(self, error: BaseException) -> None:
        """The same for an error, in place, with those that caused it: Ansible may print them all."""
        seen: set[int] = set()
        one: BaseException | None = error
        while self._values and one is not None and id(one) not in seen:
            seen.add(id(one))
            one.args = tuple(self.data(list(one.args)))
            if isinstance(one, MeshError):
                one.message, one.hint = self.text(one.message), self.text(one.hint)
                one.details = self.data(one.details)
            one = one.__cause__ or one.__context__

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Whatever is raised within leaves without Secrets' values."""
        try:
            yield
        except Exception as error:
            self.error(error)
            raise

    def _add(self, value: str) -> None:
        """Remember a value in the forms in which messages quote it."""
        for one in (value, value.strip()):
            self._remember(one)
            self._remember(json.dumps(one, ensure_ascii=False)[1:-1])
        lines = value.splitlines()
        if len(lines) > 1:
            for line in lines:
                if len(line.strip()) >= _WORD and not line.startswith("-----"):
                    self._remember(line.strip())
        if value.startswith("{"):
            # Credentials of registries are JSON.
            with contextlib.suppress(ValueError, RecursionError):
                for inner in _scalars(json.loads(value)):
                    self._remember(inner)

    def _remember(self, value: str) -> None:
        if len(value) >= _SHORTEST:
            self._values.add(value)


def _scalars(value: Any) -> Iterator[str]:
    """All texts and numbers within, as texts; a Secret that is written wrongly may have them anywhere."""
    if isinstance(value, Mapping):
        for below in value.values():
            yield from _scalars(below)
    elif isinstance(value, (list, tuple)):
        for below in value:
            yield from _scalars(below)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode("".join(value.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
