# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Texts of YAML or JSON to plain values, quickly, with the line where each document begins. Pure.

Messages never quote the text: it may be a Secret's. What YAML means is what kubectl takes it for: keys are texts,
times and `12:30` are texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

try:
    import yaml
except ImportError:  # The kubernetes package, without which nothing here runs, brings it along.
    yaml = None  # type: ignore[assignment]

_TAG = "tag:yaml.org,2002:"
_STR, _INT, _FLOAT, _BOOL, _NULL = (_TAG + name for name in ("str", "int", "float", "bool", "null"))
_MAP, _SEQ, _MERGE, _TIMESTAMP = (_TAG + name for name in ("map", "seq", "merge", "timestamp"))
_TRUE = ("yes", "true", "on")
_QUOTED = re.compile(r"'([^']*)'|\"[^\"]*\"")
_VAULT = "!vault"
# PyYAML's patterns less numbers to the base of 60, which nobody writes: 10:30 is a time of day.
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)\Z")
_DECIMAL = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z")
_PENDING = object()


class Unreadable(Exception):
    """A text that cannot be read on from `line` of its `document` (both from 1); `hint` is the way out, if known."""

    def __init__(self, reason: str, document: int, line: int, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.document = document
        self.line = line
        self.hint = hint


def values(text: str) -> Iterator[tuple[int, int, Any]]:
    """Each document's number, first line and value, as far as the text can be read; empty ones only count.

    Raises Unreadable where it cannot: what came before stands.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
        except (ValueError, RecursionError):
            pass  # Not JSON, or not well: YAML knows the line.
        else:
            yield 1, 1, value
            return
    yield from _documents(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _documents(text: str) -> Iterator[tuple[int, int, Any]]:
    at = 1
    try:
        loader = _loader(text)
    except yaml.YAMLError as error:
        raise _unreadable(error, at) from None
    build = _Builder(shared="&" in text)
    try:
        while loader.check_node():
            node = loader.get_node()
            build.document = at
            value = build(node)
            if value is not None:
                yield at, node.start_mark.line + 1, value
            at += 1
    except yaml.YAMLError as error:
        raise _unreadable(error, at) from None
    except RecursionError:
        raise Unreadable("is nested too deeply", at, 1) from None
    finally:
        loader.dispose()


def _unreadable(error: Exception, document: int) -> Unreadable:
    """PyYAML's word on what is wrong and where; what it quotes of the text is left out."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    reason = _QUOTED.sub(_unquoted, str(said).splitlines()[0])
    hint = "Is it meant as text? Put it in quotes." if "alias" in reason else ""
    return Unreadable(f"is no YAML: {reason}", document, mark.line + 1 if mark else 1, hint)


def _unquoted(match: re.Match[str]) -> str:
    sign = match[1] or ""
    return match[0] if len(sign) == 1 and not sign.isalnum() else "(...)"


class _Builder:
    """One text's nodes to values. `shared`: nodes may occur more than once, by anchors."""

    def __init__(self, *, shared: bool) -> None:
        self.document = 1
        self._seen: dict[int, tuple[Any, Any]] | None = {} if shared else None

    def __call__(self, node: Any) -> Any:
        tag = node.tag
        if tag == _STR:
            return node.value
        if self._seen is None or node.__class__ is yaml.ScalarNode:
            return self._built(node, tag)
        known = self._seen.get(id(node))
        if known is None:
            self._seen[id(node)] = _PENDING, node
            value = self._built(node, tag)
            # The node is kept along with its value, so that no other gets its id.
            self._seen[id(node)] = value, node
            return value
        if known[0] is _PENDING:
            raise self._wrong(node, "holds itself, by an alias")
        return known[0]

    def _built(self, node: Any, tag: str) -> Any:
        if tag == _MAP and node.__class__ is yaml.MappingNode:
            return self._mapping(node)
        if tag == _SEQ and node.__class__ is yaml.SequenceNode:
            return [self(item) for item in node.value]
        if node.__class__ is yaml.ScalarNode:
            return self._scalar(node, tag)
        raise self._unknown(node)

    def _mapping(self, node: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged = 0
        for key, value in node.value:
            if key.tag == _MERGE:
                merged += 1
            elif key.__class__ is not yaml.ScalarNode:
                raise self._wrong(key, "has a key that is no text")
            else:
                found[key.value] = self(value)
        if len(found) + merged != len(node.value):
            raise self._twice(node)
        if merged:
            for key, value in node.value:
                if key.tag == _MERGE:
                    for other in self._merges(value):
                        found = {**other, **found}
        return found

    def _merges(self, node: Any) -> list[dict[str, Any]]:
        value = self(node)
        every = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in every):
            raise self._wrong(node, "merges (<<) what is no mapping")
        return every

    def _scalar(self, node: Any, tag: str) -> Any:
        value = node.value
        if tag == _NULL:
            return None
        if tag == _BOOL:
            return value.lower() in _TRUE
        if tag == _TIMESTAMP:
            return value
        if tag == _INT and _INTEGER.match(value):
            plain = value.replace("_", "").lower()
            sign = -1 if plain.startswith("-") else 1
            plain = plain.lstrip("+-")
            if len(plain) > 1 and plain[0] == "0" and plain[1] not in "box":
                return sign * int(plain, 8)
            return sign * int(plain, 0)
        if tag == _FLOAT and _DECIMAL.match(value):
            return float(value.replace("_", ""))
        raise self._unknown(node)

    def _twice(self, node: Any) -> Unreadable:
        seen = set()
        for key, _value in node.value:
            if key.value in seen:
                return self._wrong(key, f"has the key `{str(key.value)[:80]}` twice")
            if key.tag != _MERGE:
                seen.add(key.value)
        return self._wrong(node, "has a key twice")

    def _unknown(self, node: Any) -> Unreadable:
        if node.tag == _VAULT:
            return self._wrong(
                node,
                "has a single value that is encrypted (!vault)",
                "Encrypt the whole file, or put the value in a variable and use it in `template` or `definitions`.",
            )
        return self._wrong(node, "has a tag that is not known here", "Is it meant as text? Put it in quotes.")

    def _wrong(self, node: Any, reason: str, hint: str = "") -> Unreadable:
        return Unreadable(reason, self.document, node.start_mark.line + 1, hint)


def _implicit() -> dict[str, list[tuple[str, Any]]]:
    """PyYAML's rules of what a plain scalar is, by its first character, changed as the module's docstring says."""
    found: dict[str, list[tuple[str, Any]]] = {}
    patterns = {_INT: _INTEGER, _FLOAT: _DECIMAL}
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items():
        rules = [(tag, patterns.get(tag, pattern)) for tag, pattern in known if tag != _TIMESTAMP]
        found[first] = rules
    return found


_LOADERS: list[Any] = []


def _loader(text: str) -> Any:
    """A loader of nodes, in C where there is one."""
    if not _LOADERS:
        rules = _implicit()
        scalar = yaml.ScalarNode
        of_others = {yaml.MappingNode: _MAP, yaml.SequenceNode: _SEQ}

        def resolve(self: Any, kind: Any, value: Any, implicit: Any) -> str:
            if kind is not scalar:
                return of_others[kind]
            if implicit[0]:
                for tag, pattern in rules.get(value[:1], ()):
                    if pattern.match(value):
                        return tag
            return _STR

        base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        # Paths within a document decide nothing here.
        nothing = {"descend_resolver": lambda *given: None, "ascend_resolver": lambda *given: None}
        _LOADERS.append(type("Nodes", (base,), {"resolve": resolve, **nothing}))
    return _LOADERS[0](text)
