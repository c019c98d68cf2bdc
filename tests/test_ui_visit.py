"""Visits to all pages, against the real server and the real model: five formats, eyes, keyboards.

What axe-core calls serious or critical is found on no page, in light and in dark.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import visiting
from conftest import quick, served
from playwright.sync_api import Browser, Response, expect
from visiting import (
    ASKED,
    FOLLOW_UP,
    OWLS,
    QUESTION,
    REFUSED,
    SORTING,
    TIDES,
    Asked,
    Visit,
    axe,
    visit,
)

from ui.app import build_app
from ui.auth import Role, Users
from ui.jobs import Job
from ui.pages.frame import Visitor, ways
from ui.routes import Route, route_of
from ui.services import Services

pytestmark = [pytest.mark.browser, pytest.mark.model]

PASSWORD = "owls hunt at night"

PAGES = [
    address
    for address in dict.fromkeys(
        re.findall(r'href="([^"]+)"', ways("/coverage", Visitor(looks=True)))
    )
    if isinstance(route_of("GET", address), Route)
]
"""Where the ways between the pages lead."""

FOCUSED = """() => {
  const focused = document.activeElement;
  if (focused === document.body) return null;
  const { outlineStyle, outlineWidth } = getComputedStyle(focused);
  const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return seen ? "outlined" : focused.outerHTML;
}"""
"""Says of what has the focus whether a line of two pixels or more is around it."""

NOTES = [f"/source/{quote(asked.document)}" for asked in ASKED]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with visiting.serving(tmp_path_factory.mktemp("visited")) as address:
        yield address


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server at which Ada teaches and Bo learns."""
    folder = tmp_path_factory.mktemp("guarded")
    users = quick(Users.beside(folder / "lib"))
    users.add("ada", Role.INSTRUCTOR, PASSWORD)
    users.add("bo", Role.STUDENT, PASSWORD)
    with visiting.serving(folder) as address:
        yield address


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def checked() -> None:
    """Asks for axe-core."""
    if not visiting.AXE.exists():
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("axe-core is required here and not in .venv/axe: make test gets it")
        pytest.skip("needs axe-core: make test gets it, with npm")


def opened(visitor: Visit, url: str) -> Response:
    response = visitor.page.goto(url)
    assert response is not None
    return response


def sign_in(visitor: Visit, address: str, name: str) -> None:
    visitor.page.goto(f"{address}/sign-in")
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").click()
    expect(visitor.page.locator(QUESTION)).to_be_visible()


def told(found: Mapping[str, Sequence[str]]) -> str:
    return "\n".join(f"{state}: {line}" for state, lines in found.items() for line in lines)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: Path(asked.document).suffix[1:])
def test_marked_words_are_those_quoted_in_every_format(
    chromium: Browser, address: str, asked: Asked
) -> None:
    with visit(chromium) as visitor:
        visitor.page.goto(address)
        visitor.ask(asked.question)
        visitor.open_citation()
        quoted = visitor.quoted(address, asked.question)
        visitor.picture(f"opened-{Path(asked.document).suffix[1:]}")
        assert visitor.marked() == quoted == asked.words


def test_a_refusal_marks_nothing_and_says_so(chromium: Browser, address: str) -> None:
    with visit(chromium) as visitor:
        visitor.page.goto(address)
        visitor.ask(REFUSED)
        answer = visitor.page.locator(".nq-answer")
        expect(answer).to_contain_text("The notes do not seem to answer this.")
        expect(answer.locator("mark")).to_have_count(0)


def test_what_a_follow_up_searched_for_can_be_dropped(chromium: Browser, address: str) -> None:
    first, second = FOLLOW_UP
    with visit(chromium) as visitor:
        visitor.page.goto(address)
        visitor.ask(first)
        visitor.ask(second)
        answers = visitor.page.locator(".nq-answer")
        expect(answers.nth(1)).to_contain_text("Searched with")
        answers.nth(1).get_by_role("button", name="ask it alone").click()
        expect(answers.last).not_to_contain_text("Searched with")
        expect(answers.last).to_contain_text("make no noise")


def test_keys_alone_lead_from_the_first_focus_to_the_marked_words(
    chromium: Browser, address: str
) -> None:
    with visit(chromium) as visitor:
        visitor.page.goto(address)
        visitor.reach(visitor.page.locator(QUESTION))
        visitor.page.keyboard.type(TIDES.question)
        visitor.page.keyboard.press("Enter")
        link = visitor.page.locator(".nq-answer a[target=nq-source]").first
        expect(link).to_be_visible()
        visitor.reach(link, "Shift+Tab")
        visitor.page.keyboard.press("Enter")
        assert visitor.marked() == TIDES.words


@pytest.mark.parametrize("here", PAGES)
def test_keys_move_a_focus_that_is_seen(chromium: Browser, address: str, here: str) -> None:
    with visit(chromium) as visitor:
        visitor.page.goto(address + here)
        if here == "/":  # a focus from before Gradio puts the page together is lost
            expect(visitor.page.locator(QUESTION)).to_be_visible()
        seen = 0
        for _ in range(4):
            visitor.page.keyboard.press("Tab")
            focused = visitor.page.evaluate(FOCUSED)
            if focused is None:  # all were visited
                break
            assert focused == "outlined"
            seen += 1
        assert seen


def test_a_student_sees_the_notes_and_an_instructor_their_library_too(
    chromium: Browser, guarded: str
) -> None:
    with visit(chromium) as visitor:
        visitor.page.goto(guarded)
        expect(visitor.page.get_by_label("Password")).to_be_visible()
        sign_in(visitor, guarded, "bo")
        visitor.ask(OWLS.question)
        visitor.open_citation()
        assert visitor.marked() == OWLS.words
        assert opened(visitor, f"{guarded}/library").status == 403
        visitor.page.goto(f"{guarded}/sign-in")
        expect(visitor.page.get_by_role("main")).to_contain_text("bo")
        visitor.page.get_by_role("button", name="Sign out").click()
        sign_in(visitor, guarded, "ada")
        assert opened(visitor, f"{guarded}/library").status == 200
        expect(visitor.page.get_by_role("main")).to_contain_text(OWLS.document)


def test_a_wrong_password_is_said_beside_the_form(chromium: Browser, guarded: str) -> None:
    with visit(chromium) as visitor:
        visitor.page.goto(f"{guarded}/sign-in")
        visitor.page.get_by_label("Name").fill("ada")
        visitor.page.get_by_label("Password").fill("not that")
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.get_by_role("alert")).to_have_text("Name or password is wrong.")


@pytest.mark.parametrize("width", [320, 360, 2560])
def test_no_page_scrolls_sideways(chromium: Browser, address: str, width: int) -> None:
    with visit(chromium, width=width, height=740) as visitor:
        wide = {}
        for here in [*PAGES, *NOTES]:
            opened(visitor, address + here)
            if here == "/":
                visitor.ask(OWLS.question)
            wide[here] = visitor.page.evaluate("document.documentElement.scrollWidth")
            visitor.picture(f"{width}{here.replace('/', '-')}")
        assert {here: w for here, w in wide.items() if w > width} == {}


def test_every_page_is_dark_where_the_system_is(chromium: Browser, address: str) -> None:
    seen = {}
    for dark in (False, True):
        with visit(chromium, dark=dark) as visitor:
            for here in [*PAGES, NOTES[0]]:
                visitor.page.goto(address + here)
                visitor.page.wait_for_timeout(300)
                seen[dark, here] = visitor.page.evaluate(
                    "getComputedStyle(document.body).backgroundColor"
                )
    lights = {key: max(map(int, re.findall(r"\d+", colour)[:3])) for key, colour in seen.items()}
    assert [key for key, light in lights.items() if key[0] != (light < 64)] == [], seen


def test_a_whole_visit_asks_nothing_of_another_origin(chromium: Browser, address: str) -> None:
    with visit(chromium) as visitor:
        visitor.page.goto(address)
        for question in (OWLS.question, REFUSED):
            visitor.ask(question)
        visitor.ask(TIDES.question)
        visitor.open_citation()
        visitor.marked()
        for here in [*PAGES, *NOTES]:
            visitor.page.goto(address + here)
        elsewhere = [
            url
            for url in visitor.requested
            if not url.startswith((f"{address}/", "data:", f"blob:{address}/"))
        ]
        assert len(visitor.requested) > len(PAGES) + len(NOTES)
        assert elsewhere == []


def test_axe_finds_nothing_serious_in_any_state_of_the_chat(
    chromium: Browser, address: str, scheme: str, checked: None
) -> None:
    found = {}
    with visit(chromium, dark=scheme == "dark") as visitor:
        visitor.page.goto(address)
        expect(visitor.page.locator(QUESTION)).to_be_visible()
        visitor.page.wait_for_timeout(500)
        visitor.picture(f"chat-{scheme}-first")
        found["first visit"] = axe(visitor.page)
        for state, question in (
            ("answered", OWLS.question),
            ("followed", FOLLOW_UP[1]),
            ("refused", REFUSED),
            ("failed", " "),
        ):
            visitor.ask(question)
            visitor.page.wait_for_timeout(500)
            visitor.picture(f"chat-{scheme}-{state}")
            found[state] = axe(visitor.page)
    assert not any(found.values()), told(found)


def test_axe_finds_nothing_serious_on_any_page(
    chromium: Browser, guarded: str, scheme: str, checked: None
) -> None:
    found = {}
    with visit(chromium, dark=scheme == "dark") as visitor:
        visitor.page.goto(f"{guarded}/sign-in")
        visitor.picture(f"sign-in-{scheme}")
        found["signing in"] = axe(visitor.page)
        sign_in(visitor, guarded, "ada")
        marked = f"{NOTES[0]}?start=10&end=20#marked"
        for here in [*PAGES, "/sign-in", *NOTES, marked, "/source/", "/source/none.md"]:
            missing = here == "/source/none.md"
            assert opened(visitor, guarded + here).status == (404 if missing else 200)
            visitor.page.wait_for_timeout(300)
            visitor.picture(f"page-{scheme}{re.sub(r'[/?]', '-', here)}")
            found[here] = axe(visitor.page)
    assert not any(found.values()), told(found)


def done(services: Services, job: Job | None) -> dict[str, Any]:
    """Returns what a job made."""
    ended = job and services.jobs.wait(job.id, 60)
    assert ended and ended.result is not None, ended
    return ended.result


def at_work(folder: Path) -> Services:
    """Returns the services of an instructor who has objectives, runs and questions to look at."""
    (folder / "sets").mkdir()
    lines = [
        json.dumps(
            {"id": f"q{n}", "fact": f"q{n}", "question": asked.question, "kind": "paraphrase"}
            | {"evidence": [{"document": asked.document, "quote": asked.words}]}
        )
        for n, asked in enumerate((OWLS, SORTING))
    ]
    (folder / "sets/asked.jsonl").write_text("\n".join(lines), encoding="utf-8")
    syllabus = f"# Birds\n- {OWLS.question}\n# Buses\n- {REFUSED}\n- {FOLLOW_UP[1]}\n"
    (folder / "sets/syllabus.md").write_text(syllabus, encoding="utf-8")
    settings = {"question_sets": str(folder / "sets"), "uploads": True}
    services = Services.of(visiting.library_in(folder, **settings))
    for question in (REFUSED, REFUSED.upper(), OWLS.question):
        services.ask(question, door="page")
    services.questions.close()
    return services


def test_axe_finds_nothing_serious_where_an_instructor_works(
    chromium: Browser, tmp_path: Path, scheme: str, checked: None
) -> None:
    services = at_work(tmp_path)
    runs = [done(services, services.evaluations.start("asked"))["run"] for _ in range(2)]
    names = ("syllabus.md", "asked.jsonl")
    states = [done(services, services.coverages.start(name))["coverage"] for name in names]
    days = services.insights.days
    done(services, services.insights.look_for_gaps(days))
    known = services.insights.gaps(days)
    assert known is not None
    gap = known.found.gaps[0]
    (tmp_path / "notes/buses.md").write_text(
        f"# Buses\n\n{REFUSED[:-1].replace('Which bus', 'Bus 7')}.\n", encoding="utf-8"
    )
    services.library.index()
    done(services, services.insights.ask_again(gap))
    done(services, services.insights.look_at_notes())
    coverage = services.coverages.coverage(states[0])
    assert coverage is not None
    done(services, services.insights.draw(states[0], coverage))
    pair, two = f"?a={runs[0]}&b={runs[1]}", f"?a={states[0]}&b={states[1]}"
    found = {}
    with served(build_app(services)) as port, visit(chromium, dark=scheme == "dark") as visitor:
        for name, here in {
            "evaluation": "/evaluation",
            "comparison": f"/evaluation/comparison{pair}",
            "run": f"/api/v1/runs/{runs[0]}/report",
            "coverage": "/coverage",
            "state": f"/coverage/state?name={states[0]}",
            "changes": f"/coverage/changes{two}",
            "map": f"/coverage/map?name={states[0]}",
            "coverage-report": f"/api/v1/coverage/{states[0]}/report",
            "gaps": "/gaps",
            "gap": f"/gaps/group?id={gap.id}",
            "audit": "/audit",
        }.items():
            assert opened(visitor, f"http://127.0.0.1:{port}{here}").status == 200, here
            visitor.page.evaluate(
                "document.querySelectorAll('details').forEach(part => part.open = true)"
            )
            visitor.picture(f"work-{scheme}-{name}")
            found[name] = axe(visitor.page)
            width = visitor.page.evaluate("document.documentElement.scrollWidth")
            assert width <= 1280, here
        with services.indexer.turn() as report:
            report("Indexing: owls.md", 4, 10)
            opened(visitor, f"http://127.0.0.1:{port}/library?still=true")
            found["indexing"] = axe(visitor.page)
    assert not any(found.values()), told(found)
