from __future__ import annotations

import csv
import html
import io
import json
import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, constant_fit, owls_in
from fastapi.testclient import TestClient

from eval import load_questions
from eval.usage import WITHHELD
from rag import Library, QuestionLog, Verdict
from ui import schemas
from ui.api import build_api
from ui.auth import Role, User
from ui.services import Services

HERE = "http://127.0.0.1:7860"
EVIL = "<script>alert(1)</script>"
SHARED = "When do owls hunt at night"
REASON = f"it says nothing of the hour {EVIL}"
WORD = "Unmentionable"
SECRET = f"{WORD} hippopotamuses, notwithstanding uninterruptedly"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Three people were not helped by one answer, and one by another."""
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/asked.jsonl").write_text("", encoding="utf-8")
    library = owls_in(tmp_path, question_sets=str(tmp_path / "sets"))
    for n in range(30):  # so that not all questions find the same
        note = f"# Zoo {n}\n\nHippopotamuses, notwithstanding cage {n}, wallow uninterruptedly.\n"
        (tmp_path / f"notes/zoo {n}.md").write_text(note, encoding="utf-8")
    library.index()
    log = QuestionLog.of(library.settings)
    services = Services.of(library, log)
    for name in ("ann", "bob", "eve"):
        user = User(name, Role.STUDENT, "")
        for question in (f"{SHARED}?", f"{SHARED} {EVIL}?"):
            disliked(services, question, user, REASON)
    disliked(services, f"{SECRET}?", User("joe", Role.STUDENT, ""), f"{SECRET} again")
    return services


def disliked(services: Services, question: str, user: User, reason: str) -> None:
    reply = services.ask(question, user=user, door="page")
    assert reply.id is not None
    assert services.questions.judge(reply.id, Verdict.DOWN, reason, user.name)


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(build_api(services), base_url=HERE, follow_redirects=False)


def looked(client: TestClient, services: Services) -> dict[str, Any]:
    """Returns what the API says once gaps were looked for."""
    first = client.get("/api/v1/gaps")
    if first.status_code == 202:
        assert services.jobs.wait(first.json()["id"], 20)
        first = client.get("/api/v1/gaps")
    assert first.status_code == 200, first.text
    found: dict[str, Any] = first.json()
    return found


def group(client: TestClient, services: Services) -> str:
    """Returns the id of the one gap."""
    looked(client, services)
    (id_,) = re.findall(r"/gaps/group\?id=(\w+)", client.get("/gaps").text)
    return str(id_)


def test_what_several_people_asked_is_a_gap_with_cause_and_evidence(
    client: TestClient, services: Services
) -> None:
    id_ = group(client, services)
    page = client.get("/gaps").text
    assert '<td data-label="People">3</td><td data-label="Times">6</td>' in page
    assert "Fewer than 3 questions are not shown, since fewer than 3 people asked for the" in page
    one = client.get("/gaps/group", params={"id": id_}).text
    assert "Asked 6 times by 3 people" in one
    assert f"notesqa gaps write {id_}" in one
    assert f"“{html.escape(REASON)}”" in one
    links = re.findall(r'href="(/source/owls\.md\?[^"]*)#marked"', one)
    assert client.get(html.unescape(links[0])).status_code == 200


def test_what_too_few_asked_is_in_no_answer(client: TestClient, services: Services) -> None:
    id_ = group(client, services)
    asked = services.questions.newest(1)[0]
    assert asked.question == f"{SECRET}?"
    services.jobs.wait(client.post("/api/v1/audit").json()["id"], 20)
    services.jobs.wait(client.post(f"/api/v1/gaps/{id_}/answers").json()["id"], 20)
    kinds = ("never", "always", "versions", "alike", "disagreeing", "unwieldy")
    for address in (
        *("/gaps", "/gaps?days=7", "/gaps?q=hippo", f"/gaps/group?id={id_}", "/audit"),
        *("/api/v1/gaps", "/api/v1/gaps/csv", f"/api/v1/gaps/{id_}", "/api/v1/audit"),
        *(f"/api/v1/gaps/{id_}/answers", "/api/v1/jobs"),
        *(f"/api/v1/audit/{kind}/csv" for kind in kinds),
        *(f"/gaps/group?id={asked.id}", f"/api/v1/gaps/{asked.id}"),
    ):
        sent = client.get(address)
        assert sent.status_code in {200, 202, 404}, (address, sent.text)
        assert WORD not in sent.text, address
        assert asked.id not in sent.text, address
    for address in ("/gaps/ask", "/gaps/accept"):
        sent = client.post(address, data={"id": asked.id, "days": "90", "set": "asked"})
        assert sent.status_code in {404, 422} and WORD not in sent.text


def test_nobodys_name_is_told(client: TestClient, services: Services) -> None:
    id_ = group(client, services)
    for address in ("/gaps", f"/gaps/group?id={id_}", "/api/v1/gaps", f"/api/v1/gaps/{id_}"):
        text = client.get(address).text
        assert not re.search(r"\b(ann|bob|eve)\b", text), address


def test_gaps_are_filtered_by_cause_and_words(client: TestClient, services: Services) -> None:
    id_ = group(client, services)
    cause = client.get(f"/api/v1/gaps/{id_}").json()["triage"]["cause"]
    for chosen, there in (
        *(({"cause": cause}, True), ({"cause": "none such"}, False)),
        *(({"q": "OWLS"}, True), ({"q": "otters"}, False), ({"sort": "-times"}, True)),
    ):
        page = client.get("/gaps", params=chosen).text
        assert (id_ in page) is there, chosen
        assert ("No gap is like that." in page) is not there


def test_a_table_of_gaps_is_no_formula(client: TestClient, services: Services) -> None:
    for name in ("ann", "bob", "eve"):
        disliked(services, "=1+1 a b c d e", User(name, Role.STUDENT, ""), "")
    looked(client, services)
    header, *rows = csv.reader(io.StringIO(client.get("/api/v1/gaps/csv").text))
    assert header[:2] == ["id", "people"] and rows
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert "'=1+1 a b c d e" in {cell for row in rows for cell in row}


def test_that_more_was_asked_since_is_said_until_somebody_looks_again(
    client: TestClient, services: Services
) -> None:
    looked(client, services)
    assert "Look again" not in client.get("/gaps").text
    disliked(services, f"{SHARED}?", User("ida", Role.STUDENT, ""), "")
    page = client.get("/gaps").text
    assert "Questions were asked, or the notes changed, since." in page
    assert client.get("/api/v1/gaps").json()["stale"] is True
    sent = client.post("/gaps/look", data={"days": "90"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/gaps?days=90")
    assert services.jobs.wait(services.jobs.all()[0].id, 20)
    page = client.get("/gaps").text
    assert '<td data-label="People">4</td>' in page and "since.<" not in page


def test_a_gap_is_asked_again_and_what_is_answered_joins_a_set(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    id_ = group(client, services)
    nothing = {"id": id_, "days": "90", "set": "asked"}
    assert "Ask again first." in client.post("/gaps/accept", data=nothing).text
    (tmp_path / "notes/hours.md").write_text(
        f"# Hours\n\n{SHARED}: from dusk on, at ten past nine.\n", encoding="utf-8"
    )
    (tmp_path / "notes/owls.md").unlink()
    services.library.index()
    sent = client.post("/gaps/ask", data={"id": id_, "days": "90"})
    assert sent.status_code == 303 and sent.headers["location"].endswith("#again")
    assert services.jobs.wait(services.jobs.all()[0].id, 20)
    page = client.get("/gaps/group", params={"id": id_}).text
    assert "6 of 6 now answered, 0 left." in page
    offered = re.findall(r'name="question" value="([^"]*)"', page)
    assert offered and " checked" not in page
    assert "Nothing was chosen" in client.post("/gaps/accept", data=nothing).text
    chosen = nothing | {"question": [html.unescape(offered[0])]}
    assert client.post("/gaps/accept", data=chosen | {"set": "../lib"}).status_code == 422
    joined = client.post("/gaps/accept", data=chosen)
    assert "1 wording joined asked.jsonl." in joined.text
    (question,) = load_questions(tmp_path / "sets/asked.jsonl")
    assert question.question == html.unescape(offered[0])
    assert question.evidence[0].document == "hours.md"
    again = client.post("/gaps/accept", data=chosen)
    assert "0 wordings joined asked.jsonl, 1 was in it already." in again.text
    (tmp_path / "sets/asked.jsonl").unlink()
    page = client.get("/gaps/group", params={"id": id_}).text
    assert '<option value="proposed">proposed</option>' in page
    begun = client.post("/gaps/accept", data=chosen | {"set": "proposed"})
    assert "1 wording joined proposed.jsonl." in begun.text
    assert len(load_questions(tmp_path / "sets/proposed.jsonl")) == 1


def test_nothing_that_was_asked_is_markup(client: TestClient, services: Services) -> None:
    id_ = group(client, services)
    services.jobs.wait(client.post(f"/api/v1/gaps/{id_}/answers").json()["id"], 20)
    services.jobs.wait(client.post("/api/v1/audit").json()["id"], 20)
    for address in ("/gaps", f"/gaps/group?id={id_}", "/audit", f"/gaps?q={EVIL}&sort={EVIL}"):
        page = client.get(address)
        assert page.status_code == 200 and "<script>alert" not in page.text, address


def test_what_is_said_is_of_the_form_that_the_document_describes(
    client: TestClient, services: Services
) -> None:
    id_ = group(client, services)
    services.jobs.wait(client.post(f"/api/v1/gaps/{id_}/answers").json()["id"], 20)
    services.jobs.wait(client.post("/api/v1/audit").json()["id"], 20)
    for model, path in (
        (schemas.Gaps, "/api/v1/gaps"),
        (schemas.Gap, f"/api/v1/gaps/{id_}"),
        (schemas.Reasked, f"/api/v1/gaps/{id_}/answers"),
        (schemas.Audit, "/api/v1/audit"),
    ):
        content = client.get(path).content
        said = model.model_validate_json(content, strict=True, extra="forbid")
        assert said.model_dump(mode="json", exclude_unset=True) == json.loads(content)


def test_it_is_said_why_there_is_nothing(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    client = TestClient(build_api(Services.of(library)), base_url=HERE)
    assert "Nobody has asked yet." in client.get("/gaps").text
    log = QuestionLog(library.folder, 90, on=False)
    client = TestClient(build_api(Services.of(library, log)), base_url=HERE)
    assert "Questions are not kept" in client.get("/gaps").text


def test_questions_that_were_answered_well_are_no_gap(tmp_path: Path) -> None:
    notes = owls_in(tmp_path).settings
    sure = replace(constant_fit(0.1), intercept=3.0)
    services = Services.of(Library(notes, WordLengths(), sure))
    services.ask("Owls hunt at night, by their ears?", door="api")
    services.questions.close()
    client = TestClient(build_api(services), base_url=HERE)
    looked(client, services)
    page = client.get("/gaps").text
    assert "No gap is shown." in page and "good answer" in page


def test_the_notes_are_looked_at_on_request(client: TestClient, services: Services) -> None:
    assert "<button>Look at the notes</button>" in client.get("/audit").text
    assert client.post("/audit/look").status_code == 303
    assert services.jobs.wait(services.jobs.all()[0].id, 20)
    page = client.get("/audit").text
    assert f"Looked at {datetime.now(UTC):%Y-%m-%d}" in page
    assert "31 notes with 31 passages, 7 questions and 0 objectives" in page
    only = client.get("/audit", params={"kind": "disagreeing", "q": "zoo"}).text
    assert 'id="disagreeing"' in only and 'id="never"' not in only
    pair = only[only.index('<div class="sides">') :].split("</blockquote></div></div>")[0]
    places = re.findall(r'href="(/source/zoo%20\d+\.md\?[^"]*)#marked"', pair)
    assert len(set(places)) == 2
    for place in places:
        assert '<mark id="marked">Hippopotamuses' in client.get(html.unescape(place)).text


@pytest.mark.parametrize("deletes", ["purge", "sweep"])
def test_what_is_deleted_from_the_log_is_gone_from_the_pages(
    client: TestClient, services: Services, tmp_path: Path, deletes: str
) -> None:
    id_ = group(client, services)
    services.jobs.wait(client.post(f"/api/v1/gaps/{id_}/answers").json()["id"], 20)
    assert SHARED in client.get("/gaps/group", params={"id": id_}).text
    kept = services.questions.count()
    if deletes == "purge":
        services.questions.purge()
    else:
        # The days go by, and the next process deletes what has had them.
        with sqlite3.connect(services.questions.file) as db:
            db.execute("UPDATE questions SET asked = asked - ?", (91 * 24 * 60 * 60 * 1000,))
        db.close()
        log = QuestionLog(services.library.folder, 90)
        log.start()
        log.close()
    assert services.questions.count() == 0
    for number in range(kept):  # as many new ones do not hide that the old are gone
        disliked(services, f"Do badgers dig {number}?", User("ida", Role.STUDENT, ""), "")
    for address in ("/gaps", f"/gaps/group?id={id_}", f"/api/v1/gaps/{id_}/answers"):
        assert SHARED not in client.get(address).text, address


def test_what_was_deleted_while_it_was_looked_at_is_not_kept(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eval import find_gaps

    def slowly(*args: Any, **more: Any) -> Any:
        found = find_gaps(*args, **more)
        assert found.gaps
        services.questions.purge()
        return found

    monkeypatch.setattr("eval.find_gaps", slowly)
    job = services.insights.look_for_gaps(90)
    done = services.jobs.wait(job.id, 20)
    assert done and "deleted from the log meanwhile" in (done.error or "")
    assert services.insights.gaps(90) is None


def test_a_link_of_another_site_begins_no_work(client: TestClient, services: Services) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    link["sec-fetch-dest"] = "document"
    for address in ("/gaps?days=7", "/api/v1/gaps", "/api/v1/gaps/csv", "/api/v1/audit"):
        assert client.get(address, headers=link).status_code in {200, 403}, address
    assert services.jobs.all() == []


def test_questions_are_looked_at_of_few_numbers_of_days(client: TestClient) -> None:
    assert client.get("/api/v1/gaps?days=7").status_code == 202
    for address in ("/gaps?days=8", "/api/v1/gaps?days=8", "/api/v1/gaps/csv?days=8"):
        assert client.get(address).status_code == 422, address


def test_the_audit_tells_no_wording_of_a_single_person(
    client: TestClient, services: Services
) -> None:
    job = client.post("/api/v1/audit").json()["id"]
    services.jobs.wait(job, 20)
    never = client.get("/api/v1/audit").json()["never"]
    assert {item["nearest"] for item in never} == {WITHHELD}
