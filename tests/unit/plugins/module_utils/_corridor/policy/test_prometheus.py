# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking Prometheus, against a small server that speaks its JSON: simulated, in the shape of a genuine answer."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.prometheus import clients
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, ToolError
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import Prometheus

from tests.conftest import ROOT
from tests.harness.certificates import ensure

# What a genuine ztunnel counted of a client without a proxy, and of one in the mesh.
_RECORDED = json.loads((ROOT / "tests" / "fixtures" / "policy" / "guards-recorded.json").read_text(encoding="utf-8"))
SEEN = {entry["labels"]["connection_security_policy"]: entry["labels"] for entry in _RECORDED["metrics"]}
PLAIN, MESH = SEEN["unknown"], SEEN["mutual_tls"]
Answer = tuple[int, Any]


class Fake:
    """A Prometheus that answers as told, and keeps what it was asked."""

    def __init__(self, certificates: Path | None = None) -> None:
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self.answer: Callable[[str], Answer] = lambda query: (200, vector())
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                query = parse_qs(body)["query"][0]
                outer.asked.append((self.path, dict(self.headers), query))
                status, content = outer.answer(query)
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", content)
                self.end_headers()
                self.wfile.write(content.encode() if isinstance(content, str) else json.dumps(content).encode())

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http{'s' if certificates else ''}://127.0.0.1:{self.server.server_port}"
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def vector(*rows: tuple[dict[str, str], str]) -> Any:
    result = [{"metric": labels, "value": [1763751600.123, value]} for labels, value in rows]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = Fake()
    yield found
    found.close()


def test_who_was_seen(fake: Fake) -> None:
    fake.answer = lambda query: (
        200,
        vector((PLAIN, "12.4"), (MESH, "3"), ({**MESH, "source_workload": "idle"}, "0"), ({}, "NaN"))
        if "tcp_connections" in query
        else vector(),
    )
    found = clients(Prometheus(fake.url, token="secret", window="30m"), ["amb", "demo"])
    assert [
        (one.namespace, one.workload, one.account, one.to_namespace, one.to_workload, one.count, one.mtls)
        for one in found
    ] == [
        ("plain", "client", "", "amb", "echo-v1", 12.4, False),
        ("amb", "client", "client", "amb", "echo-v2", 3.0, True),
    ]
    assert [path for path, _headers, _query in fake.asked] == ["/api/v1/query"] * 2
    assert all(headers["Authorization"] == "Bearer secret" for _path, headers, _query in fake.asked)
    for metric, (_path, _headers, query) in zip(
        ("istio_requests_total", "istio_tcp_connections_opened_total"), fake.asked, strict=True
    ):
        assert f'{metric}{{reporter="destination",destination_workload_namespace=~"amb|demo"}}[30m]' in query


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        ((400, {"status": "error", "errorType": "bad_data", "error": "parse error"}), "answered 400: parse error", ""),
        ((401, "no"), "answered 401", "prometheus.token"),
        ((404, "404 page not found"), "answered 404", "prometheus.url"),
        ((503, {"status": "error", "error": "too many samples"}), "too many samples", ""),
        ((302, "http://elsewhere.invalid/login"), "answered 302", ""),
        ((200, "<html>login</html>"), "is no Prometheus", "prometheus.url"),
        ((200, {"status": "error", "error": "query timed out"}), "query timed out", ""),
        ((200, []), "refused the question", ""),
    ],
)
def test_what_it_says_is_told(fake: Fake, answer: Answer, message: str, hint: str) -> None:
    fake.answer = lambda query: answer
    with pytest.raises(ToolError) as raised:
        clients(Prometheus(fake.url, token="secret"), ["amb"])
    assert message in raised.value.message
    assert hint in raised.value.hint
    assert fake.url in raised.value.message
    assert "secret" not in str(raised.value)


def test_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = ensure(tmp_path / "pki")
    server = Fake(folder)
    try:
        with pytest.raises(ToolError, match=r"CERTIFICATE_VERIFY_FAILED") as raised:
            clients(Prometheus(server.url), ["amb"])
        assert "`ca_cert`" in raised.value.hint
        assert clients(Prometheus(server.url, ca_cert=str(folder / "ca.crt")), ["amb"]) == []
        assert clients(Prometheus(server.url, validate_certs=False), ["amb"]) == []
    finally:
        server.close()


def test_nobody_there(fake: Fake) -> None:
    fake.close()
    with pytest.raises(ToolError, match="cannot be reached") as raised:
        clients(Prometheus(fake.url), ["amb"], timeout=2)
    assert "`prometheus.url`" in raised.value.hint


@pytest.mark.parametrize(
    ("prometheus", "named"),
    [
        (Prometheus("http://127.0.0.1:1", window="soon"), "`prometheus.window`"),
        (Prometheus("http://127.0.0.1:1", window="1h])) or vector(1"), "`prometheus.window`"),
        (Prometheus("prometheus:9090"), "`prometheus.url`"),
        (Prometheus("http://me:hidden@127.0.0.1:1"), "`prometheus.url`"),
        (Prometheus("https://127.0.0.1:1", ca_cert="/nowhere/ca.pem"), "`prometheus.ca_cert`"),
    ],
)
def test_options_that_cannot_be_used(prometheus: Prometheus, named: str) -> None:
    with pytest.raises(BadInput) as raised:
        clients(prometheus, ["amb"])
    assert named in raised.value.message
    assert "hidden" not in str(raised.value)
