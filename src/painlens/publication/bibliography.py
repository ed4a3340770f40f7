"""What a paper about a run should cite: its databases, methods, software and statistics, as BibTeX."""

import re
from importlib import metadata
from pathlib import Path

from painlens.study import Study
from painlens.workflow.stages import databases_of

_LIBRARY = Path(__file__).with_name("references.bib")
_DATABASES = {
    "unbc": ("lucey2011painful", "prkachin2008structure"),
    "biovid": ("walter2013biovid", "werner2017analysis"),
    "affectnet": ("mollahosseini2019affectnet",),
    "mintpain": ("haque2018deep",),
    "xite": ("gruss2019multimodal",),
    "bp4d": ("zhang2014bp4d",),
    "bp4dplus": ("zhang2016multimodal",),
    "disfa": ("mavadati2013disfa",),
    "ckplus": ("lucey2010extended",),
    "rafdb": ("li2017reliable",),
    "fer2013": ("goodfellow2013challenges",),
    "kdef": ("lundqvist1998karolinska",),
}
_DETECTORS = {"haar": "viola2001rapid", "blazeface": "bazarevsky2019blazeface"}


def bibliography(study: Study) -> str:
    """BibTeX of a study, with a comment above each entry that says what it is cited for.

    Rendered databases cite nobody's faces; a citation that the study itself states is carried along as a note.
    """
    known, parts = entries(), []
    for key, what in keys_of(study).items():
        parts.append(f"% {what}\n{known[key]}")
    for name, database in databases_of(study).items():
        if database.citation:
            text = database.citation.replace("{", "(").replace("}", ")")
            parts.append(
                f"% database {name}, as the study states it\n@misc{{database-{name},\n  note = {{{text}}}\n}}\n"
            )
    return "\n".join(parts).replace("{VERSION}", f"{{{metadata.version('painlens')}}}")


def keys_of(study: Study) -> dict[str, str]:
    """Key of an entry -> what it is cited for, in the order of the way."""
    cited = {"prajod2022using": "the procedure", "painlens": "the software"}
    for name, database in databases_of(study).items():
        if database.synthetic is None:
            cited |= dict.fromkeys(_DATABASES.get(database.reader, ()), f"database {name}")
    if study.faces.detector in _DETECTORS:
        cited[_DETECTORS[study.faces.detector]] = "detection of faces"
    if study.backbone.name.startswith("vgg"):
        cited["simonyan2015very"] = "the network"
    if study.training.loss == "focal":
        cited["lin2017focal"] = "the loss"
    if study.training.class_balance:
        cited["cui2019class"] = "class weights"
    return cited | _attribution(study) | _statistics(study)


def _attribution(study: Study) -> dict[str, str]:
    method = study.attribution.method
    cited = {"adebayo2018sanity": "checks of the maps with random weights"}
    if method in ("lrp", "zennit"):
        cited |= {"bach2015pixel": "layer-wise relevance propagation", "montavon2017explaining": "its z+ rule"}
    if method == "zennit":
        cited["anders2021software"] = "the library that propagates relevance"
    elif method != "lrp":
        cited["kokhlikyan2020captum"] = f"the library of {method}"
    return cited


def _statistics(study: Study) -> dict[str, str]:
    if not study.concepts:
        return {}
    cited = {
        "holm1979simple": "correction for several declared tests",
        "satterthwaite1946approximate": "degrees of freedom of the intervals",
        "forman2010apples": "F1 of pooled decisions",
        "nadeau2003inference": "corrected resampled t test, beside the paper's",
    }
    if study.concept_test.gradients:
        cited["kim2018interpretability"] = "concept directions"
    if study.concept_test.ratings is not None:
        cited["gwet2008computing"] = "agreement of raters"
    return cited


def entries() -> dict[str, str]:
    """Key -> entry of the library."""
    found = {}
    for part in re.split(r"(?m)^(?=@)", _LIBRARY.read_text(encoding="utf-8")):
        if key := re.match(r"@\w+\{([^,]+),", part):
            found[key[1]] = part.strip() + "\n"
    return found
