from __future__ import annotations

import time

import pytest
from conftest import QUESTIONS
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from eval import load_questions
from rag import Library, spelling
from rag.spelling import SHORTEST, Lexicon, count_words
from rag.tokens import whole_words_of

NOTES = Lexicon(
    count_words(
        [
            "Transfer learning reuses a model; the model learns what the other model knew.",
            "The covariance of Daumé and the classifier. Labels, labels, label noise, 学习迁移.",
        ]
    )
)
MODEL = Lexicon.ranked(["the", "what", "which", "approach", "basket", "worry", "modem", "anchor"])
EMPTY = Lexicon({})


def repair(query: str, notes: Lexicon, model: Lexicon) -> str:
    """Repairs a query where no word is known before it is looked up."""
    return spelling.repair(query, lambda word: False, lambda: notes, lambda: model)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("What is transfer lerning?", "What is transfer learning?"),  # a letter left out
        ("transfer leanring", "transfer learning"),  # two exchanged
        ("transfer learninng", "transfer learning"),  # one put in
        ("transfer lesrning", "transfer learning"),  # one in another's place
        ("transfer elarning", "transfer learning"),  # and the first letter is one like others
        ("an aproach", "an approach"),  # the notes have no such word
        ("modme", "modem"),
        ("a moddem, a mopem", "a moddem, a mopem"),  # the model's words undo slips alone
        ("modeml", "model"),  # one edit from both: the notes' own comes first
        ("teh modle, wht?", "the model, what?"),
        ("covarance-matrix", "covariance-matrix"),
        ("(lerning), “lerning’s” lerning/tasks", "(learning), “learning’s” learning/tasks"),
        ("Lerning: Aproach? Aproach", "Learning: Approach? Approach"),
        ("Dont labels? isnt", "Don't labels? isn't"),
        ("Who is Daume?", "Who is Daumé?"),
        ("LERNING OF MODLES", "Learning OF Models"),
    ],
)
def test_a_misspelt_word_gives_way_to_one_that_is_one_edit_away(typed: str, meant: str) -> None:
    model = Lexicon.ranked(["models"]) if "MODLES" in typed else MODEL
    assert repair(typed, NOTES, model) == meant


@pytest.mark.parametrize(
    "query",
    [
        "learns learned LEARNING Learning",  # the notes hold them in another form or case
        "worry worried basket baskets",  # the tokenizer does
        "transfer learmimg of clasifirs",  # two edits
        "an `aproach` of $lerning$ and `two lerning words`",
        "lerning_rate x.lerning lerning() lerning2 lerning=1 https://lerning.org/lerning",
        "a LERNING rate, mLerning, LerninG, modeLs",
        "ask Aproach",  # a name, and only the tokenizer holds its like
        "ta tje thee2 hte1",  # short: nothing but a slip is undone
        "学习移",
        "",
    ],
)
def test_what_is_right_or_is_no_plain_word_stays(query: str) -> None:
    assert repair(query, NOTES, MODEL) == query


@pytest.mark.parametrize(
    ("weights", "typed", "meant"),
    [
        ({"wish": 2, "wise": 3}, "wisp", "wise"),  # the more common one
        ({"wise": 2, "wish": 2}, "wisp", "wise"),  # the alphabet
        ({"which": 1, "wish": 24}, "wich", "which"),  # a letter left out is 25 times likelier …
        ({"which": 1, "wish": 26}, "wich", "wish"),  # … than one in another's place
        ({"from": 1, "foam": 24}, "form", "from"),  # and so is an exchange
        ({"cat": 1}, "cut", None),
        ({"cat": 1}, "act", "cat"),
    ],
)
def test_the_likeliest_word_is_meant(
    weights: dict[str, float], typed: str, meant: str | None
) -> None:
    assert Lexicon(weights).meant(typed) == meant


def test_words_given_in_order_weigh_by_their_rank() -> None:
    assert Lexicon.ranked(["wish", "wise"]).meant("wisp") == "wish"
    words = [f"word{number}" for number in range(25)]
    assert (
        Lexicon.ranked(["wish", *words[:23], "which"]).meant("wich") == "which"
    )  # 25 / 25 = 1 / 1
    assert Lexicon.ranked(["wish", *words, "which"]).meant("wich") == "wish"


_words = st.text("abcé", min_size=1, max_size=7)


@given(st.frozensets(_words, max_size=60), st.text("abcé", min_size=SHORTEST, max_size=7))
def test_near_words_are_those_at_a_distance_of_one(words: frozenset[str], typed: str) -> None:
    expected = {word for word in words if DamerauLevenshtein.distance(word, typed) == 1}
    assert Lexicon(dict.fromkeys(words, 1))._near(typed) - {typed} == expected


@given(st.text())
def test_nothing_changes_where_no_words_are_known(query: str) -> None:
    assert repair(query, EMPTY, EMPTY) == query


def test_words_are_counted_in_lower_case_and_in_order() -> None:
    counts = count_words(["The learning, the_rate x1", "Größe: LEARNING"])
    assert list(counts.items()) == [
        *(("größe", 1), ("learning", 2), ("rate", 1), ("the", 2), ("x", 1)),
    ]


@pytest.mark.slow
def test_a_question_against_100_000_words_takes_a_few_milliseconds() -> None:
    syllables = [a + b for a in "bdfglmnprst" for b in "aeiou"]
    words = [a + b + c for a in syllables for b in syllables for c in syllables][:100_000]
    notes = Lexicon({word: 1 for word in words})
    questions = [f"which {word[:2]}x{word[3:]} is {word}?" for word in words[::1000]]
    repair(questions[0], notes, EMPTY)
    begun = time.process_time()
    repaired = [repair(question, notes, EMPTY) for question in questions]
    assert (time.process_time() - begun) / len(questions) < 0.02  # here 1 ms
    assert repaired != questions


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["[CLS]", "the", "##ing", "Learn", "learn", "x1", "."], ["the", "learn"]),  # WordPiece
        (["<s>", "▁the", "ing", "▁Learn", "▁", "▁1"], ["the", "learn"]),  # SentencePiece
        (["<s>", "the", "Ġthe", "Ġlearn", "Ġ("], ["the", "learn"]),  # byte-level BPE
        (["the", "learn", "ing"], []),  # nothing says where words begin
    ],
)
def test_whole_words_are_told_from_pieces(tokens: list[str], words: list[str]) -> None:
    assert whole_words_of(tokens) == words


@pytest.mark.model
def test_the_packaged_model_knows_words_and_not_their_pieces(shipped: Library) -> None:
    words = shipped.embedder.whole_words()
    assert {"learning", "classification"} < set(words)
    assert not {"lerning", "##ing", "[sep]"} & set(words)
    assert words.index("the") < words.index("learning") < words.index("anatomical")
    assert all(word.isalpha() and word == word.lower() for word in words)
    assert len(words) == len(set(words)) > 20_000


@pytest.mark.model
def test_few_words_of_the_shipped_questions_are_changed(shipped: Library) -> None:
    questions = [question.question for question in load_questions(QUESTIONS, "fit")]
    engine = shipped._engine_now()
    changed = [question for question in questions if shipped._read(question, engine)[0] != question]
    assert 20 < len(changed) < 70  # some are misspelt on purpose
    repaired, _ = shipped._read("Why does BERT hepl the clasifier?", engine)
    assert repaired == "Why does BERT help the classifier?"
