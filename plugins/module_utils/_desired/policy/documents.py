# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The objects that a task names, from `definitions` and from files: read, checked, finished. Pure.

All that is wrong is told at once, by where it was written; nothing of the objects' values is quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..._errors import BadInput
from . import secrets, texts
from .accepted import Accepted, accepted
from .model import Document, Obj

_TOLD = 20
_LONGEST = 80


def read(definitions: Iterable[Any], sources: Iterable[Mapping[str, str]]) -> list[Document]:
    """The objects of `definitions` (objects, or texts of YAML or JSON) and of `sources` ({path, text}), in order.

    Lists are opened, plain ones too, and empty documents left out. Each object has apiVersion, kind and
    `metadata.name`, and shares its parts with what was given. Raises BadInput that names place, document and line of
    all that is wrong.
    """
    found: list[Document] = []
    wrong: list[str] = []
    for at, given in enumerate(definitions):
        origin = f"definitions[{at}]"
        if isinstance(given, str):
            _read_text(given, origin, found, wrong)
        elif given is not None:
            _take(given, origin, origin, found, wrong)
    for at, source in enumerate(sources):
        if isinstance(source, Mapping) and "text" in source:
            _read_text(source["text"], source["path"], found, wrong)
        else:
            wrong.append(f"src[{at}] was not read on the controller: use the module as meshwright.istio.mesh_policy.")
    _raise(wrong)
    return found


def finish(
    documents: Iterable[Document],
    *,
    namespace: str | None,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> list[Document]:
    """The documents as they are to be applied: with a namespace where their kind has one, labels and annotations added.

    What an object says itself goes before `namespace`, `labels` and `annotations`. Objects that need no change are
    the same ones, the others share all but their metadata (and a Secret's data). Raises BadInput that names all kinds
    this module does not take, objects without a namespace, and objects given twice.
    """
    found: list[Document] = []
    wrong: list[str] = []
    kinds: dict[tuple[Any, Any], Accepted | str] = {}
    seen: dict[tuple[str, str, str | None, str], str] = {}
    for document in documents:
        obj = document.obj
        row = (obj["apiVersion"], obj["kind"])
        kind = kinds.get(row)
        if kind is None:
            kind = kinds[row] = accepted(*row)
        if isinstance(kind, str):
            wrong.append(f"{document.origin}: {_named(obj)}: {kind}")
            continue
        meta = obj["metadata"]
        where = (meta.get("namespace") or namespace) if kind.namespaced else None
        if kind.namespaced and not where:
            wrong.append(
                f"{document.origin}: {_named(obj)} has no namespace: give it `metadata.namespace`, or the task the"
                " option `namespace`."
            )
            continue
        identity = (kind.group, obj["kind"], where, meta["name"])
        if identity in seen:
            wrong.append(f"{_named(obj, where)} is given twice: {seen[identity]}; {document.origin}.")
            continue
        seen[identity] = document.origin
        added = _added(meta, where, labels, annotations)
        if isinstance(added, str):
            wrong.append(f"{document.origin}: {_named(obj)}: {added}")
            continue
        if "stringData" in obj:
            obj = secrets.stored(obj)
        if added is not meta:
            obj = {**obj, "metadata": added}
        found.append(document if obj is document.obj else Document(obj, document.origin))
    _raise(wrong)
    return found


def _added(meta: Obj, namespace: str | None, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Obj | str:
    """The metadata with what is added; itself when there is nothing to add; or what is wrong with it."""
    more: Obj = {}
    if namespace and meta.get("namespace") != namespace:
        more["namespace"] = namespace
    for part, extra in (("labels", labels), ("annotations", annotations)):
        own = meta.get(part)
        if own is not None and not isinstance(own, Mapping):
            return f"`metadata.{part}` is no mapping."
        if extra and (not own or not extra.keys() <= own.keys()):
            more[part] = {**extra, **(own or {})}
    return {**meta, **more} if more else meta


def _read_text(text: Any, origin: str, found: list[Document], wrong: list[str]) -> None:
    if not isinstance(text, str):
        wrong.append(f"{origin} is no text.")
        return
    parsed: list[tuple[int, int, Any]] = []
    unreadable: texts.Unreadable | None = None
    try:
        for one in texts.values(text):
            parsed.append(one)
    except texts.Unreadable as error:
        unreadable = error
    several = max(parsed[-1][0] if parsed else 1, unreadable.document if unreadable else 1) > 1
    for number, line, value in parsed:
        named = f"{origin}, document {number}" if several else origin
        _take(value, named, f"{named} (line {line})", found, wrong)
    if unreadable is not None:
        named = f"{origin}, document {unreadable.document}" if several else origin
        hint = unreadable.hint
        if not hint and "{{" in text:
            hint = "It has {{ in it: is it a template? Then name it in `template`."
        wrong.append(f"{named} (line {unreadable.line}) {unreadable.reason}. {hint}".strip())


def _take(value: Any, origin: str, place: str, found: list[Document], wrong: list[str]) -> None:
    """One object, or the objects of a list or a List. `place` is the origin with its line, for errors."""
    if isinstance(value, Mapping):
        kind = value.get("kind")
        if isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items") or [], list):
            for at, item in enumerate(value.get("items") or [], 1):
                _take(item, f"{origin}, item {at}", f"{place}, item {at}", found, wrong)
            return
        problems = list(_problems(value))
        if not problems:
            found.append(Document(value, origin))  # type: ignore[arg-type]
        wrong += [f"{place}: {problem}" for problem in problems]
    elif isinstance(value, list):
        for at, item in enumerate(value, 1):
            _take(item, f"{origin}, item {at}", f"{place}, item {at}", found, wrong)
    else:
        hint = " Files are named in `src`." if isinstance(value, str) and len(value.split()) == 1 else ""
        wrong.append(f"{place} is a single value, not an object.{hint}")


def _problems(obj: Mapping[str, Any]) -> Iterator[str]:
    for field in ("apiVersion", "kind"):
        if not isinstance(obj.get(field), str) or not obj[field]:
            yield f"`{field}` is missing." if not obj.get(field) else f"`{field}` is no text."
    meta = obj.get("metadata")
    if not isinstance(meta, Mapping):
        yield "`metadata` is missing." if meta is None else "`metadata` is no mapping."
        return
    name = meta.get("name")
    if not isinstance(name, str) or not name:
        if meta.get("generateName") and not name:
            yield (
                f"{_kind(obj)} has `metadata.generateName`, which would make one more object each time."
                " Give it a `metadata.name`."
            )
        elif name is None or name == "":
            yield f"{_kind(obj)} has no `metadata.name`."
        else:
            yield f"{_kind(obj)} has a `metadata.name` that is no text: put it in quotes."
    namespace = meta.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        yield f"{_named(obj)} has a `metadata.namespace` that is no text: put it in quotes."


def _kind(obj: Mapping[str, Any]) -> str:
    kind = obj.get("kind")
    return kind[:_LONGEST] if isinstance(kind, str) and kind else "The object"


def _named(obj: Mapping[str, Any], namespace: str | None = None) -> str:
    """`VirtualService demo/reviews`, as far as it says so."""
    meta = obj["metadata"]
    where = namespace or meta.get("namespace")
    name = str(meta.get("name"))[:_LONGEST]
    return f"{_kind(obj)} {where}/{name}" if isinstance(where, str) and where else f"{_kind(obj)} {name}"


def _raise(wrong: list[str]) -> None:
    if not wrong:
        return
    told = list(wrong[:_TOLD])
    if len(wrong) > _TOLD:
        told.append(f"and {len(wrong) - _TOLD} more.")
    first = "An object cannot" if len(wrong) == 1 else f"{len(wrong)} objects cannot"
    raise BadInput(f"{first} be taken as written: {' '.join(told)}", details={"errors": wrong[: 5 * _TOLD]})
