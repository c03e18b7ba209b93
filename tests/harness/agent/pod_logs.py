# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""istiod's log in the form that kubelets keep logs in, so that `kubectl logs` of its pod works through kwok."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

CHUNK = 1 << 20  # bytes read at most per turn


def format_lines(data: bytes, now: str) -> tuple[bytes, int]:
    """(the complete lines of `data` in the CRI log format, how many bytes of it were used)."""
    end = data.rfind(b"\n") + 1
    prefix = f"{now} stdout F ".encode()
    return b"".join(prefix + line + b"\n" for line in data[:end].splitlines()), end


class PodLog:
    """Follows a plain log and appends what is new to its twin in the kubelet's format."""

    def __init__(self, plain: Path, twin: Path) -> None:
        self._plain, self.path = plain, twin
        self._offset = 0
        twin.parent.mkdir(parents=True, exist_ok=True)
        twin.write_bytes(b"")

    def follow(self) -> None:
        try:
            with self._plain.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read(CHUNK)
        except FileNotFoundError:
            return
        text, used = format_lines(data, datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"))
        if used:
            self._offset += used
            with self.path.open("ab") as stream:
                stream.write(text)
