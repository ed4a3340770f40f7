"""Labels that a run takes from an annotation store: one CSV per concept in the run folder, written when they change.

A store changes with every look at a face (its log), and its newest answers lie in a second file. Steps therefore do not
read the store: they read what was settled when the run started, in a file with a digest that the manifests name.
"""

from pathlib import Path

from painlens.study import Study
from painlens.tables import DataError, save_text
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import is_store, people_files_of


def take_labels(run: RunFolder, study: Study, *, write: bool = True) -> dict[str, dict[str, int]]:
    """Write the final labels of all concepts whose labels are a store; concept -> state -> number of faces.

    Without `write` they are only counted.

    Raises
    ------
    DataError
        A store is missing, damaged or written by a newer painlens.
    """
    stores = {name: concept for name, concept in study.concepts.items() if is_store(concept.labels)}
    if not stores:
        return {}
    from painlens.annotations import exchange, store

    counts: dict[str, dict[str, int]] = {}
    for name, concept in stores.items():
        try:
            with store.opened(Path(concept.labels), read_only=True) as connection:
                rows = exchange.final_labels(connection, concept=name)
                text = exchange.labels_csv(connection, concept=name)
        except store.StoreError as error:
            raise DataError(f"labels of concept '{name}': {error}") from None
        counts[name] = {}
        for row in rows:
            state = str(row["state"])
            counts[name][state] = counts[name].get(state, 0) + 1
        path = run.root / people_files_of(study)[f"labels:{name}"]
        if write and (not path.exists() or path.read_text(encoding="utf-8") != text):
            save_text(text, path)
    return counts


def describe_labels(counts: dict[str, dict[str, int]]) -> list[str]:
    """Sentences about concepts whose labels are not all settled."""
    sentences = []
    for concept, states in counts.items():
        total = sum(states.values())
        open_ = states.get("disagreement", 0) + states.get("incomplete", 0)
        if not total:
            sentences.append(f"concept '{concept}' has no annotation task yet: no face is labelled (painlens serve)")
        elif open_:
            sentences.append(
                f"concept '{concept}': {open_} of {total} faces have no final label yet "
                f"({states.get('disagreement', 0)} wait for an adjudicator); they count as unlabelled, so what is left "
                "is a selection of easy faces"
            )
    return sentences
