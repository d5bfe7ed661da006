"""Asking and printing, in the one way that every verb with a plain answer does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from nexusctl.commands.paging import fetch_pages
from nexusd.contract.base import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusctl.client.calls import Call
    from nexusctl.commands.asking import Sender
    from nexusctl.output.forms import Form
    from nexusctl.output.screen import Screen, Style

AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass(frozen=True, slots=True)
class Answering:
    """A daemon to ask, and where and how to print what it answers."""

    nexus: Sender
    screen: Screen
    form: Form

    def answer(self, call: Call[AnswerT], show: Callable[[AnswerT, Style], str]) -> AnswerT:
        """Send a call, print its answer, and return it."""
        body = self.nexus.send(call)
        found = call.parse(body)
        self.form.write(self.screen, body, lambda: show(found, self.screen.style))
        return found

    def answer_list(
        self,
        make_call: Callable[[int, str | None], Call[Any]],
        limit: int,
        show: Callable[[Any, Style], str],
        *,
        model: type[Answer],
        empty: str,
    ) -> None:
        """Fetch up to `limit` items, in as many pages as that takes, and print them; `model` is that of a page."""
        document = fetch_pages(self.nexus, make_call, limit)

        def table() -> str:
            page: Any = model.model_validate(document)
            return show(page.items, self.screen.style)

        self.form.write_list(self.screen, document, table, empty=empty)
