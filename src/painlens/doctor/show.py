"""An examination on the screen and as JSON."""

import json
from dataclasses import asdict
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from painlens.doctor.findings import GRAVITIES, DatabaseAudit, Examination

_COLOURS = {"leak": "bold red", "warning": "yellow", "note": "dim"}
_REASONS = 6  # most frequent reasons on the screen; JSON holds all


def as_json(examination: Examination) -> str:
    """The examination as JSON, with the number of leaks."""
    return json.dumps({**asdict(examination), "leaks": examination.leaks}, indent=1, ensure_ascii=False)


def show(examination: Examination, console: Console) -> None:
    """Print tables and findings."""
    for audit in examination.databases:
        console.print(_facts(audit))
    findings = sorted(examination.findings, key=lambda finding: GRAVITIES.index(finding.gravity))
    table = Table(title="Findings", title_justify="left", box=None, pad_edge=False)
    for heading in ("", "audit", "database"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what was found")
    for finding in findings:
        about = "\n".join([finding.message, *(f"  {detail}" for detail in finding.details)])
        cells = (finding.gravity, finding.check, finding.database, about)
        table.add_row(*(Text(cell, style=_COLOURS[finding.gravity] if i == 0 else "") for i, cell in enumerate(cells)))
    console.print(table)
    if examination.leaks:
        noun = "leak" if examination.leaks == 1 else "leaks"
        console.print(Text(f"{examination.leaks} {noun}: results would not be about expressions.", style="bold red"))


def study_entry(audit: DatabaseAudit, root: Path) -> str:
    """How a study file names an audited folder, as YAML."""
    entry = {"reader": audit.reader, "root": str(root.resolve())}
    return yaml.safe_dump({"databases": {"mine": entry}}, default_flow_style=None, sort_keys=False, allow_unicode=True)


def _facts(audit: DatabaseAudit) -> Table:
    title = f"{audit.name} (layout: {audit.reader})"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in _lines(audit):
        if text:
            table.add_row(Text(name, style="cyan"), Text(text))
    return table


def _lines(audit: DatabaseAudit) -> list[tuple[str, str]]:
    people = f"{audit.participants:,} participants" if audit.participants else "participants unknown"
    reasons = [f"{count:,} × {reason}" for reason, count in list(audit.reasons.items())[:_REASONS]]
    if len(audit.reasons) > _REASONS:
        rest = list(audit.reasons.values())[_REASONS:]
        reasons.append(f"{sum(rest):,} for {len(rest)} other reasons")
    parts = [f"{part}: {audit.people.get(part, 0):,} people; {_counts(own)}" for part, own in audit.parts.items()]
    return [
        ("frames", f"{audit.frames:,} found, {audit.kept:,} kept, {people}"),
        ("published", "\n".join(f"{c.what}: {c.found:,} of {c.published:,}" for c in audit.counts)),
        ("left out", "\n".join(reasons)),
        ("pictures", f"{audit.looked_at:,} opened, {audit.unreadable:,} cannot be decoded" if audit.looked_at else ""),
        ("labels", _counts(audit.labels)),
        ("parts", "\n".join(parts)),
        ("faces", _rates(audit)),
        ("consent", "\n".join(f"{purpose}: {_consent(own)}" for purpose, own in audit.consent.items())),
    ]


def _counts(counts: dict[str, int]) -> str:
    whole = sum(counts.values())
    return ", ".join(f"{name} {count:,} ({count / whole:.0%})" for name, count in counts.items()) if whole else ""


def _rates(audit: DatabaseAudit) -> str:
    lines = []
    for detector in dict.fromkeys(row["detector"] for row in audit.faces):
        own = [row for row in audit.faces if row["detector"] == detector]
        rates = ", ".join(f"{row['label']} {row['found']:,}/{row['frames']:,}" for row in own)
        lines.append(f"{detector}: {rates}")
    return "\n".join(lines)


def _consent(counts: dict[str, int]) -> str:
    return f"{counts['true']:,} agreed, {counts['unknown']:,} unknown, {counts['false']:,} refused"
