"""The page of proposed questions: one at a time, with its quote in the note, to accept or not.

It is whole HTML without a script. Questions and quotes come from notes: all of them are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag import Note, Span
from ui.jobs import Job
from ui.pages.frame import Visitor, page, sheet, ways
from ui.pages.library import alert, progress
from ui.pages.tables import set_options, to_library
from ui.render import source_url, visible

if TYPE_CHECKING:
    from eval import Proposal
    from ui.reviews import Desk

HERE = "/proposals"

BEFORE, BEHIND = 160, 400
"""Characters of the note that are shown around a quote, and as many again to the ends of lines."""

MADE_OF = {
    "heading": "made of a heading",
    "definition": "made of a definition",
    "list": "made of what leads into a list",
    "reason": "made of a sentence that gives a reason",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks the page for.

    Attributes:
        id: of a proposal; empty for the next.
        chosen: the set that accepted questions join, as the form names it.
        added: how many questions the one before added to it; None where it was not accepted.
        alert: what went wrong with what was just asked for.
        still: whether the page is not asked for again by itself.
        question, paraphrases: what was typed, where it went wrong.
    """

    id: str = ""
    chosen: str = ""
    added: int | None = None
    alert: str = ""
    still: bool = False
    question: str = ""
    paraphrases: str = ""


@dataclass(frozen=True, slots=True)
class Doing:
    """What is done at the moment.

    Attributes:
        job: the one that makes proposals.
        failed: why the last one failed.
    """

    job: Job | None = None
    failed: str = ""


def proposals_page(desk: Desk, asked: Asked, doing: Doing, visitor: Visitor) -> str:
    """Returns the page."""
    body = [alert(asked.alert)]
    if desk.proposal and desk.note:
        body += _one(desk, desk.proposal, desk.note, asked)
    elif doing.job:
        body.append(_making(doing.job, still=asked.still))
    else:
        body.append(alert(f"No questions could be made: {doing.failed}" if doing.failed else ""))
        body += _none(desk)
    return _page("".join(body), visitor)


def empty_page(said: str, visitor: Visitor) -> str:
    """Returns the page where there are no notes; `said` is why."""
    return _page(f"<p>{to_library(said)}</p>", visitor)


def _page(body: str, visitor: Visitor) -> str:
    head = (
        "<h1>Questions made of the notes</h1>"
        "<p>Headings, definitions and lists of the notes, worded as questions. Those that you "
        "accept join a question set, with the words that answer them.</p>"
    )
    return page(
        *("Questions made of the notes", head + body, "course.css"),
        top=ways(HERE, visitor),
        more=sheet("proposals.css"),
    )


def _making(job: Job, *, still: bool) -> str:
    share = job.done / job.total if job.total else None
    said = f"{job.stage} {job.done:,} of {job.total:,}" if job.total else "Waiting"
    return progress("Making questions", share, said, still=still, here=HERE)


def _one(desk: Desk, proposal: Proposal, note: Note, asked: Asked) -> Iterator[str]:
    later = f", {desk.later:,} put off" if desk.later else ""
    yield (
        f'<p class="sum"><label for="far">Looked at</label> <progress id="far" '
        f'max="{max(desk.total, 1)}" value="{desk.done}"></progress> '
        f"{desk.done:,} of {desk.total:,}{later}</p>"
    )
    if asked.added is not None:
        questions = "question was" if asked.added == 1 else "questions were"
        yield f'<p role="status">{asked.added:,} {questions} added to the set.</p>'
    place = " › ".join((note.title, *(h for h in proposal.headings if h != note.title)))
    source = html.escape(source_url(proposal.document, proposal.span, proposal.quote))
    now = f"Asked now, it is {proposal.now.value}." if proposal.now else ""
    yield (
        f'<h2 id="note">{_shown(place)}</h2>'
        f"<p>{_shown(proposal.document)}, {_shown(proposal.location)} · "
        f'<a href="{source}" target="_blank" rel="noopener">Open the note</a> (in a new tab)</p>'
        f'<pre class="context" tabindex="0" aria-labelledby="note">{_context(note, proposal)}</pre>'
    )
    question = asked.question or proposal.question
    yield (
        f'<form method="post" action="{HERE}">'
        f'<input type="hidden" name="id" value="{proposal.id}">'
        f'<p><label for="question">Question</label> <small>{MADE_OF[proposal.kind.value]}. '
        f"{html.escape(now)}</small></p>"
        f'<textarea id="question" name="question" rows="2" required autofocus>'
        f"{html.escape(question)}</textarea>"
        '<p><label for="paraphrases">Other ways to ask it, one a line</label></p>'
        '<textarea id="paraphrases" name="paraphrases" rows="4" aria-describedby="why">'
        f"{html.escape(asked.paraphrases)}</textarea>"
        '<p id="why">In words that the note does not use: only such questions show how well it is '
        "found.</p>"
        f'<p><label for="set">Joins</label> <select id="set" name="set">'
        f"{''.join(set_options(desk.sets, asked.chosen))}</select></p>"
        '<p class="say"><button name="choice" value="accepted">Accept</button> '
        '<button class="quiet" name="choice" value="rejected" formnovalidate>Reject</button> '
        '<button class="quiet" name="choice" value="later" formnovalidate>Later</button></p></form>'
    )


def _context(note: Note, proposal: Proposal) -> str:
    """Returns the quote, marked, with the whole lines around it, as HTML."""
    span, text = proposal.span, note.text
    if span.of(text) != proposal.quote:
        at = text.find(proposal.quote)
        if at < 0:
            return f"<mark>{_lines(proposal.quote)}</mark>"
        span = Span(at, at + len(proposal.quote))
    begin = text.rfind("\n", 0, max(span.start - BEFORE, 0)) + 1
    end = text.find("\n", span.end + BEHIND)
    before = text[max(begin, span.start - 2 * BEFORE) : span.start]
    behind = text[span.end : min(end if end >= 0 else len(text), span.end + 2 * BEHIND)]
    return f"{_lines(before)}<mark>{_lines(proposal.quote)}</mark>{_lines(behind)}"


def _lines(text: str) -> str:
    """Returns words of a note with their lines as they are."""
    return "\n".join(_shown(line) for line in text.replace("\r\n", "\n").split("\n"))


def _none(desk: Desk) -> Iterator[str]:
    if desk.total:
        yield f'<p class="sum">All {desk.total:,} were looked at.</p>'
    else:
        yield (
            '<p class="sum">Nothing is proposed: what the notes define or list is in a set '
            "already, or was rejected.</p>"
        )
    yield (
        f'<form method="post" action="{HERE}/more"><p><button>Look for more</button></p></form>'
        f'<form method="post" action="{HERE}/again"><p><button class="quiet">Propose again what '
        "was rejected</button></p></form>"
    )


def _shown(text: str) -> str:
    return html.escape(visible(text))
