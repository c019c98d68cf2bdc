from __future__ import annotations

import asyncio
import io
import json
import shutil
import stat
import threading
import time
from pathlib import Path

import pytest
from conftest import Run, quick

from ui import door as door_module
from ui.auth import ForbiddenError, Role, User, Users, UsersError, require
from ui.door import (
    CHECKS,
    FIRST_DELAY,
    FREE,
    MOST_DELAY,
    MOST_SESSIONS,
    PER_ADDRESS,
    PER_NETWORK,
    PER_PLACE,
    SESSION_SECONDS,
    Door,
    RefusedError,
    device_of,
    network_of,
)
from ui.rates import MOST_KEYS, Buckets

PASSWORD = "correct horse battery"


class Clock:
    """A time that passes when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Users:
    """Two users."""
    users = quick(Users.beside(tmp_path_factory.mktemp("made") / "lib"))
    users.add("ada", Role.INSTRUCTOR, PASSWORD)
    users.add("bob", Role.STUDENT, PASSWORD + "!")
    return users


@pytest.fixture
def users(tmp_path: Path, made: Users) -> Users:
    shutil.copy(made.file, tmp_path)
    return quick(Users.beside(tmp_path / "lib"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(users: Users, clock: Clock) -> Door:
    return Door(users, clock=clock)


def sign_in(door: Door, name: str, password: str, address: str = "10.0.0.1") -> str:
    return asyncio.run(door.sign_in(name, password, address))[0]


def refused(door: Door, name: str, address: str = "10.0.0.1") -> float:
    with pytest.raises(RefusedError) as caught:
        sign_in(door, name, "wrong password", address)
    return caught.value.wait


# The file of users


def test_a_password_lets_its_user_in_and_nobody_else(users: Users) -> None:
    ada = users.by_password("ada", PASSWORD)
    assert ada is not None and (ada.name, ada.role) == ("ada", Role.INSTRUCTOR)
    assert users.by_password("bob", PASSWORD) is None
    assert users.by_password("eve", PASSWORD) is None
    assert users.by_password("ada", "") is None


def test_the_file_is_for_its_owner_alone_and_holds_no_secret(users: Users) -> None:
    token = users.new_token("ada")
    written = users.file.read_text(encoding="utf-8")
    assert users.file.name == "lib-users.json"
    assert stat.S_IMODE(users.file.stat().st_mode) == 0o600
    assert PASSWORD not in written and token not in written


def test_a_password_is_hashed_as_rfc_9106_advises(tmp_path: Path) -> None:
    hashed = Users(tmp_path / "users.json").add("ada", Role.STUDENT, PASSWORD).password
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_letter_is_the_same_however_it_is_composed(users: Users) -> None:
    users.add("zoe", Role.STUDENT, "pa\u0308ssword-long")
    assert users.by_password("zoe", "p\u00e4ssword-long") is not None


@pytest.mark.parametrize("name", ["", "Ada", "a b", "a/b", "../a", "é", "x" * 65, "a\n"])
def test_a_name_is_plain(users: Users, name: str) -> None:
    with pytest.raises(UsersError, match="is no name"):
        users.add(name, Role.STUDENT, PASSWORD)


def test_what_cannot_be_is_said_with_what_can(users: Users) -> None:
    with pytest.raises(UsersError, match="has 9 characters; it must have 10 to 200"):
        users.add("eve", Role.STUDENT, "x" * 9)
    with pytest.raises(UsersError, match="notesqa users passwd ada"):
        users.add("ada", Role.STUDENT, PASSWORD)
    with pytest.raises(UsersError, match="notesqa users list"):
        users.remove("eve")
    assert sorted(users.all()) == ["ada", "bob"]


def test_another_process_sees_a_change_at_once(users: Users) -> None:
    elsewhere = Users(users.file)
    assert "bob" in elsewhere.all()
    users.remove("bob")
    assert sorted(elsewhere.all()) == ["ada"]


def test_two_who_change_the_file_lose_nothing(users: Users) -> None:
    def add(name: str) -> None:
        Users(users.file).add(name, Role.STUDENT, PASSWORD)

    threads = [threading.Thread(target=add, args=(f"user{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(users.all()) == 2 + 6


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 2, "users": {}}', '{"version": 1}'])
def test_a_damaged_file_lets_nobody_in(users: Users, door: Door, damage: str) -> None:
    users.file.write_text(damage, encoding="utf-8")
    with pytest.raises(UsersError, match="is no file of users"):
        door.demands()
    with pytest.raises(UsersError):
        users.add("eve", Role.STUDENT, PASSWORD)
    assert users.file.read_text(encoding="utf-8") == damage


def test_a_token_is_that_of_one_user_until_the_next(users: Users) -> None:
    first = users.new_token("bob")
    found = users.by_token(first)
    assert found is not None and found.name == "bob"
    second = users.new_token("bob")
    assert users.by_token(first) is None
    assert users.by_token(second) is not None
    assert users.by_token("") is None
    users.change_password("bob", PASSWORD)
    assert users.by_token(second) is None


def test_an_unknown_name_takes_as_long_as_a_known_one(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("ada", Role.STUDENT, PASSWORD)

    def seconds(name: str) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            users.by_password(name, "wrong password")
            times.append(time.perf_counter() - start)
        return min(times)

    assert seconds("nobody") > seconds("ada") / 2


def test_a_student_may_not_do_what_an_instructor_may(users: Users) -> None:
    with pytest.raises(ForbiddenError, match="for the role instructor; bob has the role student"):
        require(users.all()["bob"], Role.INSTRUCTOR)
    for name, role in [("bob", Role.STUDENT), ("ada", Role.STUDENT), ("ada", Role.INSTRUCTOR)]:
        require(users.all()[name], role)


# Sessions


def test_a_cookie_is_good_until_it_expires(door: Door, clock: Clock) -> None:
    cookie = sign_in(door, " Ada ", PASSWORD)
    user = door.by_cookie(cookie)
    assert user is not None and user.name == "ada"
    assert door.by_cookie(cookie + "x") is None
    clock.now += SESSION_SECONDS
    assert door.by_cookie(cookie) is None


@pytest.mark.parametrize("change", ["remove", "passwd", "sign out", "remove and add"])
def test_a_session_ends_with_what_it_was_opened_by(door: Door, users: Users, change: str) -> None:
    cookie = sign_in(door, "ada", PASSWORD)
    assert door.by_cookie(cookie) is not None
    if change == "sign out":
        door.sign_out(cookie)
    elif change == "passwd":
        users.change_password("ada", PASSWORD)
    else:
        users.remove("ada")
        if change == "remove and add":
            users.add("ada", Role.STUDENT, PASSWORD)
    assert door.by_cookie(cookie) is None


def test_one_user_holds_so_many_sessions_and_ends_no_other_user_s(door: Door) -> None:
    bob = sign_in(door, "bob", PASSWORD + "!")
    cookies = [door._open(door.users.all()["ada"]) for _ in range(MOST_SESSIONS + 1)]
    assert door.by_cookie(cookies[0]) is None
    assert all(door.by_cookie(cookie) for cookie in [bob, *cookies[1:]])


# Guessing


def test_guessing_one_name_from_one_address_is_slowed_down(door: Door, clock: Clock) -> None:
    tries, per_minute = PER_PLACE
    assert [refused(door, "ada") for _ in range(tries)] == [0] * tries
    assert refused(door, "ada") == pytest.approx(60 / per_minute)
    with pytest.raises(RefusedError):
        sign_in(door, "ada", PASSWORD)
    clock.now += 60 / per_minute
    assert door.by_cookie(sign_in(door, "ada", PASSWORD))


def test_guessing_any_name_from_one_address_is_slowed_down(door: Door) -> None:
    tries, per_minute = PER_ADDRESS
    assert [refused(door, f"name{i}") for i in range(tries)] == [0] * tries
    assert refused(door, "ada") == pytest.approx(60 / per_minute)


def test_guessing_from_one_wide_network_is_slowed_down(door: Door) -> None:
    tries, per_minute = PER_NETWORK
    assert [refused(door, f"n{i}", f"2001:db8:1:{i:x}::1") for i in range(tries)] == [0] * tries
    assert refused(door, "ada", "2001:db8:1:ffff::1") == pytest.approx(60 / per_minute)
    assert refused(door, "ada", "2001:db8:2::1") == 0


def test_guesses_at_the_same_time_are_counted_too(door: Door) -> None:
    async def guess() -> list[float]:
        tries = (door.sign_in("ada", "wrong password", "10.0.0.1") for _ in range(40))
        failed = await asyncio.gather(*tries, return_exceptions=True)
        return [error.wait for error in failed if isinstance(error, RefusedError)]

    waits = asyncio.run(guess())
    assert len(waits) == 40
    assert waits.count(0) <= PER_PLACE[0] + CHECKS


def test_a_class_behind_one_address_comes_in_at_once(door: Door) -> None:
    async def come() -> list[tuple[str, User]]:
        tries = (door.sign_in("ada", PASSWORD, "10.0.0.1") for _ in range(60))
        return await asyncio.gather(*tries)

    assert [user.name for _, user in asyncio.run(come())] == ["ada"] * 60


def test_more_than_can_wait_are_told_to_come_back(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "MOST_WAITING", 8)

    async def come() -> list[float]:
        tries = (door.sign_in("ada", PASSWORD, "10.0.0.1") for _ in range(20))
        got = await asyncio.gather(*tries, return_exceptions=True)
        return [error.wait for error in got if isinstance(error, RefusedError)]

    assert asyncio.run(come()) == [1.0] * 16
    assert (door._waiting, door._turns) == ({}, {})


@pytest.fixture
def slept(door: Door) -> list[float]:
    """How long sign-ins waited, without waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    door.sleep = sleep
    return waited


def test_strangers_everywhere_delay_a_user_and_keep_none_out(
    door: Door, slept: list[float]
) -> None:
    for i in range(200):
        refused(door, "ada", f"10.1.{i}.1")
    assert slept[:6] == [0] * FREE + [FIRST_DELAY]
    assert sorted(slept) == slept and slept[-1] == MOST_DELAY
    assert door.by_cookie(sign_in(door, "ada", PASSWORD, "10.0.0.2"))


def test_a_browser_that_was_signed_in_by_is_not_slowed_down(
    users: Users, door: Door, slept: list[float]
) -> None:
    device = device_of(users.all()["ada"])
    for i in range(PER_ADDRESS[0]):
        refused(door, "ada", f"10.1.{i}.1")
        refused(door, f"name{i}", "10.0.0.2")
    slept.clear()
    assert refused(door, "ada", "10.0.0.2") > 0
    cookie, _ = asyncio.run(door.sign_in("ada", PASSWORD, "10.0.0.2", device))
    assert door.by_cookie(cookie)
    assert slept == []


def test_a_known_browser_guesses_no_faster(users: Users, door: Door) -> None:
    device = device_of(users.all()["ada"])

    def guess(name: str) -> float:
        with pytest.raises(RefusedError) as caught:
            asyncio.run(door.sign_in(name, "wrong password", "10.0.0.1", device))
        return caught.value.wait

    assert [guess("ada") for _ in range(PER_PLACE[0])] == [0] * PER_PLACE[0]
    assert guess("ada") > 0
    assert [guess("bob") for _ in range(PER_PLACE[0])] == [0] * PER_PLACE[0]
    assert guess("bob") > 0
    users.change_password("ada", PASSWORD)
    assert not door_module._is_device_of(users.all()["ada"], device)


def test_a_network_of_addresses_counts_as_one() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:2:3::4", 48) == "2001:db8:1::/48"
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1") == "10.0.0.1"
    assert network_of("testclient") == "testclient"


def test_buckets_fill_up_and_are_forgotten_when_they_are_many(clock: Clock) -> None:
    buckets = Buckets(2, 60, clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]
    clock.now += 0.5
    assert buckets.take("a") == pytest.approx(0.5)
    clock.now += 100
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]
    for i in range(MOST_KEYS + 5):
        buckets.take(str(i))
    assert len(buckets) == MOST_KEYS


# The commands


def add(run: Run, monkeypatch: pytest.MonkeyPatch, *arguments: str, typed: str = PASSWORD) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
    done = run("users", *arguments)
    return done.out + done.err


def test_users_are_added_listed_and_removed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nobody" in run("users", "list").out
    assert "ada may sign in" in add(run, monkeypatch, "add", "ada", "--role", "instructor")
    assert "bob may sign in" in add(run, monkeypatch, "add", "bob", "--role", "student")
    assert run("users", "list").out == "ada  instructor\nbob  student\n"
    listed = json.loads(run("users", "list", "--json").out)
    assert listed["users"][1] == {"name": "bob", "role": "student"}
    assert "another password" in add(run, monkeypatch, "passwd", "bob", typed="x" * 10)
    users = Users.beside(Path(".notesqa"))
    assert users.by_password("bob", "x" * 10) and not users.by_password("bob", PASSWORD)
    assert users.by_token(run("users", "token", "ada").out.strip()) == users.all()["ada"]
    run("users", "remove", "bob")
    assert sorted(users.all()) == ["ada"]


def test_a_role_that_is_none_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = add(run, monkeypatch, "add", "ada", "--role", "root")
    assert said.strip() == "notesqa: 'root' is no role: --role is student or instructor."


def test_a_password_is_no_argument(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert run("users", "add", "ada", PASSWORD, "--role", "student").status == 2
    assert not Users.beside(Path(".notesqa")).all()
