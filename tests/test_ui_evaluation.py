from __future__ import annotations

import html
import json
import re
import shutil
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import CORPUS, Named, Run, constant_fit, owls_in, quick, served
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from eval import load_run
from eval import score as eval_score
from rag import Library, QuestionError, Settings
from ui import schemas
from ui.api import build_api
from ui.asks import Traffic
from ui.auth import Role, Users
from ui.evaluations import Evaluations
from ui.jobs import Jobs
from ui.pages.evaluation import choice_of
from ui.services import Services

HERE = "http://127.0.0.1:7860"
EVIL = "</option><script>alert(1)</script>"
SET = [
    *[
        {
            "id": f"owl-{number}",
            "fact": f"owl-{number}",
            "question": f"When do owls hunt, asked for the {number}th time {EVIL}?",
            "kind": "paraphrase",
            "split": "fit" if number % 2 else "report",
            "evidence": [{"document": "owls.md", "quote": "Owls hunt at night"}],
        }
        for number in range(6)
    ],
    {
        **{"id": "cards", "fact": "cards", "question": "How do I renew my card?"},
        **{"kind": "unanswerable", "split": "report", "evidence": []},
    },
]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    sets = tmp_path / "sets"
    sets.mkdir()
    lines = "\n".join(json.dumps(question) for question in SET)
    (sets / "birds & more.jsonl").write_text(lines, encoding="utf-8")
    (sets / "broken.jsonl").write_text("{", encoding="utf-8")
    return Services.of(owls_in(tmp_path, question_sets=str(sets)))


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(build_api(services), base_url=HERE, follow_redirects=False)


def run_in(client: TestClient, services: Services, split: str | None = None) -> str:
    """Returns the name of a run that was made."""
    asked = {"questions": "birds & more", **({"split": split} if split else {})}
    sent = client.post("/api/v1/runs", json=asked)
    assert sent.status_code == 202, sent.text
    job = services.jobs.wait(sent.json()["id"], 20)
    assert job is not None and job.result is not None, job
    assert sent.headers["location"] == f"/api/v1/jobs/{job.id}"
    return str(job.result["run"])


def test_a_set_becomes_a_run_by_a_name_that_says_of_what_and_when(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    (found, broken) = client.get("/api/v1/question-sets").json()["question_sets"]
    assert (found["name"], found["questions"], found["splits"]) == (
        *("birds & more", 7),
        {"report": 4, "fit": 3},
    )
    assert "line 1: not JSON" in broken["error"]
    whole, half = run_in(client, services), run_in(client, services, "fit")
    assert re.fullmatch(r"birds & more-\d{8}T\d{6}Z-g1", whole)
    assert re.fullmatch(r"birds & more-fit-\d{8}T\d{6}Z-g1", half)
    listed = {run["name"]: run for run in client.get("/api/v1/runs").json()["runs"]}
    assert (listed[whole]["n"], listed[half]["n"]) == (7, 3)
    assert (listed[half]["split"], listed[half]["questions"]) == ("fit", "birds & more")
    sent = client.get(f"/api/v1/runs/{whole}/file")
    assert "attachment" in sent.headers["content-disposition"]
    assert sent.content == (tmp_path / f"lib/runs/{whole}.jsonl").read_bytes()
    assert len(load_run(tmp_path / f"lib/runs/{whole}.jsonl").outcomes) == 7
    assert sorted(path.name for path in (tmp_path / "lib/runs").iterdir()) == sorted(
        [f"{whole}.jsonl", f"{half}.jsonl"]
    )


@pytest.mark.parametrize(
    "asked",
    [
        *({"questions": "none"}, {"questions": "../sets/birds & more"}, {"questions": ""}),
        *({"questions": "broken", "split": "fit"}, {"questions": "birds & more", "split": "x"}),
    ],
)
def test_a_set_that_is_not_there_is_not_asked(client: TestClient, asked: dict[str, str]) -> None:
    assert client.post("/api/v1/runs", json=asked).status_code == 404


def test_a_set_that_breaks_its_format_fails_in_a_line(
    client: TestClient, services: Services
) -> None:
    sent = client.post("/api/v1/runs", json={"questions": "broken"})
    job = services.jobs.wait(sent.json()["id"], 20)
    assert job is not None and job.error is not None and "line 1: not JSON" in job.error
    assert client.get("/api/v1/runs").json() == {"runs": []}


def test_the_numbers_are_those_of_the_command_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CORPUS, tmp_path / "corpus")
    shutil.copytree(CORPUS.parent / "eval/questions", tmp_path / "eval/questions")
    run("index")
    library = Library(Settings(), Named(Settings().model), constant_fit(0.1))
    client = TestClient(build_api(services := Services.of(library)), base_url=HERE)
    names = []
    for split in ("report", "fit"):
        sent = client.post("/api/v1/runs", json={"questions": "transfer-learning", "split": split})
        job = services.jobs.wait(sent.json()["id"], 100)
        assert job is not None and job.result is not None
        names.append(job.result["run"])
    a = names[0]
    shutil.copy(f".notesqa/runs/{a}.jsonl", ".notesqa/runs/again.jsonl")
    scored = json.loads(run("eval", "score", f".notesqa/runs/{a}.jsonl", "--json").out)
    assert client.get(f"/api/v1/runs/{a}").json() == scored
    files = (f".notesqa/runs/{a}.jsonl", ".notesqa/runs/again.jsonl")
    compared = json.loads(run("eval", "compare", *files, "--json").out)
    by_name = client.get("/api/v1/comparisons", params={"a": a, "b": "again"}).json()
    assert by_name == {**compared, "a": a, "b": "again"}
    page = client.get("/evaluation").text
    hit = scored["measures"]["hit@5"]
    assert f"{hit['value']:.3f}<small>{hit['low']:.3f}–{hit['high']:.3f}</small>" in page
    different = client.get("/api/v1/comparisons", params={"a": a, "b": names[1]})
    assert different.status_code == 409
    assert different.json()["detail"].startswith(f"{a} and {names[1]} have no question in common")


def test_the_two_newest_runs_of_one_set_are_chosen_to_be_compared(
    client: TestClient, services: Services
) -> None:
    whole, before, after = (run_in(client, services, split) for split in (None, "fit", "fit"))
    page = client.get("/evaluation").text
    checked = re.findall(r'name="([ab])" value="([^"]*)" aria-label="([^"]*)" checked', page)
    assert {(side, html.unescape(value)) for side, value, _ in checked} == {
        ("a", before),
        ("b", after),
    }
    assert checked[0][2].startswith("After: birds &amp; more, split fit, 20")
    client.delete(f"/api/v1/runs/{before}")
    assert whole and " checked" not in client.get("/evaluation").text


def test_the_largest_set_is_chosen_to_be_run(client: TestClient, services: Services) -> None:
    sets = Path(services.library.settings.question_sets)
    (sets / "a few.jsonl").write_text(json.dumps(SET[0]), encoding="utf-8")
    page = client.get("/evaluation").text
    assert re.findall(r'value="([^"]*)" selected', page) == ["birds%20%26%20more"]


def test_a_report_runs_its_own_script_alone_and_reaches_nothing(
    client: TestClient, services: Services
) -> None:
    name = run_in(client, services)
    got = client.get(f"/api/v1/runs/{name}/report")
    policy = got.headers["content-security-policy"]
    assert re.search(r"script-src 'sha256-[\w+/=]+';", policy)
    assert policy.endswith("frame-ancestors 'none'; sandbox allow-scripts")
    assert "default-src 'none'" in policy
    assert "<script>alert" not in got.text
    both = client.get("/api/v1/comparisons/report", params={"a": name, "b": name})
    assert both.status_code == 200 and "What changed" in both.text


def test_what_is_said_is_of_the_form_that_the_document_describes(
    client: TestClient, services: Services
) -> None:
    a, b = run_in(client, services), run_in(client, services)
    job = services.jobs.all()[0].id
    for model, path in (
        (schemas.QuestionSets, "/api/v1/question-sets"),
        (schemas.Runs, "/api/v1/runs"),
        (schemas.Scores, f"/api/v1/runs/{a}"),
        (schemas.Comparison, f"/api/v1/comparisons?a={quote(a)}&b={quote(b)}"),
        (schemas.Jobs, "/api/v1/jobs"),
        (schemas.Job, f"/api/v1/jobs/{job}"),
    ):
        content = client.get(path).content
        said = model.model_validate_json(content, strict=True, extra="forbid")
        assert said.model_dump(mode="json", exclude_unset=True) == json.loads(content)


def test_a_run_can_be_deleted_and_is_gone(client: TestClient, services: Services) -> None:
    name, other = run_in(client, services), run_in(client, services, "fit")
    assert client.delete(f"/api/v1/runs/{name}").status_code == 204
    assert client.delete(f"/api/v1/runs/{name}").status_code == 404
    assert client.get(f"/api/v1/runs/{name}").status_code == 404
    assert client.post("/evaluation/delete", data={"run": other}).status_code == 303
    assert client.post("/evaluation/delete", data={"run": other}).status_code == 404
    assert client.get("/api/v1/runs").json() == {"runs": []}


NAMES = st.text(max_size=30) | st.sampled_from(
    [
        *(
            "../library",
            "..",
            ".",
            "",
            "../../sets/birds & more",
            "/etc/passwd",
            "a/../b",
            "%2e%2e",
        ),
        *("..\\x", "x\0", ".hidden", "lock", "link", "sub", "\ud800", "run.jsonl", "run/"),
    ]
)


def test_no_name_leads_out_of_the_runs(client: TestClient, services: Services) -> None:
    name = run_in(client, services)
    runs = services.library.folder / "runs"
    (runs / "link.jsonl").symlink_to(services.library.folder / "library.sqlite3")
    (runs / "sub.jsonl").mkdir()
    (runs / ".hidden.jsonl").write_text("{}", encoding="utf-8")
    before = sorted(services.library.folder.parent.rglob("*"))

    @settings(max_examples=150, derandomize=True, suppress_health_check=HealthCheck)
    @given(NAMES)
    def check(made: str) -> None:
        assert made == name or services.evaluations.file(made) is None
        assert made == name or not services.evaluations.delete(made)
        assert services.evaluations.start(made) is None

    check()
    for made in ("..%2f..%2flibrary", "%2e%2e", ".hidden", "link", "sub", "a%00", "x%0a"):
        for end in ("", "/file", "/report"):
            assert client.get(f"/api/v1/runs/{made}{end}").status_code == 404
        assert client.delete(f"/api/v1/runs/{made}").status_code == 404
    assert sorted(services.library.folder.parent.rglob("*")) == before


def test_a_run_whose_set_is_gone_is_listed_with_why(client: TestClient, services: Services) -> None:
    name = run_in(client, services)
    (Path(services.library.settings.question_sets) / "birds & more.jsonl").unlink()
    assert client.get(f"/api/v1/runs/{name}").status_code == 409
    go = threading.Event()
    services.jobs.add("another", lambda _: {"gone": go.wait(20)})
    assert "being scored …" in client.get("/evaluation").text
    go.set()
    job = services.jobs.current("scores") or services.jobs.last("scores")
    assert job is not None and services.jobs.wait(job.id, 20)
    page = client.get("/evaluation")
    assert "which is not here" in page.text
    assert "refresh" not in page.headers


def rewritten(services: Services, name: str, other: str, **head: Any) -> None:
    """Makes a run `other` of the run `name`, with other words in its head."""
    runs = services.library.folder / "runs"
    first, *rest = (runs / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    said = {"run": json.loads(first)["run"] | head}
    text = "\n".join([json.dumps(said), *rest])
    (runs / f"{other}.jsonl").write_text(text, encoding="utf-8")


def scored_page(client: TestClient, services: Services) -> str:
    """Returns the page once all is scored that can be; it is not asked for again then."""
    client.get("/evaluation")
    for job in services.jobs.all():
        assert services.jobs.wait(job.id, 20)
    page = client.get("/evaluation")
    assert page.status_code == 200
    assert "being scored" not in page.text and "refresh" not in page.headers
    return page.text


HOSTILE = "\"'><script>alert(1)</script><b onclick=x>"


def test_nothing_of_a_run_file_is_markup(client: TestClient, services: Services) -> None:
    name = run_in(client, services)
    runs = services.library.folder / "runs"
    head = json.loads((runs / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")[0])["run"]
    fields = [*head, "typos", "alone", "state", "anything"]
    for number, field in enumerate(fields):
        hostile = f"sets/{HOSTILE}" if field == "questions" else HOSTILE
        value = {HOSTILE: HOSTILE} if isinstance(head.get(field), dict) else hostile
        rewritten(services, name, f"bad {number}", **{field: value})
    every = {field: HOSTILE for field in fields if not isinstance(head.get(field), dict)}
    rewritten(services, name, "all", **every | {"questions": head["questions"], "split": "report"})
    (runs / "<script>alert(1)<!script>.jsonl").write_text(f'{{"{EVIL}": 1', encoding="utf-8")
    scored_page(client, services)
    addresses: list[tuple[str, dict[str, str]]] = [("/evaluation", {})]
    for other in [*(f"bad {number}" for number in range(len(fields))), "all"]:
        addresses.append((f"/api/v1/runs/{other}/report", {}))
        for pair in ({"a": name, "b": other}, {"a": other, "b": name}):
            addresses += [("/evaluation/comparison", pair), ("/api/v1/comparisons/report", pair)]
    shown = 0
    for address, pair in addresses:
        page = client.get(address, params=pair)
        if page.headers["content-type"].startswith("text/html"):
            shown += page.status_code == 200
            assert "<script>alert" not in page.text
            assert "<b onclick" not in page.text
    assert shown > len(addresses) / 2


@pytest.mark.parametrize(
    "head",
    [
        *({"begun": "yesterday"}, {"begun": 5}, {"begun": "0001-01-01T00:00:00+23:59"}),
        *({"generation": None}, {"generation": "x"}, {"generation": [1]}, {"generation": 10**300}),
        *({"split": 5}, {"split": ["fit"]}, {"split": {"fit": 1}}, {"questions": 5}),
        *({"questions": None}, {"questions": ["x"]}, {"notes": []}, {"settings": None}),
        *({"settings": {"passages": []}}, {"typos": {}}, {"corpus_sha256": 5}, {"commit": [1]}),
    ],
)
def test_an_odd_run_file_harms_no_other_and_can_be_deleted(
    client: TestClient, services: Services, head: dict[str, Any]
) -> None:
    name = run_in(client, services)
    rewritten(services, name, "odd", **head)
    page = scored_page(client, services)
    deletes = set(re.findall(r'name="run" value="([^"]*)"', page))
    assert {"odd", name} <= set(map(html.unescape, deletes))
    listed = {run["name"]: run for run in client.get("/api/v1/runs").json()["runs"]}
    assert (listed["odd"]["n"] == 7) or listed["odd"]["error"]
    for path in ("", "/report"):
        assert client.get(f"/api/v1/runs/odd{path}").status_code in {200, 409}
    jobs = len(services.jobs.all())
    scored_page(client, services)
    assert len(services.jobs.all()) == jobs
    assert client.post("/evaluation/delete", data={"run": "odd"}).status_code == 303
    assert 'value="odd"' not in scored_page(client, services)


def test_whatever_scoring_stumbles_over_is_that_runs_problem(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = run_in(client, services)
    rewritten(services, name, "odd")
    score = eval_score.score_run

    def stumble(run: Any, *more: Any) -> Any:
        if run.path.stem == "odd":
            raise RecursionError
        return score(run, *more)

    monkeypatch.setattr(eval_score, "score_run", stumble)
    services.evaluations.delete(name)
    rewritten(services, "odd", "good")
    page = scored_page(client, services)
    assert "odd.jsonl is not as notesqa eval run writes it: delete it" in page
    listed = {run["name"]: run for run in client.get("/api/v1/runs").json()["runs"]}
    assert (listed["good"]["n"], listed["good"]["error"]) == (7, None)
    assert client.get("/api/v1/runs/odd").status_code == 409


def test_a_run_names_a_set_and_no_file(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    name = run_in(client, services)
    secret = tmp_path / "secret.jsonl"
    secret.write_text("secret words\n", encoding="utf-8")
    for number, path in enumerate((str(secret), "/etc/passwd", "../secret.jsonl", "lib/..", "..")):
        rewritten(services, name, f"bad {number}", questions=path)
        for address in (
            *(f"/api/v1/runs/bad {number}", f"/api/v1/runs/bad {number}/report"),
            f"/api/v1/comparisons?a={quote(name)}&b=bad {number}",
        ):
            sent = client.get(address)
            assert sent.status_code == 409
            assert ", which is not here: put its set into" in sent.json()["detail"]
    rewritten(services, name, "moved", questions="/elsewhere/birds & more.jsonl")
    assert client.get("/api/v1/runs/moved").json()["n"] == 7


def test_a_run_is_scored_once_until_what_it_depends_on_changes(
    services: Services, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = run_in(client, services)
    scored = 0
    score = Evaluations._score

    def counted(self: Evaluations, file: Path) -> Any:
        nonlocal scored
        scored += 1
        return score(self, file)

    monkeypatch.setattr(Evaluations, "_score", counted)
    for _ in range(3):
        assert client.get(f"/api/v1/runs/{name}").json()["n"] == 7
    assert scored == 0  # the job did it
    file = Path(services.library.settings.question_sets) / "birds & more.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    again = client.get(f"/api/v1/runs/{name}").json()
    assert (scored, len(again["remarks"])) == (1, 1)
    assert (
        Evaluations(services.library, Jobs(), Traffic()).runs()[0].scored is None
    )  # as after a restart


def test_what_is_chosen_is_a_set_or_a_split_of_it() -> None:
    assert choice_of("birds%20%2F%20more") == ("birds / more", None)
    assert choice_of("birds%20%2F%20more/fit%2F1") == ("birds / more", "fit/1")


def test_neither_students_nor_other_sites_evaluate(client: TestClient, services: Services) -> None:
    name = run_in(client, services)
    elsewhere = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    sent = {"set": "birds%20%26%20more"}
    assert client.post("/evaluation/run", data=sent, headers=elsewhere).status_code == 403
    assert client.delete(f"/api/v1/runs/{name}", headers=elsewhere).status_code == 403
    users = quick(Users.beside(services.library.folder))
    users.add("bob", Role.STUDENT, "correct horse battery")
    student = {"authorization": f"Bearer {users.new_token('bob')}"}
    for path in ("/evaluation", "/evaluation/comparison", "/api/v1/question-sets", "/api/v1/runs"):
        assert client.get(path, headers=student).status_code == 403
    for end in ("", "/file", "/report"):
        assert client.get(f"/api/v1/runs/{name}{end}", headers=student).status_code == 403
    assert client.delete(f"/api/v1/runs/{name}", headers=student).status_code == 403
    assert client.post("/evaluation/delete", data={"run": name}, headers=student).status_code == 403
    assert services.evaluations.file(name) is not None
    assert client.get("/evaluation").headers["location"] == "/sign-in"


def test_an_evaluation_gives_way_to_questions_that_people_ask(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.evaluations.WAY_SECONDS", 20)
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
    job = services.evaluations.start("birds & more")
    assert job is not None
    waited = services.jobs.wait(job.id, 0.5)
    assert waited is not None and (waited.ended, waited.done) == (False, 0)
    free.set()
    asking.join(20)
    ended = services.jobs.wait(job.id, 20)
    assert ended is not None and ended.result is not None and ended.result["n"] == 7


# In Chromium


def no_script(page: Page) -> None:
    assert page.locator("script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def evaluate(page: Page) -> None:
    """Makes three runs, compares two of them, and opens the report of that."""
    for choice, runs in (("birds", 1), ("birds/report", 2), ("birds", 3)):
        page.get_by_label("Question set").select_option(choice)
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_role("heading", name=f"Runs ({runs})")).to_be_visible()
        expect(page.get_by_text("Last run:")).to_be_visible()
    no_script(page)
    page.get_by_role("radio", name="Before").nth(1).check()
    page.get_by_role("radio", name="After").nth(0).check()
    page.get_by_role("button", name="Compare before and after").click()
    expect(page.get_by_role("heading", name="What changed")).to_be_visible()
    expect(page.locator(".verdict")).to_contain_text("No detectable difference")
    no_script(page)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="The whole report").click()
    report_page = opened.value
    report_page.wait_for_load_state()
    expect(report_page.get_by_role("heading", name="birds")).to_be_visible()
    assert report_page.evaluate("self.origin") == "null"


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 360)])
def test_an_instructor_indexes_adds_a_file_evaluates_and_compares(
    chromium: Browser, tmp_path: Path, scheme: Any, width: int
) -> None:
    sets = tmp_path / "sets"
    sets.mkdir()
    lines = "\n".join(json.dumps(question) for question in SET)
    (sets / "birds.jsonl").write_text(lines, encoding="utf-8")
    services = Services.of(owls_in(tmp_path, question_sets=str(sets), uploads=True))
    (tmp_path / "newts.md").write_text("# Newts\n\nNewts swim.\n", encoding="utf-8")
    (tmp_path / "notes/toads.md").write_text("# Toads\n\nToads sleep.\n", encoding="utf-8")
    with served(build_api(services)) as port:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        page = context.new_page()
        page.set_default_timeout(20_000)
        alerts: list[str] = []
        page.on("dialog", lambda dialog: alerts.append(dialog.message))
        page.goto(f"http://127.0.0.1:{port}/library")
        no_script(page)
        with services.indexer.turn() as report:
            report("Indexing: toads.md", 4, 10)
            page.get_by_role("button", name="Index now").click()
            expect(page.get_by_role("progressbar", name="Indexing")).to_be_visible()
            expect(page.get_by_text("40%, toads.md")).to_be_visible()
        expect(page.get_by_text("Last run: 1 indexed, 0 removed, 0 skipped.")).to_be_visible()
        page.get_by_label("File", exact=True).set_input_files(tmp_path / "newts.md")
        page.get_by_label("Folder").select_option("")
        page.get_by_role("button", name="Add and index").click()
        expect(page.get_by_text("Last run (newts.md was added): 1 indexed")).to_be_visible()
        expect(page.get_by_role("link", name="newts.md")).to_be_visible()
        no_script(page)
        page.get_by_role("link", name="Evaluation").click()
        evaluate(page)
        page.get_by_role("link", name="All runs").click()
        page.get_by_text("Delete …").first.click()
        page.get_by_role("button", name="for good").first.click()
        expect(page.get_by_role("heading", name="Runs (2)")).to_be_visible()
        assert alerts == []
        context.close()
