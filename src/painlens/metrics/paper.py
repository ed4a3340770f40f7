"""The paper's Tables 1 and 2 for any number of models and databases, and its own numbers to print beside them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from painlens.metrics.scores import MAJORITY, MEAN
from painlens.study import Database
from painlens.tables import DataError

KINDS = {"P": "precision", "R": "recall", "F1": "f1"}

# Prajod, Huber, Andre 2022, Tables 1 and 2: (reader of the training data, reader of the test data) -> precision of
# no pain, of pain, their mean; recall; F1; accuracy
PUBLISHED = {
    ("unbc", "unbc"): (0.74, 0.87, 0.80, 0.71, 0.88, 0.80, 0.72, 0.88, 0.80, 0.83),
    ("unbc", "biovid"): (0.74, 0.56, 0.65, 0.28, 0.90, 0.59, 0.41, 0.69, 0.55, 0.59),
    ("biovid", "unbc"): (0.48, 0.87, 0.68, 0.80, 0.61, 0.71, 0.60, 0.72, 0.66, 0.67),
    ("biovid", "biovid"): (0.65, 0.80, 0.73, 0.87, 0.54, 0.70, 0.74, 0.64, 0.69, 0.70),
}
PUBLISHED_CLASSES = ("no-pain", "pain")


@dataclass(frozen=True)
class PaperTable:
    """One model on all databases, as the paper prints it.

    Rows are the test databases; columns are ``P <class>`` ... ``P avg``, ``R ...``, ``F1 ...``, ``accuracy``.
    """

    model: str
    yours: pd.DataFrame
    published: pd.DataFrame | None  # the paper's numbers, where the databases are the paper's


def paper_tables(
    metrics: pd.DataFrame,
    *,
    classes: tuple[str, ...],
    databases: Mapping[str, Database],
    models: tuple[str, ...] | None = None,
) -> tuple[PaperTable, ...]:
    """A table per model (mean over seeds), in the order of `models`; these are the databases unless they are given.

    The published numbers stand beside a user's own only where they speak of the same thing: exactly one database of
    the study is read by ``unbc`` and one by ``biovid``, both are the owners' and not rendered, and the classes are
    pain and no-pain.

    Raises
    ------
    DataError
        The metrics lack a model, a database or a class of the study.
    """
    compared = tuple(databases) if models is None else models
    means = metrics[(metrics["replicate"] == MEAN) & (metrics["model"] != MAJORITY)]
    wide = means.pivot(index=["model", "database"], columns="measure", values="value")
    measures = {
        f"{letter} {'avg' if name == 'macro' else name}": f"{kind}:{name}"
        for letter, kind in KINDS.items()
        for name in (*classes, "macro")
    } | {"accuracy": "accuracy"}
    lacking = [name for name in measures.values() if name not in wide.columns]
    lacking += [
        f"{model} on {tested}" for model in compared for tested in databases if (model, tested) not in wide.index
    ]
    if lacking:
        raise DataError(f"the metrics lack {', '.join(lacking)}; evaluate again")
    chosen = wide[list(measures.values())].set_axis(list(measures), axis=1).astype("float64")
    tables = []
    for model in compared:
        yours = pd.DataFrame(
            [chosen.loc[(model, tested)] for tested in databases], index=pd.Index(databases, name="test")
        )
        tables.append(PaperTable(model, yours, _published(model, classes=classes, databases=databases)))
    return tuple(tables)


def _published(model: str, *, classes: tuple[str, ...], databases: Mapping[str, Database]) -> pd.DataFrame | None:
    """The paper's rows of a model under the study's names."""
    of_reader = {
        reader: [name for name, d in databases.items() if d.reader == reader and d.synthetic is None]
        for reader in ("unbc", "biovid")
    }
    if any(len(names) != 1 for names in of_reader.values()) or set(classes) != set(PUBLISHED_CLASSES):
        return None
    reader = databases[model].reader if model in databases else ""
    if model not in of_reader.get(reader, []):
        return None
    columns = [f"{letter} {name}" for letter in KINDS for name in (*PUBLISHED_CLASSES, "avg")] + ["accuracy"]
    rows = {names[0]: PUBLISHED[(reader, tested)] for tested, names in of_reader.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("test")
    order = [f"{letter} {name}" for letter in KINDS for name in (*classes, "avg")] + ["accuracy"]
    return table.loc[[name for name in databases if name in rows], order]
