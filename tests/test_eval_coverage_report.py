from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from conftest import Run
from playwright.sync_api import Browser, Page, expect
from visiting import AXE, axe

from eval import (
    Coverage,
    Covered,
    Evidence,
    Gap,
    Gaps,
    Map,
    Objective,
    Support,
    Wording,
    coverage_html,
    coverage_plots,
    heat_map_html,
    map_legend_html,
    map_svg,
    wanted_of,
    write_coverage,
    write_coverage_report,
)
from eval.mapping import Dot, Pin, Sign
from eval.replies import Reply
from eval.triage import Cause, Triage
from rag import Asked, Citation, QuestionLog, RunError, Settings, Span, Verdict

HOSTILE = "</script><script>document.title = 'taken'</script>\u202e<img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://example.org","x")'


def support(confidence: float, *quotes: tuple[str, str], near: float = 0.5) -> Support:
    citations = tuple(
        Citation(number, path, "Title", (), f"line {number}", Span(0, len(quote)), quote)
        for number, (path, quote) in enumerate(quotes, start=1)
    )
    documents = tuple(dict.fromkeys(path for path, _ in quotes))
    return Support(confidence, near, citations, documents, ())


def objective(name: str, text: str, unit: str) -> Objective:
    return Objective(name, text, unit, (Wording(text),), (Evidence("a.md", "x"),))


REFUSED = Reply(answered=False, confidence=0.46)

COVERAGE = Coverage(
    found=(
        Covered(objective("o1", "What is an owl?", "Birds"), support(0.95, ("a.md", "An owl."))),
        Covered(
            objective("o/2 %", "Explain the wing", "Birds"),
            support(0.78, ("a.md", "A wing."), ("b.md", "Wings.")),
        ),
        Covered(objective("o3", FORMULA, HOSTILE), support(0.55, ("b.md", HOSTILE)), REFUSED),
        Covered(objective("o4", HOSTILE, ""), support(0.05, ("c.md", "Withheld."), near=0.1)),
    ),
    corpus="0123456789abcdef",
    generation=3,
    notes=("a.md", "b.md", "c.md"),
    source="syllabus.md",
    made="2026-11-26T10:00:00+00:00",
)


def question(text: str, user: str) -> Asked:
    return Asked(
        *("id", datetime(2026, 11, 1, tzinfo=UTC), "page", user, text, text),
        *("abstained", 0.1, (), (), 1, None, None),
    )


ASKED = tuple(question("so what", f"{name}@example.org") for name in ("ann", "bob", "eve"))
TRIAGE = Triage(Cause.ABSENT, support(0.1, near=0.3), "What comes nearest does not answer.")
GAPS = Gaps(
    gaps=(Gap("g1", ("fees", "late"), "What does it cost?", ASKED, 3, TRIAGE),),
    looked_at=40,
    troubled={},
    since=None,
    closed=0,
    changed=0,
    withheld=5,
    further=0,
    least=3,
    corpus=COVERAGE.corpus,
    generation=3,
)
DRAWN = Map(
    dots=(
        Dot(100, 100, 0, "a.md", "Owls", "line 1", "An owl."),
        Dot(500, 300, 1, "b.md", HOSTILE, "line 2", HOSTILE),
    ),
    pins=tuple(
        Pin(120.0 + 60 * number, 120.0, wanted, number % 2)
        for number, wanted in enumerate(wanted_of(COVERAGE, GAPS))
    ),
    groups=("a", HOSTILE),
    passages=2,
    corpus=COVERAGE.corpus,
)
PAGE = coverage_html(COVERAGE, GAPS, DRAWN)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    said: dict[str, Any] = json.loads(found[1])
    return said


def test_the_page_says_what_there_is_of_each_status() -> None:
    assert "Of 4 objectives the notes cover 2; for 1 they have little, and 1 they miss." in PAGE
    assert "2026-11-26 10:00:00 UTC" in PAGE
    assert "0123456789ab…" in PAGE


def test_what_the_page_holds_as_json_is_the_coverage_without_its_passages() -> None:
    data = data_of(PAGE)
    kept = Coverage.from_record(data)
    assert kept.to_dict() == COVERAGE.to_dict()
    assert [part.name for part in kept.units()] == [part.name for part in COVERAGE.units()]
    assert data["gaps"][0] | {"people": 3, "questions": 3} == data["gaps"][0]
    assert len(data["map"]) == 5


def test_the_words_and_names_of_those_who_asked_are_not_in_the_page() -> None:
    assert "What does it cost?" in PAGE
    assert "so what" not in PAGE
    assert "ann@example.org" not in PAGE
    assert "5 more questions belong to groups that fewer than 3 people asked" in PAGE


def test_a_quote_of_what_is_missing_is_not_shown() -> None:
    assert "Withheld." not in PAGE


def test_nothing_of_a_note_is_markup_or_steers() -> None:
    scripts = re.findall(r"<script[^>]*>", PAGE)
    assert scripts == ['<script type="application/json" id="data">', "<script>"]
    assert "<img" not in PAGE
    assert "\u202e" not in PAGE


def test_a_heat_map_has_a_row_for_each_unit_in_the_order_of_the_objectives() -> None:
    page = heat_map_html(COVERAGE, lambda name: f"/at?o={name}&x=<")
    assert re.findall(r'"nq-count">(.*?)<', page) == ["2 of 2", "0 of 1", "0 of 1"]
    # 0.95, 0.78, 0.55 and 0.05 by fifths.
    assert re.findall(r'nq-cell (\w+ l\d)".*?>(\w)</a>', page) == [
        *(("covered l4", "C"), ("covered l3", "C"), ("thin l2", "T"), ("missing l0", "M")),
    ]
    assert 'href="/at?o=o1&amp;x=&lt;"' in page
    assert "(no unit)" in page
    assert "<script" not in page


def test_a_map_says_what_each_sign_and_dot_is() -> None:
    page = map_svg(DRAWN, lambda wanted: "" if wanted.sign is Sign.GAP else f"#{wanted.id}")
    assert page.count('<a href="#') == 4
    assert page.count('class="pin gap"') == 1
    assert "a.md, line 1: An owl." in page
    assert "What is an owl? (covered); nearest: Owls" in page
    assert "<img" not in page + map_legend_html(DRAWN)
    assert "<script" not in page + map_legend_html(DRAWN)


def test_names_on_the_map_do_not_lie_on_each_other_or_on_a_mark() -> None:
    titles = [f"A note about subject {number}" for number in range(30)]
    dots = tuple(
        Dot(300 + number % 6, 200 + number % 5, 0, f"{title}.md", title, "line 1", "x")
        for number, title in enumerate(titles)
    )
    page = map_svg(replace(DRAWN, dots=dots, pins=()), lambda _: "")
    names = re.findall(r'class="name" x="([\d.]+)" y="([\d.]+)" text-anchor="middle">(.*?)<', page)
    assert 1 < len(names) < 30
    boxes = [(float(x), float(y), len(name) * 5.4 / 2) for x, y, name in names]
    for number, (x, y, half) in enumerate(boxes):
        for a, b, other in boxes[:number]:
            assert abs(x - a) >= half + other or abs(y - b) >= coverage_plots.LINE
        assert not any(abs(dot.x - x) < half and y - 9 < dot.y < y for dot in dots)


def test_gaps_alone_and_a_coverage_alone_make_pages() -> None:
    alone = coverage_html(None, GAPS, DRAWN, ["No objectives were named."])
    assert "No objectives were named." in alone
    assert 'id="heat"' not in alone
    assert "What does it cost?" in alone
    bare = coverage_html(Coverage.from_record(COVERAGE.to_dict()))
    assert 'id="map"' not in bare
    assert 'id="gaps"' not in bare
    assert "What is an owl?" in bare


def test_a_syllabus_of_a_thousand_objectives_in_200_units_stays_below_five_megabytes() -> None:
    quote = "Words of a note that say it. " * 8
    found = tuple(
        Covered(
            objective(f"id-{i}", f"Objective {i}: " + "say what it is " * 5, f"Unit {i % 200}"),
            support(i % 100 / 100, (f"note-{i % 150}.md", quote), (f"note-{i % 149}.md", quote)),
        )
        for i in range(1000)
    )
    notes = tuple(f"note-{i}.md" for i in range(150))
    coverage = replace(COVERAGE, found=found, notes=notes)
    dots = tuple(
        Dot(i % 700, i % 500, i % 8, f"note-{i % 150}.md", f"Note {i % 150}", "line 1", "w " * 60)
        for i in range(1500)
    )
    pins = tuple(Pin(i % 700, i % 500, wanted, i) for i, wanted in enumerate(wanted_of(coverage)))
    drawn = replace(DRAWN, dots=dots, pins=pins, groups=tuple("abcdefgh"))
    assert len(coverage_html(coverage, GAPS, drawn).encode()) < 5_000_000


def test_a_report_does_not_replace_what_it_is_made_of(tmp_path: Path) -> None:
    file = tmp_path / "syllabus.md"
    file.write_text("- owls\n", encoding="utf-8")
    with pytest.raises(RunError, match="is what the page is made of"):
        write_coverage_report(PAGE, tmp_path / "x" / ".." / "syllabus.md", [file])
    assert file.read_text(encoding="utf-8") == "- owls\n"


# The command


@pytest.fixture
def report(run: Run, tmp_path: Path) -> Run:
    """Writes a report about one note, in an empty folder."""
    (tmp_path / "corpus").mkdir()
    note = tmp_path / "corpus/owls.md"
    note.write_text("# Owls\n\nOwls hunt at night, by their ears.\n", encoding="utf-8")
    run("index")
    return lambda *arguments: run("coverage", "report", *arguments)


def test_a_report_is_made_of_a_syllabus_and_of_the_log(report: Run, run: Run) -> None:
    Path("syllabus.md").write_text("# Birds\n\n- How owls hunt\n", encoding="utf-8")
    run("ask", "When do owls hunt?")
    log = QuestionLog.of(Settings())
    (asked,) = log.newest(1)
    log.judge(asked.id, Verdict.DOWN)
    log.close()
    done = report("syllabus.md")
    assert done.status == 0
    assert done.out == "1 objective, 1 gap, 1 passage: coverage.html\n"
    page = Path("coverage.html").read_text(encoding="utf-8")
    assert "How owls hunt" in page
    assert 'id="g-' in page
    assert len(data_of(page)["map"]) == 2


def test_a_saved_coverage_is_not_judged_again(report: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.support.Judge.support", None)
    write_coverage(COVERAGE, Path("coverage.json"))
    done = report("coverage.json", "--out", "page.html", "--json")
    assert json.loads(done.out) == {
        "page": "page.html",
        "summary": {"covered": 2, "thin": 1, "missing": 1},
        "gaps": 0,
    }
    page = Path("page.html").read_text(encoding="utf-8")
    assert "The notes have changed since the objectives were judged" in page


def test_without_objectives_the_report_says_so_and_shows_the_notes(report: Run) -> None:
    done = report()
    assert done.out == "1 passage: coverage.html\n"
    page = Path("coverage.html").read_text(encoding="utf-8")
    assert "No objectives were named" in page
    assert 'id="map"' in page


def test_a_report_in_place_of_its_syllabus_is_refused(report: Run) -> None:
    Path("syllabus.md").write_text("- How owls hunt\n", encoding="utf-8")
    done = report("syllabus.md", "--out", "syllabus.md")
    assert done.status == 1
    assert "name another file with --out" in done.err


# In a browser


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    file = tmp_path / "coverage.html"
    write_coverage_report(PAGE, file)
    page = chromium.new_page()
    page.goto(file.as_uri())
    yield page
    page.close()


def first_cells(page: Page, table: str) -> list[str]:
    return page.locator(f"#table-{table} tbody tr:visible th").all_inner_texts()


@pytest.mark.browser
def test_any_column_sorts_and_statuses_by_how_well_covered(opened: Page) -> None:
    by = opened.locator("#table-objectives thead").get_by_role("button", name="confidence")
    by.click()
    values = opened.locator("#table-objectives tbody td:nth-child(3)")
    expect(values).to_have_text(["0.05", "0.55", "0.78", "0.95"])
    by.click()
    expect(values).to_have_text(["0.95", "0.78", "0.55", "0.05"])
    opened.locator("#table-objectives thead").get_by_role("button", name="status").click()
    rows = opened.locator("#table-objectives tbody tr")
    kinds = [rows.nth(i).get_attribute("data-status") for i in range(4)]
    assert kinds == ["covered", "covered", "thin", "missing"]
    head = opened.locator("#table-objectives thead th").nth(1)
    expect(head).to_have_attribute("aria-sort", "ascending")


@pytest.mark.browser
def test_filters_show_what_they_name_and_a_link_shows_what_they_hide(opened: Page) -> None:
    tools = opened.locator("form[data-table=table-objectives]")
    tools.get_by_label("Unit").select_option("=Birds")
    assert first_cells(opened, "objectives") == ["What is an owl?", "Explain the wing"]
    tools.get_by_label("Search").fill("WING b.md")
    assert first_cells(opened, "objectives") == []
    tools.get_by_label("Search").fill("WING a.md")
    assert first_cells(opened, "objectives") == ["Explain the wing"]
    tools.get_by_role("button", name="Clear").click()
    tools.get_by_label("Status").select_option("missing")
    expect(tools.locator("output")).to_have_text("1 of 4 shown")
    opened.locator(".nq-heat").get_by_role("link", name="Explain the wing").click()
    target = opened.locator("#table-objectives tr", has_text="Explain the wing")
    expect(target).to_be_in_viewport()
    expect(target).to_be_focused()
    expect(tools.locator("output")).to_have_text("4 of 4 shown")


@pytest.mark.browser
def test_tables_are_saved_as_csv_in_which_nothing_is_a_formula(opened: Page) -> None:
    tools = opened.locator("form[data-table=table-objectives]")
    tools.get_by_label("Status").select_option("thin")
    with opened.expect_download() as saved:
        tools.get_by_role("button", name="Save as CSV").click()
    assert saved.value.suggested_filename == "objectives.csv"
    text = Path(saved.value.path()).read_text(encoding="utf-8-sig")
    head, row = csv.reader(io.StringIO(text))
    assert head[:5] == ["objective", "status", "confidence", "ask", "notes"]
    assert row[:5] == ["'" + FORMULA, "thin", "0.55", "refuses 0.46", "1"]
    assert row[6] == "b.md, line 1"


@pytest.mark.browser
def test_everything_is_saved_as_json(opened: Page) -> None:
    with opened.expect_download() as saved:
        opened.get_by_role("button", name="Save everything as JSON").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert json.loads(text) == data_of(PAGE)


@pytest.mark.browser
def test_all_is_there_without_scripts(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "coverage.html"
    write_coverage_report(PAGE, file)
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(file.as_uri())
    expect(page.locator("#table-objectives tbody tr:visible")).to_have_count(4)
    expect(page.locator("#table-gaps tbody tr:visible")).to_have_count(1)
    expect(page.locator("form:visible, button:visible")).to_have_count(0)
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_a_script_in_a_note_does_nothing_and_the_page_fits(
    chromium: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    file = tmp_path / "coverage.html"
    write_coverage_report(PAGE, file)
    page = chromium.new_page(
        viewport={"width": width, "height": 740}, color_scheme="dark" if dark else "light"
    )
    said: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator("#table-objectives tbody tr")).to_have_count(4)
    assert page.title() == "syllabus.md: coverage report"
    assert said == []
    assert requested == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    chromium: Browser, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    if not AXE.is_file():
        pytest.skip("needs axe-core: make test gets it, with npm")
    file = tmp_path / "coverage.html"
    write_coverage_report(PAGE, file)
    page = chromium.new_page(color_scheme=scheme, bypass_csp=True)
    page.goto(file.as_uri())
    assert axe(page) == []
    page.close()
