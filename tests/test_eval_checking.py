from __future__ import annotations

import json
import stat
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS, QUESTIONS
from hypothesis import assume, given
from hypothesis import strategies as st

from eval.checking import check_questions, write_mended
from eval.dataset import Evidence, load_questions
from eval.files import replacing
from eval.findings import Findings
from eval.relocation import Relocator, nearest, sentences
from rag import QuestionSetError, Span, read_notes

HEAD = "Only the head learns."
NOTES = {
    "a.md": "# Freezing\n\nThe body is frozen. Only the head learns. Its rate is high.\n",
    "b.md": "# Distillation\n\nA student copies its teacher. The teacher is large.\n",
}
LINE: dict[str, Any] = {
    "id": "f1-a",
    "fact": "f1",
    "question": "Which part is trained?",
    "kind": "paraphrase",
    "evidence": [{"document": "a.md", "quote": HEAD}],
}

Check = Callable[..., Findings]


def evidence(quote: str, document: str = "a.md") -> dict[str, Any]:
    return {"evidence": [{"document": document, "quote": quote}]}


def written(file: Path, *changes: dict[str, Any]) -> Path:
    """A question set, one record a line, each the changes to `LINE`."""
    records = (json.dumps({**LINE, **change}, ensure_ascii=False) for change in changes)
    file.write_text("".join(f"{record}\n" for record in records), encoding="utf-8")
    return file


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Checks a set of changes to `LINE` against notes."""

    def run(*changes: dict[str, Any], notes: Mapping[str, str] = NOTES, **options: Any) -> Findings:
        return check_questions(written(tmp_path / "set.jsonl", *changes), notes, **options)

    return run


# A set as a whole


def test_check_finds_nothing_to_mend_in_the_shipped_set() -> None:
    found = check_questions(QUESTIONS, read_notes(CORPUS, 10_000_000))
    assert (found.problems, found.to_dict()["ok"]) == (0, True)
    assert not found.ambiguous
    assert not found.too_close
    assert not found.remarks
    assert found.n == sum(found.kinds.values()) == 1170
    assert (found.facts, found.answerable) == (460, 960)


def test_check_sees_that_the_shipped_notes_have_changed() -> None:
    notes = read_notes(CORPUS, 10_000_000)
    gone = "foundations/what-is-transfer-learning.md"
    moved = {**notes, "renamed.md": notes[gone]}
    del notes[gone], moved[gone]
    found = check_questions(QUESTIONS, moved)
    assert found.problems == len(found.moved) > 0
    assert {item.to.document for item in found.moved if item.to} == {"renamed.md"}
    (unknown,) = check_questions(QUESTIONS, notes).unknown_documents
    assert unknown.document == gone
    assert set(unknown.quotes) == {item.evidence.quote for item in found.moved}


def test_findings_are_one_json_object(check: Check) -> None:
    found = json.loads(json.dumps(check({}, {**evidence(HEAD, "b.md"), "id": "x"}).to_dict()))
    assert list(found) == [
        *("n", "facts", "answerable", "kinds", "ok", "stale", "moved", "ambiguous"),
        *("unknown_documents", "duplicate_facts", "too_close", "leaks", "remarks"),
    ]
    assert found["kinds"] == {"paraphrase": 2}
    assert found["ok"] is False
    (moved,) = found["moved"]
    assert moved == {
        "evidence": {"document": "b.md", "quote": HEAD},
        "questions": ["x"],
        "to": {"document": "a.md", "quote": HEAD},
        "candidates": [{"document": "a.md", "quote": HEAD}],
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (f"{json.dumps(LINE)}\n{{\n", "line 2: not JSON"),
        (f"{json.dumps(LINE)}\n" * 2, "line 2: id f1-a stands twice"),
        (
            json.dumps({**LINE, "split": "fit"}) + "\n" + json.dumps({**LINE, "id": "b"}),
            "two splits",
        ),
        ("\n", "holds no question"),
    ],
)
def test_check_refuses_what_is_no_question_set(tmp_path: Path, data: str, said: str) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(data, encoding="utf-8")
    with pytest.raises(QuestionSetError, match=said):
        check_questions(file, NOTES)


def test_check_says_that_no_question_is_answerable(check: Check) -> None:
    found = check(*({"id": f"u{i}", "fact": f"u{i}", "evidence": []} for i in range(6)))
    assert found.problems == found.answerable == 0
    assert (found.n, found.facts) == (6, 6)
    assert [remark.partition(":")[0] for remark in found.remarks] == [
        "No question is answerable",
        "The set is not split",
    ]


def test_check_says_what_a_set_cannot_show(check: Check) -> None:
    split = [{"id": f"q{i}", "fact": f"q{i}", "split": "fit"} for i in range(4)]
    found = check(*split, {"id": "q4", "fact": "q4"}, {"id": "q5", "fact": "q4"})
    assert found.remarks == (
        "Every question is answerable: whether refusals are right cannot be measured.",
        "2 of 6 questions belong to no split.",
        "Only 5 facts: no difference between two runs can be told from chance with fewer than 6.",
    )
    more = [{"id": f"u{i}", "fact": f"u{i}", "evidence": [], "split": "fit"} for i in range(2)]
    assert not check(*split, *more).remarks


# Quotes that do not stand where the set says


def test_check_is_content_with_quotes_that_stand(check: Check) -> None:
    found = check({}, {"id": "b", **evidence("A student copies its teacher.", "b.md")})
    assert (found.stale, found.moved, found.unknown_documents) == ((), (), ())
    assert (found.ambiguous, found.problems) == ((), 0)


def test_check_lists_a_stale_quote_with_the_passage_nearest_to_it(check: Check) -> None:
    quote = "The body of the network is kept frozen."
    found = check({}, {"id": "b", **evidence(quote)}, {"id": "c", **evidence(quote)})
    (stale,) = found.stale
    assert stale.evidence == Evidence("a.md", quote)
    assert stale.questions == ("b", "c")
    assert stale.nearest == "The body is frozen."
    assert found.problems == 1


def test_check_has_no_hint_where_nothing_is_alike(check: Check) -> None:
    (stale,) = check(evidence("Zebras graze.")).stale
    assert stale.nearest is None


def test_nearest_is_as_many_sentences_as_the_quote_has() -> None:
    # Terms: cat, purr, dog, bark | of windows of two sentences, the second shares all four.
    text = "Birds sing.\n\nA cat purrs. A dog barks! Fish swim."
    assert nearest("The dog barks. The cat purrs.", text) == "A cat purrs. A dog barks!"
    assert nearest("The dog barks loudly.", text) == "A dog barks!"
    assert nearest("One. Two. A cat. A dog. Fish. Swim. Birds.", text) == text
    assert nearest("Cat", "") is None


def test_a_long_sentence_is_not_nearest_for_its_length() -> None:
    # Terms of the quote: cat, purr. The first sentence shares both of its 7: 2 * 2 / (2 + 7) =
    # 0.44; the second one of its 2: 2 * 1 / (2 + 2) = 0.5.
    text = "Cats, birds, fish, dogs and horses purr or bark. A cat sleeps."
    assert nearest("The cat purrs.", text) == "A cat sleeps."


def test_check_relocates_a_quote_that_moved_to_another_note(check: Check) -> None:
    (moved,) = check(evidence("The teacher is large.")).moved
    assert moved.to == Evidence("b.md", "The teacher is large.")


def test_check_relocates_a_quote_of_a_note_that_was_renamed(check: Check) -> None:
    found = check(evidence(HEAD, "old.md"), {"id": "b", **evidence("Zebras graze.", "old.md")})
    (moved,) = found.moved
    assert moved.to == Evidence("a.md", HEAD)
    (unknown,) = found.unknown_documents
    assert (unknown.document, unknown.questions) == ("old.md", ("b",))
    assert unknown.quotes == ("Zebras graze.",)
    assert found.problems == 2


@pytest.mark.parametrize(
    ("quote", "text", "now"),
    [
        ("only the head", "Here, Only\n  the HEAD learns.", "Only\n  the HEAD"),
        ("the **head** learns", "So *the head* `learns`.", "the head* `learns"),
        ("Der _Kopf_ lernt", "Der Kopf lernt.", "Der Kopf lernt"),
        ('"Why" - it\'s so...', "“Why” – it’s so…", "“Why” – it’s so…"),
        ("pages 3--5", "See pages 3–5.", "pages 3–5"),
        ("the head \n", "Now The head.", "The head"),
        ("fine-tuning", "Now fine‑tuning begins", "fine‑tuning"),
        ("caf\u00e9 au lait", "Cafe\u0301\u00a0au lait", "Cafe\u0301\u00a0au lait"),
        ("soft hyphen", "a soft hy\u00adphen", "soft hy\u00adphen"),
        ("STRASSE", "Die Straße.", "Straße"),
        ("深度学习", "什么是 **深度**学习模型", None),
        ("深度学习", "什么是深度学习模型", "深度学习"),
        ("2*3 = 6", "so 2*3\n= 6.", "2*3\n= 6"),
        ("a_i is", "where **a_i** is", "a_i** is"),
    ],
)
def test_the_same_words_in_another_dress_are_found(quote: str, text: str, now: str | None) -> None:
    found = Relocator({"a.md": text}).candidates(Evidence("gone.md", quote))
    assert found == ((Evidence("a.md", now),) if now else ())


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("net", "a network"),
        ("work", "a network"),
        ("2*3 = 6", "so 23 = 6"),
        ("2 * 3 = 6", "so 2 3 = 6"),
        ("a_i", "ai"),
        ("the head", "the heads"),
        ("the cafe", "the cafe\u0301"),
        ("\u200b", "ab"),
    ],
)
def test_other_words_are_not_found(quote: str, text: str) -> None:
    assert Relocator({"a.md": text}).candidates(Evidence("gone.md", quote)) == ()


def test_the_same_note_comes_before_others_and_the_very_words_before_their_like() -> None:
    notes = {"a.md": "only the HEAD learns.", "b.md": HEAD, "c.md": "Only\nthe head learns."}
    relocator = Relocator(notes)
    here = relocator.candidates(Evidence("a.md", HEAD))
    assert here == (Evidence("a.md", "only the HEAD learns."),)
    assert relocator.candidates(Evidence("gone.md", HEAD)) == (Evidence("b.md", HEAD),)
    del notes["b.md"]
    two = Relocator(notes).candidates(Evidence("gone.md", HEAD))
    assert two == (here[0], Evidence("c.md", "Only\nthe head learns."))


def test_check_does_not_choose_among_several_notes(check: Check) -> None:
    notes = {**NOTES, "c.md": HEAD}
    (moved,) = check(evidence(HEAD, "b.md"), notes=notes).moved
    assert moved.to is None
    assert moved.candidates == (Evidence("a.md", HEAD), Evidence("c.md", HEAD))


words = st.lists(
    st.sampled_from(["Net", "learns", "a_i", "2*3", "“why”", "Straße", "é", "e\u0301", "学习", "—"])
    | st.text("aB*_`-'’… \n", min_size=1, max_size=6),
    min_size=1,
    max_size=12,
)


@given(words, st.data())
def test_a_quote_that_is_relocated_stands_verbatim(text: list[str], data: st.DataObject) -> None:
    """Words of a note, joined and dressed in other ways, come back as the note has them."""
    note = " ".join(text)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    dress = data.draw(st.sampled_from([str.upper, str.lower, lambda word: f"**{word}**", str]))
    quote = data.draw(st.sampled_from(["\n", "  ", " "])).join(map(dress, text[start:end]))
    assume(quote.strip())
    for found in Relocator({"a.md": note}).candidates(Evidence("a.md", quote)):
        assert found.quote
        assert found.quote in note
        assert letters(found.quote) == letters(quote)


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFD", text).casefold()))


@given(
    st.lists(st.sampled_from(["Net", "learns", "é", "“why”", "it’s", "-", "x", "2"]), min_size=1)
)
def test_plain_words_are_always_found_again(text: list[str]) -> None:
    note = f"Before {' '.join(text)} after."
    quote = "\n".join(text).replace("’", "'").replace("“", '"').replace("”", '"').upper()
    found = Relocator({"a.md": note}).candidates(Evidence("a.md", quote))
    assert " ".join(text) in [candidate.quote for candidate in found]


def test_check_notes_a_quote_that_stands_twice(check: Check) -> None:
    found = check(evidence("Yes."), notes={"a.md": "Yes. No. Yes."})
    (twice,) = found.ambiguous
    assert twice.places == (Span(0, 4), Span(9, 13))
    assert (twice.questions, found.problems) == (("f1-a",), 0)


# Facts, wordings and splits


def test_check_lists_facts_whose_evidence_is_one_place(check: Check) -> None:
    wide = "The body is frozen. Only the head learns."
    found = check({}, {"id": "b", "fact": "f2", "question": "What is off?", **evidence(wide)})
    (twins,) = found.duplicate_facts
    assert (twins.facts, twins.same) == (("f2", "f1"), "place")
    assert twins.questions == ("b", "f1-a")
    assert twins.evidence == Evidence("a.md", wide)
    assert (found.problems, found.leaks) == (0, ())


@pytest.mark.parametrize(
    ("quote", "same"), [("klmnopqrst", 1), ("lmnopqrstu", 0), ("abcdefghijklmnopqrstuvwxyz", 1)]
)
def test_half_of_a_quote_makes_it_the_same_place(check: Check, quote: str, same: int) -> None:
    # Of "fghijklmno", "klmnopqrst" covers 5 characters of 10, "lmnopqrstu" 4; the
    # alphabet covers all of it, though it is less than half of the alphabet.
    other = {"id": "b", "fact": "f2", "question": "What else?", **evidence(quote)}
    found = check(evidence("fghijklmno"), other, notes={"a.md": "abcdefghijklmnopqrstuvwxyz"})
    assert len(found.duplicate_facts) == same


def test_wordings_of_one_fact_are_no_twins(check: Check) -> None:
    found = check({}, {"id": "b"}, {"id": "c", **evidence("the head learns.")})
    assert (found.duplicate_facts, found.leaks) == ((), ())


def test_facts_that_share_two_places_are_listed_once(check: Check) -> None:
    both = {"evidence": [{"document": "a.md", "quote": q} for q in (HEAD, "The body is frozen.")]}
    found = check(both, {**both, "id": "b", "fact": "f2", "question": "What else?"})
    assert [twins.questions for twins in found.duplicate_facts] == [("f1-a", "b")]


def test_the_same_words_in_another_note_are_another_place(check: Check) -> None:
    notes = {"a.md": HEAD, "b.md": HEAD}
    other = {"id": "b", "fact": "f2", "question": "What learns?", **evidence(HEAD, "b.md")}
    assert not check({}, other, notes=notes).duplicate_facts


def test_check_lists_facts_that_ask_the_same(check: Check) -> None:
    asked = {"question": "So which parts are being trained, please?"}  # terms: part, train
    other = {"id": "b", "fact": "f2", "evidence": []}
    (twins,) = check({}, {**other, **asked}).duplicate_facts
    assert (twins.questions, twins.same, twins.evidence) == (("f1-a", "b"), "words", None)
    assert not check({}, {**other, "question": "Training which part?"}).duplicate_facts


def test_questions_without_any_terms_are_not_the_same(check: Check) -> None:
    asked = {"question": "And why is that?", "evidence": []}
    assert not check(asked, {"id": "b", "fact": "f2", **asked}).duplicate_facts


def test_check_lists_what_both_splits_know(check: Check) -> None:
    fit = {"split": "fit"}
    report = {"id": "b", "fact": "f2", "split": "report"}
    (place,) = check(fit, {**report, "question": "What learns?"}).leaks
    assert (place.splits, place.same) == (("fit", "report"), "place")
    # The order of words does not make another question, as far as leaking goes.
    (asked,) = check(fit, {**report, "evidence": [], "question": "Training which part?"}).leaks
    assert (asked.questions, asked.same) == (("f1-a", "b"), "words")
    assert not check(fit, {**report, "question": "What else?", "evidence": []}).leaks


def test_twins_of_one_split_leak_nowhere(check: Check) -> None:
    found = check({"split": "fit"}, {"id": "b", "fact": "f2", "split": "fit"})
    assert [twins.same for twins in found.duplicate_facts] == ["place", "words"]
    assert not found.leaks


def test_questions_of_no_split_leak_nowhere(check: Check) -> None:
    found = check({}, {"id": "b", "fact": "f2", "split": "fit"})
    assert len(found.duplicate_facts) == 2
    assert not found.leaks


# Paraphrases


def test_a_paraphrase_that_repeats_its_quote_is_too_close(check: Check) -> None:
    # Content words of "A student copies its teacher.": student, copi, teacher. Two of them are
    # repeated: 0.67, above 0.4; the longest run of them is 1, since "teacher" comes first.
    quote = evidence("A student copies its teacher.", "b.md")
    found = check({**quote, "question": "Who teaches whom: a teacher, or a student?"})
    (close,) = found.too_close
    assert close.question == "f1-a"
    assert close.share == pytest.approx(2 / 3)
    assert close.run == 1
    assert found.problems == 0


def test_how_close_is_too_close_can_be_said(check: Check) -> None:
    quote = evidence("A student copies its teacher.", "b.md")
    asked = {**quote, "question": "Who is the student?"}  # 1 of 3
    assert not check(asked).too_close
    assert check(asked, close_share=0.3).too_close
    assert not check(asked, close_share=1 / 3).too_close
    assert check(asked, close_run=1).too_close


def test_only_paraphrases_can_be_too_close(check: Check) -> None:
    copied = {**evidence("A student copies its teacher.", "b.md"), "question": "student copies"}
    assert not check({**copied, "kind": "keyword"}).too_close
    assert check(copied).too_close


def test_a_clause_copied_from_a_long_quote_is_too_close(check: Check) -> None:
    note = (
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho."
    )
    six = {**evidence(note), "question": "Is it gamma, delta, epsilon, zeta, eta or theta?"}
    five = {**evidence(note), "question": "Is it gamma, delta, epsilon, zeta or eta?"}
    (close,) = check(six, notes={"a.md": note}).too_close
    assert (close.run, close.share) == (6, pytest.approx(6 / 17))
    assert not check(five, notes={"a.md": note}).too_close


# Mending


def test_mending_changes_the_quotes_that_moved_and_nothing_else(tmp_path: Path) -> None:
    file, out = tmp_path / "set.jsonl", tmp_path / "new" / "mended.jsonl"
    kept = '  {"id":"k",  "fact":"k","question":"\\u00e4?","kind":"x","evidence":[],"by":"me"}'
    moved = {
        **LINE,
        "id": "m",
        "by": "é",
        "evidence": [
            {"document": "a.md", "quote": "the HEAD learns.", "page": 3},
            {"document": "a.md", "quote": "Zebras graze."},
        ],
        "points": [1, 2],
    }
    lines = [kept, json.dumps(moved, ensure_ascii=False), "", json.dumps(LINE)]
    file.write_bytes("\r\n".join(lines).encode())
    before = file.read_bytes()
    assert write_mended(file, check_questions(file, NOTES), out) == 1
    assert file.read_bytes() == before
    after = out.read_bytes().decode().split("\r\n")
    assert [after[0], *after[2:]] == [lines[0], *lines[2:]]
    assert '"by": "é"' in after[1]
    expected = dict(moved)
    expected["evidence"] = [
        {"document": "a.md", "quote": "the head learns.", "page": 3},
        {"document": "a.md", "quote": "Zebras graze."},
    ]
    assert json.loads(after[1]) == expected
    assert list(json.loads(after[1])) == list(moved)
    assert list(out.parent.iterdir()) == [out]


def test_a_mended_line_keeps_its_way_of_writing_letters(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    asked = {**LINE, "question": "Wof\u00fcr?", **evidence("ONLY the head learns.")}
    file.write_text(json.dumps(asked), encoding="utf-8")
    assert write_mended(file, check_questions(file, NOTES), file) == 1
    assert "Wof\\u00fcr?" in file.read_text(encoding="utf-8")
    assert json.loads(file.read_bytes()) == {**asked, **evidence(HEAD)}


def test_a_mended_set_has_nothing_left_that_moved(tmp_path: Path) -> None:
    notes = read_notes(CORPUS, 10_000_000)
    renamed = {f"new/{path}": text.replace("\n", "\r\n") for path, text in notes.items()}
    file = tmp_path / "set.jsonl"
    file.write_bytes(QUESTIONS.read_bytes())
    found = check_questions(file, renamed)
    count = sum(len(question.evidence) for question in load_questions(file))
    assert found.problems == len(found.moved)
    assert write_mended(file, found, file) == count
    assert check_questions(file, renamed).problems == 0
    assert [q.question for q in load_questions(file)] == [
        q.question for q in load_questions(QUESTIONS)
    ]


def test_mending_nothing_leaves_every_byte(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    found = check_questions(QUESTIONS, read_notes(CORPUS, 10_000_000))
    assert write_mended(QUESTIONS, found, out) == 0
    assert out.read_bytes() == QUESTIONS.read_bytes()


def test_an_alternative_that_moved_onto_another_stands_once(tmp_path: Path) -> None:
    both = [{"document": name, "quote": HEAD} for name in ("gone.md", "a.md")]
    file = written(tmp_path / "set.jsonl", {"evidence": both})
    assert write_mended(file, check_questions(file, NOTES), file) == 1
    (question,) = load_questions(file)
    assert question.evidence == (Evidence("a.md", HEAD),)


def test_a_quote_that_may_stand_in_several_notes_is_left_alone(tmp_path: Path) -> None:
    file = written(tmp_path / "set.jsonl", evidence(HEAD, "gone.md"))
    before = file.read_bytes()
    assert write_mended(file, check_questions(file, {**NOTES, "c.md": HEAD}), file) == 0
    assert file.read_bytes() == before


def test_a_set_that_cannot_be_written_is_one_plain_error(tmp_path: Path) -> None:
    file = written(tmp_path / "set.jsonl", {})
    (tmp_path / "file").write_text("", encoding="utf-8")
    for out in (tmp_path / "file" / "set.jsonl", tmp_path):
        with pytest.raises(QuestionSetError, match="cannot be written"):
            write_mended(file, check_questions(file, NOTES), out)
    assert {path.name for path in tmp_path.iterdir()} == {"set.jsonl", "file"}


def test_what_is_being_replaced_stands_until_the_new_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), replacing(file) as draft:
        draft.write_text("ne", encoding="utf-8")
        assert file.read_text(encoding="utf-8") == "old"
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert file.read_text(encoding="utf-8") == "old"
    with replacing(file) as draft:
        draft.write_text("new", encoding="utf-8")
    assert file.read_text(encoding="utf-8") == "new"
    assert file.stat().st_mode & stat.S_IRUSR
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


@given(st.text("ab .!?\n\r\t。”", max_size=40))
def test_sentences_hold_all_but_white_space(text: str) -> None:
    found = sentences(text)
    joined = "".join(span.of(text) for span in found)
    assert "".join(joined.split()) == "".join(text.split())
    assert all(span.of(text) == span.of(text).strip() != "" for span in found)
