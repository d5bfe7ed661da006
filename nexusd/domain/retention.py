"""Which events are old enough to go, and whether the wall clock may be believed about that.

Owns two rules, both pure. Leaves out how many events are kept (a subtraction) and the deleting (the store).

The clock: a wall clock that is suddenly a year ahead would make every event old. So it is compared with the time since the
boot, which nobody sets and which counts a suspended machine too. "Ahead" means: of where the time since the boot puts it.

1. The first look of a life has nothing to compare with, and believes.
2. A clock that is more than `JUMP_SECONDS` ahead is doubted, for `DOUBT_SECONDS` since the boot.
3. A doubted clock that jumps ahead once more is doubted for as long again.
4. A clock that is no longer that far ahead, or is behind, is believed at once: behind makes nothing older.
5. While a clock is believed it may drift: each look compares with the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

JUMP_SECONDS: Final = 3600.0
DOUBT_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """One look at both clocks: seconds since 1970 as the wall clock has it, and since the boot."""

    wall_seconds: float
    boot_seconds: float

    @property
    def offset_seconds(self) -> float:
        """What stays the same as long as nobody sets the wall clock."""
        return self.wall_seconds - self.boot_seconds


@dataclass(frozen=True, slots=True)
class Trust:
    """What a look at the clocks has to remember for the next one.

    `believed_offset_seconds` is that of the last look that was believed, `doubted` the first look of a doubt.
    """

    believed_offset_seconds: float
    doubted: Clocks | None = None

    @property
    def is_believed(self) -> bool:
        """Whether the wall clock may say what is old."""
        return self.doubted is None


def look(before: Trust | None, clocks: Clocks) -> Trust:
    """Return what to think of the wall clock now. `before` is what the last look in this life returned."""
    offset = clocks.offset_seconds
    if before is None or offset - before.believed_offset_seconds <= JUMP_SECONDS:
        return Trust(offset)
    doubted = before.doubted
    if doubted is None or offset - doubted.offset_seconds > JUMP_SECONDS:
        return Trust(before.believed_offset_seconds, clocks)
    if clocks.boot_seconds - doubted.boot_seconds < DOUBT_SECONDS:
        return before
    return Trust(offset)


@dataclass(frozen=True, slots=True)
class AgeEnd:
    """How far events are too old: through the id `through`, None for not one. `young_at` is when the first that is not was
    written; None when it is not among those that were looked at."""

    through: int | None
    young_at: str | None


def find_age_end(times: Sequence[tuple[int, str]], oldest_kept: str, latest: str) -> AgeEnd:
    """Return where those events end that are older than `oldest_kept`, in a stretch given by id and time in the order of ids.

    The times are text that sorts as they do. They rise with the ids, but for a clock that was set. An event that is dated later
    than `latest` tells nothing: it is as old as what comes after it, and stays until something old does.
    """
    through = None
    for event_id, written_at in times:
        if written_at > latest:
            continue
        if written_at >= oldest_kept:
            return AgeEnd(through, written_at)
        through = event_id
    return AgeEnd(through, None)
