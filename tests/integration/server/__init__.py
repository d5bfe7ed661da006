"""The transport over real Unix sockets."""
