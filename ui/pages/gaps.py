"""The pages of gaps: what people asked and the notes did not answer, and how one of them is closed.

All numbers are those of `notesqa gaps`. Questions and reasons come from strangers, quotes from
notes: all of them are escaped. Nobody's name is shown.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ui.jobs import Job
from ui.kept import Made
from ui.pages.frame import Visitor, page, ways
from ui.pages.library import alert, progress
from ui.pages.tables import (
    MOST_ROWS,
    Choice,
    form,
    head,
    in_order,
    is_found,
    left_out,
    search,
    select,
    shown,
    to_library,
)

if TYPE_CHECKING:
    from eval import Gap, Gaps

HERE = "/gaps"
GROUP = "/gaps/group"

CAUSES = {
    "not in the notes": "Not in the notes",
    "in the notes but missed": "In the notes but missed",
    "off topic": "Off topic",
}

FILTERS = ("cause", "q")
"""Of the table of gaps; `days` says which gaps these are."""

COLUMNS = {"_question": "Question", "cause": "Cause", "people": "People", "times": "Times"}
COLUMNS |= {"last": "Last asked"}

NO_GAPS = "Every question that was kept got a good answer, or does from the notes of now."


@dataclass(frozen=True, slots=True)
class Doing:
    """What is done at the moment.

    Attributes:
        job: the job that looks, runs or is next.
        alert: what went wrong.
        still: whether the page is not asked for again by itself.
    """

    job: Job | None = None
    alert: str = ""
    still: bool = False


def gaps_page(
    known: Made[Gaps] | None,
    choice: Choice,
    doing: Doing,
    visitor: Visitor,
    *,
    most_days: int,
    empty: str = "",
) -> str:
    """Returns the page.

    Args:
        known: None until gaps were looked for.
        choice: what is shown of the table, and of how many days.
        most_days: that questions are kept.
        empty: what is said where there is nothing to look at; empty where there is.
    """
    body = [
        "<h1>Gaps</h1>",
        "<p>Questions that the notes did not answer well, those of one meaning together.</p>",
        alert(doing.alert),
        *([f"<p>{to_library(empty)}</p>"] if empty else []),
        *_doing(doing, choice),
        *([] if empty else _look(known, choice, doing)),
        *(_known(known.found, choice, most_days) if known else []),
    ]
    return page("Gaps", "".join(body), "course.css", top=ways(HERE, visitor))


def _doing(doing: Doing, choice: Choice) -> Iterator[str]:
    if doing.job:
        days = choice.fixed["days"]
        yield progress_of(doing.job, doing, f"{HERE}?{urlencode({'days': days})}")


def progress_of(job: Job, doing: Doing, here: str) -> str:
    """Returns how far a job is, as HTML; `here` is the address that shows it, with a query."""
    share = job.done / job.total if job.total else None
    said = f"{job.stage} {job.done:,} of {job.total:,}" if job.total else "Waiting"
    return progress("Looking", share, said, still=doing.still, here=html.escape(here))


def _look(known: Made[Gaps] | None, choice: Choice, doing: Doing) -> Iterator[str]:
    """Yields what the gaps rest on, and the button that looks again."""
    if known:
        found = known.found
        since = f" since {found.since:%Y-%m-%d}" if found.since else ""
        count = f"{found.looked_at:,} question{'' if found.looked_at == 1 else 's'}{since}"
        yield f'<p class="sum">{_summed(found)}</p>'
        yield f"<p>Looked at {known.at:%Y-%m-%d %H:%M} UTC, {count}. {_troubles(found)}</p>"
        if found.withheld or found.signed_in:
            yield f"<p>{_withheld(found)}</p>"
        if found.further:
            yield f"<p>{found.further:,} more belong to smaller groups, which are not listed.</p>"
    if doing.job or not (known is None or known.stale):
        return
    why = "Questions were asked, or the notes changed, since. " if known else ""
    days = html.escape(choice.fixed["days"])
    yield (
        f'<form class="again" method="post" action="/gaps/look"><p>{why}'
        f'<input type="hidden" name="days" value="{days}"><button>Look again</button></p></form>'
    )


def _summed(found: Gaps) -> str:
    if not found.gaps:
        return "No gap is shown."
    counts = [
        f"{number:,} {cause}"
        for cause in CAUSES
        if (number := sum(gap.triage.cause.value == cause for gap in found.gaps))
    ]
    return f"{len(found.gaps):,} gap{'' if len(found.gaps) == 1 else 's'}: {', '.join(counts)}."


def _troubles(found: Gaps) -> str:
    said = [f"{count:,} got {why.value}" for why, count in found.troubled.items() if count]
    now = [f"{found.closed:,} of them are answered by the notes of now"] if found.closed else []
    now += [f"{found.changed:,} get another answer now"] if found.changed else []
    return f"{'; '.join([', '.join(said), *now])}." if said else ""


def _withheld(found: Gaps) -> str:
    if found.told_withheld is None:
        return (
            f"Fewer than {found.least:,} questions are not shown, since fewer than "
            f"{found.least:,} people asked for the same (the setting least_askers)."
        )
    one = found.withheld == 1
    return (
        f"{found.withheld:,} {'question is' if one else 'questions are'} not shown, since fewer "
        f"than {found.least:,} people asked for the same (the setting least_askers)."
    )


def chosen_of(found: Gaps, choice: Choice) -> list[Gap]:
    """Returns the gaps that a reader chose, in the order that they chose."""
    cause, words = (choice.filters.get(name, "") for name in FILTERS)
    rows = [
        gap
        for gap in found.gaps
        if (not cause or gap.triage.cause.value == cause)
        and is_found(words, gap.question, *gap.terms, *(said for said, _ in gap.wordings))
    ]
    keys = {
        "cause": lambda gap: list(CAUSES).index(gap.triage.cause.value),
        "people": lambda gap: gap.people or 0,
        "times": lambda gap: len(gap.questions),
        "last": lambda gap: gap.last.date(),
    }
    return in_order(rows, choice.sort, keys)


def _known(found: Gaps, choice: Choice, most_days: int) -> Iterator[str]:
    rows = chosen_of(found, choice)
    days = sorted({*(n for n in (7, 30, 90) if n < most_days), most_days})
    known = bool(found.gaps)
    people = any(gap.people is not None for gap in found.gaps)
    fields = [
        select("days", "Asked in", [(f"{n}", f"the last {n:,} days") for n in days], _days(choice)),
        *(
            [
                search("q", "Words", choice.filters["q"]),
                select("cause", "Cause", [("", "Any"), *CAUSES.items()], choice.filters["cause"]),
                select(
                    *("sort", "Order"),
                    [
                        *(
                            ("", "Most people first" if people else "Most asked first"),
                            ("-times", "Asked most often first"),
                        ),
                        *(("-last", "Asked last first"), ("cause", "By cause")),
                    ],
                    choice.sort,
                ),
            ]
            if known
            else []
        ),
    ]
    yield form(Choice(choice.here, {}, choice.filters, choice.sort), fields)
    if not known:
        yield f"<p>{NO_GAPS}</p>" if found.told_withheld == 0 else ""
        return
    query = html.escape(urlencode({"days": _days(choice)}))
    yield (
        f'<p class="files"><a href="/api/v1/gaps/csv?{query}" download>CSV</a> '
        f'<a href="/api/v1/gaps?{query}" download="gaps.json">JSON</a></p>'
    )
    count = f"{len(rows):,} of {len(found.gaps):,}" if choice.filtered else f"{len(rows):,}"
    yield f"<h2>Gaps ({count})</h2>"
    if not rows:
        yield "<p>No gap is like that.</p>"
        return
    yield f'<table class="counts">{head(choice, COLUMNS, falling=("people", "times", "last"))}'
    yield "<tbody>"
    for gap in rows[:MOST_ROWS]:
        yield from _row(gap, _days(choice))
    yield "</tbody></table>"
    yield from left_out(len(rows), MOST_ROWS)


def _days(choice: Choice) -> str:
    return choice.fixed["days"]


def _row(gap: Gap, days: str) -> Iterator[str]:
    to = html.escape(group_address(gap.id, days))
    terms = " · ".join(gap.terms)
    yield f'<tr><th scope="row"><a href="{to}">{shown(gap.question)}</a>'
    yield f"<small>{shown(terms)}</small></th>"
    yield f'<td data-label="Cause">{CAUSES[gap.triage.cause.value]}'
    yield f"<small>{shown(gap.triage.why)}</small></td>"
    people = "–" if gap.people is None else f"{gap.people:,}"
    yield f'<td data-label="People">{people}</td>'
    yield f'<td data-label="Times">{len(gap.questions):,}</td>'
    yield f'<td data-label="Last asked">{day(gap.last)}</td></tr>'


def group_address(id_: str, days: str) -> str:
    """Returns the address of one gap's page."""
    return f"{GROUP}?{urlencode({'id': id_, 'days': days})}"


def day(moment: datetime) -> str:
    """Returns a day as HTML."""
    return f'<time datetime="{moment:%Y-%m-%d}">{moment:%Y-%m-%d}</time>'


def times(count: int, people: int | None) -> str:
    """Returns how often something was asked, and by how many people where that is known."""
    said = {1: "once", 2: "twice"}.get(count, f"{count:,} times")
    if people is None:
        return said
    return f"{said} by {people:,} {'person' if people == 1 else 'people'}"


def pieces(parts: Sequence[str]) -> str:
    """Returns items as a list of HTML; nothing where there is none."""
    return f"<ul>{''.join(f'<li>{part}</li>' for part in parts)}</ul>" if parts else ""
