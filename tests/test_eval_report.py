from __future__ import annotations

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from handmade import DIGITS, FAILED, FROZEN, HEAD, NOTES, outcome, question, run_of
from playwright.sync_api import Browser, Page, expect

from eval import Measure, Question, Run, Scores, compare_runs, plots, report_html, write_report
from eval.compare import Difference
from eval.dataset import Evidence
from eval.judging import Failure
from eval.measures import Bin
from eval.notes import Notes
from eval.runfile import Outcome
from eval.score import score_questions
from eval.statistics import Interval, Paired
from rag import RunError

RIGHT, REST, WRONG = ("a.md", 11, 32), ("a.md", 33, 52), ("b.md", 0, 21)
HOSTILE = (
    "<script>document.title = 'taken'</script>\" onmouseover='x' &amp; \u202egpj\x1b[31m "
    + 80 * "x"
)
HARMLESS = HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd")

Pair = tuple[Question, Outcome]


def scored(*pairs: Pair, run: Run | None = None) -> tuple[Run, Scores]:
    run = run or run_of({asked.id: came for asked, came in pairs}, questions="sets/mine.jsonl")
    return run, score_questions(run, [asked for asked, _ in pairs], Notes(run))


def page_of(*pairs: Pair) -> str:
    return report_html(*scored(*pairs))


def each_failure() -> list[Pair]:
    """Two questions that were handled, and one for each way to fail, two where it is usual."""

    def asked(name: str, *evidence: Evidence, kind: str = "paraphrase") -> Question:
        return question(*evidence, name=name, fact=name, kind=kind)

    return [
        (asked("good", HEAD), outcome([RIGHT], [RIGHT], confidence=0.9)),
        (asked("refused", kind="off-domain"), outcome([WRONG], confidence=0.1)),
        (asked("error", DIGITS), FAILED),
        (asked("cut", replace(HEAD)), outcome([WRONG])),
        (asked("missed", FROZEN), outcome([WRONG], withheld=[WRONG])),
        (asked("below", FROZEN, kind="keyword"), outcome([WRONG] * 5 + [REST])),
        (asked("span", FROZEN), outcome([REST, WRONG], [WRONG], confidence=0.7)),
        (asked("shy", FROZEN, kind="keyword"), outcome([REST], withheld=[REST])),
        (asked("shy too", DIGITS, FROZEN), outcome([REST])),
        (asked("bold", kind="off-domain"), outcome([WRONG], [WRONG], confidence=0.6)),
    ]


def cut_run(pairs: Sequence[Pair]) -> Run:
    """A run of a library that cut `Only the head learns.` into three chunks of 7 characters."""
    run = run_of({asked.id: came for asked, came in pairs}, questions="sets/mine.jsonl")
    run.head["notes"]["a.md"]["chunks"] = [[0, 10], [11, 18], [18, 25], [25, 32], [33, 52]]
    return run


@pytest.fixture(scope="module")
def failures_page() -> str:
    pairs = each_failure()
    return report_html(*scored(*pairs, run=cut_run(pairs)))


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the text inside each kind of them."""

    VOID = ("meta", "input", "wbr")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def attributes(self, name: str) -> list[str]:
        return [given[name] for _, given in self.found if name in given]


def article(page: str, name: str) -> str:
    """The text of a failed question's block, white space as one space."""
    (found,) = re.findall(rf'<article class="failure" id="q-{name}".*?</article>', page, re.S)
    return " ".join(re.sub("<[^>]*>", " ", found).split())


def row(page: str, head: str) -> list[str]:
    """The cells of the first table row with this head."""
    (cells,) = re.findall(rf'<tr><th scope="row"[^>]*>{re.escape(head)}</th>(.*?)</tr>', page)[:1]
    return [re.sub("<[^>]*>", " ", cell).strip() for cell in cells.split("</td>")[:-1]]


# Notes are data


def hostile_pairs() -> tuple[Run, list[Pair]]:
    document = f"{HOSTILE}.md"
    span = (document, 0, len(HOSTILE))
    item = {"document": document, "start": 0, "end": span[2], "quote": HOSTILE, "text": HOSTILE}
    came = outcome(question=HOSTILE, reason=HOSTILE, query=f"{HOSTILE}?")
    assert came.result is not None
    came.result["passages"] = [item | {"location": HOSTILE}]
    asked = replace(
        question(Evidence(document, HOSTILE), name=HOSTILE, fact=HOSTILE, kind=HOSTILE),
        question=HOSTILE,
    )
    failed = replace(question(HEAD, name="2", after=HOSTILE), question="And then?")
    pairs = [(asked, replace(came, withheld=(item,))), (failed, Outcome(None, HOSTILE))]
    run = run_of(
        {asked.id: came for asked, came in pairs},
        NOTES | {document: HOSTILE},
        questions=f"{HOSTILE}.jsonl",
        corpus=HOSTILE,
        model=HOSTILE,
        commit=HOSTILE,
        begun=HOSTILE,
        settings={HOSTILE: HOSTILE},
    )
    return run, pairs


def test_report_escapes_what_notes_contain() -> None:
    run, pairs = hostile_pairs()
    page = report_html(*scored(*pairs, run=run))
    elements = Elements(page)
    assert [tag for tag, _ in elements.found].count("script") == 1
    assert not [n for _, given in elements.found for n in given if n.startswith("on")]
    assert elements.texts["blockquote"] == [HARMLESS, HARMLESS, HEAD.quote]
    assert elements.texts["h3"].count(HARMLESS) == 1
    assert elements.texts["h1"] == [HARMLESS.rpartition("/")[2]]
    assert HARMLESS in elements.attributes("data-kind")
    assert f": {HARMLESS}" in " ".join(elements.texts["p"])  # the error
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)


def test_report_can_be_written_whatever_a_question_contains(tmp_path: Path) -> None:
    asked = replace(question(HEAD, name="\ud800"), question="What \ud800 learns?")
    out = tmp_path / "report.html"
    write_report(*scored((asked, FAILED)), out)
    assert "What \ufffd learns?" in out.read_text(encoding="utf-8")


def test_report_shows_a_quote_as_it_stands_in_the_note() -> None:
    quote = "\n  * one\n\n    two  three\n"
    run = run_of({"q": FAILED}, {"n.md": f"Before.{quote}After."})
    page = report_html(*scored((question(Evidence("n.md", quote)), FAILED), run=run))
    assert Elements(page).texts["blockquote"] == [quote]


def test_line_ends_of_windows_are_line_ends() -> None:
    run = run_of({"q": FAILED}, {"n.md": "one\r\ntwo"})
    page = report_html(*scored((question(Evidence("n.md", "one\r\ntwo")), FAILED), run=run))
    assert Elements(page).texts["blockquote"] == ["one\ntwo"]


def test_report_loads_nothing_from_anywhere(failures_page: str) -> None:
    elements = Elements(failures_page)
    assert not {tag for tag, _ in elements.found} & {"link", "img", "iframe", "object", "base"}
    assert not elements.attributes("src")
    assert elements.attributes("href")
    assert all(link.startswith("#") for link in elements.attributes("href"))
    assert not re.search(r"https?:|url\(|@import|data:", failures_page)


def test_report_allows_no_script_but_its_own(failures_page: str) -> None:
    (script,) = re.findall("<script>(.*?)</script>", failures_page, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [c for c in Elements(failures_page).attributes("content") if "default-src" in c]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    assert f"script-src 'sha256-{digest}';" in policy


def test_every_link_leads_to_a_part_of_the_page(failures_page: str) -> None:
    elements = Elements(failures_page)
    ids = elements.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in elements.attributes("href")} <= set(ids)


# Failures


def test_counts_by_reason_sum_to_the_failures(failures_page: str) -> None:
    counts = {reason: int(row(failures_page, reason.value)[0]) for reason in Failure}
    assert counts == dict.fromkeys(Failure, 1) | {Failure.ABSTAINED: 2}
    assert row(failures_page, "not handled")[0] == str(sum(counts.values())) == "8"


def test_every_question_that_failed_is_listed_and_no_other(failures_page: str) -> None:
    listed = re.findall(r'<article class="failure" id="q-([^"]*)"', failures_page)
    assert listed == ["error", "cut", "missed", "below", "span", "shy", "shy%20too", "bold"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("error", ["failed with an error", DIGITS.quote, "Failed : The question is too long."]),
        ("cut", ["not in any chunk", "Evidence not found in any passage."]),
        ("missed", ["in the index but not retrieved", "Withheld", "b.md, characters 0–21"]),
        ("below", ["retrieved below k", "rank 6 of 6", "6 a.md, characters 33–52, the evidence"]),
        ("span", ["retrieved but answer span wrong", "Answered , confidence 0.70.", HEAD.quote]),
        ("shy", ["abstained though answerable", "Abstained , confidence 0.50.", "Withheld"]),
        ("shy%20too", ["Any of these:", DIGITS.quote, FROZEN.quote, "rank 1 of 1"]),
        ("bold", ["answered though not answerable", "No answer: the notes do not answer this."]),
    ],
)
def test_a_failure_says_what_was_expected_and_what_came(
    failures_page: str, name: str, parts: list[str]
) -> None:
    text = article(failures_page, name)
    assert [part for part in parts if part not in text] == []


def test_an_answer_that_was_shown_is_not_called_withheld(failures_page: str) -> None:
    assert "ithheld" not in article(failures_page, "span")


def test_a_withheld_answer_that_was_right_says_so(failures_page: str) -> None:
    words = "who asked, though it holds the evidence: The rest is frozen."
    assert words in article(failures_page, "shy")
    assert "though it holds" not in article(failures_page, "missed")


def test_a_follow_up_names_the_question_before_it() -> None:
    first = replace(question(HEAD, name="1"), question="What learns first?")
    second = question(HEAD, name="2", after="1")
    came = outcome([RIGHT], [RIGHT], question="What learns first?")
    assert "Asked after: What learns first?" in article(
        page_of((first, came), (second, outcome())), "2"
    )


def test_a_long_passage_is_cut_at_a_word() -> None:
    text = "word " * 100
    run = run_of({"q": outcome()}, {"n.md": text})
    came = outcome()
    assert came.result is not None
    came.result["passages"] = [{"document": "n.md", "start": 0, "end": 500, "text": text}]
    run.outcomes["q"] = came
    shown = article(report_html(*scored((question(name="x"), FAILED), run=run)), "x")
    assert "word" not in shown  # another question's passages are not shown
    page = report_html(*scored((question(Evidence("n.md", "word word")), came), run=run))
    # 160 characters are 32 words with their spaces, and the last is cut off with its space.
    assert article(page, "q").endswith(" ".join(["word"] * 32) + " …")


# Whatever there is to show


EMPTY = {
    "all handled": [(question(HEAD), outcome([RIGHT], [RIGHT]))],
    "only answerable": [(question(HEAD, name=n, fact=n), outcome([RIGHT])) for n in "ab"],
    "only unanswerable": [(question(name=n, fact=n), outcome([RIGHT])) for n in "ab"],
    "one failed": [(question(HEAD), FAILED)],
    "nothing came back": [(question(HEAD, kind=""), outcome(timings_ms={}))],
}


@pytest.mark.parametrize("name", EMPTY)
def test_report_stands_whatever_is_missing(name: str) -> None:
    page = page_of(*EMPTY[name])
    Elements(page)
    body = re.sub("(?s)<style>.*?</style>|<script>.*?</script>", "", page)
    assert not re.search(r"\b(nan|inf|None|Undefined)\b", body)


def test_a_run_without_failures_says_so() -> None:
    page = page_of(*EMPTY["all handled"])
    assert "Every question was handled: there is nothing to list." in page
    assert "<form" not in page
    assert "<article" not in page


def test_a_measure_that_is_not_defined_is_a_dash() -> None:
    page = page_of(*EMPTY["only unanswerable"])
    assert row(page, "hit@5")[:3] == ["–", "–", "–"]
    assert row(page, "abstention_recall")[0] == "1.000"
    assert "Not measured: no question of this run has it." in page
    assert "answerable: none asked" in page


def test_a_run_without_times_says_so() -> None:
    assert "does not say how long" in page_of(*EMPTY["nothing came back"])
    assert "does not say how long" not in page_of(*EMPTY["all handled"])


def test_measures_say_where_lower_is_better(failures_page: str) -> None:
    assert row(failures_page, "ECE")[-1].endswith("(lower is better)")
    assert not row(failures_page, "AUROC")[-1].endswith("(lower is better)")


def test_remarks_stand_at_the_top(failures_page: str) -> None:
    run, scores = scored(*each_failure())
    assert scores.remarks
    page = report_html(run, scores)
    assert page.index(scores.remarks[0]) < page.index('class="cards"')
    assert 'class="remarks"' not in report_html(run, replace(scores, remarks=[]))


def test_documents_and_facts_stand_worst_first() -> None:
    pairs = [
        (question(HEAD, name="1", fact="f1"), outcome([RIGHT], [RIGHT])),
        (question(Evidence("b.md", NOTES["b.md"]), name="2", fact="f2"), outcome([WRONG])),
    ]
    page = page_of(*pairs)
    heads = re.findall(r'<tr><th scope="row"[^>]*>(a\.md|b\.md|f1|f2)</th>', page)
    assert heads == ["b.md", "a.md", "f2", "f1"]


def test_refusals_are_counted_by_what_the_notes_answer(failures_page: str) -> None:
    assert row(failures_page, "answer it") == ["2", "5", "1", "8"]
    assert row(failures_page, "do not answer it") == ["1", "1", "0", "2"]


def test_the_same_run_gives_the_same_page(failures_page: str) -> None:
    pairs = each_failure()
    assert report_html(*scored(*pairs, run=cut_run(pairs))) == failures_page


# Two runs


def compared(tmp_path: Path) -> str:
    asked = [question(HEAD, name=name, fact=name) for name in ("up", "down", "same")]
    right, wrong = outcome([RIGHT], [RIGHT]), outcome([WRONG], [WRONG])
    file = tmp_path / "set.jsonl"
    records = [
        {
            "id": q.id,
            "fact": q.fact,
            "question": q.question,
            "kind": q.kind,
            "evidence": [{"document": e.document, "quote": e.quote} for e in q.evidence],
        }
        for q in asked
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    a = replace(
        run_of({"up": wrong, "down": right, "same": right}, settings={"passages": 5}),
        path=Path("before.jsonl"),
    )
    b = run_of({"up": right, "down": wrong, "same": right}, settings={"passages": 10})
    comparison = compare_runs(a, b, questions=file, measures=["hit@5", "handled", "MRR@10"])
    return report_html(b, score_questions(b, asked, Notes(b)), comparison)


def test_a_comparison_shows_what_changed(tmp_path: Path) -> None:
    page = compared(tmp_path)
    assert "From before.jsonl to made.jsonl, over the 3 questions" in page
    assert row(page, "settings.passages") == ["5", "10"]
    # Two of three before and after: no difference.
    assert row(page[page.index("Differences of the measures") :], "hit@5")[:3] == [
        *("0.667", "0.667", "0.000")
    ]


def test_questions_that_changed_sides_are_listed_and_linked(tmp_path: Path) -> None:
    page = compared(tmp_path)
    gained, lost = re.findall(r"<h3>Questions (?:gained|lost)</h3>(.*?)</div>", page, re.S)
    assert re.findall(r"<summary>(.*?)</summary>", gained) == ["hit@5: 1", "handled: 1"]
    assert re.findall(r"<summary>(.*?)</summary>", lost) == ["hit@5: 1", "handled: 1"]
    assert "up <span" in gained
    assert '<a href="#q-down">down</a>' in lost


def test_a_report_without_comparison_has_no_such_part(failures_page: str) -> None:
    assert 'id="comparison"' not in failures_page


# Files


def test_write_report_makes_the_folder_it_is_told(tmp_path: Path) -> None:
    run, scores = scored(*EMPTY["all handled"])
    write_report(run, scores, tmp_path / "new" / "report.html")
    written = (tmp_path / "new" / "report.html").read_bytes()
    assert written.decode("utf-8") == report_html(run, scores)


def test_a_report_that_cannot_be_written_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be written: Is a directory\.$"):
        write_report(*scored(*EMPTY["all handled"]), tmp_path)


def test_a_report_does_not_replace_the_run_it_is_about(tmp_path: Path) -> None:
    run, scores = scored(*EMPTY["all handled"])
    file = tmp_path / "run.jsonl"
    file.write_text("the run", encoding="utf-8")
    with pytest.raises(RunError, match="is what the page is made of"):
        write_report(replace(run, path=file), scores, tmp_path / "x" / ".." / "run.jsonl")
    assert file.read_text(encoding="utf-8") == "the run"


# Pictures, by hand


def marks(svg: str, css: str) -> list[Mapping[str, str]]:
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == root.findtext("title")
    return [element.attrib for element in root.iter() if element.attrib.get("class") == css]


def test_bars_are_as_long_as_their_values() -> None:
    groups = {"<b>": {"hit@5": Measure(0.5, 0.25, 0.75, 8)}, "other": {}}
    svg = plots.bars("hit@5", groups)
    # 0 lies at 1 and 1 at 359: a half at 180, a quarter at 90.5.
    (bar,) = marks(svg, "bar")
    assert (bar["x"], bar["width"]) == ("1", "179")
    line = marks(svg, "whisker")[0]
    assert (line["x1"], line["x2"]) == ("90.5", "269.5")
    assert "&lt;b&gt;" in svg


def test_a_track_has_its_dot_at_the_value() -> None:
    # 0 lies at 6 and 1 at 354: 6 + 0.25 * 348 = 93.
    svg = plots.track("m", Measure(0.25, 0.0, 1.0, 3))
    assert marks(svg, "dot")[0]["cx"] == "93"
    assert (marks(svg, "range")[0]["x1"], marks(svg, "range")[0]["x2"]) == ("6", "354")


def difference(low: float, value: float, high: float, p: float) -> Difference:
    paired = Paired(Interval(value, low, high), p, None)
    return Difference(0.5, 0.5 + value, 10, 10, paired, p, None, (), ())


def test_a_forest_has_zero_in_the_middle_and_fills_what_is_beyond_chance() -> None:
    svg = plots.forest(
        {"up": difference(0.05, 0.1, 0.15, 0.01), "flat": difference(-0.1, 0.0, 0.1, 1.0)}
    )
    # The farthest end is 0.15, so the axis reaches 0.2: 180 + 0.1 / 0.2 * 170 = 265.
    assert marks(svg, "axis")[0]["x1"] == "180"
    assert [dot["cx"] for dot in marks(svg, "dot")] == ["265"]
    assert [dot["cx"] for dot in marks(svg, "dot hollow")] == ["180"]


def test_reliability_places_bins_by_confidence_and_share_right() -> None:
    bins = [
        Bin(0.2, 0.3, 1, 0.25, Measure(0.5, 0.0, 1.0, 1)),
        Bin(0.9, 1.0, 3, 1.0, Measure(1.0, 0.5, 1.0, 3)),
    ]
    svg = plots.reliability(bins)
    # Across 42 to 350, up 220 to 30: a quarter lies at 119, a half at 125.
    assert [(dot["cx"], dot["cy"]) for dot in marks(svg, "dot")] == [("119", "125"), ("350", "30")]
    # A quarter and three quarters of the questions: 190 / 4 and 190 * 3 / 4 high.
    assert [bar["height"] for bar in marks(svg, "ground")] == ["47.5", "142.5"]


def test_risk_coverage_runs_through_its_points() -> None:
    svg = plots.risk_coverage([(0.9, 0.5, 0.0), (0.2, 1.0, 0.25)])
    # The axis ends at the next tenth, 0.3: 220 - 0.25 / 0.3 * 190 = 61.67.
    assert marks(svg, "curve")[0]["points"] == "196.00,220.00 350.00,61.67"
    assert marks(svg, "guide")[0]["x1"] == "319.2"  # 42 + 0.9 * 308


def test_ranks_are_as_high_as_their_counts() -> None:
    svg = plots.ranks([("1", 4), ("2", 1)], 2)
    # 4 is the highest and gets 220 - 44 = 176.
    assert [bar["height"] for bar in marks(svg, "bar")] == ["176", "44"]
    assert [bar["height"] for bar in marks(svg, "bar hollow")] == ["88"]


def test_separation_shows_shares_of_each_group_back_to_back() -> None:
    svg = plots.separation([0] * 9 + [100], [1, 1] + [0] * 8)
    # The key comes first. The middle is 125, and a share of 1 is 95 high.
    assert [(b["y"], b["height"]) for b in marks(svg, "bar")[1:]] == [("30", "95")]
    assert [(b["y"], b["height"]) for b in marks(svg, "bar hollow")[1:]] == [("125", "47.5")] * 2


def test_latency_marks_percentiles_where_they_lie() -> None:
    svg = plots.latency([2, 1, 0, 1], 5.0, [("p50", 5.0), ("p95", 10.0)])
    # Four bins of 5 ms over 308: 5 ms lies at 42 + 77.
    assert [line["x1"] for line in marks(svg, "guide")] == ["119", "196"]
    # The highest bin gets 220 - 66 = 154.
    assert [bar["height"] for bar in marks(svg, "bar")] == ["154", "77", "0", "77"]


def test_slow_questions_share_the_last_bar() -> None:
    times = [10.0] * 200 + [1000.0]
    pairs = [
        (
            question(name=str(i), fact=str(i)),
            outcome(timings_ms={"embed": time / 2, "rest": time / 2}),
        )
        for i, time in enumerate(times)
    ]
    page = page_of(*pairs)
    # p99 is 10 ms: 4/3 of it over 24 bins is 0.56, so bins of 1 ms, fourteen of them.
    table = page[page.index("Time a question took, in bins") :]
    assert [row(table, str(ms)) for ms in (9, 10, 13)] == [["0"], ["200"], ["1"]]
    assert '<th scope="row">14</th>' not in table[: table.index("</table>")]


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 1), (1.1, 2), (2.1, 5), (5.1, 10), (0.03, 0.05), (70, 100)]
)
def test_nice_numbers_are_not_below(value: float, expected: float) -> None:
    assert plots.nice(value) == pytest.approx(expected)


def test_signed_numbers_have_one_zero() -> None:
    assert [plots.signed(x) for x in (0.0125, -0.1, -0.0001)] == ["+0.013", "\u22120.100", "0.000"]


# In a browser


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path, failures_page: str) -> Iterator[Page]:
    file = tmp_path / "report.html"
    file.write_text(failures_page, encoding="utf-8")
    page = chromium.new_page()
    page.goto(file.as_uri())
    yield page
    page.close()


@pytest.mark.browser
def test_filters_show_what_they_name_and_nothing_else(opened: Page) -> None:
    page = opened
    shown = page.locator(".failure:visible .labels > span:nth-child(2)")
    expect(shown).to_have_count(8)
    page.locator("#filter").get_by_label("Why").select_option("ABSTAINED")
    expect(shown).to_have_text(["shy", "shy too"])
    expect(page.locator("#shown")).to_have_text("2 of 8 shown")
    page.locator("#filter").get_by_label("Kind").select_option("=keyword")
    expect(shown).to_have_text(["shy"])
    page.get_by_role("button", name="Clear").click()
    expect(shown).to_have_count(8)
    page.locator("#filter").get_by_label("Search").fill("REST frozen")
    expect(shown).to_have_text(["missed", "below", "span", "shy", "shy too"])
    page.locator("#filter").get_by_label("Search").fill("no such words")
    expect(page.get_by_text("No failure matches")).to_be_visible()
    page.locator("#filter").get_by_label("Search").fill("")
    page.locator("#filter").get_by_label("Document").select_option("0")
    expect(shown).to_have_count(7)  # all but the question that the notes do not answer


@pytest.mark.browser
def test_a_link_shows_a_failure_that_the_filter_hides(opened: Page) -> None:
    opened.locator("#filter").get_by_label("Search").fill("keyword")
    target = opened.locator("#q-bold")
    expect(target).to_be_hidden()
    opened.evaluate("location.hash = 'q-bold'")
    expect(target).to_be_in_viewport()
    expect(opened.locator("#shown")).to_have_text("8 of 8 shown")


@pytest.mark.browser
def test_numbers_of_the_plots_are_printed(opened: Page) -> None:
    numbers = opened.get_by_role("region", name="Confidence of both groups")
    expect(numbers).to_be_hidden()
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(numbers).to_be_visible()
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(numbers).to_be_hidden()


@pytest.mark.browser
def test_all_is_there_without_scripts(
    chromium: Browser, tmp_path: Path, failures_page: str
) -> None:
    file = tmp_path / "report.html"
    file.write_text(failures_page, encoding="utf-8")
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(file.as_uri())
    expect(page.locator(".failure:visible")).to_have_count(8)
    expect(page.locator("#filter")).to_be_hidden()
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_a_script_in_a_note_does_nothing_and_the_page_fits(
    chromium: Browser, tmp_path: Path, width: int
) -> None:
    run, pairs = hostile_pairs()
    file = tmp_path / "report.html"
    write_report(*scored(*pairs, run=run), file)
    page = chromium.new_page(viewport={"width": width, "height": 740})
    said: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator("blockquote").first).to_have_text(HARMLESS)
    expect(page.locator("blockquote").first).to_have_css("white-space-collapse", "preserve")
    assert page.title() != "taken"
    assert said == []
    assert requested == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
