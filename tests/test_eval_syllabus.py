from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import owls_in

from eval import Evidence, Objective, Wording, cover, load_objectives
from eval.statements import is_lead_in, subject_of
from rag import QuestionSetError

OUTLINE = """\
---
title: Any course
weeks: 2
---
# Machine learning

Paragraphs are no objectives where a list is.

## Week 1

### Learning outcomes

By the end, students will be able to:

- **Explain** negative transfer.
- <br>
- [x] Describe *how* a [shift](shift.md) arises,
  over more than one line

  In its second paragraph more is said of it.
1. Why does fine-tuning forget?

```
- code
```

## Week 2

- Transfer learning
    - Define the source
    - Methods
        - snake_case adapters
- Explain regularisation
  - L1
- You should be able to:
  - prune

| Topic | Reading |
|---|---|
| Distillation | [Hinton](hinton.pdf) |
"""


def load(folder: Path, name: str, text: str) -> list[Objective]:
    (folder / name).write_text(text, encoding="utf-8")
    return load_objectives(folder / name)


def test_an_outline_lists_objectives_under_units(tmp_path: Path) -> None:
    found = load(tmp_path, "syllabus.md", OUTLINE)
    assert [(one.unit, one.text, one.wordings[0].text) for one in found] == [
        ("Week 1", "Explain negative transfer.", "negative transfer"),
        (
            "Week 1",
            "Describe how a shift arises, over more than one line",
            "how a shift arises, over more than one line",
        ),
        ("Week 1", "Why does fine-tuning forget?", "Why does fine-tuning forget?"),
        ("Week 2 › Transfer learning", "Define the source", "the source"),
        ("Week 2 › Transfer learning › Methods", "snake_case adapters", "snake_case adapters"),
        ("Week 2", "Explain regularisation", "regularisation"),
        ("Week 2", "Explain regularisation: L1", "regularisation: L1"),
        ("Week 2", "prune", "prune"),
        ("Week 2", "Distillation", "Distillation"),
    ]
    assert load(tmp_path, "dos.md", OUTLINE.replace("\n", "\r\n")) == found


def test_items_below_the_tenth_level_belong_to_the_tenth(tmp_path: Path) -> None:
    text = "\n".join(f"{'  ' * level}- x{level}" for level in range(13))
    (found,) = load(tmp_path, "a.md", text)
    assert (found.text, found.unit) == ("x12", " › ".join(f"x{level}" for level in range(10)))


def test_paragraphs_and_then_headings_count_where_nothing_is_listed(tmp_path: Path) -> None:
    found = load(tmp_path, "a.md", "# Week 1\n\nDefine dropout\nand its rate.\nPrune trees.\n")
    assert [(one.unit, one.text) for one in found] == [
        ("Week 1", "Define dropout and its rate."),
        ("Week 1", "Prune trees."),
    ]
    found = load(tmp_path, "b.md", "# Course\n\n## Dropout\n\n## Trees\n\n### Pruning\n")
    assert [(one.unit, one.text) for one in found] == [
        ("Course", "Dropout"),
        ("Course › Trees", "Pruning"),
    ]


TEXTS = [
    "Explain why owls hunt at night",
    "Students can describe the ears of owls.",
    "Negative transfer",
    "What do owls eat, and when?",
]


def ended(text: str) -> str:
    return text if text.endswith(("?", ".")) else f"{text}."


def written(folder: Path, texts: list[str]) -> list[Path]:
    """Writes the same objectives in every format."""
    quoted = [f'"{text}"' for text in texts]
    forms = {
        "a.md": "# Birds\n\n## Owls\n\n" + "".join(f"* **{text}**\n" for text in texts),
        "b.csv": "Week,Objective\n" + "".join(f"1,{text}\n" for text in quoted),
        "c.tsv": "note\tLearning Outcome\n" + "".join(f"\t{text}\n" for text in texts),
        "d.csv": "\n".join(quoted),
        "e.txt": "\ufeff" + "\r\n\r\n".join(f"• {ended(text)}" for text in texts),
        "f.jsonl": "".join(json.dumps({"question": text}) + "\n" for text in texts),
    }
    for name, text in forms.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return [folder / name for name in forms]


def test_any_format_and_order_gives_the_same_ids_wordings_and_statuses(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    judged = []
    for texts in (TEXTS, TEXTS[::-1]):
        for file in written(tmp_path, texts):
            found = cover(library, load_objectives(file)).found
            assert len(found) == len(TEXTS)
            judged.append(
                {c.objective.id: (c.objective.wordings, c.status, c.support) for c in found}
            )
    assert all(one == judged[0] for one in judged)
    assert len(judged[0]) == len(TEXTS)


def test_the_same_words_twice_have_ids_that_no_order_changes(tmp_path: Path) -> None:
    rows = ["B,Explain owls", "A,Explain owls.", ",Explain mice"]
    by_unit = []
    for order in (rows, [rows[1], rows[0], rows[2]]):
        found = load(tmp_path, "a.csv", "\n".join(["unit,text", *order]))
        by_unit.append({one.unit: one.id for one in found if "owls" in one.text})
    assert by_unit[0] == by_unit[1]
    assert by_unit[0]["B"] == f"{by_unit[0]['A']}-2"


def test_a_table_may_name_its_columns_as_usual(tmp_path: Path) -> None:
    text = 'Code;Module;LEARNING OUTCOME;Hours\nLO1;Birds;"Explain owls; all";2\nLO2;;Mice;1\n;;;\n'
    found = load(tmp_path, "a.csv", text)
    assert [(one.id, one.unit, one.text) for one in found] == [
        ("LO1", "Birds", "Explain owls; all"),
        ("LO2", "Birds", "Mice"),  # the cell was merged with the one above
    ]
    assert [(one.unit, one.text) for one in load(tmp_path, "b.csv", "topic\nOwls\nMice\n")] == [
        ("", "Owls"),
        ("", "Mice"),
    ]


def test_numbers_before_all_objectives_are_their_ids(tmp_path: Path) -> None:
    found = load(tmp_path, "a.txt", "LO1: Explain owls\n# Mice\nLO2 - Explain mice\n")
    assert [(one.id, one.unit, one.text) for one in found] == [
        ("LO1", "", "Explain owls"),
        ("LO2", "Mice", "Explain mice"),
    ]
    found = load(tmp_path, "a.md", "- 1.1 Owls\n- 1.2 Mice\n")
    assert [(one.id, one.text) for one in found] == [("1.1", "Owls"), ("1.2", "Mice")]
    found = load(tmp_path, "a.md", "- C4.5: trees\n- Mice\n")
    assert [one.text for one in found] == ["C4.5: trees", "Mice"]


def test_each_question_of_a_set_is_an_objective(tmp_path: Path) -> None:
    quote = {"document": "birds/owls.md", "quote": "Owls hunt."}
    records = [
        {"id": "o1", "fact": "o", "question": "What do owls do?", "evidence": [quote]},
        {"id": "o2", "fact": "o", "question": "And owls?", "evidence": [quote], "after": "o1"},
        {"id": "m", "fact": "m", "question": "Explain mice?", "evidence": [], "unit": "Mice"},
    ]
    lines = [json.dumps({"kind": "k", **record}) + "\n" for record in records]
    found = load(tmp_path, "set.jsonl", "".join(lines))
    owls = (Wording("And owls?", ("What do owls do?",)), Wording("What do owls do?"))
    assert [(one.id, one.unit, one.wordings) for one in found] == [
        ("o1", "birds", owls),
        ("o2", "birds", owls),
        ("m", "Mice", (Wording("Explain mice?"),)),
    ]
    assert [one.quote for one in found[0].expected] == ["Owls hunt."]


def test_the_order_of_a_set_changes_no_wordings(tmp_path: Path) -> None:
    asked = [f"What do owls do at {hour}?" for hour in range(10)]
    common = {"fact": "o", "kind": "k", "evidence": []}
    lines = [json.dumps({"id": text, "question": text, **common}) for text in asked]
    found = [
        load(tmp_path, "set.jsonl", "\n".join(order))[0].wordings for order in (lines, lines[::-1])
    ]
    assert found[0] == found[1] == tuple(Wording(text) for text in asked)


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("Explain negative transfer.", "negative transfer"),
        ("Students can describe how soft sharing works", "how soft sharing works"),
        ("Understand the bias–variance trade-off.", "the bias–variance trade-off"),
        ("By week 2, the student should be able to: define and apply Dropout", "Dropout"),
        ("Learners demonstrate an understanding of the price", "the price"),
        ("Explain the concept of overfitting in your own words", "overfitting"),
        ("List the assumptions of the bound", "the assumptions of the bound"),
        ("applying transfer to images", "transfer to images"),
    ],
)
def test_the_subject_of_a_statement_is_what_is_asked(statement: str, subject: str) -> None:
    assert subject_of(statement) == subject


@pytest.mark.parametrize(
    "topic",
    [
        *("Negative transfer", "List comprehension", "Learning rates", "Know-how", "Explain"),
        *("Train/test split", "Model selection", "Why do owls hunt?", "Erklären Sie Transfer"),
    ],
)
def test_what_states_nothing_stays_as_it_is(topic: str) -> None:
    assert subject_of(topic) == topic


def test_a_line_that_only_leads_in_is_none(tmp_path: Path) -> None:
    said = "By the end of the course, students will be able to:"
    assert is_lead_in(said)
    assert [one.text for one in load(tmp_path, "a.txt", f"{said}\nowls: all of them\n")] == [
        "owls: all of them"
    ]


def test_ten_thousand_lines_are_as_many_objectives(tmp_path: Path) -> None:
    text = "".join(f"- Explain thing {number}\n" for number in range(10_000))
    for name in ("a.md", "a.txt"):
        assert len({one.id for one in load(tmp_path, name, text)}) == 10_000


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.md", b"", "holds no objective: expected a list"),
        ("a.md", b"---\ntitle: x\n---\n\n```\n- x\n```\n", "holds no objective"),
        ("a.csv", b"", "holds no objective"),
        ("a.csv", b"objective\n", "holds no objective"),
        ("a.csv", b"week,hours\n1,2\n", "objective, outcome, question, text or topic among them"),
        ("a.csv", b"objective\nA, B\n", "row 2: 2 cells"),
        ("a.csv", b"id,text\nx,A\nx,B\n", "id x stands 2 times"),
        ("a.csv", b"a" * 200_000 + b"\nx\n", "row 1: cannot be read as a row of a table"),
        ("a.csv", b'"' + b"a" * 200_000, "row 1: cannot be read as a row of a table"),
        ("a.csv", b"objective\n" + b"a" * 200_000, "row 2: cannot be read as a row of a table"),
        (
            "a.txt",
            b"Explain the x" + b" ," * 20_000 + b"y",
            "the limit is 2,000: make it",
        ),
        ("a.txt", b"\n\n", "holds no objective: expected one a line"),
        ("a.txt", "Näher".encode("latin-1"), "not UTF-8 (byte 1)"),
        ("a.jsonl", b"", "holds no objective"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', "line 2: no JSON object"),
        ("a.jsonl", b'{"name": "a"}\n', "line 1: expected a question set, or objects with"),
        ("a.jsonl", b'{"id": "a", "evidence": []}\n', "line 1: fact is missing"),
        ("a.jsonl", b'{"evidence": [], "id": ["x"], "unit": "u"}', "line 1: fact is missing"),
        ("a.docx", b"PK", "expected a list in Markdown"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(QuestionSetError) as refused:
        load_objectives(tmp_path / name)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match="is a folder"):
        load_objectives(tmp_path)
    with pytest.raises(QuestionSetError, match="cannot be read: No such file"):
        load_objectives(tmp_path / "a.md")


def test_a_table_or_records_may_say_what_answer_is_expected(tmp_path: Path) -> None:
    table, records = tmp_path / "s.csv", tmp_path / "s.jsonl"
    table.write_text(
        'question,answer,file\nWhat do owls eat?,"Voles, mice.",owls.md\nWhy?,,\n', encoding="utf-8"
    )
    lines = [
        {"question": "What do owls eat?", "answer": "Voles, mice.", "file": "owls.md"},
        {"question": "Why?"},
    ]
    records.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    for file in (table, records):
        known, unknown = load_objectives(file)
        assert known.expected == (Evidence("owls.md", "Voles, mice."),)
        assert unknown.expected == ()
