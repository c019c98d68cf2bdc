"""The page of the audit: what in the notes is never found, always cited, said twice, or at odds.

All findings are those of `notesqa audit`: candidates for a person to look at. All text comes from
notes and questions, and is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ui.findings import NOTHING, advice_of
from ui.kept import Made
from ui.pages.frame import Visitor, page, ways
from ui.pages.gaps import Doing, pieces, progress_of
from ui.pages.library import alert
from ui.pages.places import note_link, place_link
from ui.pages.tables import Choice, form, is_found, search, select, shown, to_library
from ui.render import snippet

if TYPE_CHECKING:
    from eval import Alike, Always, Audit, Disagreeing, Never, Stretch, Unwieldy, Versions

HERE = "/audit"

KINDS = {
    "disagreeing": "May disagree",
    "versions": "Versions of one note",
    "alike": "Said in several notes",
    "never": "Never found",
    "always": "Cited for everything",
    "unwieldy": "Too long, or without headings",
}

MOST_SHOWN = 50
"""Findings of a kind that are shown; the files hold all."""

MOST_PLACES = 5

LONGEST = 400
"""Characters that are shown of what stands in a place."""


def audit_page(
    known: Made[Audit] | None,
    choice: Choice,
    doing: Doing,
    visitor: Visitor,
    *,
    empty: str = "",
) -> str:
    """Returns the page.

    Args:
        known: None until somebody looked.
        choice: which findings are shown.
        empty: what is said where there are no notes; empty where there are.
    """
    body = [
        "<h1>Audit</h1>",
        "<p>What in the notes deserves a look. Every finding is a candidate: you decide.</p>",
        alert(doing.alert),
        *([f"<p>{to_library(empty)}</p>"] if empty else []),
        *([progress_of(doing.job, doing, HERE)] if doing.job else []),
        *([] if empty else _look(known, doing)),
        *(_known(known.found, choice) if known else []),
    ]
    return page("Audit", "".join(body), "course.css", top=ways(HERE, visitor))


def _look(known: Made[Audit] | None, doing: Doing) -> Iterator[str]:
    """Yields what the audit rests on, and the button that looks again."""
    if known:
        basis = known.found.basis
        counts = [
            f"{len(getattr(known.found, kind)):,} {label[0].lower()}{label[1:]}"
            for kind, label in KINDS.items()
        ]
        yield f'<p class="sum">{shown(", ".join(counts))}.</p>'
        yield (
            f"<p>Looked at {known.at:%Y-%m-%d %H:%M} UTC: {basis.notes:,} notes with "
            f"{basis.passages:,} passages, {basis.questions:,} questions and "
            f"{basis.objectives:,} objectives.</p>"
        )
        if not basis.tells_much:
            yield (
                "<p>So little was asked yet that what was never found may just not have been "
                "asked for: judge objectives on the page Coverage first.</p>"
            )
    if doing.job or not (known is None or known.stale):
        return
    why = "Questions were asked, or the notes changed, since. " if known else ""
    yield (
        f'<form class="again" method="post" action="/audit/look"><p>{why}'
        f"<button>{'Look again' if known else 'Look at the notes'}</button></p></form>"
    )


def _known(found: Audit, choice: Choice) -> Iterator[str]:
    kind = choice.filters["kind"]
    options = [("", "All"), *((name, label) for name, label in KINDS.items())]
    words = search("q", "Words or note", choice.filters["q"])
    yield form(choice, [words, select("kind", "Findings", options, kind)])
    yield '<p class="files"><a href="/api/v1/audit" download="audit.json">JSON</a></p>'
    shows: dict[str, Callable[[Any], str]] = {
        "disagreeing": _disagreeing,
        "versions": _versions,
        "alike": _alike,
        "never": _never,
        "always": _always,
        "unwieldy": _unwieldy,
    }
    for name, label in KINDS.items():
        if not kind or kind == name:
            items = getattr(found, name)
            advice = advice_of(name, found.basis) if items else ""
            yield from _kind(name, label, items, choice.filters["q"], shows[name], advice)


def _kind(
    name: str,
    label: str,
    items: Sequence[Any],
    words: str,
    show: Callable[[Any], str],
    advice: str,
) -> Iterator[str]:
    chosen = [item for item in items if is_found(words, *_words(item))]
    count = f"{len(chosen):,} of {len(items):,}" if words.strip() else f"{len(items):,}"
    yield f'<section><h2 id="{name}">{label} ({count})</h2>'
    if not chosen:
        why = "None of these." if items else f"{NOTHING[name].capitalize()}."
        yield f"<p>{why}</p></section>"
        return
    yield f'<p>{shown(advice)} <a href="/api/v1/audit/{name}/csv" download>CSV</a></p>'
    yield "".join(f'<div class="pair">{show(item)}</div>' for item in chosen[:MOST_SHOWN])
    if left := len(chosen) - MOST_SHOWN:
        yield f"<p>{left:,} more: choose fewer above, or take the file.</p>" if left > 0 else ""
    yield "</section>"


def _words(item: Any) -> Iterator[str]:
    places = getattr(item, "places", ())
    if hasattr(item, "one"):
        places = (item.one, item.other)
    elif hasattr(item, "stretch"):
        places = (item.stretch,)
    yield from getattr(item, "documents", ())
    for place in places:
        yield f"{place.document}\n{place.text}"


def _place(place: Stretch) -> str:
    """Returns the words of a place, and the link that opens it."""
    link = place_link(place.document, place.location, place.span, place.text)
    headings = f"<small>{shown(' › '.join(place.headings))}</small>" if place.headings else ""
    return (
        f"<div><p>{link}</p>{headings}"
        f"<blockquote>{shown(snippet(place.text, LONGEST))}</blockquote></div>"
    )


def _disagreeing(item: Disagreeing) -> str:
    more = f" Part of {item.more:,} more such pairs." if item.more else ""
    return (
        f"<p><strong>{shown(item.reason)}</strong> ({shown(item.kind)}).{more}</p>"
        f'<div class="sides">{_place(item.one)}{_place(item.other)}</div>'
    )


def _alike(item: Alike) -> str:
    said = "In the same words" if item.exact else "Nearly in the same words"
    words = "; ".join(f"“{shown(a)}” – “{shown(b)}”" for a, b in item.differs)
    differs = f" They differ in {words}." if words else ""
    places = "".join(map(_place, item.places[:MOST_PLACES]))
    left = len(item.places) - MOST_PLACES
    more = f"<p>And {left:,} more places.</p>" if left > 0 else ""
    return (
        f"<p><strong>{said}</strong> in {len(item.places):,} notes.{differs}</p>"
        f'<div class="sides">{places}</div>{more}'
    )


def _versions(item: Versions) -> str:
    links = pieces([note_link(document) for document in item.documents])
    return f"<p><strong>{item.share:.0%}</strong> of one stands in another:</p>{links}"


def _never(item: Never) -> str:
    what = f"{item.passages:,} of the note’s {item.of:,} passages"
    if item.passages == item.of:
        what = "The whole note"
    near = ""
    if item.near is not None:
        near = f" Nearest, yet elsewhere: “{shown(item.nearest)}” ({item.near:.2f})."
    return f"<p><strong>{what}</strong>.{near}</p>{_place(item.stretch)}"


def _always(item: Always) -> str:
    asked = pieces([shown(wording) for wording in item.asked])
    return (
        f"<p><strong>Cited for {item.askings:,} wordings</strong>, {item.share:.0%} of those that "
        f"got an answer, such as:</p>{asked}{_place(item.stretch)}"
    )


def _unwieldy(item: Unwieldy) -> str:
    places = pieces([f"{shown(where)}: {shown(said)}" for where, said in item.places])
    return (
        f"<p><strong>{shown(item.why.value.capitalize())}</strong>, {item.passages:,} passages, "
        f"cited for {item.askings:,} wordings:</p>{places}{_place(item.stretch)}"
    )
