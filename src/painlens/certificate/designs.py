"""The grid of made studies whose truth is known: how strong the bias is, how many people, how they were drawn.

Every study compares two databases, A and B, on three concepts at once, so that one training serves three cells of the
certificate: *closed eyes* (a weak signal in the face), *visible teeth* (a strong one) and *smile* (never planted: the
unbiased null).
"""

from dataclasses import dataclass, replace

CONCEPTS = ("eyes-closed", "teeth-visible", "smile")
UNBIASED = "smile"
EQUAL_STEPS = "equal steps"  # of the networks of both databases
Rates = tuple[float, float]  # P(concept | pain), P(concept | no pain)
PLAIN: Rates = (0.3, 0.3)


@dataclass(frozen=True)
class Strength:
    """Rates of a concept where it goes along with the label, and where it does not.

    Attributes
    ----------
    biased, plain
        One pair of rates for closed eyes and one for visible teeth.
    """

    name: str
    biased: tuple[Rates, Rates]
    plain: tuple[Rates, Rates] = (PLAIN, PLAIN)


@dataclass(frozen=True)
class Size:
    """Participants of database A and of database B."""

    name: str
    train: tuple[int, int]
    test: tuple[int, int]


STRENGTHS: dict[str, Strength] = {
    "none": Strength("none", (PLAIN, PLAIN)),
    "weak": Strength("weak", ((0.45, 0.27), (0.45, 0.27))),
    "medium": Strength("medium", ((0.60, 0.25), (0.60, 0.25))),
    "strong": Strength("strong", ((0.88, 0.06), (0.88, 0.06))),
    # As in studies/demo.yaml: PSPI counts closed eyes as pain, so no no-pain face of database A has them.
    "demo": Strength("demo", ((0.88, 0.0), (0.88, 0.06)), ((0.2, 0.2), PLAIN)),
}

SIZES: dict[str, Size] = {
    # 25 people of UNBC-McMaster and 67 reactive ones of BioVid, without those who validate (Prajod et al. 2022)
    "paper": Size("paper", (20, 47), (4, 15)),
    "demo": Size("demo", (16, 47), (7, 15)),
    "ten": Size("ten", (20, 20), (10, 10)),
    "forty": Size("forty", (40, 40), (14, 14)),
    "eighty": Size("eighty", (80, 80), (30, 30)),
}


# Studies in which the linear SVMs run too: null, planted and without any bias, at two sizes.
WITH_DECODABILITY = {
    ("null", "none", "forty"),
    ("null", "strong", "forty"),
    ("planted", "medium", "forty"),
    ("planted", "strong", "forty"),
    ("null", "strong", "paper"),
    ("planted", "strong", "paper"),
}


@dataclass(frozen=True)
class MadeDesign:
    """One kind of study, to be drawn many times.

    Attributes
    ----------
    kind
        ``planted``: closed eyes go along with pain in A only, visible teeth in B only. ``null``: both do in both, so
        that the databases are drawn alike.
    confounded
        Concepts also come together with the other facial actions, within the label.
    seeds, halves
        Networks per database: fine-tunings on all training participants, and splits of these into two halves.
    images
        Faces per test participant, half of them pain. Those who train have 24.
    base_rate
        P(concept) where nothing is planted; only for planning, which asks for other prevalences.
    decodability
        Whether the linear SVMs run too (they cost more than all the rest).
    epochs
        None: the networks of both databases take the same number of optimisation steps. A number: that many epochs, so
        that the networks of the larger database take more steps.
    """

    kind: str
    strength: str
    size: Size
    confounded: bool = False
    seeds: int = 3
    halves: int = 4
    images: int = 24
    base_rate: float | None = None
    decodability: bool = False
    epochs: int | None = None

    @property
    def name(self) -> str:
        """Such as ``planted-strong-forty-confounded``; the name of a folder and part of the seed."""
        parts = [self.kind, self.strength, self.size.name, *(["confounded"] if self.confounded else [])]
        if self.epochs is not None:
            parts.append(f"{self.epochs}-epochs")
        parts.append(f"{self.seeds}x{self.halves}")
        if self.images != 24 or self.base_rate is not None:
            parts.append(f"{self.images}-images-{self.base_rate or PLAIN[0]:g}")
        return "-".join(parts)

    @property
    def training(self) -> str:
        """Such as ``equal steps`` or ``8 epochs``."""
        return EQUAL_STEPS if self.epochs is None else f"{self.epochs} epochs"

    def rates(self, database: int) -> tuple[Rates, ...]:
        """P(concept | pain) and P(concept | no pain) of every concept in database A (0) or B (1)."""
        strength = STRENGTHS[self.strength]
        plain = PLAIN if self.base_rate is None else (self.base_rate, self.base_rate)
        if self.kind == "null":
            return (*strength.biased, plain) if self.strength != "none" else (plain, plain, plain)
        own = tuple(strength.biased[c] if c == database else strength.plain[c] for c in range(2))
        return (*own, plain)

    def is_planted(self, concept: str) -> bool:
        """Whether the databases differ in this concept."""
        return self.kind == "planted" and concept != UNBIASED


def grid() -> list[MadeDesign]:
    """All designs that are drawn, each at least 1,000 times.

    Sizes x strengths, planted and null; the confounded ones and those with linear SVMs at the sizes that matter most;
    databases of different size that are trained for the same number of *epochs*, which is what a study file says, too
    few and enough of them;
    and, for the choice of seeds and halves, studies with more networks than any study would train.
    """
    kinds = [("null", "none"), ("null", "strong"), ("planted", "weak"), ("planted", "medium"), ("planted", "strong")]
    sizes = {name: kinds for name in ("paper", "demo", "ten", "forty")} | {"eighty": kinds[:-1]}
    designs = [_made(kind, strength, size) for size, own in sizes.items() for kind, strength in own]
    designs += [_made("null", strength, size) for size in ("ten", "forty") for strength in ("weak", "medium")]
    designs += [_made("planted", "demo", size) for size in ("demo", "forty")]
    designs += [
        replace(MadeDesign(kind, strength, SIZES[size]), confounded=True)
        for size in ("demo", "forty")
        for kind, strength in (("null", "none"), ("null", "strong"), ("planted", "medium"), ("planted", "strong"))
    ]
    designs += [
        MadeDesign("null", "strong", SIZES[size], epochs=epochs) for size in ("paper", "demo") for epochs in (8, 32)
    ]
    # how the share of the test participants depends on their number of faces and on the prevalence, for planning
    designs += [
        MadeDesign("null", "none", SIZES["forty"], images=images, base_rate=rate)
        for images, rate in ((8, 0.3), (48, 0.3), (24, 0.1), (24, 0.5))
    ]
    return designs + [
        MadeDesign(kind, strength, SIZES["demo"], seeds=5, halves=8)
        for kind, strength in (("null", "strong"), ("planted", "medium"), ("planted", "demo"), ("planted", "weak"))
    ]


def counted_as(design: MadeDesign) -> list[MadeDesign]:
    """The designs that the studies of a drawn design are counted for.

    Itself; where it has many networks, also itself with the first seeds and the first halves only.
    """
    if (design.seeds, design.halves) != (5, 8):
        return [design]
    fewer = [(3, halves) for halves in (1, 2, 3, 6, 8)]
    fewer += [(seeds, halves) for seeds in (1, 2, 5) for halves in (1, 2, 4)]
    return [design, *(replace(design, seeds=seeds, halves=halves) for seeds, halves in fewer)]


def _made(kind: str, strength: str, size: str) -> MadeDesign:
    """A design; linear SVMs where it is one of the few that they run in."""
    return MadeDesign(kind, strength, SIZES[size], decodability=(kind, strength, size) in WITH_DECODABILITY)


def counted_designs() -> list[MadeDesign]:
    """All designs that have cells in the certificate: those drawn, and those with fewer of their networks."""
    return [counted for design in grid() for counted in counted_as(design)]
