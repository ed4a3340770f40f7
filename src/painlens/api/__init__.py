"""The steps as functions for notebooks and scripts: load a run, compare networks, explain faces, test a concept.

Everything here is a thin layer over the steps of a run: the numbers are those of the commands, and a run that is begun
here can be looked at with ``painlens serve`` and finished with ``painlens run``. The names are also found in
`painlens` itself: ``painlens.load_run``, ``painlens.compare`` ...
"""

from painlens.api.concepts import ConceptResult, concept_test
from painlens.api.maps import Maps, attribute
from painlens.api.runs import Run, compare, load_run

__all__ = ["ConceptResult", "Maps", "Run", "attribute", "compare", "concept_test", "load_run"]
