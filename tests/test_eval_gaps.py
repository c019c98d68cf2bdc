from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, constant_fit, owls_in

from eval import Gap, GapError, Gaps, find_gaps, gap_of, unanswered, wanted_of
from eval.tables import csv_text
from eval.unanswered import Trouble, trouble_of
from rag import Asked, Library, Spot, Verdict

HUNT, FERN = "owls hunt at dusk when", "photosynthesis chlorophyll"
"""By the lengths of their words they have nothing in common."""


def asked(question: str, number: int = 0, user: str | None = None, **more: Any) -> Asked:
    when = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)
    made = Asked(
        *(f"id-{question}-{number}", when, "page", user, question, question, "abstained", 0.1),
        *((), (), 1),
    )
    return replace(made, **more)


@pytest.fixture
def owls(tmp_path: Path) -> Library:
    """Notes of generation 1, in which every question is answered well."""
    library = owls_in(tmp_path)
    return Library(library.settings, WordLengths(), replace(constant_fit(0.1), intercept=2.0))


@pytest.mark.parametrize(
    ("state", "confidence", "verdict", "expected"),
    [
        ("abstained", 0.9, None, Trouble.REFUSED),
        ("abstained", 0.1, Verdict.UP, None),
        ("abstained", 0.1, Verdict.DOWN, Trouble.REFUSED),
        ("answered", 0.9, None, None),
        ("answered", 0.6, None, Trouble.UNSURE),
        ("answered", 0.6, Verdict.UP, None),
        ("answered", 0.9, Verdict.DOWN, Trouble.DOWN),
    ],
)
def test_what_the_reader_said_decides_and_else_what_the_question_got(
    state: str, confidence: float, verdict: Verdict | None, expected: Trouble | None
) -> None:
    question = asked(HUNT, state=state, confidence=confidence, verdict=verdict)
    assert trouble_of(question, lambda sure: sure >= 0.7) is expected


def test_gaps_come_by_the_people_they_concern(owls: Library) -> None:
    one = [asked(FERN, number, "ann") for number in range(4)]
    several = [asked(HUNT, 0, "bob"), asked("Owls hunt at dusk, when?", 1, "cy")]
    found = find_gaps(owls, [*one, *several], least=1)
    assert [(gap.people, len(gap.questions)) for gap in found.gaps] == [(2, 2), (1, 4)]
    first, second = found.gaps
    assert first.wordings == [("Owls hunt at dusk, when?", 1), (HUNT, 1)]
    assert second.question == FERN
    assert second.terms == ("photosynthesis", "chlorophyll")
    assert (found.looked_at, found.troubled[Trouble.REFUSED]) == (6, 6)


def test_of_a_group_that_few_people_asked_not_a_word_is_told(owls: Library) -> None:
    few = [
        asked(FERN, number, f"user{number % 2}", verdict=Verdict.DOWN, reason="zeppelin")
        for number in range(6)
    ]
    enough = [asked(HUNT, number, f"user{number}") for number in range(3)]
    found = find_gaps(owls, [*few, *enough])
    assert (found.least, found.withheld, len(found.gaps)) == (3, 6, 1)
    said = json.dumps(found.to_dict()) + csv_text(found.rows()) + repr(found)
    for word in ("photosynthesis", "chlorophyll", "zeppelin"):
        assert word not in said
    with pytest.raises(GapError, match="No gap has a name"):
        gap_of(owls, few, named(owls, few))


PRIVATE = f"{HUNT} for my zeppelin at Charite"


def told_of(found: Gaps) -> str:
    return json.dumps(found.to_dict()) + csv_text(found.rows()) + found.gaps[0].question


def test_of_a_group_only_wordings_of_enough_people_are_told(owls: Library) -> None:
    shared = [asked(HUNT, number, f"user{number}") for number in range(3)]
    alone = asked(PRIVATE, 9, "user9", verdict=Verdict.DOWN, reason="I was at Charite")
    found = find_gaps(owls, [*shared, *[replace(alone, id=f"again{n}") for n in range(9)]])
    (gap,) = found.gaps
    assert (gap.people, gap.wordings, gap.others, gap.question) == (4, [(HUNT, 3)], 1, HUNT)
    for word in ("zeppelin", "charite"):
        assert word not in told_of(found).lower()
    (whole,) = find_gaps(owls, [*shared, alone], least=1).gaps
    assert (whole.others, whole.reasons) == (0, ("I was at Charite",))


def test_where_no_wording_may_be_told_only_common_terms_are(owls: Library) -> None:
    found = find_gaps(owls, [asked(f"{HUNT} {w}", 0, w) for w in ("zeppelin", "aorta", "xylem")])
    (gap,) = found.gaps
    assert (gap.wordings, gap.others) == ([], 3)
    assert gap.question == "Asked in 3 different wordings"
    assert gap.terms and set(gap.terms) <= set(HUNT.split())
    for word in ("zeppelin", "aorta", "xylem"):
        assert word not in told_of(found)
    assert wanted_of(gaps=found) == []


def test_of_a_question_after_another_the_whole_of_what_is_shown_counts(owls: Library) -> None:
    after = [
        asked("And when?", number, f"user{number}", query=f"And when? {HUNT} {word}")
        for number, word in enumerate(("zeppelin", "zeppelin", "aorta"))
    ]
    assert find_gaps(owls, after).gaps[0].wordings == []
    (gap,) = find_gaps(owls, [replace(one, query=f"And when? {HUNT}") for one in after]).gaps
    assert gap.wordings == [(f"And when? {HUNT}", 3)]


def test_who_is_not_signed_in_is_nobody_where_people_count(owls: Library) -> None:
    (gap,) = find_gaps(
        owls,
        [
            *(asked(HUNT, number, f"user{number}") for number in range(3)),
            *(asked(PRIVATE, number, user) for number, user in enumerate(("ann", "bob", None))),
            asked(f"{HUNT} openly", 5),
        ],
    ).gaps
    assert gap.wordings == [(HUNT, 3), (f"{HUNT} openly", 1)]


def test_reasons_are_told_where_enough_people_gave_one_and_not_at_length(owls: Library) -> None:
    disliked = [
        asked(HUNT, number, f"user{number}", verdict=Verdict.DOWN, reason=f"{number}{'x' * 300}")
        for number in range(3)
    ]
    (gap,) = find_gaps(owls, disliked).gaps
    assert [len(reason) for reason in gap.reasons] == [200] * 3
    (gap,) = find_gaps(owls, [*disliked[:2], asked(HUNT, 3, "user3")]).gaps
    assert gap.reasons == ()


def test_json_and_table_do_not_say_who_asked(owls: Library) -> None:
    found = find_gaps(owls, [asked(HUNT, number, f"user{number}") for number in range(3)])
    said = json.dumps(found.to_dict()) + csv_text(found.rows())
    assert found.gaps[0].people == 3
    assert "user0" not in said and "id-" not in said and "page" not in said


def test_a_question_is_told_as_it_was_typed_whatever_was_searched_for(owls: Library) -> None:
    typed = "earth mover distance between source and target"
    sought = typed.replace("mover", "over")
    found = find_gaps(owls, [asked(typed, number, query=sought) for number in (0, 1)])
    (gap,) = found.gaps
    assert (gap.question, gap.wordings, gap.searched) == (typed, [(typed, 2)], {typed: sought})
    assert "mover" in gap.terms and "over" not in gap.terms
    assert "mover" in gap.triage.unknown
    assert gap.to_dict()["wordings"] == [{"question": typed, "times": 2, "searched_as": sought}]


def test_a_follow_up_is_told_with_what_it_took_from_the_one_before(owls: Library) -> None:
    after = asked("and teh owls?", query="and the owls? hunt dusk")
    (gap,) = find_gaps(owls, [after]).gaps
    assert (gap.question, gap.wordings) == ("and teh owls? hunt dusk", [(gap.question, 1)])
    assert gap.searched == {gap.question: after.query}


def test_where_nobody_was_signed_in_a_single_question_is_shown(owls: Library) -> None:
    (gap,) = find_gaps(owls, [asked(HUNT)]).gaps
    assert (gap.people, len(gap.questions), gap.question) == (None, 1, HUNT)


def test_what_the_notes_of_now_answer_is_no_gap(owls: Library) -> None:
    older, newer = asked(HUNT, generation=0), asked(FERN)
    found = find_gaps(owls, [older, newer])
    assert [gap.question for gap in found.gaps] == [FERN]
    assert (found.closed, found.changed) == (1, 0)
    # Asked of these notes, they got no answer: that is not asked again.
    assert len(find_gaps(owls, [replace(older, generation=1), newer]).gaps) == 2


def test_what_is_left_of_a_group_has_to_be_asked_by_enough_people(owls: Library) -> None:
    closed = [asked(HUNT, number, f"user{number}", generation=0) for number in range(3)]
    left = asked("owls hunt at dusk why", 4, "user4")
    found = find_gaps(owls, [*closed, left])
    assert (found.closed, found.withheld, found.gaps) == (3, 1, ())


def test_an_answer_that_did_not_help_is_mended_by_another_one(owls: Library) -> None:
    now = owls.ask(HUNT).citations[0]
    same = Spot(now.document, now.span, now.quote[:60])
    disliked = {"state": "answered", "confidence": 0.9, "verdict": Verdict.DOWN, "generation": 0}
    before = [
        asked(HUNT, 0, cited=(same,), **disliked),
        asked(HUNT, 1, cited=(replace(same, words="Owls sleep."),), **disliked),
    ]
    found = find_gaps(owls, before)
    assert [question.id for gap in found.gaps for question in gap.questions] == [before[0].id]
    assert (found.closed, found.changed) == (0, 1)


def test_more_questions_than_can_be_asked_again_are_said(
    owls: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unanswered, "REASKED", 1)
    found = find_gaps(
        owls, [asked(HUNT, 0, generation=0), *(asked(FERN, at, generation=0) for at in (1, 2))]
    )
    (gap,) = found.gaps  # the other one, asked twice, came first
    assert (found.closed, gap.question, gap.unchecked) == (2, HUNT, 1)


def test_a_group_keeps_its_name_while_it_grows_and_closes(owls: Library) -> None:
    first = asked(HUNT, 0, generation=0)
    (name,) = {named(owls, [first]), named(owls, [asked("owls hunt at dusk why", 1), first])}
    grown = [first, asked("owls hunt at dusk why", 1)]
    (left,) = find_gaps(owls, grown).gaps
    assert (left.id, len(left.questions)) == (name, 1)
    whole = gap_of(owls, grown, name[:3])
    assert (whole.id, len(whole.questions)) == (name, 2)
    assert name not in first.id


def named(library: Library, questions: list[Asked]) -> str:
    """The id of the only group of some questions."""
    everybody = [replace(question, user=None, generation=1) for question in questions]
    (gap,) = find_gaps(library, everybody).gaps
    return gap.id


def test_a_name_that_two_gaps_share_is_refused(owls: Library) -> None:
    questions = [asked(HUNT), asked(FERN)]
    ids = {gap.id for gap in find_gaps(owls, questions).gaps}
    assert len(ids) == 2
    for name in ("", "x"):
        with pytest.raises(GapError):
            gap_of(owls, questions, name)
    assert {gap_of(owls, questions, id_.upper()).id for id_ in ids} == ids


def test_gaps_do_not_depend_on_the_order_of_the_log(owls: Library) -> None:
    words = ["owl", "hunts", "in", "darkness", "photosynthesis", "a"]
    chance = random.Random(0)  # noqa: S311
    questions = [
        asked(" ".join(chance.choices(words, k=3)), number, f"user{number % 7}")
        for number in range(60)
    ]
    found = find_gaps(owls, questions, least=1).to_dict()
    assert len(found["gaps"]) > 3
    chance.shuffle(questions)
    assert find_gaps(owls, questions, least=1).to_dict() == found


def test_an_empty_log_and_one_of_the_same_question_are_plain(owls: Library) -> None:
    nothing = find_gaps(owls, [])
    assert (nothing.gaps, nothing.looked_at, nothing.since) == ((), 0, None)
    assert nothing.to_dict()["since"] is None
    same = find_gaps(owls, [asked(HUNT, number) for number in range(50)])
    (gap,) = same.gaps
    assert (len(gap.questions), gap.wordings, gap.question) == (50, [(HUNT, 50)], HUNT)
    assert set(gap.terms) <= set(HUNT.split())


def test_the_table_runs_nothing_in_a_spreadsheet(owls: Library) -> None:
    found = find_gaps(owls, [asked("=HYPERLINK(1) owls")])
    header, row = found.rows()
    assert len(header) == len(row)
    assert ",'=HYPERLINK(1) owls," in csv_text(found.rows())


def test_a_gap_says_its_nearest_words(owls: Library) -> None:
    (gap,) = find_gaps(owls, [asked(HUNT)]).gaps
    assert isinstance(gap, Gap)
    assert gap.evidence is not None and gap.evidence.document == "owls.md"
