# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Drawing the namespaces as tiles, and telling who is bound to whom."""

from __future__ import annotations

from .script_ways import WAYS

_DRAW = """
const data = JSON.parse(one("data").textContent);
const tiles = one("tiles");
if (tiles && data.namespaces) (function () {
  const fields = data.fields;
  const spaces = data.namespaces.map((row) => Object.fromEntries(row.map((value, place) => [fields[place], value])));
  const detail = one("detail");
  const resting = Array.from(detail.childNodes);
  const nodes = all("button.node");
  const plural = (count, noun) => count.toLocaleString("en") + " " + noun + (count === 1 ? "" : "s");
  const drawn = [];

  function brief(each) {
    const mtls = ["strict", "permissive", "disable"].includes(each.mtls) ? each.mtls : "";
    const home = data.homes.includes(each.name) ? "control plane" : "";
    return [home, mtls, each.pods === null ? "" : plural(each.pods, "pod"), each.waypoint ? "waypoint" : ""]
      .filter(Boolean).join(" \\u00b7 ");
  }
  function lay(title, members, dense) {
    const zone = make("div", dense ? "zone dense" : "zone");
    const head = make("h3", "", title);
    const pods = members.reduce((sum, each) => sum + (each.pods || 0), 0);
    head.append(make("span", "soft", plural(members.length, "namespace") + ", " + plural(pods, "pod")));
    const grid = make("div", "grid");
    grid.setAttribute("role", "group");
    grid.setAttribute("aria-label", title);
    for (const space of members) {
      const tile = make("button", "tile");
      tile.type = "button";
      tile.tabIndex = -1;
      tile.append(make("i"), make("b", "", space.name), make("small", "", brief(space)));
      grid.append(tile);
      drawn.push({ tile, space });
    }
    zone.append(head, grid);
    tiles.append(zone);
  }
  for (const [mode, title] of data.modes) {
    const members = spaces.filter((each) => each.mode === mode);
    if (members.length) lay(title, members, spaces.length > 80);
  }
  if (drawn.length) drawn[0].tile.tabIndex = 0;
  const byTile = new Map(drawn.map((each) => [each.tile, each.space]));
"""

_BIND = """
  function bound(node, space) {
    if (node.dataset.waypoint) return space.waypoint === node.dataset.waypoint;
    const plane = data.planes.find(([revision]) => revision === node.dataset.revision);
    if (space.revision) return space.revision.split(", ").some((each) => each === plane[0] || plane[1].includes(each));
    return space.mode !== "none" && data.planes.length === 1;
  }
  let aimed = null;
  function aim(node) {
    tiles.classList.toggle("aiming", Boolean(node));
    for (const { tile, space } of drawn) tile.classList.toggle("lit", Boolean(node) && bound(node, space));
  }
  nodes.forEach((node) => {
    node.addEventListener("pointerenter", () => aim(node));
    node.addEventListener("pointerleave", () => aim(aimed));
    node.addEventListener("focus", () => aim(node));
    node.addEventListener("blur", () => aim(aimed));
    node.addEventListener("click", () => {
      aimed = aimed === node ? null : node;
      nodes.forEach((each) => each.setAttribute("aria-pressed", String(each === aimed)));
      aim(aimed);
    });
  });

  function tell(space) {
    nodes.forEach((node) => node.classList.toggle("lit", Boolean(space) && bound(node, space)));
    if (!space) { detail.replaceChildren(...resting); return; }
    const counts = [["captured", "captured"], ["sidecars", "with a sidecar"], ["outside", "outside"]];
    counts.push(["outdated", "outdated"]);
    const facts = [
      ["Mode", data.modes.find(([mode]) => mode === space.mode)[1]],
      ["Labels", space.label],
      ["Revision", space.revision],
      ["mTLS", space.mtls || "not known"],
      ["Waypoint", space.waypoint || (space.mode === "none" ? "" : "none")],
      ["Pods", space.pods === null ? "not known" : String(space.pods)],
      ["", counts.filter(([key]) => space[key]).map(([key, word]) => space[key] + " " + word).join(", ")],
      ["Policies", space.policies ? String(space.policies) : ""],
      ["Findings", findingsOf(space)],
    ];
    const told = make("dl");
    for (const [name, value] of facts) {
      if (!value) continue;
      const line = make("div");
      line.append(make("dt", "", name), make("dd", "", value));
      told.append(line);
    }
    detail.replaceChildren(make("h4", "", space.name), told);
  }
  let chosen = null;
  function point(event) {
    const tile = event.target.closest(".tile");
    if (tile) tell(byTile.get(tile));
  }
  tiles.addEventListener("pointerover", point);
  tiles.addEventListener("focusin", point);
  tiles.addEventListener("pointerleave", () => tell(chosen));
  tiles.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    const space = byTile.get(tile);
    if (!(space.errors + space.warnings + space.infos)) {
      chosen = space;
      tell(space);
      return;
    }
    set({ ns: state.ns === space.name ? "" : space.name });
    if (state.ns && list) one("findings").scrollIntoView();
  });
  tiles.addEventListener("keydown", (event) => {
    const place = drawn.findIndex((each) => each.tile === event.target);
    if (place < 0) return;
    const last = drawn.length - 1;
    const across = getComputedStyle(event.target.parentElement).gridTemplateColumns.split(" ").length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
    Object.assign(steps, { Home: -place, End: last - place });
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = drawn[Math.max(0, Math.min(last, place + step))].tile;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-colour]");
    if (button) { way = button.dataset.colour; paint(); }
  });
  function marked() {
    chosen = null;
    for (const { tile, space } of drawn) {
      const on = Boolean(state.ns) && space.name === state.ns;
      if (on) chosen = space;
      tile.setAttribute("aria-pressed", String(on));
    }
    tell(chosen);
  }
  listeners.push(marked);
  paint();
  root.dataset.tiles = String(drawn.length);
})();
"""

TILES = f"{_DRAW}{WAYS}{_BIND}"
