# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What simulated proxies say of themselves on their ports, held against what genuine ones said."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.harness.agent.answers import EXPIRES_IN, METRICS

from .support import Site, eventually, is_ready

RECORDED = Path(__file__).parents[2] / "fixtures"
DAY = timedelta(hours=24)
PLAINTEXT = 'istio_requests_total{reporter="destination",connection_security_policy="none"} 7'
Object = dict[str, Any]


@pytest.fixture(scope="module")
def sidecar(mesh: Site) -> Iterator[str]:
    """The namespace of a pod `web` with a sidecar."""
    mesh.namespace("answers", istio_injection="enabled")
    mesh.pod("answers", "web")
    eventually("Ready", lambda: is_ready(mesh.get_pod("answers", "web")))
    yield "answers"
    mesh.api.delete("/api/v1/namespaces/answers")


def ztunnel_of(site: Site, namespace: str, name: str) -> str:
    node = site.get_pod(namespace, name)["spec"]["nodeName"]
    (found,) = (p for p in site.pods("istio-system", "app=ztunnel") if p["spec"].get("nodeName") == node)
    return str(found["metadata"]["name"])


def shape(value: Any) -> Any:
    """Keys and types, of the first of a list."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def remaining(site: Site, namespace: str) -> timedelta:
    """How long the certificate of the pod's Envoy lasts from now on."""
    found = json.loads(site.fetch(namespace, "web", 15000, "/certs"))
    end = when(found["certificates"][0]["cert_chain"][0]["expiration_time"])
    return end - datetime.now(timezone.utc)


def root(site: Site, namespace: str) -> x509.Certificate:
    data = site.object(f"/api/v1/namespaces/{namespace}/configmaps/istio-ca-root-cert")["data"]
    return x509.load_pem_x509_certificate(data["root-cert.pem"].encode())


def families(text: str) -> dict[str, list[str]]:
    """By family of a text in Prometheus' format: the labels of its first series."""
    types = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    first = {name: re.search(rf"^{name}(?:_total)?(?:{{(.*)}})? \S+$", text, re.MULTILINE) for name in types}
    return {name: re.findall(r'(\w+)="', found.group(1) or "") for name, found in first.items() if found}


def test_an_envoys_certificates(mesh: Site, sidecar: str) -> None:
    eventually("answers", lambda: remaining(mesh, sidecar))
    found = json.loads(mesh.fetch(sidecar, "web", 15000, "/certs"))
    recorded = json.loads((RECORDED / "envoy" / "recorded-certs.json").read_text(encoding="utf-8"))
    assert shape(found) == shape(recorded)
    one = found["certificates"][0]
    authority = root(mesh, sidecar)
    assert int(one["ca_cert"][0]["serial_number"], 16) == authority.serial_number
    assert when(one["ca_cert"][0]["expiration_time"]) == authority.not_valid_after_utc
    assert one["cert_chain"][0]["subject_alt_names"] == [{"uri": f"spiffe://cluster.local/ns/{sidecar}/sa/default"}]
    assert DAY - timedelta(minutes=5) < remaining(mesh, sidecar) <= DAY
    assert json.loads(mesh.fetch(sidecar, "web", 15000, "/certs")) == found, "the same until it is renewed"


def test_an_envoys_metrics(mesh: Site, sidecar: str) -> None:
    text = mesh.fetch(sidecar, "web", 15020, "/stats/prometheus")
    assert 'istio_build{component="proxy",tag="1.31.1"} 1' in text
    assert 'connection_security_policy="mutual_tls"' in text
    assert PLAINTEXT not in text


def test_annotations_change_what_a_proxy_shows(mesh: Site, sidecar: str) -> None:
    def annotate(expires_in: str | None, metrics: str | None) -> None:
        mesh.patch_pod(sidecar, "web", {"metadata": {"annotations": {EXPIRES_IN: expires_in, METRICS: metrics}}})

    annotate("-600", PLAINTEXT)
    eventually("expired", lambda: remaining(mesh, sidecar) < -timedelta(minutes=9))
    assert PLAINTEXT in mesh.fetch(sidecar, "web", 15020, "/stats/prometheus").splitlines()
    annotate("600", None)
    eventually("ends soon", lambda: timedelta(0) < remaining(mesh, sidecar) <= timedelta(minutes=10))
    assert PLAINTEXT not in mesh.fetch(sidecar, "web", 15020, "/stats/prometheus")
    annotate(None, None)
    eventually("as ever", lambda: remaining(mesh, sidecar) > timedelta(hours=23))


def test_a_ztunnels_certificates_and_metrics(mesh: Site) -> None:
    mesh.namespace("captured")
    labels = {"metadata": {"labels": {"istio.io/dataplane-mode": "ambient"}}}
    mesh.api.request("PATCH", "/api/v1/namespaces/captured", labels, content_type="application/merge-patch+json")
    mesh.pod("captured", "web")
    identity = "spiffe://cluster.local/ns/captured/sa/default"
    eventually("scheduled", lambda: mesh.get_pod("captured", "web")["spec"].get("nodeName"))
    ztunnel = ztunnel_of(mesh, "captured", "web")

    def held() -> list[Object]:
        dump = json.loads(mesh.fetch("istio-system", ztunnel, 15000, "/config_dump"))
        return [each for each in dump["certificates"] if each["identity"] == identity]

    found = eventually("a certificate", held)
    recorded = json.loads((RECORDED / "ztunnel" / "recorded-certificates.json").read_text(encoding="utf-8"))
    assert shape(found) == shape(recorded["certificates"])
    leaf = x509.load_pem_x509_certificate(base64.b64decode(found[0]["certChain"][0]["pem"]))
    assert leaf.not_valid_after_utc == when(found[0]["certChain"][0]["expirationTime"])
    assert leaf.issuer == root(mesh, "istio-system").subject
    assert when(found[0]["rootCerts"][0]["expirationTime"]) == root(mesh, "istio-system").not_valid_after_utc

    text = mesh.fetch("istio-system", ztunnel, 15020, "/metrics")
    genuine = (RECORDED / "ztunnel" / "recorded-metrics.txt").read_text(encoding="utf-8")
    assert families(text) == families(genuine)
    assert text.endswith("\n# EOF\n")
    mesh.patch_pod("istio-system", ztunnel, {"metadata": {"annotations": {EXPIRES_IN: "-60"}}})
    eventually("expired", lambda: when(held()[0]["certChain"][0]["expirationTime"]) < datetime.now(timezone.utc))
    mesh.patch_pod("istio-system", ztunnel, {"metadata": {"annotations": {EXPIRES_IN: None}}})
    mesh.api.delete("/api/v1/namespaces/captured")
