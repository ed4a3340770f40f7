"""What only a person can say about a study: asked once, kept in the run, never overwritten without a trace."""

import time
from pathlib import Path
from typing import Any

import yaml

from painlens import tables
from painlens.tables import DataError

FILE = "answers.json"  # in the run


def answers_of(root: Path) -> dict[str, str]:
    """Question -> the latest answer."""
    return {entry["question"]: entry["text"] for entry in _kept(root)}


def keep_answers(root: Path, given: dict[str, str], known: dict[str, str]) -> None:
    """Append answers to the run's file; an equal one is not kept twice.

    Raises
    ------
    DataError
        A question is unknown or an answer is empty.
    """
    for question, text in given.items():
        if question not in known:
            raise DataError(f"there is no question '{question}'; there are {', '.join(known)}")
        if not text.strip():
            raise DataError(f"the answer to '{question}' is empty; leave the question out to keep it open")
    before, entries = answers_of(root), _kept(root)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entries += [
        {"question": question, "text": text.strip(), "time": now}
        for question, text in given.items()
        if before.get(question) != text.strip()
    ]
    tables.save_json(entries, root / FILE)


def answers_file(path: Path) -> dict[str, str]:
    """Answers of a YAML file: question, colon, text.

    Raises
    ------
    DataError
        The file is missing or holds something else.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as answers: {error}") from None
    if not isinstance(raw, dict) or not all(isinstance(one, str) for pair in raw.items() for one in pair):
        raise DataError(f"{path} must hold lines like 'purpose: Research on ...', one per question")
    return raw


def _kept(root: Path) -> list[dict[str, Any]]:
    path = root / FILE
    if not path.exists():
        return []
    entries = tables.load_json(path)
    if not isinstance(entries, list) or not all(
        isinstance(e, dict) and {"question", "text"} <= e.keys() for e in entries
    ):
        raise DataError(f"{path} holds no answers that painlens wrote; correct it or move it away")
    return entries
