# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The ways to colour a namespace: by its findings, its mTLS, its waypoint, its revision."""

from __future__ import annotations

WAYS = """
  // What a namespace is, and for each of these a tone, a character, and words.
  const out = ["quiet", "\\u00b7", "outside"];
  const revisions = Array.from(new Set(spaces.map((each) => each.revision).filter(Boolean))).sort();
  const shades = ["note", "odd", "good", "warn"];
  const byRevision = { none: ["quiet", "\\u00b7", "no revision of its own"] };
  revisions.slice(0, 20).forEach((name, place) => {
    byRevision["r:" + name] = [shades[place % shades.length], String.fromCharCode(65 + place), name];
  });
  function mtlsOf(each) {
    if (each.mode === "none") return "out";
    if (each.mtls === "unset") return "permissive";
    return ["strict", "permissive", "disable"].includes(each.mtls) ? each.mtls : "unknown";
  }
  function worstOf(each) {
    if (each.errors) return "bad";
    if (each.warnings) return "warn";
    return each.mode === "none" ? "out" : "fine";
  }
  const ways = {
    findings: {
      of: worstOf,
      kinds: {
        bad: ["bad", "\\u2715", "errors"],
        warn: ["warn", "!", "warnings"],
        fine: ["good", "\\u2713", "nothing to mend"],
        out,
      },
    },
    mtls: {
      of: mtlsOf,
      kinds: {
        strict: ["good", "S", "strict"],
        permissive: ["warn", "P", "permissive"],
        disable: ["bad", "D", "disabled"],
        unknown: ["odd", "?", "not known"],
        out,
      },
    },
    waypoint: {
      of: (each) => (each.waypoint ? "has" : each.mode === "none" ? "out" : "none"),
      kinds: { has: ["note", "W", "with a waypoint"], none: ["good", "4", "without: L4 only"], out },
    },
    revision: { of: (each) => (each.revision ? "r:" + each.revision : "none"), kinds: byRevision },
  };
  let way = "findings";

  function findingsOf(space) {
    return [[space.errors, "error"], [space.warnings, "warning"], [space.infos, "note"]]
      .filter(([count]) => count).map(([count, word]) => plural(count, word)).join(", ") || "none";
  }
  function paint() {
    const { of, kinds } = ways[way];
    const met = new Map();
    for (const { tile, space } of drawn) {
      const [tone, glyph, word] = kinds[of(space)] || ["quiet", "+", "another"];
      met.set(word, [tone, glyph, (met.get(word) || [0, 0, 0])[2] + 1]);
      tile.className = "tile tone-" + tone;
      tile.firstChild.textContent = glyph;
      const told = way === "findings" ? "findings: " + findingsOf(space) : way + ": " + word;
      tile.setAttribute("aria-label", space.name + ", " + told);
    }
    const legend = one("legend");
    legend.replaceChildren();
    for (const [word, [tone, glyph, count]] of met) {
      const entry = make("span");
      entry.append(make("i", "swatch tone-" + tone, glyph), word + " " + count);
      legend.append(entry);
    }
    all("[data-colour]").forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.colour === way)));
    marked();
  }
"""
