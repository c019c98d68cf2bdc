from __future__ import annotations

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import CORPUS, WordLengths, constant_fit

from eval import (
    Audit,
    Coverage,
    Objective,
    Wording,
    audit_notes,
    audit_tables,
    cover,
    csv_text,
)
from eval import reach as reaching
from eval import usage as using
from eval.reach import Why
from eval.usage import WITHHELD
from rag import Asked, Library, Settings, Span, Spot

BATTERY = "The battery of the small robot lasts {} hours in the laboratory."
COPIED = (
    "Sensors drift while their temperature changes over a long afternoon. "
    "Calibrate every sensor again before serious measurements begin in the evening."
)
LONG = " ".join(f"Wheel {i} turns around here slowly." for i in range(200))


def library_of(folder: Path, **notes: str) -> Library:
    """Returns a library of notes of these names and texts."""
    (folder / "notes").mkdir(exist_ok=True)
    for name, text in notes.items():
        (folder / f"notes/{name}.md").write_text(text, encoding="utf-8")
    settings = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"))
    library = Library(settings, WordLengths(), constant_fit(0.1))
    library.index()
    return library


def asked(
    library: Library, text: str, *found: tuple[str, str], retrieved: tuple[Spot, ...] = ()
) -> Asked:
    """Returns a question whose answer quotes some words of notes."""
    cited = []
    for document, words in found:
        start = library.source(document).index(words)
        cited.append(Spot(document, Span(start, start + len(words)), words[:60]))
    when = datetime(2026, 3, 1, tzinfo=UTC)
    results = (tuple(cited), retrieved, library.generation)
    return Asked(text, when, "cli", None, text, text, "answered", 0.9, *results)


def only(found: Audit) -> dict[str, int]:
    """Returns how much was found of each kind that something was found of."""
    kinds = ("never", "always", "versions", "alike", "disagreeing", "unwieldy")
    return {kind: len(getattr(found, kind)) for kind in kinds if getattr(found, kind)}


def test_statements_at_odds_stand_side_by_side_with_their_places(tmp_path: Path) -> None:
    library = library_of(
        tmp_path,
        robots=f"# Robots\n\n{BATTERY.format(12)}\n",
        power=f"# Power\n\n## Batteries\n\n{BATTERY.format(15)}\n",
    )
    found = audit_notes(library, [])
    assert only(found) == {"disagreeing": 1}
    (pair,) = found.disagreeing
    assert (pair.kind, pair.reason, pair.sure, pair.more) == ("number", "15 against 12", 1, 0)
    for side, document, headings, location in (
        (pair.one, "power.md", ("Power", "Batteries"), "line 5"),
        (pair.other, "robots.md", ("Robots",), "line 3"),
    ):
        assert (side.document, side.headings, side.location) == (document, headings, location)
        assert side.span.of(library.source(document)) == side.text


def test_sections_read_together_and_notes_of_other_years_are_not_at_odds(tmp_path: Path) -> None:
    library = library_of(
        tmp_path,
        robots=f"# Robots\n\n{BATTERY.format(12)} {BATTERY.format(15)}\n",
        exam_2024="# Exam\n\nEvery final exam takes exactly 90 minutes in total.\n",
        exam_2025="# Exam\n\nEvery final exam takes exactly 120 minutes in total.\n",
    )
    assert only(audit_notes(library, [])) == {}


def test_what_two_notes_share_is_shown_once_with_what_differs(tmp_path: Path) -> None:
    own = "Owls hunt. Bats do too. Nobody else does so at night. They are shy. They are few."
    library = library_of(
        tmp_path,
        one=f"# One\n\n{COPIED} {own}\n",
        two=f"# Two\n\n{COPIED.replace('every sensor', 'each sensor')} Zebras graze. Lions sleep."
        " Gnus wander through grass. Hyenas laugh.\n",
    )
    (copy,) = audit_notes(library, []).alike
    assert (copy.statements, copy.exact, copy.differs) == (2, False, (("every", "each"),))
    assert [place.document for place in copy.places] == ["one.md", "two.md"]
    assert copy.places[0].text == COPIED


def test_notes_made_of_each_other_are_one_finding(tmp_path: Path) -> None:
    text = f"# Sensors\n\n{COPIED} {BATTERY.format(12)}\n"
    library = library_of(tmp_path, a=text, b=text, c=text + "\nOne statement more stands here.\n")
    found = audit_notes(library, [])
    assert only(found) == {"versions": 1}
    assert found.versions[0].documents == ("a.md", "b.md", "c.md")
    assert found.versions[0].share == 1


def test_what_nothing_found_is_told_by_note_and_run(tmp_path: Path) -> None:
    parts = "\n\n".join(f"## Part {i}\n\n{LONG[:1500]}" for i in range(4))
    library = library_of(tmp_path, owls="# Owls\n\nOwls hunt.\n", parts=f"# Parts\n\n{parts}\n")
    spans = library.chunk_spans("parts.md")
    seen = (Spot("parts.md", spans[2]),)
    found = audit_notes(library, [asked(library, "What turns?", retrieved=seen)])
    assert [item.stretch.document for item in found.never] == ["owls.md", "parts.md", "parts.md"]
    whole, later, first = found.never
    assert (whole.passages, whole.of) == (1, 1)
    assert (later.stretch.span.start, later.passages) == (spans[3].start, len(spans) - 3)
    assert (first.stretch.span.end, first.passages, first.of) == (spans[1].end, 2, len(spans))
    assert first.nearest == "What turns?"
    assert found.basis.unseen == 1
    assert not found.basis.tells_much


def test_a_note_written_after_the_questions_is_asked_them_before_it_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = {f"note{i}": f"# Note {i}\n\nWheels of kind {i} turn slowly.\n" for i in range(12)}
    library = library_of(tmp_path, **notes)
    question = asked(library, "Do hippopotamuses sleep?")
    new = "# Sleep\n\nHippopotamuses sleep.\n"
    library = library_of(tmp_path, sleep=new)
    assert question.generation < library.generation
    found = audit_notes(library, [question])
    listed = {item.stretch.document for item in found.never}
    assert listed < {f"{name}.md" for name in notes}
    assert listed
    assert (found.basis.wordings, found.basis.met) == (1, 1)
    monkeypatch.setattr(using, "REASKED", 0)
    found = audit_notes(library, [question])
    assert found.never == ()
    assert (found.basis.wordings, found.basis.met, found.basis.unseen) == (1, 0, None)


def test_objectives_count_as_asked(tmp_path: Path) -> None:
    library = library_of(tmp_path, owls="# Owls\n\nOwls hunt at night, by their ears.\n")
    text = "Owls hunt at night?"
    coverage = cover(library, [Objective("1", text, "", (Wording(text),))])
    found = audit_notes(library, [], coverage)
    assert (found.basis.objectives, found.basis.questions, found.basis.wordings) == (1, 0, 1)
    assert found.never == ()


def test_a_wording_is_told_where_enough_people_asked_it_or_none_is_known(tmp_path: Path) -> None:
    library = library_of(tmp_path, owls="# Owls\n\nOwls hunt.\n", wheels=LONG)
    question = asked(library, "Which of them turns?", ("wheels.md", "Wheel 7 turns"))
    ann, bob = (replace(question, user=user) for user in ("ann", "bob"))
    text = question.question
    objective = cover(library, [Objective("1", text, "", (Wording(text),))])

    def told(*questions: Asked, objective: Coverage | None = None) -> set[str]:
        found = audit_notes(library, questions, objective, least=2)
        nearest = {item.nearest for item in found.never}
        return nearest | {said for item in found.unwieldy for _, said in item.places}

    assert told(question) == told(ann, bob) == told(question, ann, bob) == {text}
    assert told(ann) == told(ann, ann) == told(question, ann) == {WITHHELD}
    assert told(ann, objective=objective) == {text}
    assert not any(text in str(item) for item in audit_notes(library, [ann]).to_dict().values())


def test_a_passage_cited_for_different_subjects_is_told_from_a_popular_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "LEAST_ASKINGS", 4)
    library = library_of(
        tmp_path,
        vague="# Vague\n\nIt all depends on many things.\n",
        owls="# Owls\n\nOwls hunt at night.\n",
    )
    # The embedder of tests sees words by their lengths alone: each of these is a subject.
    subjects = ["a " * n for n in (3, 4)] + ["bb cc", "ddd eee", "ffff gggg", "hhhhh iiiii"]
    everything = [asked(library, text, ("vague.md", "It all depends")) for text in subjects]
    popular = [
        asked(library, f"{'owls ' * n}here", ("owls.md", "Owls hunt at night.")) for n in (1, 2, 3)
    ] + [asked(library, "Owls hunt", ("owls.md", "Owls hunt at night."))]
    found = audit_notes(library, everything + popular)
    (item,) = found.always
    assert item.stretch.document == "vague.md"
    assert (item.askings, item.share) == (6, 0.6)
    assert item.spread >= 1
    assert set(item.asked) <= set(subjects)


def test_a_long_section_counts_where_questions_lead_to_scattered_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "LEAST_ASKINGS", 3)
    short = "\n\n".join(f"## Short {i}\n\nOwls hunt at night." for i in range(8))
    library = library_of(tmp_path, wheels=f"# Wheels\n\n{short}\n\n## Long\n\n{LONG}\n")
    near, far = (
        [asked(library, f"Where is {i}?", ("wheels.md", f"Wheel {i} turns")) for i in at]
        for at in ((50, 51, 52), (5, 100, 195))
    )
    assert only(audit_notes(library, near)).keys() == {"never"}
    (item,) = audit_notes(library, far).unwieldy
    assert (item.stretch.headings, item.why) == (("Wheels", "Long"), Why.LONG)
    assert item.askings == 3
    assert [text for _, text in item.places] == ["Where is 5?", "Where is 100?", "Where is 195?"]


def test_a_long_note_without_headings_counts_where_it_is_asked_for(tmp_path: Path) -> None:
    library = library_of(tmp_path, wheels=LONG, owls="# Owls\n\nOwls hunt at night.\n")
    assert only(audit_notes(library, [])) == {"unwieldy": 1}
    elsewhere = asked(library, "Who hunts?", ("owls.md", "Owls hunt"))
    assert not audit_notes(library, [elsewhere]).unwieldy
    there = asked(library, "Which turns?", ("wheels.md", "Wheel 7 turns"))
    (item,) = audit_notes(library, [elsewhere, there]).unwieldy
    assert (item.stretch.document, item.why, item.askings) == ("wheels.md", Why.BARE, 1)
    assert item.places == (("line 1", "Which turns?"),)


def test_one_note_and_an_empty_log_are_looked_at_all_the_same(tmp_path: Path) -> None:
    found = audit_notes(library_of(tmp_path, owls="# Owls\n\nOwls hunt at night.\n"), [])
    assert only(found) == {}
    basis = found.basis
    assert (basis.questions, basis.notes, basis.passages, basis.statements) == (0, 1, 1, 1)
    assert basis.unseen is None
    assert not basis.tells_much


def test_notes_without_statements_are_looked_at_all_the_same(tmp_path: Path) -> None:
    library = library_of(tmp_path, code="```\nx = 1\n```\n")
    found = audit_notes(library, [asked(library, "What is x?")])
    assert found.basis.statements == 0
    assert [item.stretch.document for item in found.never] == ["code.md"]


def test_an_audit_is_json_and_tables_that_a_spreadsheet_does_not_compute(tmp_path: Path) -> None:
    library = library_of(
        tmp_path,
        robots=f"# Robots\n\n{BATTERY.format(12)}\n",
        power=f"# Power\n\n{BATTERY.format(15)}\n",
        owls="# Owls\n\nOwls hunt.\n",
    )
    question = asked(library, "=1+1", ("robots.md", "The battery"))
    found = audit_notes(library, [question])
    said = json.loads(json.dumps(found.to_dict()))
    assert list(said) == [
        *("rests_on", "never", "always", "versions", "alike", "disagreeing", "unwieldy"),
        "generation",
    ]
    tables = audit_tables(found)
    assert list(tables) == list(said)[1:-1]
    for kind, (names, *rows) in tables.items():
        assert all(len(row) == len(names) for row in rows)
        assert len(rows) == len(said[kind])  # no copies here, which have a row a note
    ((_, _, location, *_, nearest, _), *_) = tables["never"][1:]
    assert (location, nearest) == ("lines 1–3", "=1+1")
    rows = list(csv.reader(io.StringIO(csv_text(tables["never"]))))
    assert rows[1][-2:] == ["'=1+1", tables["never"][1][-1]]
    assert csv_text([["+1", "-1", "@x", "\tx", "a=1"]]) == "'+1,'-1,'@x,'\tx,a=1\n"


@pytest.mark.model
def test_planted_contradictions_are_found_and_the_shipped_notes_have_none(
    shipped: Library, tmp_path: Path
) -> None:
    assert audit_notes(shipped, []).disagreeing == ()
    planted = {
        "Report mean and standard deviation over at least five runs.": ("five", "two"),
        "Group DRO minimises the loss of the worst group": ("minimises", "maximises"),
        "More ways during training than at test time often help": ("often", "rarely"),
    }
    notes = tmp_path / "notes"
    notes.mkdir()
    text = "# Recap\n"
    for statement, change in planted.items():
        ((file, whole),) = (
            (file, sentence)
            for file in CORPUS.rglob("*.md")
            for sentence in re.findall(r"[^.]*\.", file.read_text(encoding="utf-8"))
            if statement.rstrip(".") in sentence
        )
        shutil.copy(file, notes)
        text += f"\n{whole.strip().replace(*change)}\n"
    (notes / "recap.md").write_text(text, encoding="utf-8")
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(notes)))
    library.index()
    found = audit_notes(library, []).disagreeing
    assert {frozenset(pair.words) for pair in found} == set(map(frozenset, planted.values()))
    assert all("recap.md" in (pair.one.document, pair.other.document) for pair in found)
