# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP over a port-forward's messages: each way that an answer comes in pieces, or not at all."""

from __future__ import annotations

import ssl
from typing import Any, NoReturn

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import (
    Forbidden,
    NotFound,
    Unauthorized,
    Unreachable,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.answers import Response
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.portforward import pod_get
from ansible_collections.meshwright.istio.plugins.module_utils._kube.retries import TransportError
from ansible_collections.meshwright.istio.plugins.module_utils._kube.websockets import Refused, Tls

PORT = (15014).to_bytes(2, "little")
OPENED = [b"\x00" + PORT, b"\x01" + PORT]
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]"


def _throw(error: Exception) -> NoReturn:
    raise error


class Socket:
    """A websocket that receives these messages, then none; an exception among them is raised."""

    def __init__(self, *messages: bytes | Exception) -> None:
        self.messages = list(messages)
        self.sent: list[bytes] = []
        self.closed = 0

    def settimeout(self, timeout: float) -> None:
        assert timeout > 0

    def send_binary(self, payload: bytes) -> int:
        self.sent.append(payload)
        return len(payload)

    def recv(self) -> bytes:
        message = self.messages.pop(0) if self.messages else b""
        if isinstance(message, Exception):
            _throw(message)
        return message

    def close(self, timeout: int = 0) -> None:
        self.closed += 1


class Connection:
    """Opens these sockets one after the other; an exception instead of a socket is raised."""

    server = "https://example:6443"

    def __init__(self, *opened: Socket | Exception) -> None:
        self.opened = list(opened)
        self.asked: list[str] = []
        self.reloads = 0

    def websocket(self, path: str, *, protocol: str, timeout: float) -> Socket:
        self.asked.append(path)
        found = self.opened.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def reload(self, asked_at: float) -> bool:
        self.reloads += 1
        return True


def get(*opened: Socket | Exception, seconds: float = 5, **more: Any) -> Any:
    client: Any = type("Client", (), {"connection": Connection(*opened)})
    return pod_get(client, "istio-system", "istiod-1", 15014, "/debug/syncz", deadline=Deadline(seconds), **more)


def refused(status: int, message: str = "", reason: str = "") -> Refused:
    body = f'{{"kind":"Status","message":"{message}","reason":"{reason}"}}'
    return Refused(Response(status, body.encode()))


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED, UNTIL_CLOSED])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_may_come_in_pieces(answer: bytes, size: int) -> None:
    pieces = [b"\x00" + answer[start : start + size] for start in range(0, len(answer), size)]
    opened = Socket(*OPENED, *pieces)
    found = get(opened, query={"proxyID": "a b"})
    assert (found.status, found.json()) == (200, [])
    assert opened.sent[0].startswith(b"\x00GET /debug/syncz?proxyID=a+b HTTP/1.1\r\n")
    assert opened.closed == 1


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED, UNTIL_CLOSED])
def test_no_more_is_read_than_was_asked_for(answer: bytes) -> None:
    assert get(Socket(*OPENED, b"\x00" + answer), most=2).body == b"[]"
    opened = Socket(*OPENED, b"\x00" + answer)
    with pytest.raises(
        Unreachable, match=r"15014 of Pod istio-system/istiod-1 answers more than 0 MiB to /debug/syncz"
    ):
        get(opened, most=1)
    assert opened.closed == 1


def test_an_answer_that_ends_early_is_none_however_much_was_asked_for() -> None:
    early = b"\x00HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]"
    for more in ({}, {"most": 100}):
        with pytest.raises(Unreachable, match="no whole HTTP answer"):
            get(Socket(*OPENED, early), **more)


def test_an_unwelcome_answer_is_an_answer() -> None:
    found = get(Socket(*OPENED, b"\x00HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait"))
    assert (found.status, found.text) == (503, "wait")


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([*OPENED, b"\x01connection refused"], "connection refused"),
        (OPENED, "closed the connection without an answer"),
        ([*OPENED, b"\x00SSH-2.0-x\r\n"], "no whole HTTP answer"),
        ([*OPENED, b"\x00HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], "no whole HTTP answer"),
    ],
)
def test_a_pod_that_does_not_answer_is_named_with_its_port(messages: list[bytes], why: str) -> None:
    opened = Socket(*messages)
    with pytest.raises(Unreachable) as caught:
        get(opened)
    assert "port 15014 of Pod istio-system/istiod-1" in caught.value.message
    assert why in caught.value.message
    assert opened.closed == 1


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            refused(
                403,
                'pods \\"istiod-1\\" is forbidden: User \\"u\\" cannot create resource \\"pods/portforward\\"'
                ' in API group \\"\\" in the namespace \\"istio-system\\"',
                "Forbidden",
            ),
            Forbidden,
            "may not create pods/portforward in the namespace istio-system. Bind it a Role with the verbs get and",
        ),
        (refused(403, 'pods \\"istiod-1\\" is forbidden: ', "Forbidden"), Forbidden, "may not create pods/portforward"),
        (refused(404, 'pods \\"istiod-1\\" not found', "NotFound"), NotFound, "Pod istio-system/istiod-1"),
    ],
)
def test_what_the_api_server_refuses_is_typed(answer: Refused, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        get(answer)
    assert said in str(caught.value)


def test_a_broken_connection_is_tried_again() -> None:
    broken = Socket(*OPENED, ConnectionResetError("reset"))
    assert get(TransportError("refused"), refused(503), broken, Socket(*OPENED, b"\x00" + WHOLE)).status == 200
    assert broken.closed == 1


def test_an_expired_token_is_read_again_once() -> None:
    assert get(refused(401), Socket(*OPENED, b"\x00" + WHOLE)).status == 200
    with pytest.raises(Unauthorized):
        get(refused(401), refused(401))


def test_what_cannot_get_better_is_not_tried_again() -> None:
    with pytest.raises(Unreachable, match="not trusted"):
        get(TransportError("its certificate is not trusted", fatal=True))


def test_the_deadline_holds() -> None:
    with pytest.raises(Unreachable, match="nothing was sent"):
        get(seconds=0)
    with pytest.raises(Unreachable, match="did not answer in time"):
        get(*[Socket(*OPENED, TimeoutError()) for _number in range(9)], seconds=0.3)


@pytest.mark.parametrize(
    ("tls", "options"),
    [
        (Tls(), {"cert_reqs": ssl.CERT_REQUIRED, "check_hostname": True}),
        (
            Tls(ca_file="ca", cert_file="c", key_file="k", server_name="api"),
            {
                "cert_reqs": ssl.CERT_REQUIRED,
                "check_hostname": True,
                "ca_certs": "ca",
                "certfile": "c",
                "keyfile": "k",
                "server_hostname": "api",
            },
        ),
        (Tls(verify=False, ca_file="ca"), {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}),
    ],
)
def test_a_websocket_trusts_whom_the_connection_trusts(tls: Tls, options: dict[str, Any]) -> None:
    assert tls.options() == options
