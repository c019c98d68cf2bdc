from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import owls_in

from eval import (
    Change,
    Changed,
    Coverage,
    Covered,
    Evidence,
    Objective,
    Status,
    Support,
    Wording,
    cover,
    diff,
    load_coverage,
    write_coverage,
)
from eval.replies import Reply
from eval.support import Judge
from rag import Citation, Passage, QuestionSetError, RunError, Span

SURE = {
    Support(tenth / 10, 0.0, (), (), ()).status: tenth / 10 for tenth in (*range(6), 10)
}  # a confidence of each status, wherever the thresholds lie
COVERED, THIN, MISSING = Status.COVERED, Status.THIN, Status.MISSING


def objective(text: str, unit: str = "", name: str = "") -> Objective:
    return Objective(name or text, text, unit, (Wording(text),))


def covered(
    text: str, status: Status = COVERED, *notes: str, unit: str = "", name: str = ""
) -> Covered:
    citations = tuple(
        Citation(number, note, "Note", ("Note",), "line 1", Span(0, 4), "Owls")
        for number, note in enumerate(notes, start=1)
    )
    return Covered(objective(text, unit, name), Support(SURE[status], 0.5, citations, notes, ()))


def coverage(*found: Covered, corpus: str = "digest", notes: tuple[str, ...] = ()) -> Coverage:
    return Coverage(found, corpus, 1, notes)


def test_what_is_missing_has_no_quotes_and_all_else_has(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    asked = [
        objective(text)
        for text in ("When do owls hunt?", "Who pays for parking permits in Lisbon?")
    ]
    found = cover(library, asked)
    assert [item.objective for item in found.found] == asked
    assert sum(found.summary.values()) == len(asked)
    assert found.generation == library.generation
    assert found.notes == ("owls.md",)
    for item in found.to_dict()["objectives"]:
        missing = item["status"] == "missing"
        assert (item["citations"] == []) == (item["notes"] == 0) == missing


def test_the_json_has_the_documented_keys() -> None:
    found = coverage(covered("Owls", COVERED, "a.md", "b.md"), covered("Mice", MISSING, "c.md"))
    assert found.to_dict() == {
        "objectives": [
            {
                "id": "Owls",
                "text": "Owls",
                "status": "covered",
                "confidence": SURE[COVERED],
                "notes": 2,
                "citations": [one.to_dict() for one in found.found[0].support.citations],
            },
            {
                "id": "Mice",
                "text": "Mice",
                "status": "missing",
                "confidence": SURE[MISSING],
                "notes": 0,
                "citations": [],
            },
        ],
        "summary": {"covered": 1, "thin": 0, "missing": 1},
    }


def test_a_file_keeps_all_and_what_json_printed_is_read_too(tmp_path: Path) -> None:
    asked = replace(
        objective("When do owls hunt?", "Birds"),
        wordings=(Wording("When do they?", ("What are owls?",)), Wording("When do owls hunt?")),
        expected=(Evidence("owls.md", "at night"),),
        needs_all=True,
    )
    made = cover(owls_in(tmp_path), [asked], source="birds.md")
    assert made.made
    write_coverage(made, tmp_path / "kept.json")
    assert load_coverage(tmp_path / "kept.json") == made
    assert json.loads((tmp_path / "kept.json").read_text("utf-8"))["summary"] == made.summary
    (tmp_path / "printed.json").write_text(json.dumps(made.to_dict()), encoding="utf-8")
    printed = load_coverage(tmp_path / "printed.json")
    assert printed.to_dict() == made.to_dict()
    assert printed.found[0].documents == made.found[0].documents
    assert (printed.corpus, printed.notes) == ("", ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"objectives": [{"id": 1}]}',
        '{"objectives": [{"id": "a", "text": "b", "confidence": "high", "citations": []}]}',
        '{"run": {}}\n{"id": "a", "error": "b"}\n',
    ],
)
def test_anything_else_is_no_saved_coverage(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="no saved coverage: expected what notesqa coverage"):
        load_coverage(tmp_path / "a.json")
    with pytest.raises(RunError, match="cannot be read"):
        load_coverage(tmp_path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("coverage", "made"), 5),
        (("coverage", "source"), 5),
        (("coverage", "source"), "\ud800"),
        (("coverage", "corpus"), [1]),
        (("coverage", "notes"), [1, None]),
        (("coverage", "generation"), 10**400),
        (("objectives", 0, "unit"), {}),
        (("objectives", 0, "id"), [1]),
        (("objectives", 0, "confidence"), -7),
        (("objectives", 0, "confidence"), 1e300),
        (("objectives", 0, "confidence"), "0.5"),
        (("objectives", 0, "needs_all"), 1),
        (("objectives", 0, "wordings"), [[5]]),
        (("objectives", 0, "expected"), [["a.md", None]]),
        (("objectives", 0, "citations", 0, "document"), {}),
        (("objectives", 0, "citations", 0, "start"), -5),
        (("objectives", 0, "support", "near"), 1e300),
        (("objectives", 0, "support", "documents"), [5]),
        (("objectives", 0, "support", "citations", 0, "start"), 0.5),
        (("objectives", 0, "support", "passages", 0, "text"), None),
        (("objectives", 0, "support", "passages", 0, "score"), "high"),
    ],
)
def test_what_has_another_type_or_range_is_no_saved_coverage(
    tmp_path: Path, path: tuple[Any, ...], value: object
) -> None:
    passage = Passage(1, 0.5, "a.md", "A", ("A",), "line 1", Span(0, 4), "Owls")
    item = covered("a", COVERED, "a.md")
    whole = coverage(replace(item, support=replace(item.support, passages=(passage,))))
    record: Any = whole.to_record()
    assert Coverage.from_record(json.loads(json.dumps(record))) == whole
    *above, last = path
    changed = record
    for name in above:
        changed = changed[name]
    assert last in changed or isinstance(changed, list)
    changed[last] = value
    (tmp_path / "a.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(RunError, match="no saved coverage"):
        load_coverage(tmp_path / "a.json")


def test_units_come_weakest_first_and_notes_by_what_they_support() -> None:
    found = coverage(
        covered("a", COVERED, "x.md", unit="Strong"),
        covered("b", COVERED, "x.md", "y.md", unit="Weak"),
        covered("c", MISSING, "z.md", unit="Weak"),
        covered("d", THIN, "y.md", unit="Thin"),
        covered("e", MISSING, unit="Gone"),
        notes=("z.md", "y.md", "x.md"),
    )
    assert [(unit.name, unit.share) for unit in found.units()] == [
        *(("Gone", 0.0), ("Thin", 0.0), ("Weak", 0.5), ("Strong", 1.0))
    ]
    assert [
        (part.name, [item.objective.id for item in part.found]) for part in found.documents()
    ] == [("x.md", ["a", "b"]), ("y.md", ["b", "d"]), ("z.md", [])]
    record = found.to_record()
    assert record["units"][2] == {
        **{"unit": "Weak", "covered": 1, "thin": 0, "missing": 1, "share": 0.5}
    }
    assert record["documents"][2] == {"document": "z.md", "objectives": []}


def test_the_same_wordings_are_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    judge = Judge.support

    def counting(self: Judge, wordings: Any, *known: Any, **named: Any) -> Support:
        judged.append(wordings)
        return judge(self, wordings, *known, **named)

    monkeypatch.setattr(Judge, "support", counting)
    one, two = objective("Owls?", name="1"), objective("Owls?", name="2")
    steps: list[tuple[int, int]] = []
    found = cover(owls_in(tmp_path), [one, two], lambda _, done, total: steps.append((done, total)))
    assert [item.objective.id for item in found.found] == ["1", "2"]
    assert judged == [one.wordings]
    assert steps == [(0, 2), (1, 2)]


def test_it_is_kept_what_ask_does_with_each_and_json_stays_as_it_is(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    texts = ["When do owls hunt?", "Who pays for parking permits in Lisbon?"]
    found = cover(library, [objective(text) for text in texts])
    answers = [library.ask(text) for text in texts]
    assert [item.reply for item in found.found] == [
        Reply(answer.answered, answer.confidence) for answer in answers
    ]
    assert str(Reply(answered=False, confidence=0.46)) == "ask refuses it today (0.46)"
    assert "ask" not in found.to_dict()["objectives"][0]


def test_an_objective_that_is_too_long_is_named(tmp_path: Path) -> None:
    library = owls_in(tmp_path, max_question_chars=20)
    with pytest.raises(QuestionSetError, match="Objective long has 21 characters, the limit is 20"):
        cover(library, [objective("o" * 21, name="long")])


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (MISSING, COVERED, Change.NEWLY_COVERED),
        (THIN, COVERED, Change.NEWLY_COVERED),
        (COVERED, MISSING, Change.NEWLY_MISSING),
        (THIN, MISSING, Change.NEWLY_MISSING),
        (COVERED, THIN, Change.THINNER),
        (MISSING, THIN, Change.BETTER),
        (THIN, THIN, Change.UNCHANGED),
        (None, COVERED, Change.ADDED),
        (COVERED, None, Change.DROPPED),
    ],
)
def test_what_changed_follows_from_both_statuses(
    old: Status | None, new: Status | None, change: Change
) -> None:
    both = [status and covered("Owls", status, "a.md") for status in (old, new)]
    item = Changed(*both)
    assert item.change is change
    assert item.to_dict()["change"] == change.value


def test_a_difference_says_which_notes_came_and_went() -> None:
    old = coverage(covered("a", COVERED, "x.md", "y.md"), covered("b", MISSING, "x.md"))
    new = coverage(covered("b", COVERED, "x.md"), covered("a", COVERED, "y.md", "z.md"), corpus="n")
    found = diff(old, new)
    assert [(i.now.objective.id, i.gained, i.lost) for i in found.found] == [
        ("b", ("x.md",), ()),
        ("a", ("z.md",), ("x.md",)),
    ]
    assert (found.notes_changed, found.same_syllabus) == (True, True)
    assert (found.summary["newly covered"], found.summary["unchanged"]) == (1, 1)
    assert diff(old, old).notes_changed is False
    assert diff(replace(old, corpus=""), new).notes_changed is None


def test_objectives_are_matched_by_words_before_names() -> None:
    old = coverage(
        covered("Explain owls.", name="1"),
        covered("Explain mice", name="2"),
        covered("Explain newts", name="3"),
        covered("Explain rats", name="4"),
    )
    new = coverage(
        covered("Explain **mice**", name="1"),  # renumbered
        covered("Explain newts and frogs", name="3"),  # reworded
        covered("explain owls", name="9"),
        covered("Explain bats", name="8"),
    )
    found = diff(old, new)
    pairs = [(i.old and i.old.objective.id, i.new and i.new.objective.id) for i in found.found]
    assert pairs == [("2", "1"), ("3", "3"), ("1", "9"), (None, "8"), ("4", None)]
    assert [item.reworded for item in found.found] == [False, True, False, False, False]
    assert not found.same_syllabus
