"""Is a map trustworthy? Checks with a plain answer, cheap enough to be run for every study.

* **Randomisation** (Adebayo et al. 2018): with random weights the map must change; a map that does not shows the
  picture and not the network. Layers are randomised from the logits downwards, more and more of them. And a network
  that was trained on permuted labels has seen the same faces and learnt nothing about the classes: maps of networks
  with the right labels must be more alike among themselves than to its map.
* **Faithfulness** (Samek et al. 2017): patches that the map ranks first must move the logit more than patches at
  random; patches ranked by the **difference** of two maps must move the difference of the two logits.
* **Stability**: a face moved by a pixel or two must give the moved map.
* **Agreement**: maps of two networks of one database (other seeds, other halves of its participants) against maps of
  networks of two databases. Null pairs are never blank; a difference of databases is only what goes beyond them.

Each check gives a number per face; its mean and interval come from a bootstrap over participants. The badge says pass
where the whole interval is on the right side of the bound, fail where it is on the wrong side, else unclear. A method
that must fail, the edges of the face, which know nothing of the network, is put through the same checks.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from scipy import stats

Maps = Float[np.ndarray, "face height width"]
Faces = UInt8[np.ndarray, "face height width 3"]
Logit = Callable[[Faces], Float[np.ndarray, " face"]]

PATCHES = 8  # patches along a side of the face
HIDDEN = 0.25  # share of the patches that is hidden for the faithfulness checks
DRAWS = 1000  # of the bootstrap

# check -> bound, and whether larger is better. Similarities are rank correlations of |R| over blocks of pixels.
BOUNDS: dict[str, tuple[float, bool]] = {
    "randomised layers": (0.5, False),
    "randomised network": (0.5, False),
    "randomised labels": (0.0, True),
    "deletion": (0.0, True),
    "insertion": (0.0, True),
    "difference deletion": (0.0, True),
    "difference insertion": (0.0, True),
    "small shifts": (0.5, True),
    "beyond the null band": (0.0, True),
}


def similarity(maps: Maps, others: Maps) -> Float[np.ndarray, " face"]:
    """Rank correlation of two maps of each face, of their absolute values summed over blocks; NaN for an empty map.

    Blocks, because a pixel's neighbour is as good an explanation; ranks, because units differ between networks.

    Examples
    --------
    >>> ramp = np.arange(64.0).reshape(1, 8, 8)
    >>> similarity(ramp, 2 * ramp).tolist(), similarity(ramp, 64 - ramp).round(6).tolist()
    ([1.0], [-1.0])
    """
    one, other = (_standard_ranks(_blocks(np.abs(m))) for m in (maps, others))
    return (one * other).sum(axis=1)


def edges(faces: Faces) -> Maps:
    """Strength of the edges of the grey face: a picture of the face that knows no network, the check of the checks."""
    grey = faces.astype(np.float32).mean(axis=3)
    rows, columns = np.gradient(grey, axis=1), np.gradient(grey, axis=2)
    return np.hypot(rows, columns)


def faithfulness(faces: Faces, maps: Maps, logit: Logit, *, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """How much more the logit moves with patches ranked by the map than with patches at random.

    Hidden patches show the blurred face. Patches with the largest relevance are hidden (deletion), or alone kept
    (insertion); a negative value of a map ranks low. Units: the logit.

    Returns
    -------
    ``deletion``: fall of the logit by ranked patches minus that by random ones; ``insertion``: logit of ranked patches
    minus that of random ones; both (n,), above 0 where the map is faithful.
    """
    ranked = _first_patches(_blocks(maps))
    drawn = _first_patches(rng.random((len(maps), PATCHES, PATCHES)))
    blurred = _blurred(faces)
    hidden = [_mixed(faces, blurred, chosen) for chosen in (ranked, drawn)]
    kept = [_mixed(blurred, faces, chosen) for chosen in (ranked, drawn)]
    values = [logit(pictures) for pictures in (*hidden, *kept)]
    return {"deletion": values[1] - values[0], "insertion": values[2] - values[3]}


def difference_faithfulness(
    faces: Faces, differences: Maps, logits: tuple[Logit, Logit]
) -> dict[str, Float[np.ndarray, " face"]]:
    """Whether both logits move as a difference of maps claims.

    Once the patches are taken where A has most relevance beyond B, once those where B has most beyond A. Each model's
    logit must fall more when its own patches are hidden (deletion), and rise more from the blurred face when they alone
    are shown (insertion). The unit of each network is the root mean square of its moves by both sets of patches over
    the faces, so that the mean lies between -4 and 4; a network whose logit never moves counts 0. (The spread of the
    logit over the faces is no unit: a network that answers nearly the same to all faces has almost none, and its share
    then drowns the other's.) A and B exchanged give the same.

    Returns
    -------
    ``difference deletion`` and ``difference insertion``, each (n,): the sum over both models of the move by the own
    patches beyond that by the other's, above 0 where the difference is faithful.
    """
    blurred = _blurred(faces)
    chosen = [_first_patches(_blocks(sign * differences)) for sign in (1, -1)]
    hidden = [_mixed(faces, blurred, patches) for patches in chosen]
    shown = [_mixed(blurred, faces, patches) for patches in chosen]
    falls, rises = np.zeros(len(faces)), np.zeros(len(faces))
    for logit, (own, other) in zip(logits, ((0, 1), (1, 0)), strict=True):
        whole, nothing = logit(faces), logit(blurred)
        falls += _beyond(whole - logit(hidden[own]), whole - logit(hidden[other]))
        rises += _beyond(logit(shown[own]) - nothing, logit(shown[other]) - nothing)
    return {"difference deletion": falls, "difference insertion": rises}


def shifted(faces: Faces, step: tuple[int, int]) -> Faces:
    """Faces moved down and right by pixels, the rim repeated."""
    down, right = step
    padded = np.pad(faces, ((0, 0), (abs(down),) * 2, (abs(right),) * 2, (0, 0)), mode="edge")
    height, width = faces.shape[1:3]
    top, left = abs(down) - down, abs(right) - right
    return padded[:, top : top + height, left : left + width]


def stability(faces: Faces, maps: Maps, explain: Callable[[Faces], Maps]) -> Float[np.ndarray, " face"]:
    """Similarity of the map of a moved face to the moved map, mean over one pixel right and two pixels down."""
    found = []
    for down, right in ((0, 1), (2, 0)):
        moved = explain(shifted(faces, (down, right)))
        found.append(similarity(np.roll(maps, (down, right), axis=(1, 2)), moved))
    return np.mean(found, axis=0)


def agreement(maps: Sequence[tuple[str, Maps]]) -> dict[str, Float[np.ndarray, " face"]]:
    """Mean similarity of maps over pairs of networks: ``same`` within a database, ``other`` between databases.

    Parameters
    ----------
    maps
        Database that a network was trained on, and its maps of the same faces.
    """
    pairs: dict[str, list[np.ndarray]] = {"same": [], "other": []}
    for index, (database, own) in enumerate(maps):
        for other_database, other in maps[index + 1 :]:
            pairs["same" if database == other_database else "other"].append(similarity(own, other))
    empty = np.full(len(maps[0][1]), np.nan)
    return {name: np.mean(found, axis=0) if found else empty for name, found in pairs.items()}


def taught(maps: Sequence[Maps], untaught: Maps) -> Float[np.ndarray, " face"]:
    """How much more alike maps of networks with the right labels are than they are to one with permuted labels.

    (n,): mean similarity over pairs of `maps`, networks of one database, minus that of each to `untaught`; NaN for
    fewer than two networks.
    """
    alike = agreement([*(("taught", own) for own in maps), ("untaught", untaught)])
    return alike["same"] - alike["other"]


def summary(
    check: str,
    values: Float[np.ndarray, " face"],
    participants: pd.Series,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, object]:
    """Mean of a check with its bootstrap interval over participants, and the badge: pass, fail or unclear.

    Parameters
    ----------
    check
        A name in `BOUNDS`.
    participants
        Of the faces; people with equal names in two databases must be told apart by the caller.
    """
    bound, larger = BOUNDS[check]
    low, high = bootstrap(values, participants, confidence=confidence, rng=rng)
    known = np.isfinite(values)
    good, bad = (low > bound, high <= bound) if larger else (high < bound, low >= bound)
    badge = "pass" if good else "fail" if bad else "unclear"
    return {
        "check": check, "value": float(values[known].mean()) if known.any() else np.nan, "low": low, "high": high,
        "bound": bound, "badge": badge, "faces": int(known.sum()),
        "participants": int(participants[known].nunique()),
    }  # fmt: skip


def bootstrap(
    values: Float[np.ndarray, " face"], participants: pd.Series, *, confidence: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Percentile interval of the mean, people drawn with replacement with all their faces; NaN for fewer than two."""
    known = np.isfinite(values)
    codes, people = pd.factorize(participants[known])
    if len(people) < 2:
        return np.nan, np.nan
    sums = np.bincount(codes, weights=values[known], minlength=len(people))
    counts = np.bincount(codes, minlength=len(people))
    drawn = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=DRAWS)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def _blocks(maps: Maps) -> Float[np.ndarray, "face row column"]:
    """Means over `PATCHES` x `PATCHES` blocks of pixels."""
    rows, columns = (np.array_split(np.arange(size), min(PATCHES, size)) for size in maps.shape[1:])
    found = np.add.reduceat(maps.astype(np.float64), [part[0] for part in rows], axis=1)
    found = np.add.reduceat(found, [part[0] for part in columns], axis=2)
    return found / np.outer([len(part) for part in rows], [len(part) for part in columns])


def _standard_ranks(blocks: Float[np.ndarray, "face row column"]) -> Float[np.ndarray, "face block"]:
    """Ranks of the blocks of each face with mean 0 and length 1, so that a product of two is their correlation."""
    ranks = stats.rankdata(blocks.reshape(len(blocks), -1), axis=1)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    return np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)


def _beyond(own: Float[np.ndarray, " face"], other: Float[np.ndarray, " face"]) -> Float[np.ndarray, " face"]:
    """Moves of one network's logit by its own patches minus those by the other's, in units of all its moves."""
    unit = float(np.sqrt((np.stack([own, other]) ** 2).mean()))
    return (own - other) / unit if unit > 0 else np.zeros(len(own))


def _first_patches(ranks: Float[np.ndarray, "face row column"]) -> np.ndarray:
    """The patches with the largest values, bool (n, row, column)."""
    flat = ranks.reshape(len(ranks), -1)
    count = max(1, round(HIDDEN * flat.shape[1]))
    chosen = np.zeros(flat.shape, dtype=bool)
    np.put_along_axis(chosen, np.argsort(-flat, axis=1, kind="stable")[:, :count], values=True, axis=1)
    return chosen.reshape(ranks.shape)


def _mixed(faces: Faces, others: Faces, chosen: np.ndarray) -> Faces:
    """Faces with the chosen patches taken from others."""
    height, width = faces.shape[1:3]
    rows = np.arange(height) * chosen.shape[1] // height
    columns = np.arange(width) * chosen.shape[2] // width
    mask = chosen[:, rows][:, :, columns]
    return np.where(mask[..., None], others, faces)


def _blurred(faces: Faces) -> Faces:
    """Faces without detail: features vanish, the tone of the skin stays, and no edges arise as with grey patches."""
    width = faces.shape[2] / 8
    return np.stack([cv2.GaussianBlur(face, (0, 0), width) for face in faces]) if len(faces) else faces
