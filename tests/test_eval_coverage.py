from __future__ import annotations

from pathlib import Path

from conftest import owls_in

from eval import Objective, Wording, cover


def test_what_is_missing_has_no_quotes_and_all_else_has(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    asked = [
        Objective(text, text, "", (Wording(text),))
        for text in ("When do owls hunt?", "Who pays for parking permits in Lisbon?")
    ]
    coverage = cover(library, asked)
    assert [item.objective for item in coverage.found] == asked
    assert sum(coverage.summary.values()) == len(asked)
    assert coverage.generation == library.generation
    for item in coverage.to_dict()["objectives"]:
        missing = item["status"] == "missing"
        assert (item["citations"] == []) == (item["notes"] == 0) == missing
