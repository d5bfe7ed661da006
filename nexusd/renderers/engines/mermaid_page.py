"""Mermaid in a page of its own: mermaid.js in QuickJS, without a browser, a network, a clock or chance.

Owns the page: its scripts, its functions that measure, its event loop. The scripts and the stand-in for a browser are
mermaidx's; ours is what makes it repeatable (time stands still, chance has a seed), quick (each selector is read once) and
safe to look at elsewhere (each line of text says how wide it is). Leaves out the source and what is made of the SVG.

A page serves one drawing: Mermaid numbers its elements on from the last one, and the next drawing would have other bytes.
QuickJS recurses deeply, so a page lives in a thread with a large stack.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.engines import mermaid_metrics as metrics

if TYPE_CHECKING:
    from collections.abc import Callable

THREAD_STACK_BYTES: Final = 64 * 1024 * 1024
JS_STACK_BYTES: Final = 48 * 1024 * 1024
JS_MEMORY_BYTES: Final = 1024 * 1024 * 1024
FLAT: Final = """
// The binding hands over flat strings only; a long concatenation is none until it is copied.
globalThis.__flat = (value) => (typeof value === "string" ? value.slice(0) : value);
for (const [name, parse] of [["Text", false], ["TextFull", true], ["Glyphs", true], ["ForeignObject", true]]) {
  const raw = globalThis["__raw" + name];
  globalThis["__measure" + name] = (...values) => {
    const said = raw(...values.map(globalThis.__flat));
    return parse ? JSON.parse(said) : said;
  };
}
globalThis.__log = (text) => globalThis.__rawLog(globalThis.__flat(String(text)));
"""
STILL: Final = """
{ const Real = Date, now = Real.UTC(2026, 0, 1);
  globalThis.Date = class extends Real {
    constructor(...values) { values.length ? super(...values) : super(now); }
    static now() { return now; }
  };
  let seed = 1;
  Math.random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  if (globalThis.performance) globalThis.performance.now = () => 0; }
"""
QUICK: Final = r"""
{ const remember = (work) => { const known = new Map(); return (text) => {
    let found = known.get(text);
    if (found === undefined) known.set(text, (found = work(text)));
    return found; }; };
  const split = globalThis.__splitTopLevel;
  globalThis.__parseComplex = remember(globalThis.__parseComplex);
  const alternatives = remember((text) => split(text.trim(), (c) => c === ",").map(([part]) => part.trim()));
  globalThis.__matches = (element, text) => alternatives(text).some((part) => globalThis.__matchesSimple(element, part));
  const SIMPLE = /^([\w-]+)?((?:\.[\w-]+)*)$|^#([\w-]+)$/;
  const simple = remember((text) => {
    const found = SIMPLE.exec(text);
    return found && { id: found[3], tag: found[1] && found[1].toLowerCase(), names: (found[2] || "").split(".").slice(1) };
  });
  const names = remember((text) => new Set(text.split(/\s+/)));
  const matchesAny = globalThis.__matchesCompound;
  globalThis.__matchesCompound = (element, text) => {
    const plain = simple(text);
    if (!plain) return matchesAny(element, text);
    if (plain.id) return element.getAttribute("id") === plain.id;
    if (plain.tag && (element.tagName || "").toLowerCase() !== plain.tag) return false;
    if (!plain.names.length) return true;
    const has = names(element.getAttribute("class") || "");
    return plain.names.every((name) => has.has(name));
  };
  const first = (root, text) => {
    for (const child of root.childNodes) {
      if (child.nodeType !== 1) continue;
      const found = globalThis.__matches(child, text) ? child : first(child, text);
      if (found) return found;
    }
    return null;
  };
  globalThis.__querySelector = first;
  // Nothing changes while one box is computed, so what was found out in it holds until it is done.
  let fonts = null, rules = null;
  const byProperty = new Map(), readRules = globalThis.__getCssRules, readFont = globalThis.__resolveFont;
  globalThis.__getCssRules = () => (fonts && rules) || readRules();
  globalThis.__resolveCssProp = (element, property) => {
    const all = globalThis.__getCssRules();
    if (all !== rules) { rules = all; byProperty.clear(); }
    let mine = byProperty.get(property);
    if (!mine) byProperty.set(property, (mine = all.filter((rule) => property in rule.decls).reverse()));
    const found = mine.find((rule) => globalThis.__matches(element, rule.selectors));
    return found ? found.decls[property] : null;
  };
  globalThis.__resolveFont = (element) => {
    if (!fonts) return readFont(element);
    let found = fonts.get(element);
    if (!found) fonts.set(element, (found = readFont(element)));
    return found;
  };
  const inOneGo = (work) => (...values) => {
    if (fonts) return work(...values);
    rules = readRules();
    byProperty.clear();
    fonts = new Map();
    try { return work(...values); } finally { fonts = null; }
  };
  globalThis.__computeBBox = inOneGo(globalThis.__computeBBox); }
"""
DRAW: Final = """
globalThis.__pinText = (svg) => {
  for (const text of svg.querySelectorAll("text")) {
    const rows = text.querySelectorAll("tspan").filter((row) => row.hasAttribute("x") || row.hasAttribute("dy"));
    for (const line of rows.length ? rows : [text]) {
      const width = line.getComputedTextLength();
      if (width > 0 && line.textContent.trim()) {
        line.setAttribute("textLength", String(Math.round(width * 100) / 100));
        line.setAttribute("lengthAdjust", "spacingAndGlyphs");
      }
    }
  }
};
globalThis.__draw = async (id, source) => {
  const container = document.getElementById("container");
  const { svg: text } = await mermaid.render(id, source, container);
  container.innerHTML = text;
  const svg = container.getElementsByTagName("svg")[0];
  globalThis.__pinText(svg);
  return new XMLSerializer().serializeToString(svg);
};
globalThis.__start = (id, source, config) => {
  __resetDocument();
  mermaid.initialize(config);
  globalThis.__done = false;
  globalThis.__draw(id, source).then(
    (svg) => { globalThis.__answer = { svg }; globalThis.__done = true; },
    (error) => {
      const at = error && error.hash && error.hash.loc;
      globalThis.__answer = { error: String((error && error.message) || error),
        line: at ? at.last_line : null, column: at ? at.last_column : null };
      globalThis.__done = true;
    });
};
"""


class Answer(NamedTuple):
    """What Mermaid made of a source: an SVG, or an error and where what it could read ends.

    Lines count from 1, columns from 0.
    """

    svg: str | None = None
    error: str = ""
    line: int | None = None
    column: int | None = None


class Page:
    """A page with Mermaid in it, for one drawing."""

    def __init__(self) -> None:
        """Load the scripts. Takes half a second."""
        import quickjs
        from mermaidx.engines import _common

        os.environ["TZ"] = "UTC"  # dates in a source mean the same everywhere
        time.tzset()
        self._context = quickjs.Context()
        self._context.set_memory_limit(JS_MEMORY_BYTES)
        self._context.set_max_stack_size(JS_STACK_BYTES)
        functions = {"Text": metrics.width, "TextFull": metrics.full, "Glyphs": metrics.glyphs}
        for name, function in {**functions, "ForeignObject": metrics.foreign_object}.items():
            self._context.add_callable(f"__raw{name}", function)
        self._context.add_callable("__rawLog", log)
        self._context.eval(FLAT)
        for number, script in enumerate(_common.context_scripts()):
            self._context.eval(script)
            if number == 1:  # the stand-in for a browser
                self._context.eval(STILL + QUICK)
        self._context.eval(DRAW)

    def draw(self, name: str, source: str, config: dict[str, Any]) -> Answer:
        """Return the drawing of a source, whose ids begin with `name`. Raises MemoryError."""
        self._context.eval(f"__start({json.dumps(name)}, {json.dumps(source)}, {json.dumps(config)})")
        while not self._context.eval("globalThis.__done"):
            if not self._run_job() and not self._context.eval("__runNextTimer()"):
                return Answer(error="Mermaid stopped without a drawing")
        answer = json.loads(self._context.eval("__flat(JSON.stringify(globalThis.__answer))"))
        return Answer(**answer)

    def _run_job(self) -> bool:
        try:
            return bool(self._context.execute_pending_job())
        except StopIteration:
            return False


def log(text: str) -> None:
    """Write what a script says to the job's log."""
    sys.stderr.write(f"mermaid: {text[:500]}\n")


def in_large_stack(work: Callable[[], Any]) -> Any:
    """Do work in a thread with a large stack, wait for it, and return or raise what it does."""
    result: dict[str, Any] = {}

    def run() -> None:
        try:
            result["value"] = work()
        except BaseException as error:
            result["error"] = error

    previous = threading.stack_size(THREAD_STACK_BYTES)
    try:
        thread = threading.Thread(target=run, name="mermaid")
        thread.start()
    finally:
        threading.stack_size(previous)
    thread.join()
    if "error" in result:
        raise result["error"]
    return result["value"]
