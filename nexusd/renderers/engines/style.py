"""How a Markdown document looks: the Typst prelude that every generated document starts with.

Owns the look and the functions that generated code calls (`section`, `picture`, `missing`, `task`, …). The fonts named here are
inside Typst or come with nexusd (see `fonts`), so no machine lacks them. The fields of a `Look` go into Typst code as they are:
who makes one has checked them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from nexusd.renderers.engines.typst_text import literal

FAMILIES: Final = {
    "serif": '("Libertinus Serif", "New Computer Modern")',
    "sans": '("Noto Sans", "DejaVu Sans", "Libertinus Serif")',
}
CODE_SCALES: Final = {"serif": 0.84, "sans": 0.94}  # of DejaVu Sans Mono, so that its letters are as high as those beside it
PALETTES: Final = {
    "light": {
        "paper-fill": "#ffffff", "ink": "#1f2328", "faint": "#5b636d", "hairline": "#d0d7de", "shade": "#f3f4f6",
        "accent": "#0a58ca", "good": "#1a7f37", "bad": "#cf222e", "gold": "#9a6700", "alarm": "#a33d32",
    },
    "dark": {
        "paper-fill": "#0f141a", "ink": "#e6edf3", "faint": "#9aa4af", "hairline": "#3d444d", "shade": "#1b222b",
        "accent": "#6cb1ff", "good": "#4ac26b", "bad": "#ff7b72", "gold": "#e3b341", "alarm": "#ff9d94",
    },
}  # fmt: skip


class Look(NamedTuple):
    """What a document may choose of its look. `margin` is Typst code, or empty for ours; `size` is in points.

    `top` is the level of the headings that are its chapters: above it there is but the title. `titled` says that a title block
    stands above headings of the first level, which are then smaller than it.
    """

    paper: str = "a4"
    landscape: bool = False
    margin: str = ""
    font: str = "serif"
    size: float = 10.5
    theme: str = "light"
    numbered: bool = False
    top: int = 1
    titled: bool = False


def prelude(look: Look) -> str:
    """Return what a document of pages starts with."""
    margin = look.margin or "(x: 2.3cm, top: 2.2cm, bottom: 2.4cm)"
    page = PAGE.format(paper=look.paper, flipped="true" if look.landscape else "false", margin=margin)
    running = f"#let top-level = {look.top}\n#let base-size = {look.size:g}pt\n" + text(look.font, "base-size")
    extra = (TITLED if look.titled else "") + (NUMBERED if look.numbered else "")
    return palette(look.theme) + page + running + COMMON + BLOCKS + extra


def palette(theme: str) -> str:
    """Return the colours of a theme, as variables."""
    code = "".join(f'#let {name} = rgb("{colour}")\n' for name, colour in PALETTES[theme].items())
    if theme != "dark":
        return code
    from nexusd.renderers.engines.code_colours import dark_theme

    return f"{code}#set raw(theme: bytes({literal(dark_theme())}))\n"


def text(font: str, size: str) -> str:
    """Return the rules of running text; `size` is a Typst length."""
    scale = f"#let code-scale = {CODE_SCALES[font]}\n"
    return f"{scale}#set text(font: {FAMILIES[font]}, size: {size}, fill: ink, hyphenate: false)\n"


PAGE: Final = """\
#set page(
  paper: "{paper}", flipped: {flipped}, margin: {margin}, fill: paper-fill,
  footer: context {{
    let last = counter(page).final().first()
    if last > 1 {{ align(center, text(size: 8.5pt, fill: faint)[#counter(page).display() / #last]) }}
  }},
)
"""

TITLED: Final = """\
#show heading.where(level: 1): set text(size: 1.1em / 1.7)
#show heading.where(level: 2): set text(size: 1.08em / 1.34)
#show heading.where(level: 3): set text(size: 1.04em / 1.15)
"""

NUMBERED: Final = """\
#set heading(numbering: (..numbers) => numbering("1.1", ..numbers.pos().slice(top-level - 1)))
#show selector.or(..range(1, calc.max(top-level, 2)).map(level => heading.where(level: level))): it => if it.level < top-level {
  set heading(numbering: none)
  it
} else { it }
"""

BLOCKS: Final = """\
#show raw.where(block: true): set text(size: code-scale * 0.97em)
#show raw.where(block: true): it => block(fill: shade, width: 100%, inset: (x: 9pt, y: 8pt), radius: 3pt, it)
"""

COMMON: Final = """\
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
#show raw.where(block: false): it => text(size: code-scale * 1em, highlight(
  fill: shade, extent: 1.5pt, radius: 2pt, top-edge: 0.95em, bottom-edge: -0.28em, it,
))
#show raw.where(block: true): set par(leading: 0.58em)
#set raw(tab-size: 4)

#set table(
  inset: (x: 7pt, y: 5pt),
  stroke: (_, y) => (top: if y == 1 { 0.9pt + faint } else if y > 1 { 0.5pt + hairline } else { 0pt }),
)
#show table: it => block(breakable: it.children.len() > 60, stroke: (top: 0.9pt + faint, bottom: 0.9pt + faint), it)
#show table: set text(size: 0.94em)
#show table: set par(leading: 0.5em)

#let formula(code, alt, display, tag: none) = {
  let boxed(..parts) = {
    let body = parts.pos().join($,$)
    rect(stroke: 0.6pt, inset: 0.45em, if display { math.equation(math.display(body)) } else { math.equation(body) })
  }
  let scope = (boxed: boxed, hidden: hide, std: none)
  let body = eval(code, mode: "math", scope: scope).body
  math.equation(block: display, alt: alt, numbering: if tag != none { _ => "(" + tag + ")" }, body)
}
#let captioned(content, words) = block(above: 1.5em, below: 1.5em, breakable: false, {
  content
  align(center, block(above: 0.8em, text(size: 0.9em, fill: faint, words)))
})
#let drawn(path, alt, width, caption) = {
  let picture = layout(size => {
    let it = image(path, format: "svg", alt: alt, width: width)
    let natural = measure(it, width: size.width)
    // A tall drawing must leave room for its caption.
    align(center, if natural.height > 21cm { image(path, format: "svg", alt: alt, height: 21cm) } else { it })
  })
  let content = block(picture)
  if caption == "" { block(above: 1.4em, below: 1.4em, content) } else { captioned(content, caption) }
}
#let headed(..parts) = {
  show table.cell.where(y: 0): strong
  table(..parts)
}
#let term(body) = block(above: 0.95em, below: 0.5em, sticky: true, strong(body))
#let meaning(body) = block(spacing: 0.55em, inset: (left: 1.4em), body)
#let definitions(..parts) = block(above: 1.1em, below: 1.1em, parts.pos().join())
#let section(level, name, body) = [#heading(level: level, body)#label(name)]
#let goto(name, body) = link(label(name), body)
#let note(name, body) = [#footnote(body)#label(name)]
#let note-again(name) = footnote(label(name))
#let rule() = block(above: 1.5em, below: 1.5em, line(length: 100%, stroke: 0.7pt + hairline))
#let quoted(body) = block(
  width: 100%, inset: (left: 1em, y: 0.25em), stroke: (left: 2.5pt + hairline), text(fill: faint, body),
)
#let title-block(title, lines, abstract) = {
  block(below: 1.8em, {
    if title != "" { block(below: 1.2em, text(size: 2.3em, weight: "bold", title)) }
    for line in lines { block(spacing: 0.6em, text(fill: faint, line)) }
  })
  if abstract != none { block(inset: (x: 2em), below: 2em, text(size: 0.94em, emph(abstract))) }
}
#let contents(depth) = block(below: 2.4em, {
  show heading: it => block(below: 0.9em, text(size: base-size * 1.2, weight: "bold", it.body))
  show outline.entry: set text(fill: ink)
  show outline.entry.where(level: top-level): set block(above: 0.95em)
  show outline.entry.where(level: top-level): set text(weight: "bold")
  set outline.entry(fill: text(fill: hairline, repeat(gap: 0.25em)[.]))
  outline(depth: depth + top-level - 1, indent: level => calc.max(level + 1 - top-level, 0) * 1.2em)
})
#let task(done) = box(
  width: 0.78em, height: 0.78em, baseline: 0.08em, radius: 1.5pt, stroke: 0.7pt + faint,
  fill: if done { accent } else { none },
  if done { align(center + horizon, text(font: "DejaVu Sans Mono", size: 0.72em, fill: paper-fill, weight: "bold")[✓]) },
) + h(0.5em)
#let mark(sign, colour) = text(font: "DejaVu Sans Mono", fill: colour, sign)
#let frame(body) = box(
  inset: (x: 4pt), outset: (y: 3pt), radius: 2pt, fill: shade, stroke: 0.5pt + hairline, text(size: 0.82em, fill: faint, body),
)
#let missing(reason) = box(
  width: auto, inset: 7pt, radius: 3pt, stroke: (paint: alarm, thickness: 0.8pt, dash: "dashed"),
  text(size: 0.85em, fill: alarm, reason),
)
#let picture(path, format, alt, width) = box(image(path, format: format, alt: alt, width: width))
#let snug(body) = {
  set par(spacing: 0.72em)
  set block(spacing: 0.72em)
  body
}
#let caption(body) = text(size: 0.94em, body)

"""
