"""The style sheet of the page, and the security policy that lets it and nothing else in.

Blue and vermilion are of the palette of Okabe and Ito (2008), which colour-blind people tell apart;
every text reaches a contrast of 4.5:1 in both schemes.
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d0d7de;
  --panel: #f6f8fa; --was: #b34700; --is: #0065a3; --s1: #e3f0f9; --s2: #b5d7ee; --s3: #6fb1dc;
  --s4: #1f78b4; --s4ink: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a3adb8; --paper: #0f1318;
  --line: #3d444d; --panel: #181d24; --was: #f0a04b; --is: #62bbf3; --s1: #14293a; --s2: #1d4463;
  --s3: #2a648f; --s4: #7cc4f4; --s4ink: #0f1318 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink);
  background: var(--paper); max-width: 58rem; margin: 0 auto; padding: 1.5rem 1rem 3rem;
  overflow-wrap: anywhere }
h1 { font-size: 1.1rem; margin: 0; font-weight: 600 } header p { margin: .2rem 0 }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 2.75rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem } p, ul { margin: .5rem 0 } li { margin: .25rem 0 }
a { color: var(--is) } :focus-visible { outline: 2px solid var(--is); outline-offset: 2px }
.note, small, caption, dt { color: var(--soft) } .note { font-size: .925rem }
td small, th small, figcaption small { display: block; font-weight: 400; font-size: .825rem;
  line-height: 1.35; white-space: normal }
.verdict { border: 1px solid var(--line); border-left: .5rem solid var(--soft); border-radius: 6px;
  background: var(--panel); padding: 1rem 1.25rem; margin: 1.25rem 0 }
.verdict h2 { border: 0; margin: .1rem 0 .5rem; padding: 0; font-size: 1.6rem; line-height: 1.2 }
.level { font-weight: 600; margin: 0 } .level span { display: inline-block; min-width: 1.3em }
.good { border-left-color: var(--is) } .mixed { border-left: .5rem double var(--was) }
.bad { border-left-color: var(--was) }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none }
.frame { overflow-x: auto; margin: .75rem 0 }
table { border-collapse: collapse; min-width: 100% } caption { text-align: left;
  font-size: .875rem; padding: 0 0 .35rem } th, td { text-align: left; vertical-align: top;
  overflow-wrap: break-word;
  padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--line) }
thead th { font-size: .85rem; vertical-align: bottom; border-bottom: 2px solid var(--line) }
tbody th { font-weight: 500; min-width: 7rem; max-width: 20rem; overflow-wrap: anywhere }
td bdi, td code { overflow-wrap: anywhere } td code { display: block; min-width: 9rem }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
thead .number { white-space: normal } svg { display: block } .span { margin: .2rem 0 0 auto }
.axis { stroke: var(--line); stroke-width: 2 } .way { stroke: var(--soft); stroke-width: 2 }
.was { fill: var(--paper); stroke: var(--was); stroke-width: 2.5 } .is { fill: var(--is) }
.bar { fill: var(--is) }
.matrix td { text-align: center; padding: .35rem .5rem; min-width: 2.5rem;
  border: 1px solid var(--line); font-variant-numeric: tabular-nums }
.matrix { min-width: 0 } .matrix thead th { padding: .35rem .5rem; text-align: center;
  max-width: 9rem; min-width: 3rem } .matrix td.right { border: 2px solid var(--ink) }
.shade1 { background: var(--s1) } .shade2 { background: var(--s2) }
.shade3 { background: var(--s3) } .shade4 { background: var(--s4); color: var(--s4ink) }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr));
  gap: 1rem } figure { margin: 0 } figcaption { font-size: .9rem; margin-top: .35rem }
img { image-rendering: pixelated; border: 1px solid var(--line); max-width: 100% }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.25rem; padding: 0; list-style: none;
  font-size: .875rem } .sample { display: inline-block; margin-right: .4rem }
.plot { display: grid; grid-template-columns: auto 1fr; gap: .25rem .5rem; font-size: .8rem;
  color: var(--soft); font-variant-numeric: tabular-nums } .curves { width: 100%; height: 13rem;
  border: 1px solid var(--line); border-width: 0 0 2px 2px; overflow: visible }
.upward { display: flex; flex-direction: column; justify-content: space-between }
.across { grid-column: 2; display: flex; justify-content: space-between }
.line { fill: none; stroke-width: 2.25; vector-effect: non-scaling-stroke;
  stroke-linejoin: round } .line0 { stroke: var(--ink) } .line1 { stroke: var(--is) }
.line2 { stroke: var(--was) } .line3 { stroke: #8f6fb3 } .line4 { stroke: #2b8a6e }
dl { display: grid; grid-template-columns: minmax(7rem, 15rem) 1fr; gap: .25rem 1rem;
  margin: .5rem 0 }
dd { margin: 0 } code, pre { font: .85em ui-monospace, monospace }
pre { background: var(--panel); padding: .75rem; overflow-x: auto; border-radius: 6px }
footer { margin-top: 3rem; font-size: .875rem; color: var(--soft) }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem }
  .verdict h2 { font-size: 1.35rem } .verdict { padding: .75rem 1rem } }
@media print { :root { --ink: #000; --soft: #444; --paper: #fff; --line: #999; --panel: #fff;
    --was: #b34700; --is: #0065a3; --s1: #e3f0f9; --s2: #b5d7ee; --s3: #6fb1dc; --s4: #1f78b4;
    --s4ink: #fff } body { font-size: 10.5pt; max-width: none; padding: 0 } nav { display: none }
  h2, h3 { break-after: avoid } tr, figure, .plot, .verdict { break-inside: avoid }
  .frame { overflow: visible } table { font-size: 8.5pt } th, td { padding-right: .5rem }
  pre { white-space: pre-wrap }
  thead { display: table-header-group }
  .bar, .is, td, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
SOURCE = f"'sha256-{_DIGEST}'"
"""The style sheet as policies name it."""
INSIDE_POLICY = (
    f"default-src 'none'; style-src {SOURCE}; img-src data:; base-uri 'none'; form-action 'none'"
)
"""Stands in the page too, so that it holds for a copy on a disk."""
POLICY = f"{INSIDE_POLICY}; frame-ancestors 'none'"
"""``Content-Security-Policy`` of the answer."""
