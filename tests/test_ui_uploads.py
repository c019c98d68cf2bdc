from __future__ import annotations

import errno
import io
import os
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from conftest import owls_in, quick, served
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from rag import LOADERS, Library, Settings, suffix_of
from ui import schemas
from ui.api import build_api
from ui.auth import Role, Users
from ui.guard import FORM_BYTES, MOST_FILES
from ui.services import Services
from ui.uploads import LEFT_SECONDS, UploadError, Uploads, clean_name

HERE = "http://127.0.0.1:7860"
NOTE = b"# Newts\n\nNewts swim by night.\n"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = owls_in(tmp_path, uploads=True, max_file_mb=0.01)
    (tmp_path / "notes/water").mkdir()
    return library


@pytest.fixture
def services(library: Library) -> Services:
    return Services.of(library)


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(build_api(services), base_url=HERE, follow_redirects=False)


def test_a_file_is_kept_in_the_folder_and_found(
    client: TestClient, services: Services, tmp_path: Path
) -> None:
    sent = client.post(
        "/api/v1/upload", files={"file": ("newts.md", NOTE)}, data={"folder": "water"}
    )
    assert (sent.status_code, sent.json()["document"]) == (202, "water/newts.md")
    schemas.Uploaded.model_validate_json(sent.content, strict=True, extra="forbid")
    job = sent.json()["job"]
    assert sent.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (tmp_path / "notes/water/newts.md").read_bytes() == NOTE
    assert services.jobs.wait(job["id"], 20)
    told = client.get(sent.headers["location"]).json()
    assert (told["state"], told["result"]["indexed"]) == ("done", 1)
    assert services.library.titles()["water/newts.md"] == "Newts"
    assert os.listdir(tmp_path / "notes/water") == ["newts.md"]  # and no draft beside it


def test_what_is_there_is_never_replaced(client: TestClient, tmp_path: Path) -> None:
    before = (tmp_path / "notes/owls.md").read_bytes()
    sent = client.post("/library/upload", files={"file": ("owls.md", NOTE)})
    assert sent.status_code == 409
    assert "There is a owls.md already" in sent.text and 'role="alert"' in sent.text
    assert (tmp_path / "notes/owls.md").read_bytes() == before
    (tmp_path / "notes/link.md").symlink_to(tmp_path / "outside.md")
    sent = client.post("/api/v1/upload", files={"file": ("link.md", NOTE)})
    assert sent.status_code == 409
    assert not (tmp_path / "outside.md").exists()


@pytest.mark.parametrize("reason", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_is_kept_where_there_are_no_hard_links(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, refuse})
    assert client.post("/api/v1/upload", files={"file": ("a.md", NOTE)}).status_code == 202
    assert (tmp_path / "notes/a.md").read_bytes() == NOTE
    before = (tmp_path / "notes/owls.md").read_bytes()
    assert client.post("/api/v1/upload", files={"file": ("owls.md", NOTE)}).status_code == 409
    assert (tmp_path / "notes/owls.md").read_bytes() == before

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "rename", full)
    sent = client.post("/api/v1/upload", files={"file": ("b.md", NOTE)})
    assert (sent.status_code, sent.json()["detail"]) == (
        *(503, "b.md cannot be written (No space left on device)."),
    )
    assert sorted(os.listdir(tmp_path / "notes")) == ["a.md", "owls.md", "water"]


def test_what_a_killed_server_left_is_removed_and_what_another_writes_is_not(
    client: TestClient, tmp_path: Path
) -> None:
    left, written = tmp_path / "notes/.upload-0123", tmp_path / "notes/.upload-4567"
    for draft in (left, written):
        draft.write_bytes(NOTE)
    os.utime(left, (0, time.time() - LEFT_SECONDS - 1))
    assert client.post("/api/v1/upload", files={"file": ("a.md", NOTE)}).status_code == 202
    assert (left.exists(), written.exists()) == (False, True)


def test_files_that_stall_block_no_other(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.guard.IDLE_SECONDS", 0.3)
    start = (
        "POST /api/v1/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x"
    )
    with served(build_api(services)) as port, ExitStack() as held:
        stalled = []
        for _ in range(MOST_FILES):
            stalled.append(held.enter_context(socket.create_connection(("127.0.0.1", port), 10)))
            stalled[-1].sendall(start.encode())
        for connection in stalled:
            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
        files = {"file": ("newts.md", NOTE)}
        sent = httpx.post(f"http://127.0.0.1:{port}/api/v1/upload", files=files)
        assert sent.status_code == 202


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".hidden.md", "a\x00b.md", "a\nb.md", "a\u202eb.md", "a\u200bb.md", "no"),
        *("con.md", "NUL", "lpt1.txt", "COM¹.md", "a.md.", "a:b.md", 'a"b.md', "a|b.md", "a*b.md"),
        *("x" * 300 + ".md", "run.exe", "a.py", ".notesqaignore", "é" * 120 + ".md", "\ud800.md"),
    ],
)
def test_a_name_that_hides_steers_or_is_reserved_is_refused(name: str) -> None:
    with pytest.raises(UploadError):
        clean_name(name)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/newts.md", "newts.md"),
        ("C:\\Users\\ann\\newts.md", "newts.md"),
        ("/newts.md", "newts.md"),
        ("e\u0301t\u00e9.md", "\u00e9t\u00e9.md"),
        ("Week 1 (draft).PDF", "Week 1 (draft).PDF"),
    ],
)
def test_a_name_is_the_last_part_of_what_was_sent(name: str, kept: str) -> None:
    assert clean_name(name) == kept


@given(st.text(max_size=60), st.sampled_from([*LOADERS, "", ".md/", "/../x.md", "\\x.md"]))
def test_whatever_name_is_sent_only_a_plain_one_is_kept(text: str, end: str) -> None:
    try:
        kept = clean_name(text + end)
    except UploadError:
        return
    assert "/" not in kept and "\\" not in kept and not kept.startswith(".")
    assert kept.isprintable() and suffix_of(kept) in LOADERS


@pytest.mark.parametrize(
    "folder", ["..", "../lib", "water/..", "/etc", "water/", "none", "out", ".git", "wa\0ter"]
)
def test_a_file_goes_into_a_folder_of_the_notes_or_nowhere(
    client: TestClient, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "notes/.git").mkdir()
    (tmp_path / "notes/out").symlink_to(tmp_path)
    sent = client.post(
        "/api/v1/upload", files={"file": ("newts.md", NOTE)}, data={"folder": folder}
    )
    assert sent.status_code == 422
    assert not list(tmp_path.rglob("newts.md"))


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "notes/water").rmdir()
    (tmp_path / "notes/water").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(Uploads, "folders", lambda _: ["", "water"])
    with pytest.raises(UploadError, match="cannot be written"):
        Uploads(library.settings).keep("newts.md", "water", io.BytesIO(NOTE))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_that_is_too_long_or_empty_leaves_nothing(
    client: TestClient, tmp_path: Path
) -> None:
    for body, status in ((b"x" * 10_001, 413), (b"x" * (10_001 + FORM_BYTES), 413), (b"", 422)):
        for path in ("/api/v1/upload", "/library/upload"):
            assert client.post(path, files={"file": ("a.md", body)}).status_code == status
    assert sorted(os.listdir(tmp_path / "notes")) == ["owls.md", "water"]
    longest = client.post("/api/v1/upload", files={"file": ("a.md", b"x" * 10_000)})
    assert longest.status_code == 202


def test_a_file_may_be_longer_than_any_other_body(tmp_path: Path) -> None:
    library = owls_in(tmp_path, uploads=True)
    client = TestClient(build_api(Services.of(library)), base_url=HERE)
    long = b"Newts swim. " * 200_000
    assert client.post("/api/v1/upload", files={"file": ("a.md", long)}).status_code == 202
    assert client.post("/api/v1/index", content=long).status_code == 413
    assert MOST_FILES == 2  # each of them is held in memory


def test_nothing_is_taken_where_the_setting_does_not_say_so(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    client = TestClient(build_api(Services.of(library)), base_url=HERE)
    sent = client.post("/api/v1/upload", files={"file": ("newts.md", NOTE)})
    assert (sent.status_code, "uploads" in sent.json()["detail"]) == (403, True)
    assert "Add a file" not in client.get("/library").text
    assert not Settings().uploads


def test_neither_students_nor_other_sites_put_files_there(
    client: TestClient, library: Library, tmp_path: Path
) -> None:
    files = {"file": ("newts.md", NOTE)}
    elsewhere = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    for path in ("/library/upload", "/api/v1/upload", "/library/index", "/api/v1/index"):
        assert client.post(path, files=files, headers=elsewhere).status_code == 403
    users = quick(Users.beside(library.folder))
    users.add("bob", Role.STUDENT, "correct horse battery")
    student = {"authorization": f"Bearer {users.new_token('bob')}"}
    for path in ("/library/upload", "/api/v1/upload", "/library/index", "/api/v1/index"):
        refused = client.post(path, files=files, headers=student)
        assert refused.status_code == 403
        assert "for the role instructor" in refused.text
    assert client.post("/api/v1/upload", files=files).status_code == 401
    assert client.get("/api/v1/jobs", headers=student).status_code == 403
    assert not (tmp_path / "notes/newts.md").exists()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"--x--", "multipart/form-data"),
        (b"file=a.md", "application/x-www-form-urlencoded"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--x--\r\n', "x/x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
def test_a_form_that_holds_no_file_is_refused(client: TestClient, body: bytes, kind: str) -> None:
    sent = client.post("/api/v1/upload", content=body, headers={"content-type": kind})
    assert sent.status_code in {400, 422}
    assert sent.headers["content-type"] == "application/problem+json"
