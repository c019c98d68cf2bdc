from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, WordLengths, constant_fit, owls_in, quick
from fastapi.testclient import TestClient
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from rag import Library, NotesQAError, Settings
from ui import guard as guard_module
from ui.api import build_api
from ui.app import build_app
from ui.auth import Role, Users
from ui.door import Door
from ui.guard import MAX_BODY_BYTES, Guard
from ui.hosts import LOOPBACK, is_answered_to, is_from_elsewhere, names_of
from ui.routes import ROUTES, route_of
from ui.services import Services

HERE = "http://127.0.0.1:7860"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library and a file of users, not beside it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "secret.txt").write_text("not a note", encoding="utf-8")
    owls_in(folder)
    users = quick(Users(folder / "some-users.json"))
    users.add("ada", Role.INSTRUCTOR, PASSWORD)
    users.add("bob", Role.STUDENT, PASSWORD)
    return folder


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Library:
    shutil.copytree(made / "lib", tmp_path / "lib")
    settings = Settings(library=str(tmp_path / "lib"), corpus=str(made / "notes"))
    return Library(settings, WordLengths(), constant_fit(0.1))


@pytest.fixture
def users(made: Path, library: Library) -> Users:
    """Turns sign-in on."""
    users = Users.beside(library.folder)
    shutil.copy(made / "some-users.json", users.file)
    return users


def client_of(app: Any, **headers: str) -> TestClient:
    return TestClient(app, base_url=HERE, headers=headers, follow_redirects=False)


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> int:
    return client.post("/sign-in", data={"name": name, "password": password}).status_code


# Hosts and origins


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:80", "localhost:7860", "LOCALHOST", "[::1]:7860", "notes.example:1"],
)
def test_a_name_of_ours_is_answered_to(host: str) -> None:
    names = LOOPBACK | names_of("Notes.example:443, other.example")
    assert is_answered_to(Headers({"host": host}), "127.0.0.1", names)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7860", "10.0.0.9"),
        *("", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1@evil.example", "127.0.0.1/", "2130706433"),
        *("localhost, evil.example", "[::1", "::1", "www.notes.example", "127.0.0.1:123456"),
    ],
)
def test_no_other_name_is_answered_to(host: str) -> None:
    names = LOOPBACK | names_of("notes.example")
    assert not is_answered_to(Headers({"host": host}), "10.0.0.8", names)


def test_the_address_of_the_connection_is_a_name_of_ours() -> None:
    for host, server in [
        ("10.0.0.8:7860", "10.0.0.8"),
        ("10.0.0.8", "::ffff:10.0.0.8"),
        ("[2001:db8:0::1]:80", "2001:db8::1"),
    ]:
        assert is_answered_to(Headers({"host": host}), server, LOOPBACK)
    assert not is_answered_to(Headers({"host": "server.example"}), "server.example", LOOPBACK)


def test_one_name_is_sent_not_none_or_two() -> None:
    both = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    assert not is_answered_to(both, "127.0.0.1", LOOPBACK)
    assert not is_answered_to(Headers({}), "127.0.0.1", LOOPBACK)


def test_a_setting_that_is_no_name_is_said() -> None:
    with pytest.raises(NotesQAError, match="'http://notes.example', which is no host name"):
        names_of("ok.example, http://notes.example")


LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("method", "headers", "elsewhere"),
    [
        ("POST", {}, False),  # curl
        ("POST", {"origin": HERE, "sec-fetch-site": "same-origin"}, False),
        ("POST", {"origin": "https://127.0.0.1:7860"}, False),  # behind a proxy with TLS
        ("POST", {"origin": "http://evil.example"}, True),
        ("POST", {"origin": "null"}, True),
        ("POST", {"origin": "http://127.0.0.1:9999"}, True),  # another server on this machine
        ("POST", {"origin": "http://127.0.0.1"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, True),
        ("POST", LINK, True),  # a form of another site
        ("GET", LINK, False),
        ("GET", LINK | {"sec-fetch-dest": "iframe"}, True),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, True),
        ("GET", {"origin": "http://evil.example"}, True),
        ("GET", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, False),
    ],
)
def test_what_another_site_may_send(method: str, headers: dict[str, str], elsewhere: bool) -> None:
    sent = Headers({"host": "127.0.0.1:7860", **headers})
    assert is_from_elsewhere(method, sent) is elsewhere


# Routes


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", True),
        ("/source/folder/a..b.md", True),
        ("/source/a\nb.md", True),
        ("/assets/index-DphvyggB.js", True),
        ("/gradio_api/heartbeat/abc123", True),
        ("/page/a\nb.pdf", True),
        ("/page/../x", False),
        ("/source/../x", False),
        ("/source/a/..", False),
        ("/source/..\\x", False),
        ("/source/./x", False),
        ("/source/a\0", False),
        ("/assets/a/b", False),
        ("/assets/", False),
        ("/assets/..", False),
        ("/theme.css/", False),
        ("//", False),
        ("", False),
    ],
)
def test_a_path_is_one_of_the_table_or_none(path: str, found: bool) -> None:
    assert (route_of("GET", path) is not None) is found


def test_every_address_of_the_api_is_in_the_table(library: Library) -> None:
    addresses = [
        (method, path.replace("{document:document}", "a.md"))
        for route in build_api(Services.of(library)).routes
        for path in [str(getattr(route, "path", ""))]
        for method in getattr(route, "methods", None) or set()
    ]
    assert len(addresses) > 5
    assert [pair for pair in addresses if not hasattr(route_of(*pair), "role")] == []


OPEN = [
    *(
        "/config",
        "/info",
        "/monitoring",
        "/monitoring/summary",
        "/login",
        "/logout",
        "/manifest.json",
    ),
    *("/robots.txt", "/pwa_icon", "/svelte/x", "/static/img/logo.svg", "/docs", "/deep_link"),
]
GRADIO = [
    *("file=/etc/passwd", "file/etc/passwd", "file=users.json", "proxy=https://x.hf.space/a"),
    *("upload_progress?upload_id=1", "stream/a/b/1/playlist.m3u8", "info", "openapi.json", "user"),
    *("token", "login_check", "startup-events", "theme.css", "runs", "run-history/records"),
    *("custom_component/x/client/y/z", "deep_link", "call/ask/1", "dev/reload", "vibe-code"),
    *("profiling/traces",),
]
POSTS = [
    *("upload", "run/ask", "api/ask", "call/ask", "call/v2/ask", "cancel", "reset", "stream/1"),
    *("component_server", "process_recording", "vibe-edit", "run-history/connect"),
]


@pytest.fixture(scope="module")
def whole(made: Path) -> TestClient:
    """The page and the API, without sign-in."""
    settings = Settings(library=str(made / "lib"), corpus=str(made / "notes"))
    return client_of(build_app(Services.of(Library(settings, WordLengths(), constant_fit(0.1)))))


@pytest.mark.parametrize("path", [*OPEN, *(f"/gradio_api/{path}" for path in GRADIO)])
def test_what_gradio_leaves_open_is_closed(whole: TestClient, path: str) -> None:
    response = whole.get(path)
    assert (response.status_code, response.json()["title"]) == (404, "Not answered")


@pytest.mark.parametrize("path", POSTS)
def test_nothing_of_gradio_takes_files_or_calls(whole: TestClient, path: str) -> None:
    files = {"files": ("a.html", b"<script>alert(1)</script>")}
    assert whole.post(f"/gradio_api/{path}", files=files).status_code == 404


def test_what_is_closed_would_be_open(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds the two tests above against what they guard: Gradio answers without the table."""
    everything = ROUTES[0].__class__("GET POST", "/.*", role=None)
    monkeypatch.setattr("ui.routes.ROUTES", (everything,))
    settings = Settings(library=str(made / "lib"), corpus=str(made / "notes"))
    client = client_of(build_app(Services.of(Library(settings, WordLengths(), constant_fit(0.1)))))
    for path in ("/config", "/gradio_api/info", "/gradio_api/startup-events"):
        assert client.get(path).status_code == 200
    files = {"files": ("a.html", b"")}
    assert client.post("/gradio_api/upload", files=files).status_code == 200


def test_the_page_takes_no_parameter(whole: TestClient) -> None:
    plain = whole.get("/")
    assert plain.status_code == 200
    assert whole.get("/?page=x&deep_link=../../secret").text == plain.text


def test_a_proxy_that_is_none_is_not_believed(whole: TestClient) -> None:
    said = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    assert "evil.example" not in whole.get("/", headers=said).text


# Headers


def test_every_answer_tells_the_browser_to_be_careful(whole: TestClient) -> None:
    for path in ("/", "/healthz", "/nothing", "/source/owls.md", "/theme.css", "/openapi.json"):
        headers = whole.get(path, headers={"origin": HERE}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" not in headers
        assert not [name for name in headers if name.startswith("access-control")]
        kept = "private, max-age=86400, immutable" if path == "/theme.css" else "no-store"
        assert headers["cache-control"] == kept


def test_the_page_runs_its_own_scripts_alone(whole: TestClient) -> None:
    policy = whole.get("/").headers["content-security-policy"]
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts is not None
    assert "'unsafe-inline'" not in scripts[1]
    assert scripts[1].count("'sha256-") == 5
    for directive in ("connect-src 'self'", "frame-ancestors 'self'", "object-src 'none'"):
        assert directive in policy


def test_https_is_remembered(library: Library) -> None:
    client = TestClient(build_api(Services.of(library)), base_url="https://127.0.0.1")
    assert "max-age" in client.get("/healthz").headers["strict-transport-security"]


def test_what_is_listed_for_head_answers_it(whole: TestClient) -> None:
    pages = "/", "/notes", "/source/owls.md", "/source/", "/library"
    for path in (*pages, "/healthz", "/openapi.json"):
        got = whole.head(path)
        assert (got.status_code, got.content) == (200, b"")
        assert got.headers["content-type"] == whole.get(path).headers["content-type"]


def test_a_person_gets_a_page_and_a_program_problem_details(whole: TestClient) -> None:
    looking = {"accept": "text/html,*/*"}
    for path, status in (("/source/owls.md?start=x", 422), ("/nothing", 404)):
        got = whole.get(path, headers=looking)
        assert (got.status_code, got.text[:15]) == (status, "<!doctype html>")
    for path in ("/nothing", "/assets/none.js", "/gradio_api/queue/data"):
        got = whole.get(path)
        assert got.headers["content-type"] == "application/problem+json"
        assert got.json()["status"] == got.status_code >= 400


# Who may


def test_signed_out_one_is_led_to_the_sign_in(library: Library, users: Users) -> None:
    client = client_of(build_app(Services.of(library)))
    for path in ("/", "/source/owls.md", "/library"):
        response = client.get(path)
        assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    join = {"data": ["When?", None], "fn_index": 0, "session_hash": "x"}
    for response in (
        client.post("/api/v1/ask", json={"question": "When?"}),
        client.post("/gradio_api/queue/join", json=join),
        client.post("/gradio_api/run/predict", json=join),
        client.get("/gradio_api/queue/data?session_hash=x"),
        client.get("/gradio_api/heartbeat/x"),
        client.get("/openapi.json"),
        client.get("/theme.css"),
    ):
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
    assert client.get("/healthz").status_code == 200


def test_who_signs_in_may_ask_until_signing_out(library: Library, users: Users) -> None:
    client = client_of(build_app(Services.of(library)))
    assert sign_in(client, "bob", "wrong password") == 401
    response = client.post("/sign-in", data={"name": "Bob", "password": PASSWORD})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
    assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == 200
    assert "signed in as bob (student)" in client.get("/sign-in").text
    kept = dict(client.cookies)
    assert client.post("/sign-out").headers["location"] == "/sign-in"
    client.cookies.update(kept)
    assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == 401


def test_the_cookie_goes_by_https_alone_where_it_came_by_it(library: Library, users: Users) -> None:
    client = TestClient(
        build_api(Services.of(library)), base_url="https://127.0.0.1", follow_redirects=False
    )
    response = client.post("/sign-in", data={"name": "bob", "password": PASSWORD})
    assert "secure" in response.headers["set-cookie"].lower()


def test_a_student_does_not_get_what_is_for_instructors(library: Library, users: Users) -> None:
    client = client_of(build_api(Services.of(library)))
    sign_in(client, "bob")
    response = client.get("/library")
    assert response.status_code == 403
    assert response.headers["content-type"].startswith("text/html")
    assert "for the role instructor" in response.text
    assert '<a href="/">' in response.text
    framed = client.get("/library", headers={"sec-fetch-dest": "iframe"}).text
    assert "<a " not in framed
    token = {"authorization": f"Bearer {users.new_token('bob')}"}
    assert client_of(build_api(Services.of(library)), **token).get("/library").status_code == 403
    sign_in(client, "ada")
    assert client.get("/library").status_code in {200, 404}


def test_a_script_signs_in_by_a_token(library: Library, users: Users) -> None:
    token = users.new_token("bob")
    api = build_api(Services.of(library))
    for sent, status in [(token, 200), (token + "x", 401), ("", 401)]:
        client = client_of(api, authorization=f"Bearer {sent}")
        assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == status


def test_a_cookie_of_ours_does_not_open_the_door_beside_a_wrong_token(
    library: Library, users: Users
) -> None:
    client = client_of(build_api(Services.of(library)))
    sign_in(client, "bob")
    headers = {"authorization": "Bearer wrong"}
    asked = client.post("/api/v1/ask", json={"question": "When?"}, headers=headers)
    assert asked.status_code == 401


def test_guessing_is_answered_with_when_to_come_again(library: Library, users: Users) -> None:
    client = client_of(build_api(Services.of(library)))
    assert [sign_in(client, "ada", f"wrong{i}") for i in range(5)] == [401] * 5
    response = client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 60
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("body", [b"", b"\xff", b"name=%ff", b"name=a" * 100, b"a&b&c=" * 50])
def test_a_form_that_is_none_lets_nobody_in(library: Library, users: Users, body: bytes) -> None:
    assert (
        client_of(build_api(Services.of(library))).post("/sign-in", content=body).status_code == 401
    )


def test_users_that_cannot_be_read_let_nobody_in(library: Library, users: Users) -> None:
    client = client_of(build_api(Services.of(library)))
    users.file.write_text("{", encoding="utf-8")
    for path in ("/openapi.json", "/source/owls.md"):
        assert client.get(path).status_code == 503


def test_a_stranger_is_not_told_where_the_library_lies(
    library: Library, users: Users, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(build_api(Services.of(library)))
    bob, ada = client_of(client.app), client_of(client.app)
    sign_in(bob, "bob")
    sign_in(ada, "ada")
    (library.folder / "library.sqlite3").write_bytes(b"This is no database. " * 500)
    for asker in (client, bob):
        response = asker.get("/healthz")
        assert (response.status_code, response.json()["status"]) == (503, "failed")
        assert str(library.folder.parent) not in response.text
    assert str(library.folder) in caplog.text
    assert str(library.folder) in ada.get("/healthz").text
    users.file.write_text("{", encoding="utf-8")
    for sent in (client.get("/healthz"), client.post("/sign-in", data={"name": "ada"})):
        assert sent.status_code == 503
        assert "users.json" not in sent.text
    users.file.unlink()
    assert str(library.folder) in client.get("/healthz").text


def test_a_shut_server_without_users_lets_nobody_in(library: Library) -> None:
    client = client_of(build_api(Services.of(library), shut=True))
    assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == 401
    assert client_of(build_api(Services.of(library))).get("/openapi.json").status_code == 200


def test_who_asks_too_often_waits(made: Path, library: Library, users: Users) -> None:
    settings = Settings(library=library.settings.library, asks_per_minute=3)
    client = client_of(build_api(Services.of(Library(settings, WordLengths(), constant_fit(0.1)))))
    sign_in(client, "bob")
    asked = [client.post("/api/v1/ask", json={"question": "When?"}) for _ in range(4)]
    assert [response.status_code for response in asked] == [200, 200, 200, 429]
    assert 0 < int(asked[3].headers["retry-after"]) <= 20
    sign_in(client, "ada")
    assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == 200


# Bodies


def through(
    guard_body: list[Message], headers: list[tuple[bytes, bytes]]
) -> tuple[int, list[bytes]]:
    """Sends the parts of a body; returns the status, and what reached the application."""
    reached: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        if not guard_body:
            await asyncio.sleep(60)
        return guard_body.pop(0)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/ask",
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 5),
        "headers": [(b"host", b"127.0.0.1"), *headers],
    }
    door = Door(Users(Path("none")))
    asyncio.run(Guard(app, door, LOOPBACK)(scope, receive, send))
    return sent[0]["status"] if sent else 0, reached


def part(size: int, more: bool) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def test_a_body_is_counted_whatever_it_says_of_its_length() -> None:
    half = MAX_BODY_BYTES // 2
    for headers in ([], [(b"content-length", b"5")], [(b"transfer-encoding", b"chunked")]):
        whole = [part(half, True), part(half, False)]
        assert through(whole, headers) == (200, [b"x" * MAX_BODY_BYTES])
        assert through([part(half, True), part(half, True), part(1, False)], headers) == (413, [])
    for length in (b"1000001", b"9" * 5000, b"-5", b"1e3", b""):
        assert through([part(1, False)], [(b"content-length", length)]) == (413, [])


def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "BODY_SECONDS", 0.05)
    assert through([part(1, True)], []) == (408, [])


def test_a_client_that_leaves_is_forgotten() -> None:
    assert through([part(1, True), {"type": "http.disconnect"}], []) == (0, [])


def test_so_many_bodies_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "MOST_BODIES", 0)
    assert through([part(1, False)], []) == (503, [])


def test_a_websocket_is_closed(library: Library) -> None:
    from starlette.websockets import WebSocketDisconnect

    with (
        pytest.raises(WebSocketDisconnect),
        client_of(build_api(Services.of(library))).websocket_connect("/gradio_api/queue/join"),
    ):
        pass


# The log


def test_the_log_names_who_and_what_but_no_secret(
    library: Library, users: Users, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client = client_of(build_api(Services.of(library)))
    sign_in(client, "my secret", "wrong password")
    sign_in(client, "ada", "my secret password")
    sign_in(client, "bob")
    token = users.new_token("bob")
    client.post(
        "/api/v1/ask?secret=1",
        json={"question": "Where is my secret?"},
        headers={"origin": "http://evil.example", "authorization": f"Bearer {token}"},
    )
    client.post("/source/x%0d%0asigned%20in:%20eve%1b[2J")
    client.post("/sign-out")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("ui.")]
    assert lines == [
        "sign-in failed: an unknown name from testclient",
        "sign-in failed: ada from testclient",
        "signed in: bob (student) from testclient",
        "POST /api/v1/ask from testclient: refused with 403",
        "POST /source/x\ufffdsigned in: eve\ufffd[2J from testclient: refused with 405",
        "signed out: bob",
    ]


def test_a_failure_is_one_line_without_what_was_asked(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(question: str, *_: object, **__: object) -> Any:
        raise ValueError(f"cannot do {question}")

    services = replace(Services.of(library), ask=broken)
    response = client_of(build_api(services)).post(
        "/api/v1/ask", json={"question": "Where is my secret?"}
    )
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text + caplog.text
    assert "failed: ValueError in broken" in caplog.text


# The command


def test_another_address_is_served_to_users_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/a.md").write_text("# Owls\n\nOwls hunt.\n", encoding="utf-8")
    run("index")
    for arguments in (["--host", "0.0.0.0"], ["--host", "::"]):
        done = run("serve", *arguments)
        assert done.status == 1
        assert "notesqa users add NAME --role instructor" in done.err
    (tmp_path / "notesqa.toml").write_text('hosts = "notes.example"\n', encoding="utf-8")
    assert "Sign-in is not configured" in run("serve").err
    (tmp_path / "notesqa.toml").write_text("behind_proxy = true\n", encoding="utf-8")
    assert "Sign-in is not configured" in run("serve").err
    assert "is no address" in run("serve", "--host", "no such host").err
