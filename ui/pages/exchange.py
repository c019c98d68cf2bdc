"""One question of the chat and what came back: a reply or an error comes in, its HTML goes out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from rag import Answer, Span, Turn, turn_of
from ui.asks import Reply
from ui.markdown import answer_markdown, exchange_markdown, markdown
from ui.render import NEAREST_SHOWN, answer_html, escape, source_url

EMPTY_SOURCE = "/source/"

MOST_SHOWN = 300
"""Characters of a question that are kept where no answer came back."""

_AGAIN = '<p><button type="button" class="nq-alone">Try again</button></p>'

_ANSWER = '<h3 class="nq-unseen">Answer</h3>'

_COPY = '<button type="button" class="nq-copy">Copy as Markdown</button>'

_JUDGE = (
    '<button type="button" class="nq-judge" value="up" aria-pressed="false">Helpful</button>'
    '<button type="button" class="nq-judge" value="down" aria-pressed="false">Not helpful</button>'
    '<form class="nq-reason" hidden><label>Why? (Instructors read it.) '
    '<input name="reason" maxlength="1000" autocomplete="off"></label><button>Send</button></form>'
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked, and what came back.

    Attributes:
        answer: None where none came back.
        failed: why none did.
        lasting: whether the question is not to be asked again as it stands here.
        within: the folder that was asked; empty for all.
        id: under which the question is kept, and a verdict can be; None where it is not.
    """

    question: str
    answer: Answer | None
    failed: str = ""
    lasting: bool = False
    within: str = ""
    id: str | None = None

    @property
    def turn(self) -> Turn | None:
        """Returns what the next question may lean on."""
        return turn_of(self.answer) if self.answer else None

    @property
    def lean(self) -> Exchange:
        """Returns it without the passages that are not shown."""
        if self.answer is None:
            return self
        near = () if self.answer.answered else self.answer.passages[:NEAREST_SHOWN]
        return replace(self, answer=replace(self.answer, passages=near))

    @property
    def weight(self) -> int:
        """Returns about how many bytes are held of it: its page, and what it is where `lean`."""
        answer = self.lean.answer
        record = json.dumps(answer.to_record(), ensure_ascii=False) if answer else ""
        return len(record.encode()) + sum(map(len, page_html(self)))

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Returns what could be asked instead."""
        return self.answer.suggestions if self.answer else ()

    @property
    def narrow(self) -> bool:
        """Returns whether all the notes may hold what the folder that was asked does not."""
        return bool(self.within and self.answer and not self.answer.answered)


def answered(question: str, reply: Reply, within: str) -> Exchange:
    """Returns the exchange that an answer or a refusal ends."""
    return Exchange(question, reply.answer, within=within, id=reply.id)


def failed(question: str, said: str, within: str, *, lasting: bool) -> Exchange:
    """Returns the exchange that nothing but a plain sentence ends."""
    cut = len(question) > MOST_SHOWN
    shown = f"{question[:MOST_SHOWN]} …" if cut else question
    return Exchange(shown, None, said, lasting or cut, within)


def page_html(exchange: Exchange) -> tuple[str, str]:
    """Returns the HTML of the question and of what came back, in ASCII.

    One other sign, and Python holds each sign of a text in two or four bytes, and once more where
    it was sent: the pages that are open were three times as large.
    """
    question, reply = (
        shown.encode("ascii", "xmlcharrefreplace").decode("ascii")
        for shown in (question_html(exchange), reply_html(exchange))
    )
    return question, reply


def question_html(exchange: Exchange) -> str:
    """Returns the question, and where it was asked if not everywhere."""
    where = f'<p class="nq-in">In {escape(exchange.within)}</p>' if exchange.within else ""
    asked = f'<span class="nq-unseen">You asked: </span>{escape(exchange.question)}'
    return f'<h2 class="nq-asked">{asked}</h2>{where}'


def reply_html(exchange: Exchange) -> str:
    """Returns what came back, with what can be done with it."""
    if exchange.answer is None:
        again = "" if exchange.lasting else _AGAIN
        said = f'<p class="nq-error">{escape(exchange.failed)}</p>{again}'
        return f'<div class="nq-exchange" tabindex="-1">{_ANSWER}{said}</div>'
    judge = _JUDGE if exchange.id else ""
    tools = f'<div class="nq-tools">{_COPY}{judge}</div>'
    said = answer_html(exchange.answer, exchange.within)
    return f'<div class="nq-exchange" tabindex="-1">{_ANSWER}{said}{tools}</div>'


def markdown_of(exchange: Exchange) -> str:
    """Returns the question as a heading and the answer below it, as Markdown."""
    within = exchange.within
    answer = exchange.answer
    said = answer_markdown(answer, within) if answer else markdown(exchange.failed)
    return exchange_markdown(exchange.question, said, within)


def source_of(exchange: Exchange | None) -> str:
    """Returns the address of what an exchange quotes; of nothing where it quotes nothing."""
    if exchange is None or exchange.answer is None or not exchange.answer.answered:
        return EMPTY_SOURCE
    answer = exchange.answer
    best = next((said for said in answer.sentences if said.decides), answer.sentences[0])
    cited = answer.citations[best.citation - 1]
    start = cited.span.start + cited.quote.index(best.text)
    return source_url(cited.document, Span(start, start + len(best.text)), best.text)
