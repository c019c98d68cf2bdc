"""The page of one gap: its wordings, why it is one, what to do, and the proof that it closed."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rag import Asked, Verdict
from ui.kept import Made
from ui.pages.frame import Visitor, page, ways
from ui.pages.gaps import CAUSES, HERE, Doing, day, group_address, pieces, progress_of, times
from ui.pages.library import alert
from ui.pages.places import note_link, quoted, quotes
from ui.pages.tables import MOST_ROWS, left_out, set_options, shown

if TYPE_CHECKING:
    from eval import Accepted, Gap, Reasked, Reply

MOST_PLACES = 3

TO_DO = {
    "not in the notes": "Write a note that answers, or add to one: the command below opens one in "
    "your editor with these questions beside it.",
    "in the notes but missed": "Look at the places above. If they answer, say it there in the "
    "words that people use, or under a heading of its own; the command below opens the note.",
    "off topic": "Nothing, if the course is not about this. If it is, write a note.",
}

ASK_AGAIN = (
    "Once the notes say it and are indexed, these questions can be asked again; the question log "
    "does not count that."
)


def gap_page(
    gap: Gap,
    days: str,
    doing: Doing,
    visitor: Visitor,
    *,
    reasked: Made[Reasked] | None = None,
    sets: Mapping[str, Sequence[str]] | None = None,
    accepted: Accepted | None = None,
) -> str:
    """Returns the page.

    Args:
        days: that the gap is of.
        reasked: what its questions got when they were asked again.
        sets: that accepted questions may join, each with its splits; None for none.
        accepted: what just joined one.
    """
    cause = gap.triage.cause.value
    here = group_address(gap.id, days)
    body = [
        f'<p><a href="{HERE}?days={html.escape(days)}">All gaps</a></p>',
        f"<h1>{shown(gap.question)}</h1>",
        f'<p class="sum">{CAUSES[cause]}: {shown(gap.triage.why)}</p>',
        f"<p>Asked {times(len(gap.questions), gap.people)}, last on "
        f"{day(gap.last)}. {shown(' · '.join(gap.terms))}</p>",
        alert(doing.alert),
        *([progress_of(doing.job, doing, here)] if doing.job else []),
        *(_joined(accepted) if accepted else []),
        *_evidence(gap),
        *_to_do(gap),
        *_again(gap, days, reasked, busy=doing.job is not None),
        *(_answers(reasked.found, days, sets or {}) if reasked else []),
        *_wordings(gap),
    ]
    return page(gap.question, "".join(body), "course.css", top=ways(HERE, visitor))


def _evidence(gap: Gap) -> Iterator[str]:
    triage = gap.triage
    yield "<h2>Why</h2>"
    sure = f"{triage.support.confidence:.2f}"
    yield f"<p>Probability that the notes answer: {sure}.</p>"
    if gap.evidence:
        missed = triage.cause.value == "in the notes but missed"
        yield f"<h3>{'Words that seem to answer' if missed else 'Nearest words'}</h3>"
        yield pieces([quoted(gap.evidence)])
    if triage.support.passages:
        yield quotes("Nearest passages", triage.support.passages[:MOST_PLACES])


def _to_do(gap: Gap) -> Iterator[str]:
    yield f"<h2>What to do</h2><p>{TO_DO[gap.triage.cause.value]}</p>"
    yield f"<pre><code>notesqa gaps write {shown(gap.id)}</code></pre>"
    if gap.evidence:
        yield f"<p>Nearest note: {note_link(gap.evidence.document)}.</p>"


def _again(gap: Gap, days: str, reasked: Made[Reasked] | None, *, busy: bool) -> Iterator[str]:
    yield f'<h2 id="again">Ask again</h2><p>{ASK_AGAIN}</p>'
    if reasked:
        answered, left = reasked.found.n
        old = " The notes have changed since." if reasked.stale else ""
        yield (
            f'<p class="sum">{answered:,} of {answered + left:,} now answered, {left:,} left.</p>'
            f"<p>Asked {reasked.at:%Y-%m-%d %H:%M} UTC.{old}</p>"
        )
    if not busy:
        yield (
            f'<form class="again" method="post" action="/gaps/ask">{_hidden(gap.id, days)}'
            "<p><button>Ask again now</button></p></form>"
        )


def _hidden(id_: str, days: str) -> str:
    return (
        f'<input type="hidden" name="id" value="{html.escape(id_)}">'
        f'<input type="hidden" name="days" value="{html.escape(days)}">'
    )


def _answers(found: Reasked, days: str, sets: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yields what is answered now, to be looked at and accepted, and what is not."""
    if found.answered:
        yield f'<form method="post" action="/gaps/accept">{_hidden(found.gap.id, days)}'
        yield "<fieldset><legend>Answered now</legend>"
        yield "<p>Choose those whose quote answers; they join a question set with it.</p>"
        for number, reply in enumerate(found.answered):
            yield _pick(number, reply)
        yield '<p><label for="set">Question set</label> <select id="set" name="set">'
        yield from set_options(sets)
        yield "</select></p><p><button>Accept into the set</button></p>"
        yield "</fieldset></form>"
    if untold := sum(found.untold):
        many = "1 question was" if untold == 1 else f"{untold:,} questions were"
        few = f"fewer than {found.gap.least:,} people used"
        yield f"<p>Not shown: {many} asked in words that {few}.</p>"
    if found.unasked:
        yield f"<p>{found.unasked:,} wordings more were too many to be asked again.</p>"
    if found.left:
        yield f"<h3>Still without an answer ({len(found.left):,})</h3>"
        yield pieces([_left(reply) for reply in found.left[:MOST_ROWS]])


def _pick(number: int, reply: Reply) -> str:
    evidence = next(iter(reply.answer.citations), None)
    words = quoted(evidence) if evidence else ""
    return (
        f'<div class="pick"><input type="checkbox" id="pick-{number}" name="question" '
        f'value="{html.escape(reply.question)}" aria-describedby="quote-{number}">'
        f'<div><label for="pick-{number}">{shown(reply.question)}</label>'
        f'<div id="quote-{number}">{words}</div></div></div>'
    )


def _left(reply: Reply) -> str:
    got = f": {reply.trouble}" if reply.trouble else ""
    return f"{shown(reply.question)} <small>asked {times(reply.times, None)}{got}</small>"


def _joined(accepted: Accepted) -> Iterator[str]:
    added, known = len(accepted.added), len(accepted.known)
    said = f"{added:,} {'wording' if added == 1 else 'wordings'} joined {accepted.path.name}"
    there = f", {known:,} {'was' if known == 1 else 'were'} in it already" if known else ""
    yield f'<p class="sum" role="status">{shown(said + there)}.</p>'
    if accepted.findings and accepted.findings.problems:
        problems = accepted.findings.problems
        yield (
            f"<p>The set has {problems:,} {'problem' if problems == 1 else 'problems'} now: "
            "notesqa eval check says which.</p>"
        )


def _wordings(gap: Gap) -> Iterator[str]:
    """Yields how it was asked, what that got, and why it did not help.

    Which wording got what, and when, is not said: a single one may be one person's.
    """
    wordings = gap.wordings
    yield f"<h2>Asked as ({len(wordings) + gap.others:,})</h2>"
    got = Counter(map(_got, gap.questions))
    yield f"<p>{', '.join(f'{count:,} got {what}' for what, count in got.most_common())}.</p>"
    if wordings:
        yield '<table class="counts"><thead><tr><th scope="col">Question</th>'
        yield '<th scope="col">Times</th></tr></thead><tbody>'
        for said, count in wordings[:MOST_ROWS]:
            other = gap.searched.get(said)
            sought = f"<small>searched as “{shown(other)}”</small>" if other else ""
            yield f'<tr><th scope="row">{shown(said)}{sought}</th><td data-label="Times">'
            yield f"{count:,}</td></tr>"
        yield "</tbody></table>"
    yield from left_out(len(wordings), MOST_ROWS)
    if gap.others:
        one = gap.others == 1
        yield (
            f"<p>And {gap.others:,} other {'wording' if one else 'wordings'}, which fewer than "
            f"{gap.least:,} people used.</p>"
        )
    if gap.reasons:
        yield "<h3>Why answers did not help</h3>"
        yield pieces([f"“{shown(reason)}”" for reason in gap.reasons[:MOST_ROWS]])


def _got(asked: Asked) -> str:
    if asked.verdict is Verdict.DOWN:
        return "an answer that did not help"
    return "no answer" if asked.state == "abstained" else "an unsure answer"
