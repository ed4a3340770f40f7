"""Checklists and model cards as Markdown and HTML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

from painlens.checklists.answers import answers_of
from painlens.checklists.evidence import DIGITS, Evidence, gather
from painlens.tables import save_text
from painlens.workflow.run_folder import RunFolder

FOLDER = "checklists"  # in the run
_ITEMS = Path(__file__).with_name("items.yaml")
_NOTE = (
    "Filled by painlens from the files of a run: a pointer is no judgement. Whether an item is met is for a person to "
    "say; the published wording is the authority."
)
_OPEN = "Open: only a person can answer this"
_CARD = (
    ("Model details", ("model", "training", "weights", "environment"), ("owner",)),
    ("Intended use", ("study",), ("purpose", "non-use")),
    ("Factors", ("groups", "databases"), ()),
    ("Metrics", ("statistics",), ()),
    ("Evaluation data", ("participants", "exclusions", "split"), ()),
    ("Training data", ("databases", "labels", "consent"), ("setting", "eligibility")),
    ("Quantitative analyses", ("performance", "errors", "verdicts", "explanations"), ()),
    ("Ethical considerations", ("consent",), ("ethics",)),
    ("Caveats and recommendations", ("limits", "detectable"), ("oversight", "monitoring")),
)


@dataclass(frozen=True)
class Entry:
    """One item: its words, what the run tells, what a person was asked."""

    title: str
    evidence: tuple[Evidence, ...]
    asked: tuple[tuple[str, str, str], ...]  # id, question, answer


@dataclass(frozen=True)
class Page:
    """One document."""

    name: str
    title: str
    source: str
    entries: tuple[Entry, ...]

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Questions without an answer."""
        return tuple(dict.fromkeys(i for e in self.entries for i, _, answer in e.asked if not answer))


def questions() -> dict[str, str]:
    """Id -> question that only a person can answer."""
    return dict(_items()["questions"])


def write_checklists(run: RunFolder) -> tuple[list[Path], tuple[str, ...]]:
    """Write every checklist and the model cards of a run; the files, and the questions that are open."""
    pages = list(build_pages(run))
    written = []
    for page in pages:
        for kind, text in (("md", to_markdown(page)), ("html", to_html(page))):
            path = run.root / FOLDER / f"{page.name}.{kind}"
            save_text(text, path)
            written.append(path)
    return written, tuple(dict.fromkeys(one for page in pages for one in page.unanswered))


def build_pages(run: RunFolder) -> Iterator[Page]:
    """Checklists, then a model card per compared model."""
    evidence, answers, asked = gather(run), answers_of(run.root), questions()
    for name, own in _items()["checklists"].items():
        entries = (
            _entry(item["text"], item.get("evidence", ()), item.get("person", ()), evidence, answers, asked)
            for item in own["items"]
        )  # fmt: skip
        yield Page(name, own["title"], own["source"], tuple(entries))
    for name in run.study().compared:
        entries = tuple(_entry(title, tells, people, evidence, answers, asked) for title, tells, people in _CARD)
        yield Page(f"model-card-{name}", f"Model card: {name}", "After Mitchell et al. 2019, Model cards", entries)


def _entry(  # noqa: PLR0913, PLR0917 - an item and the three sources that fill it
    title: str, tells: Any, people: Any, evidence: Mapping[str, Evidence], answers: Mapping[str, str],
    asked: Mapping[str, str],
) -> Entry:  # fmt: skip
    return Entry(
        title,
        tuple(evidence[name] for name in tells),
        tuple((name, asked[name], answers.get(name, "")) for name in people),
    )


def to_markdown(page: Page) -> str:
    """The page as Markdown."""
    lines = [f"# {page.title}", "", f"{_NOTE} Source: {page.source}.", ""]
    for entry in page.entries:
        lines += [f"## {entry.title}", ""]
        for one in entry.evidence:
            lines.append(f"- {one.sentence}")
            lines += [f"    - `{p.file}` sha256 `{p.sha256[:DIGITS]}`" for p in one.pointers]
        for name, question, answer in entry.asked:
            lines.append(f"- *{question}* {answer or f'**{_OPEN}** (`{name}`).'}")
        lines.append("")
    return "\n".join(lines)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
p, li, dd { overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.files { font-size: .85rem; opacity: .75; }
.open { border-left: 3px solid #b35309; padding-left: .6rem; }
dt { font-style: italic; } dd { margin: 0 0 .5rem; }
</style>
</head>
<body>
<h1>{{ page.title }}</h1>
<p>{{ note }} Source: {{ page.source }}.</p>
{% for entry in page.entries %}
<section>
<h2>{{ entry.title }}</h2>
{% for one in entry.evidence %}
<p>{{ one.sentence }}</p>
{% if one.pointers %}
<details class="files"><summary>{{ one.pointers | length }} files</summary><ul>
{% for p in one.pointers %}<li><code>{{ p.file }}</code> <code>{{ p.sha256[:digits] }}</code></li>
{% endfor %}</ul></details>
{% endif %}
{% endfor %}
{% if entry.asked %}
<dl>
{% for name, question, answer in entry.asked %}
<dt>{{ question }}</dt>
<dd{% if not answer %} class="open"{% endif %}>{{ answer or open ~ " (" ~ name ~ ")." }}</dd>
{% endfor %}
</dl>
{% endif %}
</section>
{% endfor %}
</body>
</html>
"""


def to_html(page: Page) -> str:
    """The page as one HTML file that asks nobody for anything."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_PAGE).render(page=page, note=_NOTE, open=_OPEN, digits=DIGITS)


@cache
def _items() -> dict[str, Any]:
    return yaml.safe_load(_ITEMS.read_text(encoding="utf-8"))
