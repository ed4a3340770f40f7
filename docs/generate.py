"""Write the reference pages that follow from the code: study fields, tables, commands.

Run by ``make docs``; a test compares the pages with the code.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, get_args

import typer
from pydantic import BaseModel

from painlens import study, tables
from painlens.certificate import summing, tabulating
from painlens.certificate.cells import read_certificate
from painlens.cli import app

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Made by `make docs` from the code; change the code, not this page. -->\n\n"


def study_page() -> str:
    """Every field of a study file with its type, default and source."""
    sections = [c for c in vars(study).values() if isinstance(c, type) and issubclass(c, study.Section)]
    lines = ["# Study files\n\n", NOTE, (study.__doc__ or "").split("\n", 2)[2], "\n"]
    for section in sections:
        if section is not study.Section and section.model_fields:
            lines += [f"## {section.__name__}\n\n", f"{section.__doc__}\n\n", _fields(section), "\n"]
    return "".join(lines)


def _fields(section: type[BaseModel]) -> str:
    """A section's fields as a table."""
    rows = ["| key | type | default | meaning |\n|---|---|---|---|\n"]
    for name, field in section.model_fields.items():
        default = "required" if field.is_required() else _short(field.get_default(call_default_factory=True))
        kind = re.sub(r"painlens\.study\.(\w+\.)?", "", str(field.annotation))
        kind = re.sub(r"(typing\.)?Annotated\[(str|float), FieldInfo\(.*\)\]", r"\2", kind)
        kind = kind.replace("typing.", "").replace("<class '", "")
        kind = kind.replace("'>", "").replace("|", "\\|").replace("pathlib.", "")
        rows.append(f"| `{name}` | {kind} | {default} | {field.description or _of_section(field.annotation)} |\n")
    return "".join(rows)


def _of_section(annotation: Any) -> str:
    """What a section is for: the first sentence of its docstring."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation.__doc__ or "").split("\n")[0].split(". ")[0].rstrip(".")
    return next((said for part in get_args(annotation) if (said := _of_section(part))), "")


def _short(value: Any) -> str:
    """A default in a few words."""
    return "see below" if isinstance(value, BaseModel) else f"`{value}`"


def tables_page() -> str:
    """Every table that a step hands on."""
    lines = ["# Tables\n\n", NOTE, "Parquet files; a row's key is unique. `class` columns come once per class.\n\n"]
    for schema in tables.SCHEMAS.values():
        lines.append(f"## {schema.name}\n\nOne row: {schema.row}. Key: {', '.join(f'`{k}`' for k in schema.key)}.\n\n")
        lines.append("| column | type | meaning |\n|---|---|---|\n")
        lines += [f"| `{n}` | {c.kind} | {c.meaning} |\n" for n, c in schema.columns.items()]
        lines.append("\n")
    return "".join(lines)


def commands_page() -> str:
    """Every command with its options."""
    lines = [
        "# Commands\n\n",
        NOTE,
        "Exit codes: 0 done, 1 failure, 2 usage, 3 data or consent refused, 4 a check failed.\n\n",
    ]
    group = typer.main.get_command(app)
    listed = getattr(group, "commands").items()  # noqa: B009 - click's group is not typed here
    nested = [(f"{name} {n}", c) for name, command in listed for n, c in getattr(command, "commands", {}).items()]
    for name, command in [*listed, *nested]:
        lines.append(f"## painlens {name}\n\n{(command.help or '').strip()}\n\n| option | meaning |\n|---|---|\n")
        for parameter in command.params:
            names = ", ".join(f"`{n}`" for n in parameter.opts) or parameter.name
            lines.append(f"| {names} | {getattr(parameter, 'help', None) or ''} |\n")
        lines.append("\n")
    return "".join(lines)


EXPLAINED = Path(__file__).parent / "explanation" / "certificate.md"
BEGIN, END = "<!-- begin of what `make docs` writes from certificate.json -->\n", "<!-- end -->\n"


def certificate_page() -> str:
    """The page about the certificate, with its tables between the two marks made anew."""
    before, _, rest = EXPLAINED.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + _certificate_tables() + END + rest.partition(END)[2]


ROOT = Path(__file__).parents[1]
MEASURED = Path(__file__).parent / "measurements.md"
BENCHED = "<!-- begin of what `make docs` takes from benchmarks/results.json -->\n"
UNITS = ("s", "ms", "MB", "GiB", "faces/s")


def measurements_page() -> str:
    """The page of measurements, with what the certificate's record says between its marks counted anew."""
    text, record = _between(MEASURED.read_text(encoding="utf-8"), BENCHED, promised_figures()), read_certificate()
    for level, count in (("features", summing.features_summed), ("images", summing.images_summed)):
        begin = f"<!-- begin of what `make docs` counts at the level of {level} -->\n"
        text = _between(text, begin, count(record) if record is not None else "\nThere is no record yet.\n\n")
    return text


def _between(text: str, begin: str, made: str) -> str:
    """A page with what stands between a mark and the next end made anew."""
    before, found, rest = text.partition(begin)
    if not found:
        raise ValueError(f"{MEASURED} has no mark {begin!r}")
    return before + begin + made + END + rest.partition(END)[2]


def promised_figures() -> str:
    """Every promised figure with its bound and what ``make bench`` wrote last."""
    sys.path.insert(0, str(ROOT))  # the benchmarks are not installed
    from benchmarks._wanted import WANTED

    measured = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    lines = ["\n| figure | what | measured | wanted |\n|---|---|---|---|\n"]
    for name, wanted in WANTED.items():
        own = measured.get(name)
        value = "not measured" if own is None else f"{own['value']:.4g} {own['unit'] if own['unit'] in UNITS else ''}"
        missed = "" if own is None or wanted.holds(own["value"]) else " **missed**"
        lines.append(f"| `{name}` | {wanted.meaning} | {value.strip()}{missed} | {wanted} |\n")
    return "".join(lines) + "\n"


def _certificate_tables() -> str:
    """Designs and rates of both levels, and the levels side by side."""
    record = read_certificate()
    if record is None or not record.cells:
        return "\nThere is no cell yet: `make certify` makes them.\n\n"
    lines = []
    for level, origin in record.origins.items():
        made = f"{origin.studies:,} studies, {origin.date}, painlens {origin.version}, `{origin.command}`"
        lines.append(f"\n## Level of {level}\n\n{made}: {'; '.join(origin.notes)}.\n\n")
        lines += [tabulating.to_markdown(tabulating.designs_described(record, level)), "\n"]
        rates = tabulating.verdicts_right if level == "images" else tabulating.rates_by_design
        lines += [tabulating.to_markdown(rates(record, level)), "\n"]
    if len(record.origins) > 1:
        lines += ["## The levels side by side\n\n", tabulating.to_markdown(tabulating.levels_compared(record)), "\n"]
    return "".join(lines)


PAGES = {"study.md": study_page, "tables.md": tables_page, "commands.md": commands_page}


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        print(REFERENCE / name)
    for path, page in ((EXPLAINED, certificate_page), (MEASURED, measurements_page)):
        path.write_text(page(), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
