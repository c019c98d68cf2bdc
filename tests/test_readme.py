from __future__ import annotations

import re
from dataclasses import fields

from conftest import ROOT

from rag import DESCRIPTIONS, Settings

README = (ROOT / "README.md").read_text("utf-8")


def settings_table() -> str:
    rows = [
        f"| `{field.name}` | `{field.default}` | {DESCRIPTIONS[field.name]} |"
        for field in fields(Settings)
    ]
    return "\n".join(["| key | default | what it is |", "|---|---|---|", *rows])


def test_the_readme_lists_every_setting_with_its_default() -> None:
    found = re.search(r"<!-- settings -->\n(.*)\n<!-- /settings -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == settings_table()


def test_every_file_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
