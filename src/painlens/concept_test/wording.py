"""Names and percentages as every sentence about a study writes them."""


def percent(share: float) -> str:
    r"""A share in percent; the blank before the sign breaks no line.

    >>> percent(0.95), percent(0.999)
    ('95\xa0%', '99.9\xa0%')
    """
    return f"{100 * share:g}\N{NO-BREAK SPACE}%"


def plain(name: object) -> str:
    """A name of the study file for reading: hyphens become blanks.

    >>> plain("eyes-closed")
    'eyes closed'
    """
    return str(name).replace("-", " ").replace("_", " ")
