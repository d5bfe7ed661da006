"""How a Markdown document looks: the Typst prelude that every generated document starts with.

Owns the look and the functions that generated code calls (`section`, `picture`, `missing`, `task`, …). All fonts named here are
inside Typst, so no machine lacks them.
"""

from __future__ import annotations

from typing import Final

PRELUDE: Final = """\
#let ink = rgb("#1f2328")
#let faint = rgb("#656d76")
#let hairline = rgb("#d0d7de")
#let shade = rgb("#f3f4f6")
#let accent = rgb("#0a58ca")
#let good = rgb("#1a7f37")
#let bad = rgb("#cf222e")
#let gold = rgb("#bf8700")

#set page(
  paper: "a4",
  margin: (x: 2.3cm, top: 2.2cm, bottom: 2.4cm),
  footer: context {
    let last = counter(page).final().first()
    if last > 1 { align(center, text(size: 8.5pt, fill: faint)[#counter(page).display() / #last]) }
  },
)
#set text(font: ("Libertinus Serif", "New Computer Modern"), size: 10.5pt, fill: ink, hyphenate: false)
#set par(leading: 0.66em, spacing: 1.05em)
#set list(indent: 0.4em, spacing: 0.72em, marker: ([•], [◦], [‣]))
#set enum(indent: 0.4em, spacing: 0.72em)
#set footnote.entry(separator: line(length: 25%, stroke: 0.5pt + hairline))

#show heading: set block(above: 1.55em, below: 0.8em, sticky: true)
#show heading.where(level: 1): set text(size: 1.7em)
#show heading.where(level: 2): set text(size: 1.34em)
#show heading.where(level: 3): set text(size: 1.15em)
#show heading.where(level: 4): set text(size: 1.02em)
#show heading.where(level: 5): set text(size: 0.95em, fill: faint)
#show heading.where(level: 6): set text(size: 0.88em, fill: faint)
#show link: set text(fill: accent)

#show raw: set text(font: "DejaVu Sans Mono", size: 1em)
#show raw.where(block: false): it => text(size: 0.84em, highlight(
  fill: shade, extent: 1.5pt, radius: 2pt, top-edge: 0.95em, bottom-edge: -0.28em, it,
))
#show raw.where(block: true): set text(size: 0.82em)
#show raw.where(block: true): set par(leading: 0.58em)
#show raw.where(block: true): it => block(fill: shade, width: 100%, inset: (x: 9pt, y: 8pt), radius: 3pt, it)
#set raw(tab-size: 4)

#set table(
  inset: (x: 7pt, y: 5pt),
  stroke: (_, y) => (top: if y == 1 { 0.9pt + faint } else if y > 1 { 0.5pt + hairline } else { 0pt }),
)
#show table.cell.where(y: 0): strong
#show table: it => block(stroke: (top: 0.9pt + faint, bottom: 0.9pt + faint), it)
#show table: set text(size: 0.94em)
#show table: set par(leading: 0.5em)

#let section(level, name, body) = [#heading(level: level, body)#label(name)]
#let goto(name, body) = link(label(name), body)
#let note(name, body) = [#footnote(body)#label(name)]
#let note-again(name) = footnote(label(name))
#let rule() = block(above: 1.5em, below: 1.5em, line(length: 100%, stroke: 0.7pt + hairline))
#let quoted(body) = block(
  width: 100%, inset: (left: 1em, y: 0.25em), stroke: (left: 2.5pt + hairline), text(fill: faint, body),
)
#let title-block(title, lines) = block(below: 1.8em, {
  text(size: 1.95em, weight: "bold", title)
  for line in lines { linebreak(); text(fill: faint, line) }
})
#let task(done) = box(
  width: 0.78em, height: 0.78em, baseline: 0.08em, radius: 1.5pt, stroke: 0.7pt + faint,
  fill: if done { accent } else { none },
  if done { align(center + horizon, text(font: "DejaVu Sans Mono", size: 0.72em, fill: white, weight: "bold")[✓]) },
) + h(0.5em)
#let mark(sign, colour) = text(font: "DejaVu Sans Mono", fill: colour, sign)
#let frame(body) = box(
  inset: (x: 4pt), outset: (y: 3pt), radius: 2pt, fill: shade, stroke: 0.5pt + hairline, text(size: 0.82em, fill: faint, body),
)
#let missing(reason) = box(
  width: auto, inset: 7pt, radius: 3pt, stroke: (paint: rgb("#c0564b"), thickness: 0.8pt, dash: "dashed"),
  text(size: 0.85em, fill: rgb("#a33d32"), reason),
)
#let picture(path, format, alt, width) = box(image(path, format: format, alt: alt, width: width))
#let snug(body) = {
  set par(spacing: 0.72em)
  set block(spacing: 0.72em)
  body
}
#let caption(body) = text(size: 0.94em, body)

"""
