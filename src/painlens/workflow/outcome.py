"""What a finished run says, for the terminal: the report's verdicts, and whether the study found what it must."""

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
        One verdict per concept and pair of models, in the words of the report; where the certificate forbids a verdict
        at this size of study, that there is none and why.
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
    """Verdicts of a finished run as its report has them, judged by its study's expectation.

    Raises
    ------
    DataError
        The run has no report.
    """
    said = tables.load_json(run.folder("report") / "verdicts.json")["verdicts"]
    verdicts = tables.load_table(run.folder("concepts") / "verdicts.parquet", tables.VERDICTS)
    findings = concept_test.judge(verdicts, run.study().expect)
    return RunOutcome(tuple(str(one["sentence"]) for one in said), tuple(findings))
