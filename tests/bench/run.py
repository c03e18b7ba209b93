# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench`: runs the parts, each into build/bench/PART.json.

python -m tests.bench.run [PART...] [--runs 5] [--only STAGE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from types import ModuleType

from . import place
from .method import Timed, measure
from .parts import enrollment, mesh, policy, verify

PARTS: dict[str, ModuleType] = {"mesh": mesh, "policy": policy, "enrollment": enrollment, "verify": verify}


def machine() -> dict[str, str | int | None]:
    core = subprocess.run(
        [str(place.PYTHON), "-c", "import ansible; print(ansible.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {"processors": os.cpu_count(), "python": platform.python_version(), "ansible_core": core.stdout.strip()}


def run(name: str, part: ModuleType, runs: int, only: str = "") -> None:
    """Measure one part and write its file; `only` names the one of its stages to measure, where it has several."""
    started = time.monotonic()
    print(f"bench: {name}: {(part.__doc__ or '').splitlines()[0]}", flush=True)
    timed: dict[str, Timed] = {}
    try:
        # Most have one stage; a part with `stages` brings its cluster from one to the next.
        for cases in part.stages(only) if hasattr(part, "stages") else [part.setup()]:
            found = measure(cases, runs=runs, say=lambda words: print(f"bench: {name}: {words}", flush=True))
            machines = timed.get("machine", Timed()).seconds
            timed |= found | {"machine": Timed(machines + found["machine"].seconds)}
    finally:
        part.teardown()
    result = {
        "part": name,
        "figures": part.figures(timed),
        "runs": {case: times.summary() for case, times in timed.items()},
        "machine": machine(),
    }
    path = place.FOLDER / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for figure, value in result["figures"].items():
        print(f"bench: {name}: {figure} {value}")
    for case, summary in result["runs"].items():
        print(
            f"bench: {name}: {case:<28} median {summary['median']:7.3f} s, {summary['min']:.3f} to {summary['max']:.3f}"
        )
    print(f"bench: {name}: {time.monotonic() - started:.0f} s, in {path.relative_to(place.ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Ours and the peers' times.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of: {', '.join(PARTS)}; all by default")
    parser.add_argument("--runs", type=int, default=5, help="runs of each process, at least 5")
    parser.add_argument("--only", default="", help="the one stage of a part to measure, such as 10000 of verify")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    if options.runs < 5:
        parser.error("fewer than five runs tell nothing")
    for name in options.parts or PARTS:
        run(name, PARTS[name], options.runs, options.only)


if __name__ == "__main__":
    main()
