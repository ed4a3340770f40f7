"""The same picture under two names: of two participants, in two parts, in two databases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.doctor.findings import Finding, Gravity
from painlens.doctor.pictures import Looks

_BANDS = 4  # of 16 bits: hashes that differ in at most 3 bits agree in one of them
_BITS = 3
# Alike after brightness and contrast are levelled: root mean square difference in standard deviations of the picture.
# Re-encoded and scaled copies of a photograph differ by up to .02; portraits of 51 people before one background by .22
# and more, rendered frames of different people by .49.
_ALIKE = 0.15
_FLAT = 4.0  # grey levels: pictures with a smaller spread show nothing that could be compared
_ROWS = 512


@dataclass(frozen=True)
class Alike:
    """Two frames of different people that show one picture."""

    first: int
    second: int
    exact: bool


def alike_pairs(looks: Looks, people: NDArray[np.integer]) -> list[Alike]:
    """Pairs of frames of different people that are the same picture, exactly or nearly; one pair per two people.

    Parameters
    ----------
    looks
        Of all databases together.
    people
        Number of the person of each frame: database and participant.
    """
    best: dict[tuple[int, int], Alike] = {}
    for pair in [*_exact(looks.digests, people), *_near(looks, people)]:
        key = tuple(sorted((int(people[pair.first]), int(people[pair.second]))))
        best.setdefault((key[0], key[1]), pair)
    return list(best.values())


def duplicate_findings(frames: pd.DataFrame, looks: Looks) -> list[Finding]:
    """Findings about pictures that several people share.

    Parameters
    ----------
    frames
        One row per look: database, participant, frame_id, part ('' without a split).
    """
    people = frames.groupby(["database", "participant"], sort=False, dropna=False).ngroup().to_numpy()
    rows = frames[["database", "participant", "frame_id", "part"]].astype(str).to_dict("records")
    grouped: dict[tuple[Gravity, str, str], list[str]] = {}
    for pair in alike_pairs(looks, people):
        one, other = rows[pair.first], rows[pair.second]
        gravity: Gravity = "leak" if _leaks(one["part"], other["part"]) else "warning"
        where = one["database"] if one["database"] == other["database"] else ""
        kind = "the same file" if pair.exact else "nearly the same picture"
        text = f"{one['database']} {one['frame_id']} ({one['part'] or 'no part'}) = "
        text += f"{other['database']} {other['frame_id']} ({other['part'] or 'no part'})"
        grouped.setdefault((gravity, kind, where), []).append(text)
    return [
        Finding(
            gravity, "duplicates", where,
            f"{len(texts)} {'pair' if len(texts) == 1 else 'pairs'} of people with {kind}"
            + (", on both sides of training and test: remove one of them" if gravity == "leak"
               else ": one person under two ids, or a copy?"),
            tuple(texts[:5]),
        )
        for (gravity, kind, where), texts in sorted(grouped.items())
    ]  # fmt: skip


def _leaks(one: str, other: str) -> bool:
    """Whether one of two parts is tested and the other one learnt from."""
    return "test" in (one, other) and bool({one, other} & {"train", "validation"})


def _exact(digests: Sequence[str], people: NDArray[np.integer]) -> Iterator[Alike]:
    table = pd.DataFrame({"digest": digests, "person": people, "row": range(len(digests))})
    table = table[table["digest"] != ""].drop_duplicates(["digest", "person"])
    shared = table[table.duplicated("digest", keep=False)]
    for _, group in shared.groupby("digest"):
        first, *others = group["row"].tolist()
        yield from (Alike(int(first), int(other), exact=True) for other in others)


def _near(looks: Looks, people: NDArray[np.integer]) -> Iterator[Alike]:
    spread = looks.thumbnails.reshape(len(looks.thumbnails), -1).std(axis=1) if len(looks.thumbnails) else np.empty(0)
    usable = np.flatnonzero((np.array(looks.reasons, dtype=object) == "") & (spread >= _FLAT))
    # Frames of one person that look the same to the hash are compared once.
    table = pd.DataFrame({"hash": looks.hashes[usable], "person": people[usable], "row": usable})
    table = table.drop_duplicates(["hash", "person"])
    levelled = _levelled(looks.thumbnails)
    for band in range(_BANDS):
        key = (table["hash"].to_numpy() >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(key, kind="stable")
        edges = np.flatnonzero(np.diff(key[order])) + 1
        for bucket in np.split(order, edges):
            if len(bucket) > 1:
                yield from _within(table.iloc[bucket], levelled)


def _within(bucket: pd.DataFrame, levelled: NDArray[np.float32]) -> Iterator[Alike]:
    """Pairs of different people in one bucket of hashes."""
    hashes, people, rows = (bucket[name].to_numpy() for name in ("hash", "person", "row"))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        distance = np.bitwise_count(hashes[part, None] ^ hashes[None])
        close = (distance <= _BITS) & (people[part, None] != people[None])
        for i, j in np.argwhere(close):
            one, other = int(rows[start + i]), int(rows[j])
            if one < other and _rms(levelled[one], levelled[other]) < _ALIKE:
                yield Alike(one, other, exact=False)


def _levelled(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True) if len(values) else 0
    return values / np.maximum(values.std(axis=1, keepdims=True), 1e-3) if len(values) else values


def _rms(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean((one - other) ** 2)))
