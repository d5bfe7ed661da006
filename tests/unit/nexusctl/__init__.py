"""Unit tests of nexusctl: no daemon of ours; a protocol peer on a real Unix socket where a connection is needed."""
