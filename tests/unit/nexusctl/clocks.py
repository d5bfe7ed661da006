"""A patience whose time passes only by sleeping, and that notes what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from nexusctl.client.patience import PATIENCE_SECONDS, Patience


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 0.0
    revived: int = 0
    pauses: list[float] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now += seconds

    def revive(self, _silent_seconds: float) -> bool:
        """Do as if there were nothing to revive."""
        self.revived += 1
        return False

    def patience(self, seconds: float = PATIENCE_SECONDS) -> Patience:
        """Return a patience of this time."""
        return Patience(seconds, revive=self.revive, notice=self.notices.append, clock=lambda: self.now, sleep=self.sleep)
