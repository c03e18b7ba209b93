# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Lists of pods, of which there may be ten thousand with twenty kilobytes each: page by page, and pod by pod."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .._checks.snapshot import Obj
from .._errors import NotFound, Unreachable
from .._kube.client import Client

T = TypeVar("T")

# A page of pods is parsed, trimmed and let go before the next: so memory does not grow with the cluster's pod specs.
_POD_PAGE = 150
# A list begins with its metadata.
_HEAD = 2000
_CONTINUE = re.compile(rb'"continue":"([^"\\]+)"')
_ITEMS = '"items":['
_DECODER = json.JSONDecoder()
_MANAGED, _SPEC, _UID = b',"managedFields":[', b']},"spec":', b'"uid":"'


def paged(client: Client, path: str, labels: str, trim: Callable[[Obj], T], *, fields: str = "") -> list[T]:
    """Pods page by page, each trimmed; from the start once more when the pages outlived the server's history."""
    query = {"limit": str(_POD_PAGE), "labelSelector": labels, "fieldSelector": fields}
    query = {key: value for key, value in query.items() if value}
    for attempt in (1, 2):
        try:
            return [trim(pod) for pod in _pages(client, path, query)]
        except NotFound as error:
            if error.status != 410 or attempt == 2:
                raise
        except (ValueError, IndexError) as error:
            raise Unreachable(f"The answer to GET {path} is no list of pods: {error}.", verb="list") from error
    return []


def _pages(client: Client, path: str, query: dict[str, str]) -> Iterator[Obj]:
    """Pod after pod. While a page is looked at the server is at the next: its token is at the head of the answer."""

    def ask(token: str) -> bytes:
        return client.raw("GET", path, query={**query, "continue": token} if token else query).body

    with ThreadPoolExecutor(max_workers=1) as ahead:
        body: bytes | None = ask("")
        while body is not None:
            token = _CONTINUE.search(body, 0, _HEAD)
            coming = ahead.submit(ask, token[1].decode()) if token else None
            text = without_managed_fields(body).decode()
            body = None
            about = yield from _items(text)
            if coming is None and (rest := (about.get("metadata") or {}).get("continue")):
                coming = ahead.submit(ask, rest)
            body = coming.result() if coming else None


def _items(page: str) -> Generator[Obj, None, dict[str, Any]]:
    """The items of a list's JSON, each parsed when it is its turn, and then the list without them."""
    start = page.find(_ITEMS)
    if start < 0:
        whole: dict[str, Any] = json.loads(page)
        yield from whole.pop("items", None) or ()
        return whole
    at = start + len(_ITEMS)
    while page[at] != "]":
        item, at = _DECODER.raw_decode(page, at)
        yield item
        at += page[at] == ","
    rest: dict[str, Any] = json.loads(page[: start + len(_ITEMS)] + page[at:])
    return rest


def without_managed_fields(pods: bytes) -> bytes:
    """An answer's JSON without the pods' managed fields, which are a third of it and slow to parse.

    They stand last in a pod's metadata, before its spec, and no text in them can look like these keys: a quotation mark
    in a text is escaped. Where they stand elsewhere, as in what an aggregated server writes, the answer stays whole.
    """
    parts = []
    at = 0
    while (start := pods.find(_MANAGED, at)) >= 0:
        end = pods.find(_SPEC, start)
        if end < 0 or pods.find(_UID, start, end) >= 0:
            return pods
        parts.append(pods[at:start])
        at = end + 1
    parts.append(pods[at:])
    return b"".join(parts)
