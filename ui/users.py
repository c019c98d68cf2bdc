"""The commands that say who may sign in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.common import Json, print_json

if TYPE_CHECKING:
    from ui.auth import Users

app = typer.Typer(help="Say who may sign in to the page and the API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As typed to sign in.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(metavar="student|instructor", help="What it may do.")],
    as_json: Json = False,
) -> None:
    """Add a user; the password is asked for, or read from a pipe."""
    from ui.auth import Role, UsersError

    if role not in list(Role):
        raise UsersError(f"{role!r} is no role: --role is {' or '.join(Role)}.")
    users = users_of(context)
    users.add(name, Role(role), read_password())
    _tell(f"{name} may sign in as {role}.", {"name": name, "role": role}, as_json)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List who may sign in, and as what."""
    users = sorted(users_of(context).all().values(), key=lambda user: user.name)
    if as_json:
        print_json({"users": [{"name": user.name, "role": user.role} for user in users]})
        return
    for user in users:
        typer.echo(f"{user.name}  {user.role}")
    if not users:
        typer.echo("Nobody: without users there is no sign-in, on loopback alone.")


@app.command()
def remove(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Remove a user, who is signed out at once."""
    users_of(context).remove(name)
    _tell(f"{name} may sign in no more.", {"name": name}, as_json)


@app.command()
def passwd(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Set another password; sessions and the token end."""
    users_of(context).change_password(name, read_password())
    _tell(f"{name} has another password.", {"name": name}, as_json)


@app.command()
def token(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Print a new token for scripts; one before it ends."""
    made = users_of(context).new_token(name)
    _tell(made, {"name": name, "token": made}, as_json)


def _tell(said: str, record: dict[str, str], as_json: bool) -> None:
    """Prints what was done: for people, or as JSON."""
    if as_json:
        print_json(record)
    else:
        typer.echo(said)


def users_of(context: typer.Context) -> Users:
    """Returns the users of the library that the settings name."""
    from ui.auth import Users

    return Users.beside(Path(context.obj.library))


def read_password() -> str:
    """Returns a password typed twice at a terminal, or the first line of a pipe."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")
