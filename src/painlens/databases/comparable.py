"""Whether the databases of a study can be compared: all have the same classes, the explained one among them."""

from collections.abc import Mapping

from painlens.databases import rules_of
from painlens.study import Database
from painlens.tables import DataError


def assert_comparable(databases: Mapping[str, Database], *, target: str) -> None:
    """Raise a `DataError` where the label rules of a study cannot go together; nothing is read.

    Networks answer with the classes of their own database. They can be compared face by face only if all have the same
    classes, and explained only if the target is one of them. Databases whose labels stand in a table of their owner
    (manifest, folders of classes) tell their classes later: `evaluate` then checks what the networks answer.

    Parameters
    ----------
    databases
        Name -> section, of the databases that are compared.
    target
        Class whose logit is explained.
    """
    classes = {name: tuple(rules_of(database, name)) for name, database in databases.items()}
    known = {name: own for name, own in classes.items() if own}
    for name, own in known.items():
        if target not in own:
            raise DataError(
                f"attribution.target must be a class of every database, got '{target}'; '{name}' has "
                f"{', '.join(own)}: set attribution.target, or the classes with databases.{name}.label"
            )
    if len({frozenset(own) for own in known.values()}) > 1:
        told = "; ".join(f"{name}: {', '.join(own)}" for name, own in known.items())
        raise DataError(
            f"all databases of a study must have the same classes, got {told}; give the same names with 'classes' or "
            "'label' (frames of other classes are then left out, with this as their reason)"
        )
