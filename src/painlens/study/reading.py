"""A study file becomes a `Study`, or one sentence about the key that is wrong."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from painlens.study.section import Section, StudyError
from painlens.study.whole import Study


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study file; `overrides` are strings like ``training.epochs=3``.

    Raises
    ------
    StudyError
        The file is missing or is not YAML, a key is unknown (the nearest valid name is given), or a value is wrong.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"study file not found: {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not a YAML file: {error}") from None
    if not isinstance(raw, dict):
        raise StudyError(f"{path} must hold keys and values like 'study: my-study', got {type(raw).__name__}")
    for override in overrides:
        override_setting(raw, override)
    return parse_study(raw, source=str(path), folder=path.parent)


def parse_study(raw: Mapping[str, Any], *, source: str = "study", folder: Path | None = None) -> Study:
    """Validate keys and values; relative paths are taken relative to `folder`."""
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors()]
        raise StudyError(f"{source}: " + "; ".join(lines)) from None
    return _absolute(study, folder) if folder is not None else study


def dump_study(study: Study) -> str:
    """The resolved study as YAML, every default written out."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _absolute(section: Any, folder: Path) -> Any:
    """Copy of a section with relative paths made absolute."""
    if isinstance(section, Path):
        return (folder / section.expanduser()).resolve()
    if isinstance(section, Section):
        return section.model_copy(
            update={key: _absolute(getattr(section, key), folder) for key in type(section).model_fields}
        )
    if isinstance(section, dict):
        return {key: _absolute(value, folder) for key, value in section.items()}
    if isinstance(section, tuple):
        return tuple(_absolute(value, folder) for value in section)
    return section


def override_setting(raw: dict[str, Any], override: str) -> None:
    """Apply ``a.b=c`` to nested dictionaries, in place."""
    keys, separator, value = override.partition("=")
    if not separator or not re.fullmatch(r"[\w.-]+", keys):
        raise StudyError(f"--set expects key.key=value, got '{override}'")
    *parents, last = keys.split(".")
    place = raw
    for key in parents:
        inner = place.setdefault(key, {})
        if inner is None:
            inner = place[key] = {}
        if not isinstance(inner, dict):
            raise StudyError(f"--set {override}: '{key}' holds {inner!r}, not a section")
        place = inner
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {override}: the value is not YAML: {error}") from None


def _explain(problem: Mapping[str, Any]) -> str:
    """One sentence for one pydantic problem."""
    location = [str(part) for part in problem["loc"]]
    where = ".".join(location)
    if problem["type"] == "extra_forbidden":
        valid = _fields_at(location[:-1])
        near = difflib.get_close_matches(location[-1], valid, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"valid keys are {', '.join(valid)}"
        return f"unknown key '{where}'; {hint}"
    if problem["type"] == "missing":
        return f"'{where}' is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    got = problem.get("input")
    shown = f", got {got!r}" if isinstance(got, str | int | float | bool) else ""
    return f"'{where}': {message}{shown}" if where else message


def _fields_at(location: Sequence[str]) -> list[str]:
    """Valid keys of the section at a place of the study."""
    model: type[BaseModel] = Study
    for part in location:
        field = model.model_fields.get(part)
        if field is None:  # a name chosen by the user, such as a database's
            continue
        model = _section_in(field.annotation) or model
    return list(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """First section type inside an annotation such as ``dict[str, Database] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_in(inner)
        if found is not None:
            return found
    return None
