"""HTTP/1.1 for ASGI applications on trio and h11, over Unix sockets.

Owns the transport: listening, peers, framing, deadlines, back-pressure, the end of it all. It knows nothing of jobs. No
upgrade, no HTTP/2, no WebSocket, no TLS, no lifespan protocol.

    listener    bind or adopt a socket that only its owner can reach
    serving     accept, admit, cap, stop
    connection  one peer: phases and their deadlines
    head, body  one request, strictly
    exchange    one request: the ASGI side
    chunks      framing of an answer without a length
    wire        bytes in and out, each wait with a deadline
    hangup      who has left
"""

from __future__ import annotations

from nexusd.server.activity import Activity
from nexusd.server.limits import Limits
from nexusd.server.listener import BoundListener, Peer, adopt_listener, bind_unix
from nexusd.server.serving import serve

__all__ = ["Activity", "BoundListener", "Limits", "Peer", "adopt_listener", "bind_unix", "serve"]
