"""`nexusctl render`: a file in, the finished asset out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Json, NoPreview, Quiet, SourceTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexusctl.client.material import Material
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.kinds import Kind
    from nexusctl.output.files import Target
    from nexusctl.output.screen import Screen
    from nexusd.contract.jobs import JobSubmission, JobSummary

SHORT_HELP = "Render a file and write the result."
EXAMPLES = (
    "nexusctl render README.md -o readme.pdf",
    "nexusctl render flow.d2",
    "nexusctl render sales.vl.json -o sales.png --set scale=3 --set theme=dark",
    "nexusctl render logo.svg -o favicon.ico",
    "nexusctl render --type theme --set seed=rebeccapurple -o theme/",
    "cat flow.d2 | nexusctl render - --type d2 -o - > flow.svg",
    "nexusctl render --example list",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for, beside the kind of the source."""

    file: str | None
    out: str | None
    format: str | None
    given: "Mapping[str, Any]"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rendered, and where the result goes; nothing is uploaded yet."""

    material: "Material"
    target: "Target"


def run(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="What to render; - is standard input.", show_default=False)
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            help="Where the result goes: a file, a folder for all files of it, - for standard output. Default: beside FILE.",
        ),
    ] = None,
    job_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="A job type or a language: diagram, typst. Default: by FILE's name."),
    ] = None,
    result_format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="svg, png, pdf, … Default: what OUT ends in.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of the renderer, may be repeated: scale=2, crop.width=100."),
    ] = None,
    example: Annotated[
        str | None, typer.Option("--example", metavar="NAME", help="Render an example of a renderer; list shows them.")
    ] = None,
    source_task: SourceTask = None,
    as_json: Json = False,
    quiet: Quiet = False,
    no_preview: NoPreview = False,
) -> None:
    """Render a file and write the result.

    Starts a daemon when none answers, sends local files that the source names (pictures, data), follows the job, and prints
    the path of the result; a PNG is shown too, where the terminal can. Ctrl-C detaches; the job goes on. `nexusctl
    renderers` tells what there is to render and to set.
    """
    from nexusctl.client.submitting import make_submission
    from nexusctl.commands.given import parse_given
    from nexusctl.errors import UsageError

    session: Session = context.obj.without_preview() if no_preview else context.obj
    screen = session.screen(quiet=quiet)
    wish = Wish(file, out, result_format, parse_given(assignments or ()))
    of_job = {} if source_task is None else {"source_task_id": source_task}
    make_submission("any", {}, of_job)  # a wrong option is refused before anything is contacted
    if as_json and out == "-":
        raise UsageError("--json and -o - both want standard output", hint="name a file with -o FILE")
    if example is None:
        _render_file(session, screen, job_type, wish, of_job, as_json=as_json)
    else:
        _check_alone(file, result_format)
        _render_example(session, screen, example, job_type, wish, of_job, as_json=as_json)


def _render_file(
    session: "Session", screen: "Screen", job_type: str | None, wish: Wish, of_job: dict[str, Any], *, as_json: bool
) -> None:
    from nexusctl.commands.source import check_file
    from nexusctl.errors import UsageError
    from nexusctl.kinds import find_kind

    if wish.file is not None:
        check_file(wish.file)
    elif job_type is None:
        raise UsageError("there is no FILE to render", hint="name one, or see `nexusctl render --help`")
    kind = find_kind(wish.file or "", job_type)
    plan = None if kind is None else make_plan(kind, wish, screen)
    with session.connect(screen) as nexus:
        if plan is None:
            plan = make_plan(_ask_kind(nexus, wish.file, job_type), wish, screen)
        _render(session, nexus, screen, plan, of_job, as_json=as_json)


def make_plan(kind: "Kind", wish: Wish, screen: "Screen") -> Plan:
    """Return what to do, checked as far as that can be done here. Raises UsageError."""
    from nexusctl.client.material import Material, find_files, merge
    from nexusctl.commands.source import choose_target, infer_format, read_source

    set_format = wish.given.get("format")
    wanted = infer_format(kind, wish.format or (set_format if isinstance(set_format, str) else None), wish.out)
    target = choose_target(wish.file, wish.out, kind, wanted)
    job_input = merge(kind.fields, wish.given) | ({} if wanted is None else {"format": wanted})
    if wish.file is None:
        return Plan(Material(kind.job_type, job_input, name=kind.job_type), target)
    source = read_source(wish.file, kind)
    found = find_files(kind.job_type, job_input, source, Path() if wish.file == "-" else Path(wish.file).parent)
    for line in found.skipped:
        screen.note(f"not sent along: {line}")
    return Plan(Material(kind.job_type, job_input, source, Path(wish.file).name, kind.content_type, found.files), target)


def _ask_kind(nexus: "Nexus", file: str | None, job_type: str | None) -> "Kind":
    from nexusctl.client import calls
    from nexusctl.client.material import choose_kind

    return choose_kind(nexus.call(calls.list_renderers()).items, file or "", job_type, "--type JOB_TYPE")


def _check_alone(file: str | None, result_format: str | None) -> None:
    from nexusctl.errors import UsageError

    if file is not None:
        raise UsageError("--example brings its own source", hint=f"leave out {file}, or --example")
    if result_format is not None:
        raise UsageError("--example brings its own format", hint="another one is set by --set format=…")


def _render_example(
    session: "Session",
    screen: "Screen",
    example: str,
    job_type: str | None,
    wish: Wish,
    of_job: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    from nexusctl.client import calls
    from nexusctl.commands import examples

    with session.connect(screen) as nexus:
        call = calls.list_renderers()
        body = nexus.send(call)
        renderers = call.parse(body).items
        if example == examples.LIST:
            screen.write_json(body) if as_json else screen.write(examples.format_examples(renderers, job_type, screen.style))
            return
        plan = examples.make_plan(examples.find(renderers, example, job_type), example, wish)
        _render(session, nexus, screen, plan, of_job, as_json=as_json)


def _render(session: "Session", nexus: "Nexus", screen: "Screen", plan: Plan, of_job: dict[str, Any], *, as_json: bool) -> None:
    """Upload what must be uploaded, submit, follow, and write the result."""
    from nexusctl.client.submitting import make_submission
    from nexusctl.commands.results import finish

    submission = make_submission(plan.material.job_type, nexus.prepare(plan.material), of_job)
    job = _submit_and_follow(session, nexus, screen, submission, title=plan.material.name)
    finish(session, nexus, screen, job, plan.target, as_json=as_json)


def _submit_and_follow(
    session: "Session", nexus: "Nexus", screen: "Screen", submission: "JobSubmission", *, title: str
) -> "JobSummary":
    from nexusctl.commands.following import follow
    from nexusctl.errors import Interrupted

    try:
        accepted = nexus.submit(submission)
    except KeyboardInterrupt:
        hint = f"it may have been submitted; look with: {session.suggest('ls')}"
        raise Interrupted("interrupted while submitting", hint=hint) from None
    if not screen.note_style.is_terminal:
        screen.note(f"submitted job {accepted.job_id}")
    return follow(session, nexus, screen, accepted.job_id, title=title, write=screen.note, tell_end=False)
