"""The mistakes in a spec that Vega answers with a riddle, or not at all: found before it runs, with their place.

Leaves out everything that Vega explains well itself. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LITE_MARK_NAMES: Final = """
arc area bar boxplot circle errorband errorbar geoshape image line point rect rule square text tick trail
"""
LITE_MARKS: Final = frozenset(LITE_MARK_NAMES.split())
LITE_TYPES: Final = frozenset({"quantitative", "ordinal", "temporal", "nominal", "geojson", "key"})
VEGA_MARK_NAMES: Final = "arc area group image line path rect rule shape symbol text trail"
VEGA_MARKS: Final = frozenset(VEGA_MARK_NAMES.split())
NEED_CANVAS: Final = frozenset({"wordcloud", "heatmap"})
COMPOSITIONS: Final = ("mark", "layer", "facet", "hconcat", "vconcat", "concat", "repeat")
PARTS: Final = ("layer", "hconcat", "vconcat", "concat")


def check_vega_lite(spec: dict[str, Any], name: str) -> None:
    """Raise InvalidInput for a mark, a type or a composition that Vega-Lite does not know."""
    for place, view in _views(spec, ""):
        if not any(part in view for part in COMPOSITIONS):
            where = f"{place}: a view" if place else "a Vega-Lite spec"
            raise InvalidInput(f"{name}: {where} needs one of {', '.join(COMPOSITIONS)}")
        mark = view.get("mark")
        if mark is not None:
            kind = mark.get("type") if isinstance(mark, dict) else mark
            _check(kind, LITE_MARKS, f"{name}: {_below(place, 'mark')}", "mark")
        for channel, definition in _channels(view):
            if isinstance(definition, dict) and definition.get("type") is not None:
                where = f"{name}: {_below(place, f'encoding.{channel}.type')}"
                _check(definition["type"], LITE_TYPES, where, "type of a field")


def check_vega(spec: dict[str, Any], name: str) -> None:
    """Raise InvalidInput for a mark that Vega does not know, and for a transform that only works in a browser."""
    _check_transforms(spec.get("data"), "data", name)
    marks: list[tuple[str, Any]] = [("", spec)]
    while marks:
        place, around = marks.pop()
        found = around.get("marks", [])
        if not isinstance(found, list):
            raise InvalidInput(f"{name}: {_below(place, 'marks')} must be a list")
        for number, mark in enumerate(found):
            where = _below(place, f"marks[{number}]")
            if not isinstance(mark, dict):
                raise InvalidInput(f"{name}: {where} must be an object")
            _check(mark.get("type"), VEGA_MARKS, f"{name}: {where}.type", "mark")
            _check_transforms([mark], where, name)
            _check_transforms(mark.get("data"), _below(where, "data"), name)
            marks.append((where, mark))


def _check_transforms(owners: Any, place: str, name: str) -> None:
    for owner in owners if isinstance(owners, list) else ():
        transforms = owner.get("transform") if isinstance(owner, dict) else None
        for transform in transforms if isinstance(transforms, list) else ():
            if isinstance(transform, dict) and transform.get("type") in NEED_CANVAS:
                raise InvalidInput(
                    f"{name}: {place}: the transform {transform['type']} needs a browser and cannot be drawn here"
                )


def _views(view: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through a view and those inside it, with their places."""
    if not isinstance(view, dict):
        raise InvalidInput(f"{place or 'the spec'} must be an object")
    yield place, view
    for part in PARTS:
        if isinstance(inner := view.get(part), list):
            for number, item in enumerate(inner):
                yield from _views(item, _below(place, f"{part}[{number}]"))
    if isinstance(view.get("spec"), dict):
        yield from _views(view["spec"], _below(place, "spec"))


def _channels(view: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    encoding = view.get("encoding")
    if isinstance(encoding, dict):
        yield from encoding.items()


def _check(value: Any, known: Collection[str], place: str, what: str) -> None:
    if isinstance(value, str) and value in known:
        return
    import difflib  # only for what is wrong

    near = difflib.get_close_matches(str(value), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"
    raise InvalidInput(f"{place}: {str(value)[:60]!r} is no {what}{hint}")


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
