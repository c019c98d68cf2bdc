"""Question sets become runs, runs become scores, and scores become verdicts and reports.

    run = run_questions(Library.open(), Path("set.jsonl"), Path("run.jsonl"))
    scores = score_run(run)
    comparison = compare_runs(load_run(Path("before.jsonl")), run)

These are the functions that the `notesqa eval` commands call. Names are imported at their first
use, so `import eval` costs nothing. (Write `from eval import …`: a bare `import eval` hides the
builtin.)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.appending import append_questions as append_questions
    from eval.appending import splits_of as splits_of
    from eval.audit import Audit as Audit
    from eval.audit import Basis as Basis
    from eval.audit import audit_notes as audit_notes
    from eval.audit import audit_tables as audit_tables
    from eval.beir import CollectionScores as CollectionScores
    from eval.beir import evaluate_collection as evaluate_collection
    from eval.checking import check_questions as check_questions
    from eval.checking import write_mended as write_mended
    from eval.closing import Accepted as Accepted
    from eval.closing import Reasked as Reasked
    from eval.closing import Reply as Reply
    from eval.closing import accept_gap as accept_gap
    from eval.closing import name_of as name_of
    from eval.closing import reask as reask
    from eval.compare import SHOWN as SHOWN
    from eval.compare import Comparison as Comparison
    from eval.compare import compare_runs as compare_runs
    from eval.compare import smallest as smallest
    from eval.compare import verdict as verdict
    from eval.coverage import Coverage as Coverage
    from eval.coverage import Covered as Covered
    from eval.coverage import Part as Part
    from eval.coverage import cover as cover
    from eval.coverage import load_coverage as load_coverage
    from eval.coverage import twice as twice
    from eval.coverage import write_coverage as write_coverage
    from eval.coverage_diff import Change as Change
    from eval.coverage_diff import Changed as Changed
    from eval.coverage_diff import CoverageDiff as CoverageDiff
    from eval.coverage_diff import diff as diff
    from eval.coverage_plots import heat_legend_html as heat_legend_html
    from eval.coverage_plots import heat_map_html as heat_map_html
    from eval.coverage_plots import map_legend_html as map_legend_html
    from eval.coverage_plots import map_svg as map_svg
    from eval.coverage_plots import picture_css as picture_css
    from eval.coverage_plots import unit_name as unit_name
    from eval.coverage_report import coverage_html as coverage_html
    from eval.coverage_report import write_coverage_report as write_coverage_report
    from eval.dataset import Evidence as Evidence
    from eval.dataset import Question as Question
    from eval.dataset import load_questions as load_questions
    from eval.files import read_json as read_json
    from eval.findings import Findings as Findings
    from eval.fit import Fitting as Fitting
    from eval.fit import fit_questions as fit_questions
    from eval.fit import write_fit as write_fit
    from eval.gaps import Gap as Gap
    from eval.gaps import GapError as GapError
    from eval.gaps import Gaps as Gaps
    from eval.gaps import find_gaps as find_gaps
    from eval.gaps import gap_of as gap_of
    from eval.gate import Decision as Decision
    from eval.gate import gate_run as gate_run
    from eval.importing import import_beir as import_beir
    from eval.importing import import_csv as import_csv
    from eval.mapping import Map as Map
    from eval.mapping import Wanted as Wanted
    from eval.mapping import map_notes as map_notes
    from eval.mapping import wanted_of as wanted_of
    from eval.measures import DESCRIPTIONS as DESCRIPTIONS
    from eval.measures import LOWER_IS_BETTER as LOWER_IS_BETTER
    from eval.measures import Measure as Measure
    from eval.notes import Notes as Notes
    from eval.proposing import Now as Now
    from eval.proposing import Proposal as Proposal
    from eval.proposing import propose as propose
    from eval.report import report_html as report_html
    from eval.report import write_report as write_report
    from eval.reviewing import Choice as Choice
    from eval.reviewing import Decisions as Decisions
    from eval.reviewing import Reviewed as Reviewed
    from eval.reviewing import accept as accept
    from eval.reviewing import read_review as read_review
    from eval.reviewing import sets_in as sets_in
    from eval.reviewing import wordings_in as wordings_in
    from eval.reviewing import write_review as write_review
    from eval.run import run_questions as run_questions
    from eval.runfile import Run as Run
    from eval.runfile import load_run as load_run
    from eval.score import Scores as Scores
    from eval.score import evaluate as evaluate
    from eval.score import score_run as score_run
    from eval.stretches import Stretch as Stretch
    from eval.support import COVERED as COVERED
    from eval.support import MISSING as MISSING
    from eval.support import Judge as Judge
    from eval.support import Status as Status
    from eval.support import Support as Support
    from eval.syllabus import Objective as Objective
    from eval.syllabus import Wording as Wording
    from eval.syllabus import load_objectives as load_objectives
    from eval.tables import csv_text as csv_text
    from eval.tables import write_csv as write_csv
    from eval.trec import export_trec as export_trec
    from eval.triage import Cause as Cause
    from eval.triage import Triage as Triage
    from eval.unanswered import Trouble as Trouble

_HOME = {
    "Accepted": "eval.closing",
    "Audit": "eval.audit",
    "Basis": "eval.audit",
    "COVERED": "eval.support",
    "Cause": "eval.triage",
    "Change": "eval.coverage_diff",
    "Changed": "eval.coverage_diff",
    "Choice": "eval.reviewing",
    "CollectionScores": "eval.beir",
    "Comparison": "eval.compare",
    "Coverage": "eval.coverage",
    "CoverageDiff": "eval.coverage_diff",
    "Covered": "eval.coverage",
    "DESCRIPTIONS": "eval.measures",
    "Decision": "eval.gate",
    "Decisions": "eval.reviewing",
    "Evidence": "eval.dataset",
    "Findings": "eval.findings",
    "Fitting": "eval.fit",
    "Gap": "eval.gaps",
    "GapError": "eval.gaps",
    "Gaps": "eval.gaps",
    "Judge": "eval.support",
    "LOWER_IS_BETTER": "eval.measures",
    "MISSING": "eval.support",
    "Map": "eval.mapping",
    "Measure": "eval.measures",
    "Notes": "eval.notes",
    "Now": "eval.proposing",
    "Objective": "eval.syllabus",
    "Part": "eval.coverage",
    "Proposal": "eval.proposing",
    "Question": "eval.dataset",
    "Reasked": "eval.closing",
    "Reply": "eval.closing",
    "Reviewed": "eval.reviewing",
    "Run": "eval.runfile",
    "SHOWN": "eval.compare",
    "Scores": "eval.score",
    "Status": "eval.support",
    "Stretch": "eval.stretches",
    "Support": "eval.support",
    "Triage": "eval.triage",
    "Trouble": "eval.unanswered",
    "Wanted": "eval.mapping",
    "Wording": "eval.syllabus",
    "accept": "eval.reviewing",
    "accept_gap": "eval.closing",
    "append_questions": "eval.appending",
    "audit_notes": "eval.audit",
    "audit_tables": "eval.audit",
    "check_questions": "eval.checking",
    "compare_runs": "eval.compare",
    "cover": "eval.coverage",
    "coverage_html": "eval.coverage_report",
    "csv_text": "eval.tables",
    "diff": "eval.coverage_diff",
    "evaluate": "eval.score",
    "evaluate_collection": "eval.beir",
    "export_trec": "eval.trec",
    "find_gaps": "eval.gaps",
    "fit_questions": "eval.fit",
    "gap_of": "eval.gaps",
    "gate_run": "eval.gate",
    "heat_legend_html": "eval.coverage_plots",
    "heat_map_html": "eval.coverage_plots",
    "import_beir": "eval.importing",
    "import_csv": "eval.importing",
    "load_coverage": "eval.coverage",
    "load_objectives": "eval.syllabus",
    "load_questions": "eval.dataset",
    "load_run": "eval.runfile",
    "map_legend_html": "eval.coverage_plots",
    "map_notes": "eval.mapping",
    "map_svg": "eval.coverage_plots",
    "name_of": "eval.closing",
    "picture_css": "eval.coverage_plots",
    "propose": "eval.proposing",
    "read_json": "eval.files",
    "read_review": "eval.reviewing",
    "reask": "eval.closing",
    "report_html": "eval.report",
    "run_questions": "eval.run",
    "score_run": "eval.score",
    "sets_in": "eval.reviewing",
    "smallest": "eval.compare",
    "splits_of": "eval.appending",
    "twice": "eval.coverage",
    "unit_name": "eval.coverage_plots",
    "verdict": "eval.compare",
    "wanted_of": "eval.mapping",
    "wordings_in": "eval.reviewing",
    "write_coverage": "eval.coverage",
    "write_coverage_report": "eval.coverage_report",
    "write_csv": "eval.tables",
    "write_fit": "eval.fit",
    "write_mended": "eval.checking",
    "write_report": "eval.report",
    "write_review": "eval.reviewing",
}

__all__ = [
    "Accepted",
    "Audit",
    "Basis",
    "COVERED",
    "Cause",
    "Change",
    "Changed",
    "Choice",
    "CollectionScores",
    "Comparison",
    "Coverage",
    "CoverageDiff",
    "Covered",
    "DESCRIPTIONS",
    "Decision",
    "Decisions",
    "Evidence",
    "Findings",
    "Fitting",
    "Gap",
    "GapError",
    "Gaps",
    "Judge",
    "LOWER_IS_BETTER",
    "MISSING",
    "Map",
    "Measure",
    "Notes",
    "Now",
    "Objective",
    "Part",
    "Proposal",
    "Question",
    "Reasked",
    "Reply",
    "Reviewed",
    "Run",
    "SHOWN",
    "Scores",
    "Status",
    "Stretch",
    "Support",
    "Triage",
    "Trouble",
    "Wanted",
    "Wording",
    "accept",
    "accept_gap",
    "append_questions",
    "audit_notes",
    "audit_tables",
    "check_questions",
    "compare_runs",
    "cover",
    "coverage_html",
    "csv_text",
    "diff",
    "evaluate",
    "evaluate_collection",
    "export_trec",
    "find_gaps",
    "fit_questions",
    "gap_of",
    "gate_run",
    "heat_legend_html",
    "heat_map_html",
    "import_beir",
    "import_csv",
    "load_coverage",
    "load_objectives",
    "load_questions",
    "load_run",
    "map_legend_html",
    "map_notes",
    "map_svg",
    "name_of",
    "picture_css",
    "propose",
    "read_json",
    "read_review",
    "reask",
    "report_html",
    "run_questions",
    "score_run",
    "sets_in",
    "smallest",
    "splits_of",
    "twice",
    "unit_name",
    "verdict",
    "wanted_of",
    "wordings_in",
    "write_coverage",
    "write_coverage_report",
    "write_csv",
    "write_fit",
    "write_mended",
    "write_report",
    "write_review",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eval' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
