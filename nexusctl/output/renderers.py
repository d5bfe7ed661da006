"""Renderers as people read them: a table of them, and one with its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusctl.output.present import format_fields, format_size
from nexusctl.output.table import Cell, format_table
from nexusctl.output.text import clean_line, json_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nexusctl.output.screen import Style
    from nexusd.contract.status import PlugInProblem, Renderer, RendererLimits

OWN_FIELDS: Final = frozenset({"source", "files"})
"""What `render` fills in by itself."""
SHOWN_VALUES_MAX: Final = 20
BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}


def format_renderers(renderers: Sequence[Renderer], style: Style) -> str:
    """Return the table of `renderers`."""
    rows = [
        [
            Cell(clean_line(one.job_type)),
            Cell("yes", "green") if one.available else Cell("no", "red"),
            Cell(clean_line(" ".join(extension.removeprefix(".") for extension in one.outputs))),
            Cell(clean_line(one.version if one.available else one.unavailable_reason or "")),
        ]
        for one in renderers
    ]
    return format_table(["JOB TYPE", "AVAILABLE", "OUTPUTS", "VERSION"], rows, style)


def format_problem(problem: PlugInProblem) -> str:
    """Return a line about a plug-in that was skipped."""
    of = f" of {clean_line(problem.package)}" if problem.package else ""
    return f"the plug-in {clean_line(problem.name)}{of} was skipped: {clean_line(problem.reason)}"


def format_renderer(one: Renderer, style: Style) -> str:
    """Return the details of `renderers show`."""
    examples = [clean_line(name) for name in one.examples]
    fields = [
        ("renderer", style.paint(clean_line(one.job_type), "bold")),
        ("", clean_line(one.description)),
        ("available", "yes" if one.available else f"no: {clean_line(one.unavailable_reason or '')}"),
        ("version", clean_line(one.version)),
        ("files", clean_line(" ".join(one.extensions))),
        ("makes", ", ".join(f"{clean_line(name)} ({clean_line(kind)})" for name, kind in one.outputs.items())),
        *_option_fields(one.input_schema),
        ("limits", _limits_line(one.limits) if one.limits is not None else None),
        ("examples", ", ".join(examples)),
        ("try", f"nexusctl render --type {clean_line(one.job_type)} --example {quote(examples[0])}" if examples else None),
    ]
    return format_fields(fields, style)


def quote(name: str) -> str:
    """Return a name as a shell takes it."""
    return name if name.replace("-", "").isalnum() else f"'{name}'"


def _limits_line(limits: RendererLimits) -> str:
    network = ", the network" if limits.network else ""
    slots = f"{limits.slots} slot{'s' if limits.slots > 1 else ''}"
    return f"{limits.timeout_seconds:g} s, {format_size(limits.memory_max_bytes)} a process, {slots}{network}"


def _option_fields(schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a line for each option: the first has the label."""
    required = set(schema.get("required", ()))
    lines = [
        _option_line(str(name), option, schema.get("$defs", {}), name in required)
        for name, option in schema.get("properties", {}).items()
        if name not in OWN_FIELDS and isinstance(option, dict)
    ]
    return [("options" if not position else "", clean_line(line)) for position, line in enumerate(lines)]


def _option_line(name: str, option: Mapping[str, Any], known: Mapping[str, Any], is_required: bool) -> str:
    told = [_type_of(option, known)]
    told += [text.format(option[key]) for key, text in BOUNDS.items() if key in option]
    if is_required:
        told.append("must be given")
    elif option.get("default") is not None:
        told.append(f"default {_value(option['default'])}")
    about = option.get("description", "")
    return f"{name}: {', '.join(part for part in told if part)}{f'. {about}' if about else ''}"


def _type_of(option: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return what values an option takes, in a few words."""
    if "$ref" in option:
        name = str(option["$ref"]).rpartition("/")[2]
        return _type_of(known[name], {}) if name in known else "object"
    if "enum" in option:
        values = [_value(value) for value in option["enum"]]
        return " | ".join(values[:SHOWN_VALUES_MAX]) + (" | …" if len(values) > SHOWN_VALUES_MAX else "")
    if "const" in option:
        return _value(option["const"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in option:
            kinds = [_with_bounds(one, known) for one in option[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if option.get("type") == "object" and option.get("properties"):
        return f"object of {', '.join(option['properties'])}"
    if option.get("type") == "array":
        return f"list of {_type_of(option.get('items', {}), known)}"
    return str(option.get("type", "any value"))


def _with_bounds(option: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    return ", ".join([_type_of(option, known), *(text.format(option[key]) for key, text in BOUNDS.items() if key in option)])


def _value(value: Any) -> str:
    return value if isinstance(value, str) and value else json_text(value)
