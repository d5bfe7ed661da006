"""Any SVG in, one that is safe to look at out: no scripts, nothing fetched, no file read, whoever wrote it.

Rules, each with a test: elements that are not in the list below go, with what is in them; event handlers go; links stay when
they lead to http, https, mailto or a place in the drawing; every other reference stays when it is to a place in the drawing;
pictures stay when they stand in the drawing as PNG, JPEG, GIF, WebP or as SVG, which is made safe too; animations stay unless
they change a reference; CSS goes through `svg_css`. HTML in a drawing (foreignObject) goes: no viewer but a browser shows it.
What went is named on stderr, each thing once. Entities are refused where they are declared, before any is used.

The result is written while the XML is read, in one pass: the same bytes for the same input, `<svg` first, no declaration.
Standard library only, nothing that is slow to import: every drawing pays for it. Source: SVG 2; RFC 2397.
"""

from __future__ import annotations

import re
import sys
from typing import Final
from xml.parsers import expat

from nexusd.renderers.engines.svg_bounds import Instances
from nexusd.renderers.engines.svg_css import DATA_RASTER, clean_css
from nexusd.renderers.job import InvalidInput

SVG: Final = "http://www.w3.org/2000/svg"
XLINK: Final = "http://www.w3.org/1999/xlink"
XML: Final = "http://www.w3.org/XML/1998/namespace"
STATIC_NAMES: Final = """
svg g a defs style title desc symbol use switch view rect path circle ellipse line polyline polygon text tspan textPath image
marker mask clipPath pattern linearGradient radialGradient stop filter feBlend feColorMatrix feComponentTransfer feComposite
feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR
feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence
"""
ANIMATIONS: Final = frozenset(["animate", "animateTransform", "animateMotion", "animateColor", "set"])
ELEMENTS: Final = frozenset(STATIC_NAMES.split()) | ANIMATIONS | {"mpath", "discard"}
PICTURES: Final = frozenset(("image", "feImage"))
TEXT_ONLY: Final = frozenset(("title", "desc", "style"))
COPYING: Final = frozenset(["use", "feImage", "pattern", "linearGradient", "radialGradient", "textPath"])
HREFS: Final = frozenset(("href", "xlink:href"))
GEOMETRY: Final = frozenset(("transform", "gradientTransform", "patternTransform", "d", "points", "id", "class"))
UNSAFE_ATTRIBUTES: Final = frozenset(
    [
        "src",
        "srcset",
        "srcdoc",
        "ping",
        "action",
        "formaction",
        "poster",
        "background",
        "manifest",
        "attributionsrc",
        "attributionsourceid",
        "handler",
    ]
)
LINK: Final = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
DATA_SVG: Final = re.compile(r"data:image/svg\+xml((?:;[\w=.+-]+)*),", re.IGNORECASE)
SCRIPT: Final = re.compile(
    r"[\x00-\x20]*(?:j[\s]*a[\s]*v[\s]*a|v[\s]*b)[\s]*s[\s]*c[\s]*r[\s]*i[\s]*p[\s]*t[\s]*:", re.IGNORECASE
)
SPACE: Final = re.compile(r"\s+")
CSS_VALUE: Final = re.compile(r"[(\\]")
LOCAL: Final = re.compile(r"""url\(\s*["']?#([^"')]+)""")
DEPTH_MAX: Final = 256
ELEMENTS_MAX: Final = 1_000_000
NESTED_MAX: Final = 3  # pictures in pictures
SHOWN_MAX: Final = 200
REPORTS_MAX: Final = 50


def make_safe(svg: str, *, name: str) -> str:
    """Return the drawing without what could act or reach out. `name` is what messages call it.

    Raises InvalidInput, with line and column, when it is no SVG, declares entities, or is larger than can be drawn.
    """
    return _Cleaner(name, set(), 0).clean(svg)


class _Cleaner:
    """One pass over one document; the parts of the result are gathered in `_parts`."""

    def __init__(self, name: str, said: set[str], nesting: int) -> None:
        self._name = name
        self._said = said
        self._nesting = nesting
        self._parts: list[str] = []
        self._open: list[str] = []  # the elements around here that stay
        self._gone = 0  # how many elements around here go
        self._css: list[str] | None = None  # the text of the style element around here
        self._element_open = False  # the last start tag still lacks its end
        self._has_xlink = False
        self._bare = False  # the root has no namespace, which is then taken for SVG's
        self._count = 0
        self._lines_before = 0
        self._instances = Instances()
        self._names: dict[str, str] = {}
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.ordered_attributes = True
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.ProcessingInstructionHandler = self._instruction
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._entity
        self._parser.SkippedEntityHandler = self._entity

    def clean(self, svg: str) -> str:
        """Return the clean document. Raises InvalidInput."""
        try:
            self._parser.Parse(self._without_margin(svg).encode("utf-8"), True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            place = f"{self._name}:{error.lineno + self._lines_before}:{error.offset + 1}"
            raise InvalidInput(f"{place}: no SVG that can be read: {what}") from None
        except UnicodeEncodeError as error:
            line = svg.count("\n", 0, error.start) + 1
            raise InvalidInput(f"{self._name}:{line}: half of a surrogate pair is no character") from None
        self._instances.check(self._name)
        namespaces = f' xmlns="{SVG}"' + (f' xmlns:xlink="{XLINK}"' if self._has_xlink else "")
        return "".join([f"<svg{namespaces}", *self._parts, "\n"])

    def _without_margin(self, svg: str) -> str:
        """Return the text from its first sign on: XML wants its declaration there."""
        text = svg.removeprefix("\ufeff").lstrip()
        self._lines_before = svg.count("\n", 0, len(svg) - len(text))
        return text

    def _start(self, tag: str, attributes: list[str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise self._refusal(f"more than {ELEMENTS_MAX:,} elements")
        if self._gone:
            self._gone += 1
            return
        name = self._element_name(tag)
        if not name or self._css is not None or (self._open and self._open[-1] in TEXT_ONLY):
            self._gone = 1
            self._report(f"removed <{tag.rpartition(' ')[2][:60]}>{WHY.get(tag.rpartition(' ')[2].lower(), '')}")
            return
        if len(self._open) >= DEPTH_MAX:
            raise self._refusal(f"elements nested more than {DEPTH_MAX} deep")
        kept = self._attributes(name, attributes)
        if kept is None:
            self._gone = 1
            return
        self._close_tag()
        # The root's own name is written at the end, when it is known which namespaces there are.
        self._parts.append(kept if not self._open else f"<{name}{kept}")
        self._element_open = True
        self._open.append(name)
        if name == "style":
            self._css = []

    def _end(self, _tag: str) -> None:
        if self._gone:
            self._gone -= 1
            return
        name = self._open.pop()
        if self._css is not None:
            css, self._css = clean_css("".join(self._css), self._report), None
            if css.strip():
                self._text(css)
        self._instances.leave()
        self._parts.append("/>" if self._element_open else f"</{name}>")
        self._element_open = False

    def _text(self, text: str) -> None:
        if self._gone or not self._open:
            return
        if self._css is not None:
            self._css.append(text)
            return
        self._close_tag()
        self._parts.append(escaped(text))

    def _close_tag(self) -> None:
        if self._element_open:
            self._parts.append(">")
            self._element_open = False

    def _element_name(self, tag: str) -> str:
        """Return the name of an element that may stay, else nothing."""
        namespace, _, name = tag.rpartition(" ")
        if not self._open and self._count == 1:
            if name != "svg" or namespace not in (SVG, ""):
                raise self._refusal(f"no SVG: the outermost element is <{name[:60]}>, not <svg> of {SVG}")
            self._bare = not namespace
        if namespace == SVG or (self._bare and not namespace):
            return name if name in ELEMENTS else ""
        return ""

    def _attributes(self, element: str, given: list[str]) -> str | None:
        """Return the attributes that stay, written out; None when the element must go."""
        kept: list[str] = []
        anchor, references = "", []
        for position in range(0, len(given), 2):
            raw, value = given[position], given[position + 1]
            name = self._names.get(raw) or self._attribute_name(raw)
            if name == "-":
                continue
            if name in HREFS:
                target = self._reference(element, value)
                if target is None:
                    if element in PICTURES:
                        return None
                    continue
                value = target
                if element in COPYING:
                    references.append(anchor_of(target))
                self._has_xlink = self._has_xlink or name == "xlink:href"
            elif SCRIPT.match(value) and is_css(name):
                self._report(f"removed the script in the attribute {name[:60]}")
                continue
            elif name == "style" or (name not in GEOMETRY and CSS_VALUE.search(value) and is_css(name)):
                value = clean_css(value, self._report)
                references += LOCAL.findall(value)
            elif name == "id":
                anchor = value
            elif element in ANIMATIONS and name == "attributeName" and changes_reference(value):
                self._report(f"removed an animation of {value[:60]!r}")
                return None
            elif name == "rel" and element == "a":
                continue
            kept.append(f' {name}="{escaped(value, QUOTES)}"')
        if element == "a" and kept:
            kept.append(' rel="noopener noreferrer"')
        self._instances.enter(anchor, references)
        return "".join(kept)

    def _attribute_name(self, raw: str) -> str:
        """Return how an attribute is written, `-` when it goes; what went is reported."""
        namespace, _, name = raw.rpartition(" ")
        plain = name.lower()
        written = "-"
        if plain.startswith("on") or plain in UNSAFE_ATTRIBUTES:
            self._report(f"removed the attribute {name[:60]}")
        elif not namespace:
            written = name if NAME.fullmatch(name) else "-"
        elif namespace == XLINK and plain == "href":
            written = "xlink:href"
        elif namespace == XML and plain in ("space", "lang"):
            written = f"xml:{plain}"
        elif namespace == XML and plain == "base":
            self._report("removed the attribute xml:base")
        self._names[raw] = written
        return written

    def _reference(self, element: str, value: str) -> str | None:
        """Return where a reference may lead, or None."""
        target = value.strip()
        if target.startswith("#"):
            if element != "image":
                return target
        elif element == "a":
            if LINK.match(target):
                return UNPRINTABLE.sub("", target)
            self._report(f"removed the link to {target[:SHOWN_MAX]!r}: links may lead to http, https and mailto")
            return None
        elif element in PICTURES and (picture := self._picture(target)):
            return picture
        self._report(f"removed the reference to {target[:SHOWN_MAX]!r}: nothing outside of the file is shown")
        return None

    def _picture(self, target: str) -> str | None:
        """Return a picture in a data: URI as it may stay."""
        if DATA_RASTER.match(target):
            return SPACE.sub("", target)
        found = DATA_SVG.match(target)
        if found is None:
            return None
        if self._nesting >= NESTED_MAX:
            raise self._refusal(f"pictures in pictures more than {NESTED_MAX} deep")
        import base64  # few drawings hold another
        import binascii
        from urllib.parse import unquote_to_bytes

        content = unquote_to_bytes(target[found.end() :])
        try:
            svg = (base64.b64decode(content) if ";base64" in found[1].lower() else content).decode("utf-8-sig")
        except (binascii.Error, UnicodeDecodeError):
            return None
        clean = _Cleaner(f"{self._name}: the SVG picture in it", self._said, self._nesting + 1).clean(svg)
        return f"data:image/svg+xml;base64,{base64.b64encode(clean.encode()).decode()}"

    def _instruction(self, target: str, _data: str) -> None:
        self._report(f"removed the processing instruction {target[:60]}")

    def _doctype(self, _name: str, _system: str | None, _public: str | None, has_internal_subset: int) -> None:
        # The usual document type of SVG 1.1 declares nothing: expat does not fetch what it names.
        if has_internal_subset:
            raise self._refusal("a document type that declares something (entities, say) is not possible; leave it out")

    def _entity(self, name: str, *_details: object) -> None:
        raise self._refusal(f"the entity {name[:60]} is not known: only those of XML itself are")

    def _refusal(self, what: str) -> InvalidInput:
        line, column = self._parser.CurrentLineNumber + self._lines_before, self._parser.CurrentColumnNumber + 1
        return InvalidInput(f"{self._name}:{line}:{column}: {what}")

    def _report(self, message: str) -> None:
        if message in self._said or len(self._said) > REPORTS_MAX:
            return
        self._said.add(message)
        what = message if len(self._said) <= REPORTS_MAX else "removed more, which is not named"
        sys.stderr.write(f"{self._name}: {printable(what)}\n")


WHY: Final = {
    "foreignobject": ": HTML in a drawing is shown by browsers alone; draw it with <text>",
    "script": ": a picture runs nothing",
}
NAME: Final = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
QUOTES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
)
SIGNS: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
NEEDS_ESCAPE: Final = re.compile(r'[&<>"\n\t\r]')
UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_css(name: str) -> bool:
    """Whether the value of this attribute is read as CSS, or may be put where it is."""
    return not name.startswith(("data-", "aria-"))


def changes_reference(attribute: str) -> bool:
    """Whether an animation of this attribute could put a reference or a handler where none may be."""
    name = attribute.strip().rpartition(":")[2].lower()
    return name in ("href", "style") or name in UNSAFE_ATTRIBUTES or name.startswith("on")


def anchor_of(target: str) -> str:
    """Return the id that a reference in the document leads to."""
    if "%" not in target:
        return target[1:]
    from urllib.parse import unquote  # nobody writes ids so

    return unquote(target[1:])


def escaped(text: str, table: dict[int, str] = SIGNS) -> str:
    """Return the text as XML."""
    return text.translate(table) if NEEDS_ESCAPE.search(text) else text


def printable(text: str) -> str:
    """Return a message as one line."""
    return UNPRINTABLE.sub(" ", text)
