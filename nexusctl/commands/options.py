"""Options that several verbs share, so that they mean and say the same everywhere."""

from typing import Annotated

import typer


def refuse_empty(text: str) -> str:
    """Return an id. An empty one would name the list of all."""
    if not text:
        raise typer.BadParameter("it is empty")
    return text


def refuse_empty_if_given(text: str | None) -> str | None:
    """Return what may be left out. An empty text would pass for nothing."""
    return None if text is None else refuse_empty(text)


Json = Annotated[bool, typer.Option("--json", help="Print the API's own JSON.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes: results and errors only.")]
NoPreview = Annotated[bool, typer.Option("--no-preview", help="Show no picture, where the terminal could.")]
SourceTask = Annotated[str | None, typer.Option("--source-task", metavar="ID", help="The conversation task that asks for it.")]
Ids = Annotated[bool, typer.Option("--quiet", "-q", help="Ids only.")]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="TEMPLATE", help="Fields of the JSON: '{id}\\t{status}'.", callback=refuse_empty_if_given),
]
JobId = Annotated[
    str,
    typer.Argument(
        metavar="JOB", help="The job's id or a part of it; - is the newest.", show_default=False, callback=refuse_empty
    ),
]
JobIds = Annotated[
    list[str],
    typer.Argument(metavar="JOB…", help="The jobs' ids or parts of them; - is the newest.", show_default=False),
]
JobType = Annotated[
    str | None,
    typer.Argument(
        metavar="JOB_TYPE",
        help="A job type; without one, the whole queue.",
        show_default=False,
        callback=refuse_empty_if_given,
    ),
]
AssetId = Annotated[
    str,
    typer.Argument(
        metavar="ASSET", help="The asset's id or a part of it; - is the newest.", show_default=False, callback=refuse_empty
    ),
]
