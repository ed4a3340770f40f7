"""Numbers and names as a person reads them."""

import math

from painlens.web.index import Index
from painlens.web.selection import Query

NOT_COMPUTED = "not computed"
MINUS = "\N{MINUS SIGN}"
NORMS = {
    "paper": "logit, as in the paper",
    "raw": "logit",
    "max": "of the largest pixel",
    "sum-abs": "share of Σ|R|",
    "logit": "of the network's logit",
}
UNITS = {
    "paper": "logit per pixel",
    "raw": "logit per pixel",
    "max": "of the largest pixel",
    "sum-abs": "of Σ|R|",
    "logit": "of the network's logit per pixel",
}
_FILTERS = {"database": "database", "label": "label", "participant": "participant", "a": "A says", "b": "B says"}


def plain(value: float) -> str:
    """Two or three significant digits.

    >>> plain(0.03456), plain(12.345), plain(0.0)
    ('0.0346', '12.3', '0')
    """
    if not math.isfinite(value):
        return NOT_COMPUTED
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{abs(value):.{min(digits, 6)}f}"
    if float(text) == 0:
        return "0"
    return (MINUS if value < 0 else "") + text


def signed(value: float) -> str:
    """The same with its sign.

    >>> signed(0.5), signed(-1.25)
    ('+0.500', '−1.25')
    """
    text = plain(value)
    return f"+{text}" if value > 0 and text != "0" else text


def spoken(name: str) -> str:
    """A name of the study as people say it.

    >>> spoken("eyes-closed")
    'eyes closed'
    """
    return name.replace("-", " ").replace("_", " ")


def interval(low: float, high: float) -> str:
    """Both ends of an interval."""
    return f"{signed(low)} to {signed(high)}"


def probability(value: float) -> str:
    """A probability in two digits.

    >>> probability(0.934)
    '.93'
    """
    if not math.isfinite(value):
        return "–"
    return "1.0" if value >= 0.995 else f"{value:.2f}".lstrip("0")


def answer(index: Index, number: int) -> str:
    """Name of a class."""
    return index.classes[number] if number >= 0 else NOT_COMPUTED


def measure(query: Query) -> str:
    """What the measure of a query is called."""
    name = {"difference": "A − B", "share_a": "A", "share_b": "B"}[query.measure]
    return f"{name} in {query.region or 'all facial regions'}"


def short_measure(query: Query) -> str:
    """The same for a caption."""
    name = {"difference": "A − B", "share_a": "A", "share_b": "B"}[query.measure]
    return f"{name} {query.region}" if query.region else name


def chip(name: str, value: str | float, query: Query, target: str) -> str:
    """One active filter in words."""
    if name in _FILTERS:
        return f"{_FILTERS[name]}: {value}"
    if name == "agree":
        return "A and B agree" if value == "yes" else "A and B disagree"
    if name == "region":
        return f"region: {value}"
    if name == "concept":
        return f"labelled for {value}" if not query.present else f"concept: {value}"
    if name == "present":
        return {"yes": "concept present", "no": "concept absent"}.get(str(value), "concept unlabelled")
    sign = "≥" if name.endswith("min") else "≤"
    about = f"P({target}) by {name[0].upper()}" if name[1] == "_" else measure(query)
    return f"{about} {sign} {value:g}"
