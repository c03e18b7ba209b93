# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""How the page looks: colours for light and dark, and what all sections share. No font, no picture, no network."""

from __future__ import annotations

from .style_mesh import MESH
from .style_parts import PARTS

# Told apart by people who see colours differently, and by their lightness; a character stands beside each.
_LIGHT = {
    "paper": "#f6f7f9",
    "card": "#ffffff",
    "ink": "#1a1f27",
    "soft": "#5a6472",
    "line": "#e2e6eb",
    "faint": "#eef1f4",
    "accent": "#2b5cc4",
    "bad": "#b93a16",
    "bad-wash": "#fdece6",
    "warn": "#8a5a00",
    "warn-wash": "#fff3d6",
    "warn-fill": "#d99a0b",
    "odd": "#6b4fb3",
    "odd-wash": "#efeafb",
    "note": "#2b6cb0",
    "note-wash": "#e6f0fa",
    "good": "#0b7a66",
    "good-wash": "#ddf3ee",
    "quiet": "#5d6672",
    "quiet-wash": "#eceff2",
    "on": "#ffffff",
    "shade": "0 1px 2px rgb(20 30 45 / 6%), 0 4px 16px rgb(20 30 45 / 4%)",
}
_DARK = {
    "paper": "#0f1319",
    "card": "#171d25",
    "ink": "#e7ebf0",
    "soft": "#9ca7b5",
    "line": "#2a323d",
    "faint": "#1e252f",
    "accent": "#8db4ff",
    "bad": "#ff8f6b",
    "bad-wash": "#3a1f17",
    "warn": "#f3c04f",
    "warn-wash": "#372b10",
    "warn-fill": "#f3c04f",
    "odd": "#b9a2f2",
    "odd-wash": "#2a2342",
    "note": "#7fb8f2",
    "note-wash": "#17293d",
    "good": "#52cdb4",
    "good-wash": "#12322c",
    "quiet": "#8b95a3",
    "quiet-wash": "#232b35",
    "on": "#10151b",
    "shade": "0 1px 2px rgb(0 0 0 / 40%)",
}


def _colours(palette: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in palette.items())


_BASE = """
*{box-sizing:border-box}
html{scroll-padding-top:4rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif}
code{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
h1,h2,h3,h4,p,ul,ol,dl,dd{margin:0;padding:0}
ul,ol{list-style:none}
h1{font-size:clamp(1.6rem,1.1rem + 2vw,2.4rem);line-height:1.15;letter-spacing:-.02em;font-weight:680;
text-wrap:balance}
h2{font-size:1.3rem;letter-spacing:-.01em;font-weight:650}
h3{font-size:.95rem;font-weight:620}
h4{font-size:.72rem;font-weight:600;color:var(--soft);text-transform:uppercase;letter-spacing:.06em}
a{color:var(--accent);text-underline-offset:.15em}
small{display:block;font-size:.8rem;color:var(--soft)}
button,select,input{font:inherit;color:inherit}
button{cursor:pointer}
summary{cursor:pointer}
[hidden],html:not(.ready) .js{display:none!important}
:focus{outline:none}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.aloud{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:1rem;top:-4rem;z-index:9;background:var(--card);padding:.5rem 1rem;border-radius:8px}
.skip:focus{top:.5rem}
.soft{color:var(--soft);font-weight:400}
.bar{position:sticky;top:0;z-index:5;background:color-mix(in srgb,var(--paper) 88%,transparent);
backdrop-filter:blur(8px);border-bottom:1px solid var(--line)}
.bar>div,main,footer{max-width:1240px;margin:0 auto;padding:0 1.5rem}
.bar>div{display:flex;gap:1rem;align-items:center;height:3.2rem}
.bar b{white-space:nowrap;overflow:hidden;text-overflow:ellipsis;max-width:16rem}
.bar nav{display:flex;gap:.15rem;overflow-x:auto;flex:1;scrollbar-width:none}
.bar nav a{color:var(--soft);text-decoration:none;padding:.3rem .6rem;border-radius:7px;white-space:nowrap;
font-size:.9rem}
.bar nav a:hover{color:var(--ink);background:var(--faint)}
.theme{border:1px solid var(--line);background:var(--card);border-radius:8px;padding:.25rem .7rem;font-size:.85rem;
white-space:nowrap}
main{display:grid;gap:3.2rem;padding-top:2.2rem;padding-bottom:3rem}
main>*{min-width:0}
.head{margin-bottom:1.1rem}
.lead{color:var(--soft);max-width:76ch;margin-top:.15rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.25rem;
box-shadow:var(--shade)}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem;align-items:start}
.sign{display:inline-grid;place-items:center;flex:none;width:1.35em;height:1.35em;border-radius:50%;font-size:.8rem;
font-weight:750;line-height:1;background:var(--quiet-wash);color:var(--quiet)}
.chip{display:inline-block;font-size:.76rem;line-height:1.35;padding:.1rem .5rem;border-radius:99px;
background:var(--faint);color:var(--soft);border:1px solid var(--line);overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .75rem .5rem 0;border-top:1px solid var(--line);
font-weight:400}
thead th{border-top:0;color:var(--soft);font-size:.78rem;font-weight:600;white-space:nowrap}
.num,.status{white-space:nowrap}
.num{text-align:right;font-variant-numeric:tabular-nums}
footer{color:var(--soft);font-size:.85rem;padding-top:1rem;padding-bottom:3rem}
footer>p{border-top:1px solid var(--line);padding-top:1rem}
"""

_TONES = "".join(
    f".sign.{tone}{{background:var(--{tone}-wash);color:var(--{tone})}}"
    f".fill.{tone}{{fill:var(--{tone})}}"
    f".chip.{tone}{{background:var(--{tone}-wash);color:var(--{tone});border-color:transparent}}"
    for tone in ("bad", "warn", "odd", "note", "good", "quiet")
)
_TONES += ".fill.warn{fill:var(--warn-fill)}"

_QUIETER = """
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}.tile,.node,.toggle{
transition:background-color .12s,opacity .12s,border-color .12s}}
@media (forced-colors:active){.sign,.tile,.chip{border:1px solid}}
@media (max-width:760px){
body{font-size:14.5px}.bar>div,main,footer{padding-left:1rem;padding-right:1rem}.bar b{display:none}main{gap:2.4rem}
.card{padding:.9rem 1rem}
}
@page{margin:14mm}
@media print{
html{scroll-behavior:auto}body{font-size:10.5pt;background:#fff}
.bar,.filters,.copy,.skip,.plain,.more,.tools .toggles,#detail,.theme{display:none!important}
main{display:block;max-width:none;padding:0}main>*{margin-bottom:1.6rem}
details::details-content{content-visibility:visible;block-size:auto}
.finding{content-visibility:visible}
.card,.finding,.hero,.node{box-shadow:none;break-inside:avoid}
h2,h3{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""


def style() -> str:
    """The whole sheet. On paper it is always the light one."""
    dark = _colours(_DARK)
    return (
        f":root{{color-scheme:light;{_colours(_LIGHT)}}}"
        "@media screen{"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
        "}"
        f"{_BASE}{_TONES}{PARTS}{MESH}{_QUIETER}"
    )
