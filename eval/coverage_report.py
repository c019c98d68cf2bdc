"""A coverage, gaps and a map become one page that tells an instructor what the notes lack.

The page is one file that loads nothing from anywhere. Its one script sorts, filters and saves the
tables that it finds; without it they stand there whole. Notes, objectives and questions are data.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import coverage_plots as plots
from eval.coverage import Coverage, Covered, twice
from eval.files import replacing
from eval.gaps import Gap, Gaps
from eval.mapping import Map, Sign, Wanted
from eval.outlines import bare
from eval.support import COVERED, MISSING, Status
from eval.templates import anchor, render
from rag import RunError

MOST_COLUMNS = 30
"""Notes that the table of units and notes has columns for: what a page has room for."""

DIGITS = 12
"""Characters of a digest that are shown."""


def write_coverage_report(page: str, out: Path, sources: Iterable[Path] = ()) -> None:
    """Writes the page to a file.

    Args:
        sources: files that it was made of.

    Raises:
        RunError: the file cannot be written, or is one of the sources.
    """
    if out.resolve() in [path.resolve() for path in sources]:
        raise RunError(f"{out} is what the page is made of: name another file with --out.")
    with replacing(out, RunError) as draft:
        draft.write_bytes(page.encode("utf-8"))


def coverage_html(
    coverage: Coverage | None,
    gaps: Gaps | None = None,
    drawn: Map | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Returns the page, the same for the same coverage, gaps and map; what is None is left out.

    Args:
        remarks: what to know about it, a line each.
    """
    return render(
        "coverage.html.jinja",
        (in_json, objective_anchor, gap_anchor, plots.unit_name),
        coverage=coverage,
        gaps=gaps,
        drawn=drawn,
        remarks=[*remarks, *_same(coverage)],
        about=_about(coverage, gaps, drawn),
        title=(coverage.source if coverage else "") or "Notes and gaps",
        summary=coverage.summary if coverage else {},
        rows=[_row(item) for item in coverage.found] if coverage else [],
        units=[_unit(part.name, part.found) for part in coverage.units()] if coverage else [],
        matrix=_matrix(coverage) if coverage else None,
        notes=_notes(coverage, drawn) if coverage else [],
        data=_data(coverage, gaps, drawn),
        plots=plots,
        heat=plots.heat_map_html(coverage, _objective_link) if coverage else "",
        picture=plots.map_svg(drawn, _pin_link) if drawn else "",
        Status=Status,
        COVERED=COVERED,
        MISSING=MISSING,
    )


# Words


def objective_anchor(name: str) -> str:
    """Returns the name within the page of an objective's row."""
    return anchor("o", name)


def gap_anchor(name: str) -> str:
    """Returns the name within the page of a gap's row."""
    return anchor("g", name)


def in_json(value: Any) -> str:
    """Returns JSON in ASCII that ends no element and begins none, whatever its texts hold."""
    said = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return said.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _objective_link(name: str) -> str:
    return f"#{_in_address(objective_anchor(name))}"


def _pin_link(item: Wanted) -> str:
    if item.sign is Sign.GAP:
        return f"#{_in_address(gap_anchor(item.id))}"
    return _objective_link(item.id)


def _in_address(name: str) -> str:
    """Returns the name of a part as an address names it: a browser undoes one layer of `%`."""
    return name.replace("%", "%25")


# What the page shows


@dataclass(frozen=True, slots=True)
class Row:
    """An objective in its table; `quote`, without markup, and `place` are of its best citation."""

    item: Covered
    quote: str
    document: str
    place: str

    @property
    def where(self) -> str:
        """Returns note and place in one line."""
        return f"{self.document}, {self.place}" if self.document else ""


def _row(item: Covered) -> Row:
    if not item.citations:
        return Row(item, "", "", "")
    best = item.citations[0]
    return Row(item, bare(best.quote), best.document, best.location)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in its table; `notes` say how many of its objectives each supports."""

    name: str
    found: tuple[Covered, ...]
    summary: Mapping[Status, int]
    mean: float
    notes: tuple[str, ...]


def _unit(name: str, found: tuple[Covered, ...]) -> Unit:
    return Unit(
        name=name,
        found=found,
        summary=Counter(item.status for item in found),
        mean=sum(item.support.confidence for item in found) / len(found),
        notes=tuple(f"{path} ({times:,})" for path, times in _supporting(found).most_common()),
    )


def _supporting(found: Iterable[Covered]) -> Counter[str]:
    return Counter(document for item in found for document in item.documents)


@dataclass(frozen=True, slots=True)
class Matrix:
    """How many objectives of each unit each note supports.

    Attributes:
        left_out: notes that support some and have no column.
        shades: 0 to `plots.LEVELS` - 1 for each count, by its share of the unit.
    """

    columns: tuple[str, ...]
    left_out: int
    rows: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]


def _matrix(coverage: Coverage) -> Matrix | None:
    supporting = [path for path, _ in _supporting(coverage.found).most_common()]
    columns = tuple(sorted(supporting[:MOST_COLUMNS]))
    return Matrix(
        columns=columns,
        left_out=len(supporting) - len(columns),
        rows=tuple((unit.name, tuple(_cells(unit.found, columns))) for unit in coverage.units()),
    )


def _cells(found: Sequence[Covered], columns: Sequence[str]) -> Iterator[tuple[int, int]]:
    counts = _supporting(found)
    for path in columns:
        share = counts[path] / len(found)
        yield counts[path], min(plots.LEVELS - 1, int(share * plots.LEVELS))


def _notes(coverage: Coverage, drawn: Map | None) -> list[tuple[str, str, int, list[str]]]:
    """Returns path, title, how many objectives it supports, and the units of these."""
    titles = {dot.document: dot.title for dot in drawn.dots} if drawn else {}
    return [
        (
            part.name,
            titles.get(part.name, ""),
            len(part.found),
            list(dict.fromkeys(plots.unit_name(item.objective.unit) for item in part.found)),
        )
        for part in coverage.documents()
    ]


def _same(coverage: Coverage | None) -> Iterator[str]:
    """Yields a line for each text that several objectives have."""
    for count, text in twice(coverage) if coverage else ():
        yield f"{count:,} objectives are the same: {text}"


def _about(coverage: Coverage | None, gaps: Gaps | None, drawn: Map | None) -> dict[str, str]:
    """Returns what the page is about, as far as it is known."""
    said = {}
    if coverage:
        said["Objectives"] = f"{len(coverage.found):,}"
        said["Units"] = f"{len(coverage.units()):,}"
        said["Judged"] = coverage.made.replace("T", " ").replace("+00:00", " UTC")
        said["Notes"] = f"{len(coverage.notes):,}" if coverage.notes else ""
    if drawn:
        said["Passages"] = f"{drawn.passages:,}"
    if gaps:
        said["Questions of the log"] = f"{gaps.looked_at:,}"
    corpus = next((one.corpus for one in (coverage, gaps, drawn) if one and one.corpus), "")
    said["State of the notes"] = corpus and corpus[:DIGITS] + "…"
    return {name: text for name, text in said.items() if text}


def _data(coverage: Coverage | None, gaps: Gaps | None, drawn: Map | None) -> dict[str, Any]:
    """Returns what the page holds as JSON: a coverage without passages, gaps, and the map."""
    data: dict[str, Any] = {}
    if coverage:
        data = coverage.to_record()
        for record in data["objectives"]:
            kept = record["support"]
            record["support"] = {"near": kept["near"], "documents": kept["documents"]}
    if gaps:
        data["gaps"] = [_gap(gap) for gap in gaps.gaps]
    if drawn:
        data["map"] = [
            {
                "id": pin.wanted.id,
                "sign": pin.wanted.sign,
                "x": pin.x,
                "y": pin.y,
                "nearest": drawn.dots[pin.dot].document,
            }
            for pin in drawn.pins
        ]
    return data


def _gap(gap: Gap) -> dict[str, Any]:
    """Returns a gap without the words of those who asked, but those of its central question."""
    return {
        "id": gap.id,
        "question": gap.question,
        "terms": list(gap.terms),
        "questions": len(gap.questions),
        "people": gap.people,
        "cause": gap.triage.cause.value,
        "why": gap.triage.why,
        "confidence": gap.triage.support.confidence,
        "near": round(gap.triage.support.near, 4),
    }
