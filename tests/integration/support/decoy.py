# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that nobody should talk to, and that counts who does."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from pathlib import Path


class Decoy:
    """Listens on loopback and counts connections; use it as a context manager."""

    def __init__(self) -> None:
        self.connections = 0
        decoy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                decoy.connections += 1

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Decoy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, folder: Path, context: str = "production") -> Path:
        """A kubeconfig whose current context is the decoy."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "config"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "clusters": [{"name": context, "cluster": {"server": self.server}}],
            "users": [{"name": context, "user": {"token": "decoy"}}],
        }
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    def environment(self, home: Path) -> dict[str, str]:
        """All ways there are to point a program at the decoy, over this process's environment."""
        self.kubeconfig(home / ".kube")
        host, port = self.server.removeprefix("http://").split(":")
        return {
            "HOME": str(home),
            # The programs' cache stays where it is: building them anew would prove nothing.
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
            "KUBECONFIG": str(self.kubeconfig(home / "elsewhere")),
            "K8S_AUTH_HOST": self.server,
            "K8S_AUTH_API_KEY": "decoy",
            "K8S_AUTH_CONTEXT": "production",
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
            "HELM_KUBEAPISERVER": self.server,
            "HELM_KUBECONTEXT": "production",
        }
