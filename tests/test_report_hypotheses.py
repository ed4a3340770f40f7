"""Hypotheses in the report: digest and time of freezing, later edits visible as such."""

import dataclasses

from painlens import hypotheses
from painlens.hypotheses import Event, Statement
from painlens.report.page import render_page
from painlens.report.sections import build_sections
from report_fixture import made_inputs

EYES = Statement("Models look at <closed> eyes.")


def page(*events: Event) -> str:
    notebook = hypotheses.exported(hypotheses.replay(events))
    inputs = dataclasses.replace(made_inputs(), notebook=notebook)
    return render_page(inputs, build_sections(inputs))


def event(number: int, kind: str, content: dict[str, object]) -> Event:
    return Event(number, f"2026-03-0{number}T10:20:30.000000Z", "h1", "rosa", kind, content)


WRITTEN = event(1, "write", hypotheses.content_of(EYES))
FROZEN = event(2, "freeze", {"sha256": hypotheses.digest_of("h1", EYES), "version": 1})


def test_digest_and_time_of_freezing_are_printed() -> None:
    text = page(WRITTEN, FROZEN)
    assert "What was believed beforehand" in text
    assert hypotheses.digest_of("h1", EYES) in text
    assert "frozen 2026-03-02 10:20 UTC by rosa" in text
    assert "Models look at &lt;closed&gt; eyes." in text
    assert "Edited after freezing" not in text


def test_what_was_not_frozen_is_said_to_prove_nothing() -> None:
    assert "nothing shows that it came before the test" in page(WRITTEN)


def test_later_edits_stand_beside_what_was_frozen() -> None:
    text = page(WRITTEN, FROZEN, event(3, "write", hypotheses.content_of(Statement("Models look at mouths."))))
    assert "Edited after freezing, 2026-03-03 10:20 UTC by rosa: Models look at mouths." in text
    assert "(frozen: Models look at &lt;closed&gt; eyes.)" in text


def test_without_a_notebook_there_is_no_section() -> None:
    assert "hypotheses" not in {section.name for section in build_sections(made_inputs())}
