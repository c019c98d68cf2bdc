"""What `Library.status` returns becomes the words that the terminal and the library page share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

FEW = 3
"""Names that are told where not all of them are asked for."""


def summary(found: Mapping[str, Any]) -> str:
    """Returns how much of the notes can be asked."""
    return (
        f"{found['indexed']:,} of {found['files']:,} files indexed "
        f"({found['chunks']:,} passages); {len(found['skipped']):,} skipped."
    )


def circumstances(found: Mapping[str, Any]) -> list[str]:
    """Returns when the notes changed, how much they are, and what was left out unasked."""
    size = found["bytes"]
    lines = [
        f"{megabytes(size['notes'])} of notes; the library takes {megabytes(size['library'])}."
    ]
    if found["changed"]:
        when = datetime.fromisoformat(found["changed"]).astimezone()
        lines.insert(0, f"The notes last changed {when:%Y-%m-%d %H:%M %Z}.")
    left_out = [
        f"{number:,} {how}"
        for number, how in (
            (found["ignored"], "by .notesqaignore or as libraries"),
            (found["hidden_files"], "hidden, with a dot before their name"),
        )
        if number
    ]
    if left_out:
        lines.append(f"Files and folders left out: {'; '.join(left_out)}.")
    return lines


def megabytes(size: int) -> str:
    """Returns a size as a person would say it."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


def by_message(items: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """Returns `(reason, message, documents)`, the reason that most share first."""
    groups: dict[tuple[str, str], list[str]] = {}
    share: dict[str, int] = {}
    for item in items:
        reason = item.get("reason", "")
        groups.setdefault((reason, item["message"]), []).append(item["document"])
        share[reason] = share.get(reason, 0) + 1
    ordered = sorted(groups.items(), key=lambda one: (-share[one[0][0]], one[0][0], -len(one[1])))
    return [(*key, documents) for key, documents in ordered]


def some(names: Sequence[str], most: int) -> str:
    """Returns so many of the names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
