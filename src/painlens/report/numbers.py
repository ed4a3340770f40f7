"""Numbers as a paper prints them: two decimals, no leading zero, a true minus sign."""

import math

from painlens.concept_test.wording import percent, plain

__all__ = [
    "MINUS", "MISSING", "count", "duration", "interval", "is_missing", "number", "percent", "plain", "probability",
    "signed", "significant",
]  # fmt: skip

MISSING = "–"
MINUS = "−"


def is_missing(value: object) -> bool:
    """Whether there is no number: None, NA or NaN."""
    try:
        return value is None or math.isnan(float(value))  # pyright: ignore[reportArgumentType] - NA raises TypeError
    except (TypeError, ValueError):
        return True


def number(value: float | None, digits: int = 2) -> str:
    """A number without leading zero.

    >>> number(0.804), number(1.0), number(-0.25), number(None)
    ('.80', '1.00', '−.25', '–')
    """
    if value is None or is_missing(value):
        return MISSING
    text = f"{abs(float(value)):.{digits}f}"
    sign = MINUS if value < 0 and float(text) > 0 else ""
    return sign + (text[1:] if text.startswith("0.") else text)


def signed(value: float | None, digits: int = 2) -> str:
    """A difference, with its sign.

    >>> signed(0.254), signed(-0.254), signed(0.001)
    ('+.25', '−.25', '.00')
    """
    text = number(value, digits)
    if text == MISSING or text.startswith(MINUS) or float(text) == 0:
        return text
    return "+" + text


def interval(low: float | None, high: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """An interval; empty where there is none.

    >>> interval(0.75, 0.861), interval(-0.1, 0.2, sign=True)
    ('.75 to .86', '−.10 to +.20')
    """
    if is_missing(low) or is_missing(high):
        return ""
    show = signed if sign else number
    return f"{show(low, digits)} to {show(high, digits)}"


def probability(value: float | None) -> str:
    """A p value.

    >>> probability(0.0002), probability(0.034)
    ('< .001', '.034')
    """
    if value is None or is_missing(value):
        return MISSING
    return "< .001" if value < 0.001 else number(value, 3)


def significant(value: float | None, figures: int = 2) -> str:
    """A number of any size.

    >>> significant(0.01234), significant(34.1), significant(0.0), significant(-2e-7)
    ('.012', '34', '0', '−2.0e−7')
    """
    if value is None or is_missing(value):
        return MISSING
    if value == 0:
        return "0"
    shown = float(f"{value:.{figures - 1}e}")  # .0996 is .10 in two figures
    size = math.floor(math.log10(abs(shown)))
    if not -4 <= size <= 5:
        mantissa, _, exponent = f"{abs(value):.{figures - 1}e}".partition("e")
        return (MINUS if value < 0 else "") + f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    return number(value, max(0, figures - 1 - size))


def count(value: float | None) -> str:
    """A whole number with thousands separated.

    >>> count(420299), count(None)
    ('420,299', '–')
    """
    return MISSING if value is None or is_missing(value) else f"{int(value):,}"


def duration(seconds: float | None) -> str:
    """A time for people.

    >>> duration(4.2), duration(95), duration(7300)
    ('4.2 s', '1 min 35 s', '2 h 1 min')
    """
    if seconds is None or is_missing(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
