from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, WordLengths, constant_fit, quick, served
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from eval import load_questions
from rag import Library, Record, Settings
from ui.api import build_api
from ui.auth import Role, Users
from ui.pages.proposals import HERE as PAGE
from ui.services import Services

HERE = "http://127.0.0.1:7860"
EVIL = "<script>alert(1)</script>"
NOTE = f"""# Barn owls

A barn owl is a bird that hunts at night by its ears alone.

## Young {EVIL}

### What do chicks of owls eat?

Chicks are fed by both of their parents, with voles & shrews.

{EVIL}

### Why do owls turn their heads?

Their eyes are fixed in the skull, so only the head can turn.
"""


@pytest.fixture
def services(tmp_path: Path) -> Services:
    settings = Settings(library=str(tmp_path / "lib"), question_sets=str(tmp_path / "sets"))
    library = Library(settings, WordLengths(), constant_fit(0.1))
    library.index_sources([Record("owls.md", "", NOTE)], "records")
    return Services.of(library)


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(build_api(services), base_url=HERE, follow_redirects=False)


def look(client: TestClient, services: Services, **asked: Any) -> str:
    """Returns the page once questions are made."""
    client.get(PAGE)
    for job in services.jobs.all():
        assert services.jobs.wait(job.id, 20)
    page = client.get(PAGE, params=asked)
    assert page.status_code == 200 and "refresh" not in page.headers
    return page.text


def shown(page: str) -> tuple[str, str]:
    """Returns the id and the question that are looked at."""
    (name,) = re.findall(r'name="id" value="([^"]*)"', page)
    (question,) = re.findall(r'<textarea id="question"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    return name, html.unescape(question)


def said(page: str) -> str:
    (found,) = re.findall(r"</progress> ([^<]*)", page)
    return str(found)


def test_one_after_the_other_is_looked_at(client: TestClient, services: Services) -> None:
    first = client.get(PAGE)
    page = look(client, services)
    assert first.status_code == 200 and said(page) == "0 of 3"
    seen = []
    for choice in ("later", "rejected", "rejected"):
        name, question = shown(page)
        seen.append(question)
        sent = client.post(PAGE, data={"id": name, "choice": choice})
        assert (sent.status_code, sent.headers["location"]) == (303, PAGE)
        page = look(client, services)
    assert len(set(seen)) == 3
    assert said(page) == "2 of 3, 1 put off"
    assert shown(page)[1] == seen[0]
    client.post(PAGE, data={"id": shown(page)[0], "choice": "rejected"})
    page = look(client, services)
    assert "All 3 were looked at." in page
    assert not Path(services.library.settings.question_sets).exists()


def test_what_is_accepted_joins_the_chosen_set_as_it_was_worded(
    client: TestClient, services: Services
) -> None:
    name, _ = shown(look(client, services))
    asked = {"question": "  What is\nit? ", "paraphrases": "And so?\r\nOr so?", "set": "proposed"}
    sent = client.post(PAGE, data={"id": name, "choice": "accepted", **asked})
    assert sent.headers["location"] == f"{PAGE}?set=proposed&added=3"
    page = look(client, services, set="proposed", added=3)
    assert "3 questions were added to the set." in page and said(page) == "1 of 3"
    file = Path(services.library.settings.question_sets) / "proposed.jsonl"
    assert [(q.question, q.kind) for q in load_questions(file)] == [
        ("What is it?", "proposed"),
        ("And so?", "paraphrase"),
        ("Or so?", "paraphrase"),
    ]


def test_what_was_said_outlives_the_server_and_new_notes(
    client: TestClient, services: Services
) -> None:
    name, question = shown(look(client, services))
    client.post(PAGE, data={"id": name, "choice": "rejected"})
    services.library.index_sources([Record("owls.md", "", f"New.\n\n{NOTE}")], "records")
    anew = Services.of(services.library)
    page = look(TestClient(build_api(anew), base_url=HERE, follow_redirects=False), anew)
    assert said(page) == "0 of 2" and shown(page)[1] != question
    assert client.post(f"{PAGE}/again").status_code == 303
    again = Services.of(services.library)
    page = look(TestClient(build_api(again), base_url=HERE, follow_redirects=False), again)
    assert said(page) == "0 of 3"


def test_new_notes_are_read_without_being_asked_to(client: TestClient, services: Services) -> None:
    look(client, services)
    toads = "# Toads\n\nToads are animals that sit in damp gardens by night.\n"
    services.library.index_sources(
        [Record("owls.md", "", NOTE), Record("toads.md", "", toads)], "records"
    )
    assert said(look(client, services)) == "0 of 4"


def test_a_set_with_splits_is_joined_in_one_of_them(client: TestClient, services: Services) -> None:
    sets = Path(services.library.settings.question_sets)
    sets.mkdir()
    line = {"id": "a", "fact": "a", "question": "Why?", "kind": "keyword", "evidence": []}
    (sets / "a & b.jsonl").write_text(json.dumps({**line, "split": "fit"}), encoding="utf-8")
    (sets / "broken.jsonl").write_text("{", encoding="utf-8")
    page = look(client, services, set="a%20%26%20b/fit")
    options = re.findall(r"<option value=\"([^\"]*)\"( selected)?>([^<]*)", page)
    assert options == [
        ("a%20%26%20b/fit", " selected", "a &amp; b: split fit"),
        ("proposed", "", "proposed"),
    ]
    asked = {"id": shown(page)[0], "choice": "accepted", "question": "Who?"}
    refused = client.post(PAGE, data={**asked, "set": "a%20%26%20b"})
    assert refused.status_code >= 400 and "is split into fit, and none is named" in refused.text
    assert client.post(PAGE, data={**asked, "set": "a%20%26%20b/fit"}).status_code == 303
    assert load_questions(sets / "a & b.jsonl", "fit")[1].question == "Who?"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"question": " "}, "The question is empty: word it, or reject it."),
        ({"set": "../lib/fit"}, "There is no such question set"),
        ({"set": ""}, "There is no such question set"),
        ({"id": "gone"}, "This question is not proposed any more"),
    ],
)
def test_what_cannot_be_accepted_is_said_and_what_was_typed_is_kept(
    client: TestClient, services: Services, change: dict[str, str], why: str
) -> None:
    name, _ = shown(look(client, services))
    asked = {"id": name, "choice": "accepted", "question": "So?", "set": "proposed"}
    sent = client.post(PAGE, data={**asked, "paraphrases": "typed & kept", **change})
    assert 400 <= sent.status_code < 500
    assert why in sent.text and "typed &amp; kept" in sent.text
    assert not Path(services.library.settings.question_sets).exists()
    assert said(look(client, services)) == "0 of 3"


def test_nothing_of_a_note_or_of_what_is_typed_is_markup(
    client: TestClient, services: Services
) -> None:
    page = look(client, services)
    for _ in range(3):
        assert "&lt;script&gt;" in page
        name, _ = shown(page)
        client.post(PAGE, data={"id": name, "choice": "later"})
        sent = client.post(
            PAGE,
            data={"id": name, "choice": "accepted", "question": EVIL, "paraphrases": EVIL},
        )
        for text in (page, sent.text, look(client, services, set=EVIL, id=EVIL)):
            assert "<script" not in text
        page = look(client, services)
    assert "default-src 'none'" in client.get(PAGE).headers["content-security-policy"]


def test_other_sites_and_students_are_kept_out(services: Services) -> None:
    users = quick(Users.beside(services.library.folder))
    users.add("ada", Role.INSTRUCTOR, "correct horse battery")
    users.add("bob", Role.STUDENT, "correct horse battery")
    app = build_api(services)
    for name, status in (("ada", 200), ("bob", 403)):
        client = TestClient(app, base_url=HERE, follow_redirects=False)
        assert client.get(PAGE).status_code == 303
        client.post("/sign-in", data={"name": name, "password": "correct horse battery"})
        assert client.get(PAGE).status_code == status
        for path in (PAGE, f"{PAGE}/more", f"{PAGE}/again"):
            sent = client.post(
                path,
                data={"id": "a", "choice": "later"},
                headers={"Origin": "http://evil.example"},
            )
            assert sent.status_code == 403


def test_making_that_fails_is_said_and_not_tried_again_by_itself(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Library, "ask", lambda *_: 1 / 0)
        page = look(client, services)
        assert "No questions could be made: Something went wrong here" in page
        look(client, services)
        assert len(services.jobs.all()) == 1
    client.post(f"{PAGE}/more")
    assert said(look(client, services)) == "0 of 3"


def test_without_notes_the_page_says_so_like_the_others_of_the_course(tmp_path: Path) -> None:
    settings = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    (tmp_path / "notes").mkdir()
    services = Services.of(Library(settings, WordLengths(), constant_fit(0.1)))
    client = TestClient(build_api(services), base_url=HERE, follow_redirects=False)
    for address in (PAGE, "/coverage", "/audit"):
        page = client.get(address)
        assert page.status_code == 200
        assert 'aria-label="Course"' in page.text and "Not shown" not in page.text
        assert 'on the <a href="/library">library page</a>' in page.text
    assert "<textarea" not in client.get(PAGE).text
    assert services.jobs.all() == []


@pytest.mark.browser
def test_the_keyboard_is_enough(services: Services, chromium: Browser) -> None:
    with served(build_api(services)) as port, chromium.new_page() as page:
        page.goto(f"http://127.0.0.1:{port}{PAGE}")
        expect(page.get_by_label("Question", exact=True)).to_be_focused(timeout=20_000)
        page.keyboard.press("Tab")
        page.keyboard.type("In other words?")
        for key in ("Tab", "Tab", "Enter"):
            page.keyboard.press(key)
        expect(page.get_by_role("status")).to_have_text("2 questions were added to the set.")
        for _ in range(4):
            page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Reject", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".sum")).to_contain_text("2 of 3")


# The command line


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_table_is_written_marked_and_accepted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/owls.md").write_text(NOTE, encoding="utf-8")
    assert run("index").status == 0
    listed = json.loads(run("eval", "propose", "--json").out)
    assert listed["n"] == len(listed["proposals"]) == 3
    done = run("eval", "propose", "--out", "made.csv", "-n", "2")
    assert done.status == 0
    assert "2 questions proposed: made.csv" in done.out and "with | between" in done.out
    unmarked = run("eval", "accept", "made.csv", "--to", "none.jsonl")
    assert unmarked.status == 0
    assert unmarked.out.startswith("Nothing is marked in made.csv: write y or n")
    assert not (tmp_path / "none.jsonl").exists()
    assert "\x1b" not in done.out
    rows = rows_of(tmp_path / "made.csv")
    assert [row["id"] for row in rows] == [p["id"] for p in listed["proposals"][:2]]
    rows[0] |= {"accept": "y", "paraphrases": "Otherwise?|Or so?"}
    rows[1] |= {"accept": "n"}
    with (tmp_path / "made.csv").open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    refused = run("eval", "accept", "made.csv", "--to", "set.jsonl", "--split", "fit")
    assert refused.status == 0, refused.err  # a new set may begin with a split
    assert refused.out.startswith("1 accepted, 1 rejected: 3 questions added to set.jsonl")
    checked = run("eval", "check", "set.jsonl")
    assert checked.status == 0, checked.out
    left = json.loads(run("eval", "propose", "--json").out)["proposals"]
    assert [p["id"] for p in left] == [listed["proposals"][2]["id"]]
    again = run("eval", "accept", "made.csv", "--to", "set.jsonl", "--split", "fit", "--json")
    assert json.loads(again.out) == {
        "questions": "set.jsonl",
        "accepted": 1,
        "rejected": 1,
        "added": 0,
    }
    without = run("eval", "accept", "made.csv", "--to", "set.jsonl")
    assert without.status == 1 and "--split NAME" in without.err
    nowhere = run("eval", "propose", "--within", "bats")
    assert nowhere.status == 1 and "No note lies in bats" in nowhere.err
