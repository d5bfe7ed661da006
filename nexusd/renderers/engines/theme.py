"""A theme job: a seed, or the colours of a picture, to files.

Owns which files there are and what the log says. Results for `all`: `design.tokens.json` (the main one), `theme.contrast.json`,
`theme.css`, `theme.png`, `theme.svg`, `theme.tailwind.css` (Tailwind 4) and `theme.tailwind.js` (a preset of Tailwind 3, made
for `all` and `tailwind`). One format alone gives its own files. The same bytes for the same input.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines import theme_files as files
from nexusd.renderers.engines.source import asset_file
from nexusd.renderers.engines.theme_roles import Theme, make_theme
from nexusd.renderers.engines.theme_seed import Seed, parse_colour, seeds_of_picture
from nexusd.renderers.job import InvalidInput, RendererFailed

if TYPE_CHECKING:
    from nexusd.renderers.job import ChildJob

PNG_SCALE: Final = 2.0


def render(job: ChildJob) -> None:
    """Render the job's theme into `out/`."""
    seeds = find_seeds(job)
    theme = make_theme([seed.colour for seed in seeds], job.input["variant"], job.input["contrast"])
    refuse_unreadable(theme)
    job.progress(0.5, "colours found")
    for name, content in make_files(job, theme, seeds).items():
        (job.out / name).write_bytes(content)
    summarise(theme, seeds, job.input["contrast"])


def warm() -> None:
    """Make and paint one theme: that loads coloraide's spaces, the picture library and the fonts."""
    from nexusd.domain.caps import Caps

    paint(make_theme(["#3b82f6"], "faithful", 4.5), "theme", Caps().picture_max_pixels)


def find_seeds(job: ChildJob) -> list[Seed]:
    """Return the seeds, the one that counts first. Raises InvalidInput."""
    if (reference := job.input["source"]) is None:
        return [Seed(parse_colour(job.input["seed"]), 1.0)]
    file = asset_file(job, reference)
    if file.stat().st_size > job.caps.source_max_bytes:
        raise InvalidInput(f"picture: the file has more than {job.caps.source_max_bytes:,} bytes (caps.source_max_bytes)")
    return seeds_of_picture(file.read_bytes(), "picture", job.caps)


def refuse_unreadable(theme: Theme) -> None:
    """Raise RendererFailed when a pair misses its contrast: a promise of ours is broken then."""
    for scheme, pairs in theme.pairs.items():
        for pair in pairs:
            if pair.ratio < pair.required:
                what = f"{pair.foreground} on {pair.background} has {pair.ratio:.2f} of {pair.required:.2f}"
                raise RendererFailed(f"{theme.seed}: {scheme}: {what}")


def make_files(job: ChildJob, theme: Theme, seeds: list[Seed]) -> dict[str, bytes]:
    """Return the files of the format by their names."""
    name, wanted = job.input["name"], job.input["format"]
    options: dict[str, Any] = {"seeds": [{"color": seed.colour, "share": round(seed.share, 4)} for seed in seeds]}
    options |= {"variant": job.input["variant"], "requiredContrast": job.input["contrast"]}
    made: dict[str, bytes] = {}
    if wanted in ("all", "tokens"):
        made["design.tokens.json"] = files.to_tokens(theme, name, options).encode()
        made["theme.contrast.json"] = files.to_report(theme).encode()
    if wanted in ("all", "css", "tailwind"):
        made["theme.css"] = files.to_css(theme, name).encode()
    if wanted in ("all", "tailwind"):
        made["theme.tailwind.css"] = files.to_tailwind_4(theme, name).encode()
        made["theme.tailwind.js"] = files.to_tailwind_3(theme, name).encode()
    if wanted in ("all", "svg"):
        from nexusd.renderers.engines.theme_preview import preview

        made["theme.svg"] = preview(theme, name).svg.encode()
    if wanted in ("all", "png"):
        made["theme.png"] = paint(theme, name, job.caps.picture_max_pixels)
    return made


def paint(theme: Theme, name: str, pixels_max: int) -> bytes:
    """Return the preview as a PNG."""
    from nexusd.renderers.engines.painting import paint_png
    from nexusd.renderers.engines.theme_preview import preview

    return paint_png(preview(theme, name), scale=PNG_SCALE, pixels_max=pixels_max)


def summarise(theme: Theme, seeds: list[Seed], required: float) -> None:
    """Tell the seeds and the least contrast of each scheme."""
    told = ", ".join(f"{seed.colour} ({seed.share:.0%})" if len(seeds) > 1 else seed.colour for seed in seeds)
    sys.stderr.write(f"seed: {told}\n")
    for scheme, pairs in theme.pairs.items():
        texts = [pair for pair in pairs if pair.required >= min(required, 4.5)]
        least = min(texts, key=lambda pair: (pair.ratio, pair.foreground, pair.background))
        ratio = int(least.ratio * 100) / 100
        sys.stderr.write(
            f"{scheme}: {len(texts)} pairs of text, least contrast {ratio} ({least.foreground} on {least.background})\n"
        )
