"""The system calls on whose order and success the storage's promises rest, in one place.

Owns nothing but the seam: a test gives `LocalDisk` a subclass that records the order, or fails the n-th call.
"""

from __future__ import annotations

import os


class Syscalls:
    """The real ones."""

    def write(self, descriptor: int, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`: the kernel may take less at a time."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def fsync(self, descriptor: int) -> None:
        """Make a file's bytes, or a directory's names, survive a power cut."""
        os.fsync(descriptor)

    def link(self, descriptor: int, directory: int, name: str) -> None:
        """Give the very file that is open as `descriptor` one more name; FileExistsError when the name is taken."""
        os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=directory, follow_symlinks=True)

    def unlink(self, name: str, directory: int) -> None:
        """Take a name away; never follows a symlink."""
        os.unlink(name, dir_fd=directory)

    def mkdir(self, name: str, directory: int) -> None:
        """Make a directory that is nobody else's business."""
        os.mkdir(name, 0o700, dir_fd=directory)
