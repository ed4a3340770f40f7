"""Two models were trained on two databases of faces: do they look at different things, which, how sure are we.

The way of the data, in its order; each step is one module and one command:

    synthesize   a seed and a planted bias        -> databases of rendered faces in the owners' layouts
    frames       an owner's folder                -> frames.parquet
    faces        frames                           -> faces.h5, faces.parquet
    split        faces                            -> split.parquet (by participant, never by image)
    pretrain     emotion faces                    -> the emotion network
    train        faces + emotion network + seed   -> one pain network per database and replicate
    adopt        a checkpoint of your own         -> the same, checked; in place of pretrain and train
    predict      networks x test faces            -> predictions.parquet
    evaluate     predictions + concept labels     -> tables of the paper, prevalence, errors by concept
    attribute    networks x test faces            -> relevance.h5 with its bias ledger
    differences  two relevances of the same face  -> regions.parquet, strips
    concepts     features + concept labels        -> association, decodability, verdicts
    report       all tables                       -> report.html

In notebooks and scripts: ``painlens.load_run``, ``painlens.compare``, ``painlens.attribute``; see `painlens.api`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from painlens.api import attribute as attribute
    from painlens.api import compare as compare
    from painlens.api import load_run as load_run

# `concept_test` is found in `painlens.api` only: here the name is that of the package.
_IN_API = ("attribute", "compare", "load_run")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name means
    """Functions of `painlens.api`, imported when they are asked for: torch takes seconds."""
    if name in _IN_API:
        from importlib import import_module

        return getattr(import_module("painlens.api"), name)
    raise AttributeError(f"module 'painlens' has no attribute '{name}'")
