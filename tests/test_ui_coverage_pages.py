from __future__ import annotations

import csv
import html
import io
import json
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import owls_in, quick
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval import Objective, cover, load_coverage, load_objectives
from rag import Library, QuestionError
from ui import schemas
from ui.api import build_api
from ui.auth import Role, Users
from ui.pages.tables import MOST_ROWS
from ui.routes import ROUTES
from ui.services import Services

HERE = "http://127.0.0.1:7860"
EVIL = "</option><script>alert(1)</script>"
SYLLABUS = """# Birds
- When do owls hunt
- =1+1 owls
# Fish
- Explain how a pike hunts
"""


@pytest.fixture
def services(tmp_path: Path) -> Services:
    sets = tmp_path / "sets"
    sets.mkdir()
    question = {"id": "q", "fact": "q", "question": f"When? {EVIL}", "kind": "keyword"}
    evidence = [{"document": "owls.md", "quote": "Owls hunt at night"}]
    line = json.dumps(question | {"evidence": evidence})
    (sets / "asked.jsonl").write_text(line, encoding="utf-8")
    (sets / "broken.jsonl").write_text("{", encoding="utf-8")
    (sets / "README.md").write_text("- not an objective\n", encoding="utf-8")
    (tmp_path / "birds & more.md").write_text(SYLLABUS, encoding="utf-8")
    return Services.of(
        owls_in(tmp_path, question_sets=str(sets), objectives=str(tmp_path / "birds & more.md"))
    )


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(build_api(services), base_url=HERE, follow_redirects=False)


def judged(client: TestClient, services: Services, name: str = "birds & more.md") -> str:
    """Returns the name of a state that was judged."""
    sent = client.post("/api/v1/coverage", json={"objectives": name})
    assert sent.status_code == 202, sent.text
    job = services.jobs.wait(sent.json()["id"], 20)
    assert job is not None and job.result is not None, job
    return str(job.result["coverage"])


def test_objectives_are_those_of_the_settings_and_those_beside_question_sets(
    client: TestClient,
) -> None:
    found = client.get("/api/v1/objectives").json()["objectives"]
    named = [(one["name"], one["objectives"]) for one in found]
    assert named == [("birds & more.md", 3), ("asked.jsonl", 1), ("broken.jsonl", 0)]
    assert found[2]["error"].startswith("broken.jsonl, line 1: ")
    page = client.get("/coverage").text
    assert re.findall(r'<option value="([^"]*)"', page) == ["birds &amp; more.md", "asked.jsonl"]
    assert "broken.jsonl cannot be judged by" in page


def test_a_file_that_cannot_be_read_harms_no_other(
    client: TestClient, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> list[Objective]:
        if path.stem == "broken":
            raise RuntimeError(str(tmp_path))
        return load_objectives(path)

    monkeypatch.setattr("eval.load_objectives", fail)
    sent = client.get("/api/v1/objectives")
    found = {one["name"]: one for one in sent.json()["objectives"]}
    assert found["broken.jsonl"]["error"] == (
        "broken.jsonl cannot be read: see the log of the server."
    )
    assert found["asked.jsonl"] == {"name": "asked.jsonl", "objectives": 1, "error": None}
    assert client.get("/coverage").status_code == 200


def test_a_state_is_what_the_command_line_says_of_the_same_notes(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    name = judged(client, services)
    assert re.fullmatch(r"birds___more-\d{8}T\d{6}Z-g1", name)
    said = client.get(f"/api/v1/coverage/{name}").json()
    objectives = load_objectives(tmp_path / "birds & more.md")
    assert said == cover(services.library, objectives).to_dict()
    (file,) = (tmp_path / "lib/coverage").iterdir()
    assert load_coverage(file).to_dict() == said
    (listed,) = client.get("/api/v1/coverage").json()["coverage"]
    assert (listed["name"], listed["objectives"]) == (name, "birds & more.md")
    assert (listed["summary"], listed["current"]) == (said["summary"], True)


def test_a_page_says_it_in_words_and_every_quote_opens_where_it_stands(
    client: TestClient, services: Services
) -> None:
    name = judged(client, services)
    summary = client.get(f"/api/v1/coverage/{name}").json()["summary"]
    page = client.get("/coverage/state", params={"name": name}).text
    said = f"{summary['covered']} covered, {summary['thin']} thin, {summary['missing']} missing"
    assert f"{said} of 3." in page
    links = re.findall(r'href="(/source/owls\.md\?[^"]*)#marked"', page)
    assert links
    opened = client.get(html.unescape(links[0]))
    assert '<mark id="marked">Owls hunt at night, by their ears.</mark>' in opened.text


def titles(page: str) -> list[str]:
    table = page[page.index('<table class="wide">') :]
    return re.findall(r'<th scope="row">(.*?)<small>', table)


def test_objectives_are_filtered_and_sorted_by_the_address_alone(
    client: TestClient, services: Services
) -> None:
    name = judged(client, services)

    def shown(**chosen: str) -> list[str]:
        page = client.get("/coverage/state", params={"name": name, **chosen}).text
        return titles(page) if "No objective is like that" not in page else []

    everything = ["When do owls hunt", "=1+1 owls", "Explain how a pike hunts"]
    assert shown() == everything
    assert shown(unit="Fish") == everything[2:]
    assert shown(q="PIKE hunts") == everything[2:]
    assert shown(q="pike", unit="Birds") == []
    assert shown(sort="objective") == [everything[1], everything[2], everything[0]]
    assert shown(sort="-objective") == [everything[0], everything[2], everything[1]]
    assert shown(sort="nothing", status="") == everything
    by_status = {status: shown(status=status) for status in ("covered", "thin", "missing")}
    assert sum(map(len, by_status.values())) == 3
    page = client.get("/coverage/state", params={"name": name, "sort": "objective"}).text
    assert re.search(r'aria-sort="ascending"><a href="[^"]*sort=-objective"', page)


def test_a_long_table_says_what_it_leaves_out(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    lines = "".join(f"- When do owls hunt, number {n}\n" for n in range(MOST_ROWS + 7))
    (tmp_path / "sets/long.md").write_text(lines, encoding="utf-8")
    name = judged(client, services, "long.md")
    page = client.get("/coverage/state", params={"name": name}).text
    assert len(titles(page)) == MOST_ROWS
    assert "7 more: choose fewer above, or take the file." in page
    rows = client.get(f"/api/v1/coverage/{name}/csv").text.splitlines()
    assert len(rows) == 1 + MOST_ROWS + 7


def test_that_the_notes_changed_since_is_said_and_they_can_be_judged_again(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    name = judged(client, services)
    assert "changed since" not in client.get("/coverage/state", params={"name": name}).text
    (tmp_path / "notes/pike.md").write_text("# Pike\n\nA pike waits.\n", encoding="utf-8")
    services.library.index()
    page = client.get("/coverage/state", params={"name": name}).text
    assert "The notes have changed since." in page
    assert '<input type="hidden" name="objectives" value="birds &amp; more.md">' in page
    sent = client.post("/coverage/run", data={"objectives": "birds & more.md"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/coverage")
    assert services.jobs.wait(services.jobs.all()[0].id, 20)
    page = client.get("/coverage").text
    assert "See which" in page and "the notes have changed since" in page
    chosen = re.findall(r'name="([ab])" value="([^"]*)" aria-label="[^"]*" checked', page)
    assert [side for side, _ in chosen] == ["b", "a"] and chosen[1] == ("a", name)
    b = chosen[0][1]
    changes = client.get("/coverage/changes", params={"a": name, "b": b})
    assert "The notes changed between them." in changes.text
    by_name = client.get(f"/api/v1/coverage/{b}/changes", params={"since": name}).json()
    assert by_name["notes_changed"] is True and len(by_name["objectives"]) == 3


def test_what_changed_is_chosen_by_how(client: TestClient, services: Services) -> None:
    a, b = judged(client, services), judged(client, services, "asked.jsonl")
    page = client.get("/coverage/changes", params={"a": a, "b": b})
    assert titles(page.text)[0] == f"When? {html.escape(EVIL)}"
    added = {"a": a, "b": b, "change": "only in the old one"}
    page = client.get("/coverage/changes", params=added)
    assert len(titles(page.text)) == 3
    for pair, status in (({"a": a, "b": a}, 422), ({"a": a, "b": "x"}, 404), ({}, 422)):
        assert client.get("/coverage/changes", params=pair).status_code == status


def test_no_cell_of_a_table_is_a_formula(client: TestClient, services: Services) -> None:
    name = judged(client, services)
    sent = client.get(f"/api/v1/coverage/{name}/csv")
    assert sent.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="{name}.csv"' in sent.headers["content-disposition"]
    header, first, second, _ = csv.reader(io.StringIO(sent.text))
    assert header[:6] == ["id", "unit", "objective", "status", "confidence", "notes"]
    assert first[1:3] == ["Birds", "When do owls hunt"]
    assert first[-3:] == ["owls.md", "line 3", "Owls hunt at night, by their ears."]
    assert second[2] == "'=1+1 owls"


def test_nothing_of_a_syllabus_is_markup(client: TestClient, services: Services) -> None:
    a, b = judged(client, services), judged(client, services, "asked.jsonl")
    for address in (
        *("/coverage", f"/coverage/state?name={a}", f"/coverage/changes?a={a}&b={b}"),
        f"/coverage/state?name={a}&q={quote(EVIL)}&unit={quote(EVIL)}&sort={quote(EVIL)}",
        *(f"/coverage/state?name={b}", f"/coverage/map?name={b}"),
        *(f"/api/v1/coverage/{a}/report", f"/api/v1/coverage/{b}/report"),
    ):
        page = client.get(address)
        assert page.status_code == 200, address
        assert "<script>alert" not in page.text and "</option><script" not in page.text


def test_what_is_said_is_of_the_form_that_the_document_describes(
    client: TestClient, services: Services
) -> None:
    a, b = judged(client, services), judged(client, services, "asked.jsonl")
    for model, path in (
        (schemas.ObjectivesFiles, "/api/v1/objectives"),
        (schemas.Coverages, "/api/v1/coverage"),
        (schemas.Coverage, f"/api/v1/coverage/{a}"),
        (schemas.CoverageChanges, f"/api/v1/coverage/{b}/changes?since={a}"),
    ):
        content = client.get(path).content
        said = model.model_validate_json(content, strict=True, extra="forbid")
        assert said.model_dump(mode="json", exclude_unset=True) == json.loads(content)


NAMES = st.text(max_size=30) | st.sampled_from(
    [
        "../library",
        "..",
        "",
        "/etc/passwd",
        "a/../b",
        "x\0",
        ".hidden",
        "link",
        "\ud800",
        "README.md",
    ]
)


def test_no_name_leads_out_of_its_folder(client: TestClient, services: Services) -> None:
    name = judged(client, services)
    states = services.library.folder / "coverage"
    (states / "link.json").symlink_to(services.library.folder / "library.sqlite3")
    (states / ".hidden.json").write_text("{}", encoding="utf-8")
    sets = Path(services.library.settings.question_sets)
    (sets / "link.jsonl").symlink_to(services.library.folder / "library.sqlite3")
    before = sorted(services.library.folder.parent.rglob("*"))

    @settings(max_examples=150, derandomize=True, suppress_health_check=HealthCheck)
    @given(NAMES)
    def check(made: str) -> None:
        assert made == name or services.coverages.file(made) is None
        assert made == name or not services.coverages.delete(made)
        assert services.coverages.start(made) is None
        assert services.coverages.start(f"{made}.jsonl") is None

    check()
    for made in ("..%2f..%2flibrary", "%2e%2e", ".hidden", "link", "a%00", "x%0a"):
        for end in ("", "/csv", "/report", "/changes?since=x"):
            assert client.get(f"/api/v1/coverage/{made}{end}").status_code == 404
        assert client.delete(f"/api/v1/coverage/{made}").status_code == 404
    assert sorted(services.library.folder.parent.rglob("*")) == before


def test_a_damaged_state_harms_no_other_and_can_be_deleted(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    name = judged(client, services)
    (tmp_path / "lib/coverage/odd.json").write_text('{"objectives": [5]}', encoding="utf-8")
    page = client.get("/coverage").text
    assert "odd.json is no state of the coverage" in page and f"name={name}" in page
    assert str(tmp_path) not in page
    assert client.get("/coverage/state?name=odd").status_code == 409
    whole = json.loads((tmp_path / f"lib/coverage/{name}.json").read_text("utf-8"))
    for key, value in (("made", 5), ("source", "\ud800"), ("corpus", [1]), ("notes", [None])):
        damaged = whole | {"coverage": whole["coverage"] | {key: value}}
        (tmp_path / "lib/coverage/odd.json").write_text(json.dumps(damaged), encoding="utf-8")
        listed = {one["name"]: one for one in client.get("/api/v1/coverage").json()["coverage"]}
        assert "odd.json is no state" in listed["odd"]["error"], key
        assert listed[name]["error"] is None
        assert client.get("/coverage").status_code == 200
    assert client.get("/api/v1/coverage/odd").status_code == 409
    assert client.post("/coverage/delete", data={"name": "odd"}).status_code == 303
    assert client.post("/coverage/delete", data={"name": "odd"}).status_code == 404
    assert client.delete(f"/api/v1/coverage/{name}").status_code == 204
    assert client.get("/api/v1/coverage").json() == {"coverage": []}


def test_judging_gives_way_to_questions_that_people_ask(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.coverages.WAY_SECONDS", 20)
    begun, free = threading.Event(), threading.Event()

    def slowly(*_: object, **__: object) -> None:
        begun.set()
        assert free.wait(20)
        raise QuestionError("Enough.")

    monkeypatch.setattr(Library, "ask", slowly)
    asking = threading.Thread(
        target=lambda: pytest.raises(QuestionError, services.ask, "When?", door="api")
    )
    asking.start()
    assert begun.wait(20)
    job = services.coverages.start("birds & more.md")
    assert job is not None
    waited = services.jobs.wait(job.id, 0.5)
    assert waited is not None and (waited.ended, waited.done) == (False, 0)
    free.set()
    asking.join(20)
    ended = services.jobs.wait(job.id, 20)
    assert ended is not None and ended.result is not None


def test_it_is_said_what_to_do_where_there_is_nothing(tmp_path: Path) -> None:
    library = owls_in(tmp_path, question_sets=str(tmp_path / "none"))
    client = TestClient(build_api(Services.of(library)), base_url=HERE)
    page = client.get("/coverage").text
    assert "There are no objectives yet" in page and "None yet." in page
    (tmp_path / "lib/library.sqlite3").unlink()
    empty = TestClient(build_api(Services.of(Library(library.settings))), base_url=HERE)
    for address in ("/coverage", "/gaps", "/audit"):
        page = empty.get(address)
        assert page.status_code == 200
        assert "notes" in page.text and "<button>Judge</button>" not in page.text


TEACHERS = [
    route
    for route in ROUTES
    if re.match(r"/(api/v1/)?(coverage|gaps|audit|objectives)", route.path)
]


def address_of(path: str) -> list[str]:
    """Returns the addresses of a route's pattern."""
    found = [path]
    while any("(" in one for one in found):
        found = [
            f"{before}{choice}{after}"
            for one in found
            for before, inner, mark, after in re.findall(r"(.*?)\(([^()]*)\)(\??)(.*)", one)
            for choice in [*inner.split("|"), *([""] if mark else [])]
        ]
    return [re.sub(r"\[.*?\]\+", "x", one) for one in found]


@pytest.mark.parametrize("route", TEACHERS, ids=lambda route: route.path)
def test_only_instructors_see_any_of_it(services: Services, route: Any) -> None:
    users = quick(Users.beside(services.library.folder))
    users.add("bob", Role.STUDENT, "correct horse battery")
    users.add("ann", Role.INSTRUCTOR, "correct horse battery")
    tokens = {name: {"authorization": f"Bearer {users.new_token(name)}"} for name in ("bob", "ann")}
    client = TestClient(build_api(services), base_url=HERE, follow_redirects=False)
    elsewhere = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    for address in address_of(route.path):
        for method in route.methods.split():
            assert client.request(method, address, headers=tokens["bob"]).status_code == 403
            nobody = client.request(method, address)
            if route.page:
                assert nobody.headers["location"] == "/sign-in"
            else:
                assert nobody.status_code == 401
            if method == "POST":
                sent = client.request(method, address, headers=tokens["ann"] | elsewhere)
                assert sent.status_code == 403
    known = client.request("GET", address_of(route.path)[0], headers=tokens["ann"]).status_code
    assert known not in {401, 403}
