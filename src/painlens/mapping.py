"""What the logits of a network mean in the words of a study: classes are renamed, put together or left out.

A class of the study that several own classes become has the logit ``logsumexp`` of theirs, so that its probability is
the sum of their probabilities. Classes that are left out do not answer: probabilities are among the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from painlens.study import EVERY_OTHER, Model
from painlens.tables import DataError


@dataclass(frozen=True)
class ClassMap:
    """How own logits become logits of the study's classes.

    Attributes
    ----------
    own
        Classes of the network, in the order of its logits.
    classes
        Classes of the study, in alphabetical order.
    groups
        For each of them the places of the own logits that become it.
    explained
        Place of the own logit that is explained.
    """

    own: tuple[str, ...]
    classes: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    explained: int

    @property
    def target(self) -> str:
        """Own class whose logit is explained."""
        return self.own[self.explained]

    @property
    def plain(self) -> bool:
        """Whether own classes and classes of the study are the same."""
        return self.own == self.classes

    def merge(self, logits: Float[np.ndarray, "face own"]) -> Float[np.ndarray, "face logit"]:
        """Logits of the study's classes, in the order of `classes`; the very numbers where one class becomes one."""
        if self.plain:
            return logits
        columns = [
            logits[:, group[0]] if len(group) == 1 else logsumexp(logits[:, list(group)].astype(np.float64), axis=1)
            for group in self.groups
        ]
        return np.stack(columns, axis=1)

    def sentence(self) -> str:
        """The mapping in words, such as ``pain is 'anger', no-pain is 'happy' or 'sad'``."""
        told = []
        for name, group in zip(self.classes, self.groups, strict=True):
            owns = [self.own[place] for place in group]
            told.append(f"{name} is {' or '.join(repr(own) for own in owns)}")
        used = {place for group in self.groups for place in group}
        left = [own for place, own in enumerate(self.own) if place not in used]
        return ", ".join(told) + (f"; left out: {', '.join(left)}" if left else "")


def plain_map(own: tuple[str, ...], target: str) -> ClassMap:
    """The mapping of a network whose classes are the study's."""
    return class_map(None, own, target=target, name="the network")


def class_map(model: Model | None, own: tuple[str, ...], *, target: str, name: str) -> ClassMap:
    """How the logits of a network become the study's.

    Parameters
    ----------
    model
        The user's declaration; None: a network that was trained in this study.
    own
        Classes of the network in the order of its logits.
    target
        Class of the study whose logit is explained and whose log-odds are the score.
    name
        Of the model, for messages.

    Raises
    ------
    DataError
        The mapping names unknown classes, leaves fewer than two, or does not say what is explained.

    Examples
    --------
    >>> model = Model(checkpoint="w.pt", mapping={"anger": "pain", "*": "no-pain"})
    >>> found = class_map(model, ("happy", "anger", "sad"), target="pain", name="before")
    >>> found.classes, found.groups, found.target
    (('no-pain', 'pain'), ((0, 2), (1,)), 'anger')
    """
    if model is None:
        classes = own
        if target not in own:
            raise DataError(
                f"attribution.target '{target}' is not a class of the network, whose classes are {_list(own)}"
            )
        return ClassMap(own, classes, tuple((place,) for place in range(len(own))), own.index(target))
    unknown = [one for one in model.mapping if one not in (*own, EVERY_OTHER)]
    if unknown:
        raise DataError(f"models.{name}.mapping names '{unknown[0]}', but the model's classes are {_list(own)}")
    if model.mapping:
        named = [model.mapping.get(one, model.mapping.get(EVERY_OTHER)) for one in own]
        wanted = {one for one in named if one is not None}
        meant = [one if one is not None else own_name if own_name in wanted else None
                 for one, own_name in zip(named, own, strict=True)]  # fmt: skip
    else:
        meant: list[str | None] = list(own)
    classes = tuple(sorted({one for one in meant if one is not None}))
    if len(classes) < 2:
        raise DataError(f"models.{name}.mapping leaves the class {_list(classes)} alone; at least two must remain")
    if target not in classes:
        raise DataError(
            f"model '{name}' answers {_list(classes)}, not attribution.target '{target}'; map one of its classes to it "
            f"(models.{name}.mapping), or set attribution.target (--target)"
        )
    groups = tuple(tuple(place for place, one in enumerate(meant) if one == known) for known in classes)
    return ClassMap(own, classes, groups, _explained(model, own, groups[classes.index(target)], target, name))


def _explained(model: Model, own: tuple[str, ...], group: tuple[int, ...], target: str, name: str) -> int:
    """Place of the own logit that is explained."""
    if model.target is None:
        if len(group) > 1:
            owns = _list(tuple(own[place] for place in group))
            raise DataError(
                f"{owns} of model '{name}' all become '{target}', but relevance starts at one logit; say which with "
                f"models.{name}.target"
            )
        return next(iter(group))
    if model.target not in own or own.index(model.target) not in group:
        owns = _list(tuple(own[place] for place in group))
        raise DataError(f"models.{name}.target is '{model.target}', but '{target}' is {owns}; choose one of these")
    return own.index(model.target)


def check_same_classes(maps: dict[str, ClassMap]) -> None:
    """Refuse models that answer different classes: their scores would not be about the same question."""
    first = next(iter(maps))
    for name, found in maps.items():
        if found.classes != maps[first].classes:
            raise DataError(
                f"the models answer different classes: {first} {_list(maps[first].classes)}, {name} "
                f"{_list(found.classes)}; say what each class means in the study with models.*.mapping (--a-mapping "
                "'anger=pain,*=no-pain')"
            )


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
