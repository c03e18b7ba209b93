# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floor: the same bodies, prebuilt, sent with strict validation over one pool; nothing is read, nothing compared.

python floor.py KUBECONFIG BODIES.pickle THREADS: BODIES holds (path, bytes) pairs. What a client in Python cannot do
better than, without leaving something out.
"""

from __future__ import annotations

import base64
import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3

_QUERY = "?fieldManager=meshwright-floor&fieldValidation=Strict&force=false"


def main(kubeconfig: str, bodies: str, threads: int) -> None:
    config = json.loads(Path(kubeconfig).read_text(encoding="utf-8"))
    server = config["clusters"][0]["cluster"]
    pool = urllib3.PoolManager(
        maxsize=threads, ca_cert_data=_decoded(server["certificate-authority-data"]), cert_reqs="CERT_REQUIRED"
    )
    headers = {
        "Authorization": f"Bearer {config['users'][0]['user']['token']}",
        "Content-Type": "application/apply-patch+yaml",
        "Accept": "application/json",
    }

    def send(pair: tuple[str, bytes]) -> int:
        answer = pool.request("PATCH", f"{server['server']}{pair[0]}{_QUERY}", body=pair[1], headers=headers)
        return answer.status

    with open(bodies, "rb") as file:
        pairs = pickle.load(file)
    with ThreadPoolExecutor(threads) as executor:
        refused = [status for status in executor.map(send, pairs) if status >= 300]
    print(f"sent={len(pairs)} failed={len(refused)}")


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
