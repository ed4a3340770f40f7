"""What a finished run says, for the terminal: the verdict's sentences, and whether the study found what it must."""

from dataclasses import dataclass

from painlens import concept_test, tables
from painlens.concept_test import Finding
from painlens.workflow.run_folder import RunFolder


@dataclass(frozen=True)
class RunOutcome:
    """The end of a run.

    Attributes
    ----------
    sentences
        One verdict per concept and pair of models.
    findings
        One per expectation of the study; empty for studies on owners' databases.
    """

    sentences: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def met(self) -> bool:
        """Whether every expectation was met."""
        return all(finding.met for finding in self.findings)


def read_outcome(run: RunFolder) -> RunOutcome:
    """Verdicts of a finished run, judged by its study's expectation."""
    study = run.study()
    verdicts = tables.load_table(run.folder("concepts") / "verdicts.parquet", tables.VERDICTS)
    statements = concept_test.describe(verdicts, target=study.attribution.target)
    findings = concept_test.judge(verdicts, study.expect)
    return RunOutcome(tuple(statement.headline for statement in statements), tuple(findings))
