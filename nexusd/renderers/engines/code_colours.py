"""The colours of code on a dark page, as the theme file that Typst's highlighter reads (a property list of TextMate's).

On a light page Typst's own colours serve; on a dark one nobody could read them.
"""

from __future__ import annotations

from typing import Final

COLOURS: Final = {
    "comment": "#8b949e",
    "keyword, storage, keyword.operator.word": "#ff7b72",
    "string, constant.character.escape, markup.inline.raw": "#a5d6ff",
    "constant, constant.numeric, support.constant, variable.language": "#79c0ff",
    "entity.name.function, support.function, meta.function-call variable.function, variable.function": "#d2a8ff",
    "entity.name.type, entity.name.class, support.type, support.class, entity.other.inherited-class": "#ffa657",
    "entity.name.tag, meta.object-literal.key, meta.mapping.key string": "#7ee787",
    "entity.other.attribute-name, variable.parameter": "#ffa657",
    "markup.heading, markup.bold": "#79c0ff",
    "markup.inserted": "#7ee787",
    "markup.deleted, invalid": "#ffa198",
}
ENTRY: Final = (
    "<dict><key>scope</key><string>{}</string><key>settings</key><dict><key>foreground</key><string>{}</string></dict></dict>"
)
START: Final = "<dict><key>settings</key><dict><key>foreground</key><string>#e6edf3</string></dict></dict>"


def dark_theme() -> str:
    """Return the theme file."""
    entries = START + "".join(ENTRY.format(scopes, colour) for scopes, colour in COLOURS.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>name</key><string>dark</string>'
        f"<key>settings</key><array>{entries}</array></dict></plist>"
    )
