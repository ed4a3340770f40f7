"""What helper models were trained on: a model that has seen a database is no independent witness about it.

Facts come from what the makers publish; `certain` is False where a list is known from the literature but was not
found in the maker's own words. A model that is not listed here is said to be of unknown provenance.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from painlens.doctor.findings import Finding
from painlens.study import Study


@dataclass(frozen=True)
class HelperModel:
    """A model that other people trained.

    Attributes
    ----------
    gives
        What it is used for.
    trained_on
        Readers of the databases that it has seen.
    source
        Who says so.
    certain
        The makers themselves say so.
    """

    name: str
    gives: str
    trained_on: frozenset[str]
    source: str
    certain: bool


HELPERS: dict[str, HelperModel] = {
    "py-feat": HelperModel(
        "Py-Feat", "action units", frozenset({"unbc", "bp4d", "bp4dplus", "disfa", "ckplus"}),
        "Py-Feat's register of models and licences (UNBC-McMaster); Cheong et al. 2023 (the others)", True,
    ),
    "openface": HelperModel(
        "OpenFace 2", "landmarks and action units", frozenset({"unbc", "bp4d", "disfa", "ckplus"}),
        "Baltrusaitis et al. 2018 and the tool's list of data sets; which predictor saw which is not told", False,
    ),
    "libreface": HelperModel(
        "LibreFace", "action units and expressions", frozenset({"disfa", "bp4d", "affectnet", "rafdb"}),
        "Chang et al. 2024, arXiv 2308.10713", True,
    ),
    "face-networks": HelperModel(
        "BlazeFace, FaceMesh and iris networks", "boxes, landmarks, suggestions", frozenset(),
        "their model cards: pictures collected by the makers; none of the databases here is named", False,
    ),
    "haar": HelperModel(
        "OpenCV's Haar cascade", "boxes", frozenset(), "Lienhart and Maydt 2002: pictures of their own", True,
    ),
}  # fmt: skip


def provenance(study: Study) -> list[Finding]:
    """Findings about every helper model that a study uses, for every database under study."""
    readers = {name: database.reader for name, database in study.databases.items() if database.root is not None}
    found: list[Finding] = []
    for name, database in study.databases.items():
        if database.measurements is not None and database.root is not None:
            found += _about(HELPERS[database.measurements.tool], {name: database.reader}, gravity_leak=False)
        if database.root is not None and database.reader == "unbc" and study.faces.landmarks == "auto":
            found.append(
                Finding("note", "provenance", name, "the owner's landmarks were fitted to this very database (person-"
                        "specific active appearance models); they place regions, and are no evidence about expressions")
            )  # fmt: skip
    networks = study.faces.detector == "blazeface" or study.faces.landmarks == "mesh" or study.faces.suggestions.make
    found += _about(HELPERS["face-networks" if networks else "haar"], readers, gravity_leak=False)
    found += _checkpoint(study, readers)
    return found


def _about(helper: HelperModel, readers: dict[str, str], *, gravity_leak: bool) -> list[Finding]:
    seen = [name for name, reader in readers.items() if reader in helper.trained_on]
    sure = "" if helper.certain else " (as far as is known)"
    if not seen:
        text = f"{helper.name} ({helper.gives}) was not trained on a database under study{sure}; {helper.source}"
        return [Finding("note", "provenance", "", text)]
    return [
        Finding(
            "leak" if gravity_leak else "warning", "provenance", name,
            f"{helper.name} ({helper.gives}) was trained on this database{sure}: its output is no independent evidence "
            f"here; {helper.source}",
        )
        for name in seen
    ]  # fmt: skip


def _checkpoint(study: Study, readers: dict[str, str]) -> Iterable[Finding]:
    """About the network that all fine-tunings start from."""
    given = study.pretraining
    if given.checkpoint is not None:
        if not given.trained_on:
            yield Finding(
                "warning", "provenance", "", "nobody said what the emotion checkpoint was trained on; name the readers "
                "of its databases in pretraining.trained_on, so that a test face that it has seen is noticed",
            )  # fmt: skip
        for name, reader in readers.items():
            if reader in given.trained_on:
                yield Finding(
                    "leak", "provenance", name, "the emotion checkpoint was trained on this database: test faces may "
                    "have been seen; start from another checkpoint, or test on people whom it has not seen",
                )  # fmt: skip
    if given.database is not None and given.database.root is not None:
        for name, database in study.databases.items():
            if database.root is not None and database.root.resolve() == given.database.root.resolve():
                yield Finding(
                    "leak", "provenance", name, "the emotion network is trained on this very folder; pre-train on "
                    "another database",
                )  # fmt: skip
