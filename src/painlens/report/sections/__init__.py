"""The sections of the page in their order; each file builds one from the inputs."""

from collections.abc import Callable

from painlens.report.blocks import Section
from painlens.report.inputs import ReportInputs
from painlens.report.sections.adopted import adopted
from painlens.report.sections.certificate import certificate
from painlens.report.sections.compared import compared
from painlens.report.sections.concept_shares import concept_shares
from painlens.report.sections.concepts import concepts
from painlens.report.sections.hypotheses import hypotheses
from painlens.report.sections.limits import limits
from painlens.report.sections.looking import looking
from painlens.report.sections.made import made
from painlens.report.sections.performance import performance
from painlens.report.sections.training import training
from painlens.report.sections.trust import trust
from painlens.report.sections.verdict import verdict

SECTIONS: tuple[Callable[[ReportInputs], Section], ...] = (
    verdict,
    hypotheses,
    compared,
    adopted,
    performance,
    concept_shares,
    looking,
    trust,
    concepts,
    certificate,
    training,
    made,
    limits,
)


def build_sections(inputs: ReportInputs) -> tuple[Section, ...]:
    """All sections of the page that have something to say."""
    return tuple(section for build in SECTIONS if (section := build(inputs)).blocks)
