"""A chart as an HTML page that stands alone: Vega, data and pictures inside, nothing fetched, whatever the spec says.

Owns the page. Pictures that are files of the job stand in it as data URIs; Vega's loader finds them by their names. The policy
in it forbids every connection; what a spec says to vega-embed (`usermeta`) is left out, since it could name addresses.
Text of the spec cannot end the script it stands in.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any, Final, cast

import vl_convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexusd.renderers.engines.vega import Locale

# Vega compiles its expressions, hence unsafe-eval; all code in the page is ours and Vega's.
POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; base-uri 'none'; form-action 'none'"
)
PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; padding: 16px; background: {background}; font-family: "Noto Sans", "DejaVu Sans", sans-serif; }}
#chart {{ overflow: auto; }}
</style>
<script>{bundle}</script>
</head>
<body>
<div id="chart"></div>
<script>
const pictures = new Map({pictures});
const loader = {{
  load: async address => {{ throw new Error(`${{address}}: nothing is fetched`); }},
  sanitize: async address => {{
    if (pictures.has(address)) return {{ href: pictures.get(address) }};
    if (/^(https?:|mailto:|data:image\\/)/i.test(address)) return {{ href: address, rel: "noopener noreferrer" }};
    throw new Error(`${{address}}: no picture and no link`);
  }},
}};
vegaEmbed("#chart", {spec}, {{ ...{options}, loader }}).catch(console.error);
</script>
</body>
</html>
"""


def to_html(compiled: dict[str, Any], pictures: Mapping[str, str], locale: Locale | None) -> str:
    """Return the page of a Vega spec. `pictures` are data URIs by the relative addresses the spec uses."""
    spec = {key: value for key, value in compiled.items() if key != "usermeta"}
    options: dict[str, Any] = {"mode": "vega", "renderer": "svg", "actions": {"export": True, "source": False, "editor": False}}
    options["actions"]["compiled"] = False
    if locale is not None:
        options |= {"formatLocale": locale.numbers, "timeFormatLocale": locale.times}
    background = spec.get("background")
    return PAGE.format(
        policy=POLICY,
        title=escape(title_of(spec)),
        background=escape(background) if isinstance(background, str) and background.replace("#", "").isalnum() else "white",
        bundle=vl_convert.javascript_bundle(cast("str", None)),  # None, not a string, stands for all of Vega
        pictures=in_script(list(pictures.items())),
        spec=in_script(spec),
        options=in_script({key: value for key, value in options.items() if value is not None}),
    )


def in_script(value: Any) -> str:
    """Return JSON that means nothing else inside of a script element."""
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def title_of(spec: dict[str, Any]) -> str:
    """Return the title of a chart in one line."""
    title = spec.get("title")
    text = title.get("text") if isinstance(title, dict) else title
    lines = text if isinstance(text, list) else [text]
    return " ".join(line for line in lines if isinstance(line, str)) or "Chart"
