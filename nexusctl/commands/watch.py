"""`nexusctl watch`: follow one job until it ends."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import JobId, Json, Quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusctl.client.following import StreamEvent
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen

SHORT_HELP = "Follow one job until it ends."
EXAMPLES = ("nexusctl watch --json 01985c1e-7f3a-7c52-9d43-0242ac120002",)


def run(context: typer.Context, job: JobId, as_json: Json = False, quiet: Quiet = False) -> None:
    """Follow one job until it ends. Exit code 0 when it is done, 1 when it failed or was cancelled; Ctrl-C detaches.

    With --json: one line for each event, the event's data with `id` and `event` of its frame.
    """
    from nexusctl.output.screen import Screen

    session: Session = context.obj
    screen = Screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.commands.following import follow, require_done
        from nexusctl.output.present import event_line

        on_event = _json_writer(screen) if as_json else None
        title = None if as_json else f"job {job[-8:]}"
        ended = follow(session, nexus, screen, job, title=title, write=screen.write_at_once, on_event=on_event)
        drawn = screen.note_style.is_terminal and not as_json and not quiet
        if drawn:  # the bar is gone: say how it ended
            screen.write(event_line(ended, screen.style))
        if ended.result_asset_id is not None and not as_json:
            screen.note(f"get the result with: {session.suggest('asset-get', ended.result_asset_id)}")
        require_done(session, ended)


def _json_writer(screen: "Screen") -> "Callable[[StreamEvent], None]":
    def write(event: "StreamEvent") -> None:
        screen.write_json_line({"id": event.id, "event": event.name, **event.document})

    return write
