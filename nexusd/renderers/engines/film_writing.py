"""The end of a film or GIF that is being written: whole, or given up.

Owns what happens on leaving the block that writes it. Leaves out what is written.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import Any, Self


class Written(ABC):
    """A file of frames that is being written. Made by `with`: left in order it is closed, after an error it is given up."""

    _output: Any

    @abstractmethod
    def add(self, image: Any) -> None:
        """Append one frame."""

    @abstractmethod
    def close(self) -> None:
        """Write the end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.close()
        else:
            import av

            with contextlib.suppress(av.error.FFmpegError):  # the file is worth nothing: the error that came first counts
                self._output.close()
