"""From sections to one HTML file that asks nobody for anything."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from painlens.report import numbers
from painlens.report.blocks import Section
from painlens.report.inputs import ReportInputs

TEMPLATES = Path(__file__).with_name("templates")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_page(inputs: ReportInputs, sections: tuple[Section, ...]) -> str:
    """The page as HTML; equal inputs give equal text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["typeset"] = typeset
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        title=inputs.study.title or inputs.study.study,
        policy=POLICY,
        style=style,
        summary=_summary(inputs),
        sections=sections,
        version=inputs.versions.get("painlens", ""),
    )


def typeset(text: str) -> str:
    """Hyphens before numbers become minus signs, and zero has no sign.

    >>> typeset("difference -.26 (-.00), seed-wise")
    'difference −.26 (.00), seed-wise'
    """
    text = re.sub(r"(?<![\w.])[-+](?=0?\.0+(?!\d))", "", text)
    return re.sub(r"(?<![\w.])-(?=\.?\d)", numbers.MINUS, text)


def _summary(inputs: ReportInputs) -> str:
    study = inputs.study
    names = _list(inputs.models)
    concepts = _list([f"'{numbers.plain(name)}'" for name in study.concepts])
    about = f" Concepts: {concepts}." if concepts else ""
    rendered = " All faces are rendered." if set(inputs.rendered) == set(inputs.databases) else ""
    target = numbers.plain(study.attribution.target)
    if study.models:
        explained = _list([f"'{one.explained}' of {one.model}" for one in inputs.adopted if one.replicate == "seed=0"])
        return (
            f"The models {names}, trained elsewhere, compared on the same faces{_whose(inputs)}. Compared "
            f"logits: {explained or target}.{about}{rendered}"
        )
    if len(inputs.classes) > 2:
        classes = _list([numbers.plain(name) for name in inputs.classes])
        return (
            f"Networks that learned the classes {classes} from the databases {names}, compared on the same test "
            f"faces by their answer '{target}'.{about}{rendered}"
        )
    return (
        f"Networks that learned '{target}' from the databases {names}, compared "
        f"on the same test faces.{about}{rendered}"
    )


def _whose(inputs: ReportInputs) -> str:
    """Whose faces; nothing where they have no name of their own."""
    return "" if inputs.databases == ("faces",) else f" of {_list(inputs.databases)}"


def _list(names: tuple[str, ...] | list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
