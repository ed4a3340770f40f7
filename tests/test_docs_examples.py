"""Every example in the documentation is run, or where it needs data of its own, is checked against the code."""

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from pydantic import BaseModel
from torch import nn

from concept_test_study import SETTINGS, make_study
from painlens import attributions, concept_test
from painlens.attributions.methods import Bounds
from painlens.backbones import build_network, registry
from painlens.study import Attribution, Backbone, Database, Study, parse_study
from painlens.workflow.engine import PROFILES, SNAKEFILE

ROOT = Path(__file__).parents[1]
HOW_TO = ROOT / "docs" / "how-to"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
# Pages whose Python blocks are run, and the test file that runs them.
RUN_BY = {
    "add-a-database.md": "test_databases_docs.py",
    "python.md": "test_api.py",
    "add-a-backbone.md": "test_docs_examples.py",
    "add-an-attribution-method.md": "test_docs_examples.py",
    "add-a-concept-test.md": "test_docs_examples.py",
}
LANGUAGES = {"python", "yaml", "csv", "sh", "bash", ""}  # without a language: drawings
PROGRAMS = {"painlens", "pip", "make", "virelay", "python", "git", "ssh", "."}
LEAST: dict[str, Any] = {"study": "example", "databases": {n: {"reader": "manifest", "root": "/x"} for n in ("a", "b")}}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def of_language(*languages: str) -> list[Any]:
    """Page and text of the blocks of a language, as parameters of a test."""
    return [
        pytest.param(page, text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (language, text) in enumerate(blocks(page))
        if language in languages
    ]


# Extensions -----------------------------------------------------------------------------------------------------------


def run_page(name: str, scope: dict[str, Any]) -> tuple[dict[str, Any], list[types.ModuleType]]:
    """Run the Python blocks of a page one after the other in one scope; blocks with a docstring are modules too."""
    modules = []
    for number, (language, text) in enumerate(blocks(HOW_TO / name)):
        if language != "python":
            continue
        if text.startswith('"""'):
            module = types.ModuleType(f"example_{number}", text.split('"""')[1])
            exec(compile(text, f"{name}[{number}]", "exec"), module.__dict__)
            modules.append(module)
            scope |= {key: value for key, value in vars(module).items() if not key.startswith("__")}
        else:
            exec(compile(text, f"{name}[{number}]", "exec"), scope)
    return scope, modules


def test_new_backbone_on_the_page_answers_and_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BACKBONES", dict(registry.BACKBONES))
    scope, (module,) = run_page("add-a-backbone.md", {"print": lambda *_: None})
    assert "narrow" in registry.BACKBONES and module.__doc__
    assert scope["logits"].shape == (4, 2) and scope["found"].maps.shape == (4, 32, 32)
    np.testing.assert_allclose(scope["found"].logits, scope["logits"], rtol=1e-4, atol=1e-5)
    assert scope["found"].ledger_error.max() < 1e-5  # the fast engine read it, and accounts for everything
    widths = [layer.out_channels for layer in scope["network"].layers() if isinstance(layer, nn.Conv2d)]
    assert widths == [8, 16, 32, 32]


class Linear(nn.Module):
    """A network whose logits are linear in its input."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 8 * 8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(1))


def test_new_attribution_method_on_the_page_keeps_its_law() -> None:
    before = dict(attributions.ATTRIBUTIONS)
    network = build_network(Backbone(name="compact", head=16), classes=("no-pain", "pain"), size=32, seed=0)
    faces = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    try:
        scope, _ = run_page(
            "add-an-attribution-method.md", {"print": lambda *_: None, "network": network, "faces": faces}
        )
    finally:
        attributions.ATTRIBUTIONS.clear()
        attributions.ATTRIBUTIONS.update(before)
    assert scope["found"].maps.shape == (3, 32, 32) and np.abs(scope["found"].maps).max() > 0
    linear, bounds = Linear().eval(), Bounds(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([3.0, 2.0, 1.0]))
    explain = scope["from_grey"](linear, Attribution(target="pain"), bounds, lambda _: None)
    inputs = torch.rand(4, 3, 8, 8)
    grey = torch.tensor([1.0, 0.0, 0.5]).reshape(1, 3, 1, 1).expand(1, 3, 8, 8)
    expected = (linear(inputs) - linear(grey))[:, 1]
    torch.testing.assert_close(explain(inputs, 1).relevance.sum(dim=(1, 2, 3)), expected)


def test_new_concept_test_on_the_page_gets_its_claims() -> None:
    before = dict(concept_test.MEASURES)
    made = make_study(seeds=2, halves=1, people=4, images=12)
    quick = SETTINGS.model_copy(update={"gradients": False, "smallest_cell": 2})
    evidence = made.with_evidence(features=None, networks=(), gradients=None).evidence
    given = {"evidence": evidence, "settings": quick, "replication": made.replication, "print": lambda *_: None}
    try:
        scope, _ = run_page("add-a-concept-test.md", given)
        own, table = scope["own"], scope["found"].association
        assert set(own["claim"]) == {"networks", "people", "databases"}
        assert (own["difference"] > 0).all()  # planted in the clinical networks
        row = table[
            (table["measure"] == "distance") & (table["replicate"] == "seed=0") & (table["model"] == "clinical")
        ]
        assert len(row) == 1
        assert float(row["value"].iloc[0]) == pytest.approx(by_hand(evidence, "clinical", "seed=0"))
    finally:
        concept_test.MEASURES.clear()
        concept_test.MEASURES.update(before)


def by_hand(evidence: concept_test.Evidence, model: str, replicate: str) -> float:
    """Mean over label x database of the standardised difference, with pandas alone."""
    labels = evidence.concepts[evidence.concepts["concept"] == "eyes-closed"].dropna(subset=["value"])
    answers = evidence.predictions
    own = answers[(answers["model"] == model) & (answers["replicate"] == replicate)]
    both = own.merge(labels[["database", "frame_id", "value"]], on=["database", "frame_id"])
    both = both.assign(score=both["logit:pain"] - both["logit:no-pain"])
    found = []
    for _, cell in both.groupby(["label", "database"]):
        with_it = cell["value"].astype(bool)
        if min(with_it.sum(), (~with_it).sum()) >= 2:
            means = [float(cell.loc[kind, "score"].mean()) for kind in (with_it, ~with_it)]
            found.append((means[0] - means[1]) / float(cell["score"].std(ddof=0)))
    assert found
    return float(pd.Series(found).mean())


# Blocks ---------------------------------------------------------------------------------------------------------------


def test_every_block_says_its_language_and_every_python_page_is_run() -> None:
    for page in PAGES:
        named = {language for language, _ in blocks(page)}
        assert named <= LANGUAGES, f"{page.name}: {named - LANGUAGES}"
        if "python" in named:
            assert page.name in RUN_BY, f"{page.name} has Python that no test runs"
            assert page.stem in (ROOT / "tests" / RUN_BY[page.name]).read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "text"), of_language("yaml"))
def test_yaml_is_a_study_a_database_or_a_profile(page: Path, text: str) -> None:
    raw = yaml.safe_load(text)
    if "executor" in raw:
        check_profile(raw)
    elif set(raw) <= set(Study.model_fields):
        parse_study(LEAST | raw)
    else:
        for database in raw["databases"].values() if "databases" in raw else [raw]:
            Database.model_validate(database)
    assert page.exists()


def check_profile(raw: dict[str, Any]) -> None:
    """A profile names rules that there are, and says what the shipped one says."""
    rules = set(re.findall(r"^rule (\w+):", SNAKEFILE.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(raw["set-resources"]) | set(raw["set-threads"]) <= rules
    shipped = yaml.safe_load((PROFILES / "slurm" / "config.yaml").read_text(encoding="utf-8"))
    assert raw["set-resources"] == shipped["set-resources"] and raw["set-threads"] == shipped["set-threads"]
    assert set(raw) == set(shipped)


@pytest.mark.parametrize(("page", "text"), of_language("sh", "bash"))
def test_shell_lines_call_programs_and_targets_that_there_are(page: Path, text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split("#")[0].split()
        if words:
            assert words[0] in PROGRAMS, f"{page.name}: {line}"
        if words[:1] == ["make"]:
            assert set(words[1:]) <= targets, line


# What nobody describes ------------------------------------------------------------------------------------------------


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Sections inside of a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from sections(part)


def test_every_field_of_a_study_says_what_it_is() -> None:
    left, seen, unsaid = [Study], set(), []
    while left:
        section = left.pop()
        if section in seen:
            continue
        seen.add(section)
        assert section.__doc__, section.__name__
        for name, field in section.model_fields.items():
            inner = list(sections(field.annotation))
            left += inner
            if not field.description and not inner:
                unsaid.append(f"{section.__name__}.{name}")
    assert not unsaid
    assert len(seen) > 20
