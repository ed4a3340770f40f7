"""The sections of the page in their order; each file builds one from the inputs."""

from collections.abc import Callable

from painlens.report.blocks import Section
from painlens.report.inputs import ReportInputs
from painlens.report.sections.compared import compared
from painlens.report.sections.concept_shares import concept_shares
from painlens.report.sections.concepts import concepts
from painlens.report.sections.limits import limits
from painlens.report.sections.looking import looking
from painlens.report.sections.made import made
from painlens.report.sections.performance import performance
from painlens.report.sections.training import training
from painlens.report.sections.verdict import verdict

SECTIONS: tuple[Callable[[ReportInputs], Section], ...] = (
    verdict,
    compared,
    performance,
    concept_shares,
    looking,
    concepts,
    training,
    made,
    limits,
)


def build_sections(inputs: ReportInputs) -> tuple[Section, ...]:
    """All sections of the page."""
    return tuple(build(inputs) for build in SECTIONS)
