"""What people believed before the test, as their notebook says, and what they wrote after it was frozen."""

from collections.abc import Mapping
from typing import Any

from painlens.report.blocks import Block, Bullets, Section, Text
from painlens.report.inputs import ReportInputs


def hypotheses(inputs: ReportInputs) -> Section:
    """The notebook's statements with digest and time of freezing; no section where nothing was written."""
    notebook = inputs.notebook or {}
    entries: list[Mapping[str, Any]] = list(notebook.get("hypotheses", []))
    if not entries:
        return Section("hypotheses", "What was believed beforehand", ())
    frozen = [entry for entry in entries if entry["frozen"]]
    blocks: list[Block] = [
        Text((
            f"{len(entries)} {'hypothesis was' if len(entries) == 1 else 'hypotheses were'} written in the notebook, "
            f"{len(frozen)} of them frozen before the concept test. The digest is the SHA-256 of the frozen words and "
            "faces: whoever wrote them down then can show that they were not changed.",
        )),
        Bullets(tuple((f"{_state(entry)}.", _sentence(entry)) for entry in entries)),
    ]  # fmt: skip
    late = [(entry, edit) for entry in entries for edit in entry["later_edits"]]
    if late:
        text = tuple(
            f"Edited after freezing, {_time(edit['time_utc'])} by {edit['person']}: {edit['statement']} "
            f"(frozen: {entry['tested']['statement']})"
            for entry, edit in late
        )
        blocks.append(Text(text, kind="caution"))
    if frozen:
        blocks.append(Text((f"All frozen statements together: {notebook['sha256']}.",), kind="note"))
    return Section("hypotheses", "What was believed beforehand", tuple(blocks))


def _state(entry: Mapping[str, Any]) -> str:
    return str(entry["status"]).capitalize()


def _sentence(entry: Mapping[str, Any]) -> str:
    written = f"{entry['tested']['statement']} Written {_time(entry['written_utc'])} by {entry['author']}"
    if not entry["frozen"]:
        return f"{written}; not frozen, so nothing shows that it came before the test."
    frozen = entry["frozen"]
    return f"{written}; frozen {_time(frozen['time_utc'])} by {frozen['person']}, digest {frozen['sha256']}."


def _time(stamp: str) -> str:
    """Minutes are enough for a reader."""
    return f"{stamp[:16].replace('T', ' ')} UTC"
