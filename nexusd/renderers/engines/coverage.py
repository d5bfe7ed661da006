"""Which characters the fonts inside Typst can draw, so that the fonts of the machine are asked only when they are needed.

With the built-in fonts alone, the same input gives the same bytes on every machine. A text in Chinese or with emoji would then
lose its glyphs in silence, which is worse than other bytes: for it, and only for it, the system's fonts are read too.

The table was read from the fonts of typst 0.15 (Libertinus Serif, New Computer Modern, DejaVu Sans Mono) on 2026-11-21; a test
checks a sample of it against the installed Typst.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

RANGES: Final = (
    "9-a d 20-7f a0-377 37a-37f 384-38a 38c 38e-3a1 3a3-4ff 510-513 51a-51d 531-58f 591-5c7 5d0-5eb 5ef-5f5 5f7 606-60c "
    "615 61b 61f 621-63a 640-655 65a 660-66d 674 679-67b 67e-680 683-684 686-687 691 698 6a4 6a9 6af 6be 6cc 6f0-6f9 "
    "900-97f e3f e81-e82 e84 e87-e88 e8a e8d e94-e97 e99-e9f ea1-ea3 ea5 ea7 eaa-eab ead-eb9 ebb-ebc ec8-ecd 10d0-10ff "
    "13a0-13fd 1ab0-1ace 1d00-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fc4 "
    "1fc6-1fd3 1fd6-1fdb 1fdd-1fef 1ff2-1ff4 1ff6-1ffe 2000-2027 2029 202f-2064 2070-2071 2074-208e 2090-209c 20a0-20c0 "
    "20d0-20f0 2100-2151 2153-2184 2189 2190-23ff 2422-2423 2460-262f 2638-268b 2690-269c 26a0-26a7 26aa-26b2 2701-2704 "
    "2706-2709 270c-2727 2729-274b 274d 274f-2752 2756 2758-275e 2761-277f 2794 2798-27af 27b1-2b73 2b76-2b95 2b97-2bff "
    "2c60-2cf3 2cf9-2cff 2e02-2e05 2e08-2e0a 2e17-2e18 2e1f 2e22-2e25 2e2e a708-a716 a71b-a727 ab70-abbf e000-e03d "
    "e041-e290 ea00-ea11 ea14-ea1f ea25-ea36 ea38-ea46 eb50-eb57 ec06-ec0e f115-f11e f126-f15c f15f-f175 f177-f180 "
    "f187-f19c f1a7-f210 f212-f24e f25c-f2a1 f460-f468 f46a-f472 f500-f510 f512-f51f f638-f641 f643-f64c f730-f739 "
    "f761-f77a f7e0-f7f6 f7f8-f7ff fb1d-fb4f fb52-fb81 fb8a-fb95 fe20-fe2f fe76-fefc 10140-1018e 102e0-102fb 1d400-1d454 "
    "1d456-1d49c 1d4ae-1d4b9 1d4c5-1d505 1d50d-1d514 1d51e-1d539 1d552-1d6a5 1d6a8-1d7cb 1d7ce-1d7ff 1ee00-1ee22 "
    "1ee29-1ee32 1ee7e-1ee89 1ee8b-1ee9b 1eeab-1eebb 1f780-1f7d8 1f7e0-1f7eb 1f7ff-1f80b 1f810-1f847 1f850-1f859 "
    "1f860-1f887 1f890-1f8ad 1f8b0-1f8bb 1f8d0-1f8d8 "
)
BOUNDS: Final = [
    (int(first, 16), int(last or first, 16)) for first, _, last in (text.partition("-") for text in RANGES.split())
]
STARTS: Final = [first for first, _ in BOUNDS]


def foreign_characters(text: str) -> str:
    """Return the characters that the fonts inside Typst cannot draw, each once, in order."""
    return "".join(character for character in sorted(set(text)) if not is_drawn(ord(character)))


def is_drawn(code: int) -> bool:
    """Whether a built-in font has a glyph for this code point, or it needs none."""
    position = bisect_right(STARTS, code) - 1
    return position >= 0 and code <= BOUNDS[position][1]
