# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The connection to one API server. The only importer of the `kubernetes` package.

The package authenticates (kubeconfig, exec plugins, OIDC, the pod's own account) and brings the connection pool;
requests are this collection's own (`client.py`), since the package's generated client costs seconds to import
and knows no server-side apply with field validation.
"""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._errors import BadInput, Unauthorized
from . import kubeconfig
from .answers import Response
from .options import CONNECTION_SPEC, ConnectionOptions
from .transport import transport_error
from .wire import pool_classes

if TYPE_CHECKING:
    from .websockets import WebSocket

__all__ = [
    "CONNECTION_SPEC",
    "HAS_KUBERNETES",
    "KUBERNETES_IMPORT_ERROR",
    "Connection",
    "ConnectionOptions",
    "connect",
]

HAS_KUBERNETES = True
KUBERNETES_IMPORT_ERROR: str | None = None
try:
    import urllib3
    import yaml
    from kubernetes.client.configuration import Configuration
    from kubernetes.client.rest import RESTClientObject
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.incluster_config import load_incluster_config
    from kubernetes.config.kube_config import load_kube_config_from_dict
except ImportError:
    HAS_KUBERNETES = False
    KUBERNETES_IMPORT_ERROR = traceback.format_exc()

_IN_POD = "the pod's service account"
_POD_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_DEFAULT_KUBECONFIG = "~/.kube/config"
# A 401 makes the credentials be read again; not more often than this, in seconds.
_RELOAD_EVERY = 20.0
# Seconds. The package renews tokens minutes before they expire, and takes a fifth of a request's time to look.
_HEADERS_GOOD_FOR = 1.0
_NO_HEADERS: tuple[float, list[tuple[str, str]]] = (float("-inf"), [])


class Connection:
    """An authenticated way to one API server, shared by all threads of the task.

    `server` is its URL, `context` the kubeconfig's context (empty when none was used),
    `pool` a urllib3 pool with TLS set up, `source` says where the credentials came from.
    """

    def __init__(self, options: ConnectionOptions, *, threads: int = 8) -> None:
        self.options = options
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded_at = 0.0
        self._straight: Any = None
        self._context: kubeconfig.KubeContext | None = None
        self._headers = _NO_HEADERS
        self.source = ""
        self._load()

    @property
    def server(self) -> str:
        return self._server

    @property
    def context(self) -> str:
        return self._context.name if self._context else ""

    @property
    def namespace(self) -> str:
        """The namespace that the kubeconfig's context names, or the pod's own; empty when there is none."""
        if self._context:
            return self._context.namespace
        if self.source != _IN_POD:
            return ""
        try:
            return Path(_POD_NAMESPACE).read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def headers(self) -> list[tuple[str, str]]:
        """The authentication headers for the next request, refreshed when they are about to expire."""
        asked_at, headers = self._headers
        if time.monotonic() - asked_at < _HEADERS_GOOD_FOR:
            return headers
        with self._lock:
            settings = self._config.auth_settings()
            headers = [
                (setting["key"], setting["value"])
                for setting in settings.values()
                if setting["in"] == "header" and setting["value"]
            ]
            headers += self._impersonation
            self._headers = (time.monotonic(), headers)
        return headers

    def reload(self, asked_at: float) -> bool:
        """Read the credentials anew, since a request of that time (`time.monotonic`) met a 401: tokens rotate.

        True when they are newer than the request, also by another thread's doing; False when they were fresh already.
        """
        with self._lock:
            if self._loaded_at > asked_at:
                return True
            if time.monotonic() - self._loaded_at < _RELOAD_EVERY:
                return False
            self._load()
            return True

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: list[tuple[str, str]],
        body: bytes | None,
        connect_timeout: float,
        read_timeout: float,
    ) -> Response:
        """Send one request, once. Raises TransportError when no whole answer came."""
        every = urllib3.HTTPHeaderDict(self.headers())
        for name, value in headers:
            every.add(name, value)
        if self._far:
            every.add("Accept-Encoding", "gzip")
        try:
            pool, target = self._pool_for(url)
            answer = pool.request(
                method,
                target,
                body=body,
                headers=every,
                timeout=urllib3.Timeout(connect=connect_timeout, read=read_timeout),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise transport_error(error, self.server) from error
        return Response(answer.status, answer.data, answer.headers)

    def _pool_for(self, url: str) -> tuple[Any, str]:
        """The pool to ask, and for what: a path is enough for the one server, while a proxy may want the URL."""
        if getattr(self.pool, "proxy", None) or not url.startswith(self._origin):
            return self.pool, url
        if self._straight is None:
            self._straight = self.pool.connection_from_url(self._server)
        return self._straight, url[len(self._origin) :]

    def websocket(self, path: str, *, protocol: str, timeout: float) -> WebSocket:
        """Open a websocket to the API server, with the same TLS, proxy and credentials as every request.

        Raises TransportError when no connection came about, `Refused` with the answer when the server declined.
        """
        # Most runs forward no port.
        from .websockets import Tls, open_websocket

        config = self._config
        tls = Tls(
            verify=bool(config.verify_ssl),
            ca_file=config.ssl_ca_cert,
            cert_file=config.cert_file,
            key_file=config.key_file,
            server_name=config.tls_server_name,
        )
        proxy = self.pool.proxy.url if getattr(self.pool, "proxy", None) else ""
        return open_websocket(
            self.server + path, tls=tls, headers=self.headers(), proxy=proxy, protocol=protocol, timeout=timeout
        )

    def write_kubeconfig(self, path: str) -> None:
        """Write a kubeconfig for other programs (helm) that means exactly this connection, readable by its owner only.

        Credential plugins, token files, certificates and impersonation are passed on as they are,
        so that long runs of the program refresh their tokens themselves.
        """
        content = json.dumps(self._portable().as_config())
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)

    # -- loading ---------------------------------------------------------------------------------

    def _load(self) -> None:
        options = self.options
        config = Configuration()
        config.connection_pool_maxsize = self._threads
        paths, self.source = _kubeconfig_source(options)
        self._context = None
        if paths:
            parsed = kubeconfig.read(paths, _parse, source=self.source)
            self._context = kubeconfig.choose(parsed, options.context, source=f"{paths}, {self.source}")
            self._authenticate(config, self._context)
        elif options.host:
            config.host = options.host
        else:
            self._load_from_pod(config)
        self._override(config)
        # Kept apart: the package's hook that refreshes a token also puts the kubeconfig's own server back, which would
        # send the second request of a task with `host` to another cluster.
        self._server = str(config.host).rstrip("/")
        # Lists are megabytes and shrink to a tenth; on this machine packing them would only cost time.
        self._far = urlsplit(self._server).hostname not in ("127.0.0.1", "localhost", "::1")
        self._impersonation = _impersonation(options, self._context)
        self._config = config
        self._headers = _NO_HEADERS
        try:
            self.pool = RESTClientObject(config).pool_manager
        except OSError as error:
            raise BadInput(f"A certificate or key for {config.host} cannot be read: {error}.") from error
        self.pool.pool_classes_by_scheme = pool_classes(self.pool.pool_classes_by_scheme)
        split = urlsplit(self._server)
        self._origin = f"{split.scheme}://{split.netloc}"
        self._straight = None
        self._loaded_at = time.monotonic()

    def _authenticate(self, config: Configuration, context: kubeconfig.KubeContext) -> None:
        try:
            load_kube_config_from_dict(context.as_config(), context=context.name, client_configuration=config)
        except (ConfigException, OSError) as error:
            raise BadInput(f"The context `{context.name}` ({self.source}) cannot be used: {error}") from error
        plugin = context.user.get("exec")
        # The package logs a failing plugin and goes on as an anonymous user: the 403s that follow mislead.
        if plugin and not config.api_key and not config.cert_file and not self.options.api_key:
            raise Unauthorized(
                f"The credential plugin `{plugin.get('command')}` of the context `{context.name}` gave no credentials.",
                target=str(config.host),
                hint="Run it by hand: it may be missing, or ask for a login.",
            )

    def _load_from_pod(self, config: Configuration) -> None:
        self.source = _IN_POD
        try:
            load_incluster_config(client_configuration=config)
        except ConfigException as error:
            raise BadInput(
                f"No cluster to talk to: there is no {_DEFAULT_KUBECONFIG}, and this is no pod.",
                hint="Give `kubeconfig` (K8S_AUTH_KUBECONFIG), or `host` and `api_key`.",
            ) from error

    def _override(self, config: Configuration) -> None:
        """What the task says itself goes before what the kubeconfig says."""
        options = self.options
        if options.host:
            if "://" not in options.host:
                raise BadInput(
                    f"The option `host` is `{options.host}`; it must be a URL, such as https://{options.host}."
                )
            config.host = options.host.rstrip("/")
        if options.api_key:
            config.refresh_api_key_hook = None
            config.api_key = {"authorization": f"Bearer {options.api_key}"}
        elif options.username:
            basic = urllib3.util.make_headers(basic_auth=f"{options.username}:{options.password or ''}")
            config.refresh_api_key_hook = None
            config.api_key = {"authorization": basic["authorization"]}
        for name, value in (
            ("ca_cert", options.ca_cert),
            ("client_cert", options.client_cert),
            ("client_key", options.client_key),
        ):
            if value and not os.path.exists(value):
                raise BadInput(f"The option `{name}` names {value}, which does not exist.")
        if options.ca_cert:
            config.ssl_ca_cert = options.ca_cert
        if options.client_cert:
            config.cert_file = options.client_cert
        if options.client_key:
            config.key_file = options.client_key
        if options.validate_certs is not None:
            config.verify_ssl = options.validate_certs
        if not config.verify_ssl:
            # Asked for by the task or its kubeconfig: one warning per request would only drown others.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if options.proxy:
            config.proxy = options.proxy
        if options.no_proxy:
            config.no_proxy = options.no_proxy

    # -- for other programs ------------------------------------------------------------------------

    def _portable(self) -> kubeconfig.KubeContext:
        options, config = self.options, self._config
        cluster: dict[str, Any] = dict(self._context.cluster) if self._context else {}
        user: dict[str, Any] = dict(self._context.user) if self._context else {}
        cluster["server"] = self.server
        if not self._context and self.source == _IN_POD:
            cluster["certificate-authority"] = config.ssl_ca_cert
            user["tokenFile"] = "/var/run/secrets/kubernetes.io/serviceaccount/token"
        if options.ca_cert:
            cluster.pop("certificate-authority-data", None)
            cluster["certificate-authority"] = os.path.abspath(options.ca_cert)
        if options.validate_certs is not None:
            cluster["insecure-skip-tls-verify"] = not options.validate_certs
        if cluster.get("insecure-skip-tls-verify"):
            # client-go refuses a CA beside it.
            cluster.pop("certificate-authority-data", None)
            cluster.pop("certificate-authority", None)
        if options.proxy:
            cluster["proxy-url"] = options.proxy
        if options.api_key:
            user = {"token": options.api_key, **_only(user, "as")}
        elif options.username:
            user = {"username": options.username, "password": options.password or "", **_only(user, "as")}
        if options.client_cert and options.client_key:
            user.pop("client-certificate-data", None)
            user.pop("client-key-data", None)
            user["client-certificate"] = os.path.abspath(options.client_cert)
            user["client-key"] = os.path.abspath(options.client_key)
        if options.impersonate_user:
            user["as"] = options.impersonate_user
        if options.impersonate_groups:
            user["as-groups"] = list(options.impersonate_groups)
        return kubeconfig.KubeContext(name=self.context or "meshwright", cluster=cluster, user=user)


def connect(options: ConnectionOptions, *, threads: int = 8) -> Connection:
    """Find the API server and the credentials. Sends nothing to it yet.

    Raises BadInput for a missing kubeconfig or context, naming what there is.
    """
    return Connection(options, threads=threads)


def _kubeconfig_source(options: ConnectionOptions) -> tuple[str, str]:
    """The kubeconfig files to read, and who named them. None are read when only `host` is given.

    A token of the default kubeconfig must not go to a host that the task named for itself.
    """
    if options.kubeconfig:
        return options.kubeconfig, "option `kubeconfig` or K8S_AUTH_KUBECONFIG"
    if options.host and not options.context:
        return "", "option `host` or K8S_AUTH_HOST"
    if os.environ.get("KUBECONFIG"):
        return os.environ["KUBECONFIG"], "variable KUBECONFIG"
    if options.context or os.path.exists(os.path.expanduser(_DEFAULT_KUBECONFIG)):
        return _DEFAULT_KUBECONFIG, "the default"
    return "", ""


def _parse(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _only(user: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {key: value for key, value in user.items() if key == prefix or key.startswith(f"{prefix}-")}


def _impersonation(options: ConnectionOptions, context: kubeconfig.KubeContext | None) -> list[tuple[str, str]]:
    """Impersonation headers, of the task or else of the kubeconfig's user; the `kubernetes` package knows none."""
    user = context.user if context else {}
    name = options.impersonate_user or user.get("as")
    groups = options.impersonate_groups or tuple(user.get("as-groups") or ())
    if not name:
        if groups:
            raise BadInput("`impersonate_groups` needs `impersonate_user`: the API server refuses groups alone.")
        return []
    headers = [("Impersonate-User", str(name))] + [("Impersonate-Group", str(group)) for group in groups]
    if not options.impersonate_user:
        if user.get("as-uid"):
            headers.append(("Impersonate-Uid", str(user["as-uid"])))
        for key, values in (user.get("as-user-extra") or {}).items():
            headers += [(f"Impersonate-Extra-{key}", str(value)) for value in values]
    return headers
