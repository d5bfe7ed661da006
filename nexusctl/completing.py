"""What may stand where the cursor is: the hidden verb `nexusctl __complete SHELL WORD…`, which the scripts of shells run.

Owns the reading of an unfinished command line and the form of the answer. What verbs and options there are is asked of the
verbs themselves; what an argument is, is told by its name in the help (`JOB`, `COMPANY`, …); the values are `candidates`'.

Invariant: never an error, never a word on standard error, never a daemon started.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nexusctl import cli
from nexusctl.cli import find_verb
from nexusctl.commands.candidates import DIRECTORIES, FILES, Candidate, Question, find_candidates, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WORDS: Final = "words"
_ANY_VERB: Final = "version"
_WORD: Final = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'?|"(?:[^"\\]|\\.)*"?)+""", re.DOTALL)
_QUOTED: Final = re.compile(r"""'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the word at the cursor may be: a value of a kind, behind `before` (as in `--status=`); or else one of `words`."""

    kind: str | None = None
    before: str = ""
    words: Sequence[Candidate] = ()


def main(arguments: Sequence[str]) -> None:
    """Print what may stand at the cursor; on any trouble nothing."""
    import sys

    try:
        shell, *words = arguments
        lines = answer(shell, split(*words) if shell == "bash" else words)
    except (Exception, SystemExit):  # somebody's prompt is no place for whatever went wrong
        return
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def answer(shell: str, words: Sequence[str]) -> list[str]:
    """Return the lines that the scripts read: what kind of answer it is, then the words. The program's name comes first."""
    *done, current = words[1:]
    wanted = read(done, current)
    typed = current[len(wanted.before) :]
    if wanted.kind in (FILES, DIRECTORIES):
        kept, at, _ = typed.rpartition("@") if wanted.kind == FILES else ("", "", "")
        before = wanted.before + kept + at
        return [wanted.kind, before[_replaced_from(current) :] if shell == "bash" else before, current[len(before) :]]
    found = wanted.words if wanted.kind is None else find_candidates(Question(wanted.kind, typed, cli.given_in(done)))
    fitting = [Candidate(wanted.before + each.word, each.about) for each in found if each.word.startswith(typed)]
    return [WORDS, *(_line(shell, each, current) for each in fitting)]


def read(done: Sequence[str], current: str) -> Wanted:
    """Return what may come after the words `done`, where `current` has been typed of the next."""
    verb = find_verb(done)
    ours, arguments = _parameters(verb)
    options = {name: option for option in ours for name in option.opts}
    is_over = "--" in done
    last = options.get(done[-1]) if done and not is_over else None
    if last is not None and not last.is_flag:
        return Wanted(kind_of(last.opts, last.metavar, current))
    name, sign, value = current.partition("=")
    if sign and not is_over and name in options:
        return Wanted(kind_of(options[name].opts, options[name].metavar, value), f"{name}=")
    if current.startswith("-") and not is_over:
        return Wanted(words=[Candidate(each, option.help or "") for each, option in options.items() if each.startswith("--")])
    positional = list(_positional(done, options))[len(verb.split()) :]
    verbs = [] if positional and verb else list(_verbs_below(verb or " ".join(positional)))
    if verbs or not arguments:
        return Wanted(words=verbs)
    place = min(len(positional), len(arguments) - 1)
    if len(positional) >= len(arguments) and arguments[place].nargs == 1:
        return Wanted()
    return Wanted(kind_of([], arguments[place].metavar, current, verb))


def split(line: str) -> list[str]:
    """Return the words of a line up to the cursor, the last one as far as it is there, without their quotes."""
    words = [_QUOTED.sub(lambda found: next(filter(None, found.groups()), ""), word) for word in _WORD.findall(line)]
    return words if line and not line[-1].isspace() else [*words, ""]


def _parameters(verb: str) -> tuple[list[Any], list[Any]]:
    """Return the options that may stand behind a verb, and its arguments."""
    from typer.main import get_command

    root: Any = get_command(cli.build((verb or _ANY_VERB).split()))
    command = root
    for word in verb.split():
        command = command.commands[word]
    own = [] if command is root else list(command.params)
    own_names = {name for each in own for name in each.opts}
    options = [each for each in own if each.param_type_name == "option"]
    options += [each for each in root.params if not own_names.intersection(each.opts)]
    return options, [each for each in own if each.param_type_name == "argument"]


def _positional(done: Iterable[str], options: Mapping[str, Any]) -> Iterator[str]:
    remaining = iter(done)
    for word in remaining:
        if word == "--":
            yield from remaining
        elif word in options and not options[word].is_flag:
            next(remaining, None)
        elif not word.startswith("-") or word == "-":
            yield word


def _verbs_below(before: str) -> Iterator[Candidate]:
    """Yield the words that may come next: verbs, names of groups, and verbs in a group."""
    depth = len(before.split())
    seen: set[str] = set()
    for verb in cli.VERBS:
        words = verb.split()
        if words[:depth] == before.split() and len(words) > depth and words[depth] not in seen:
            seen.add(words[depth])
            group = cli.GROUPS.get(words[depth]) if len(words) > depth + 1 else None
            yield Candidate(words[depth], group or cli.short_help(verb))


def _line(shell: str, candidate: Candidate, current: str) -> str:
    """Return a candidate as the shell's script wants it."""
    if shell == "bash":
        return candidate.word[_replaced_from(current) :]
    word = candidate.word.replace("\\", "\\\\").replace(":", "\\:") if shell == "zsh" else candidate.word
    if not candidate.about:
        return word
    return f"{word}{':' if shell == 'zsh' else chr(9)}{candidate.about}"


def _replaced_from(current: str) -> int:
    """Return from where on bash replaces a word: after the last `=` or `:`, or with the last `@`."""
    return max(current.rfind("=") + 1, current.rfind(":") + 1, current.rfind("@"), 0)
