"""Time courses of facial actions: sequences of a clinical examination, and clips of a heat experiment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from painlens.study import ConceptRate
from painlens.synthetic import planting
from painlens.synthetic.actions import ACTION_UNITS, COLUMN, CONCEPTS, EYES_CLOSED, other_intensity, pspi
from painlens.synthetic.head import smoothstep
from painlens.synthetic.streams import Streams

PAIN_UNITS = (4, 6, 7, 9, 10)
# Mean and spread of each pain action relative to the level of pain, chosen so that pain can be told from these
# actions in most, not all frames.
CLINICAL_PROFILE = {4: (0.8, 0.3), 6: (0.8, 0.3), 7: (0.85, 0.3), 9: (0.45, 0.3), 10: (0.5, 0.3)}
HEAT_PROFILE = {4: (0.85, 0.3), 6: (0.55, 0.3), 7: (0.8, 0.3), 9: (0.45, 0.3), 10: (0.55, 0.3)}
PEAKS = (0.14, 0.24, 0.27, 0.20, 0.15)  # of the levels 1 to 5
LONGEST_RUN = 5  # the paper keeps runs of up to five frames whole
BLINKS = 0.04  # share of the closed-eye frames of a PSPI database in which nothing but the eyes moves
CLIP_SECONDS = 5.5  # of BioVid
PEAK_SECONDS = 4.0  # where the study looks at a BioVid clip


@dataclass(frozen=True, eq=False)
class Course:
    """The facial actions of one sequence or clip.

    Attributes
    ----------
    actions
        Intensities 0..5 that are rendered.
    coded
        Whole numbers 0..5 as a coder would write them (AU43: 0 or 1).
    motion
        Yaw, pitch, roll (radians), right, down (shares of the frame), gaze to the left and up.
    shown
        For each concept, the frames that show it.
    pain
        The label of each frame.
    """

    actions: Float[np.ndarray, "frame unit"]
    coded: Int[np.ndarray, "frame unit"]
    motion: Float[np.ndarray, "frame 7"]
    shown: dict[str, Bool[np.ndarray, " frame"]]
    pain: Bool[np.ndarray, " frame"]


def clinical_courses(
    streams: Streams,
    rates: dict[str, ConceptRate],
    *,
    sequences: int,
    frames: int,
    fps: float,
    confounding: float,
) -> list[Course]:
    """All sequences of one participant of an examination, labelled by PSPI.

    About 70 % of the frames show pain after long runs of equal PSPI were reduced to their first frame, as in the
    paper's test images (calibrated at 4 frames per second; about 65 % at 3 and 75 % at 8).
    """
    actions = np.stack([_clinical_actions(streams.at(number), frames, fps) for number in range(sequences)])
    coded = np.stack([_coded(streams.at(number), actions[number]) for number in range(sequences)])
    closed = _closed_eyes(streams, rates[EYES_CLOSED].pain, actions, coded, confounding)
    coded[..., COLUMN[43]] = closed
    score = pspi(coded)
    kept = np.stack([kept_frames(row) for row in score])
    shown = {EYES_CLOSED: closed.reshape(-1)}
    for concept in CONCEPTS:
        if concept != EYES_CLOSED:
            shown[concept] = _planted(streams, concept, rates[concept], confounding,
                                      actions=actions, pain=(score > 0).astype(float), counted=kept)  # fmt: skip
    return [
        _course(streams.at(number), actions[number], coded[number],
                {concept: flags.reshape(sequences, frames)[number] for concept, flags in shown.items()},
                score[number] > 0, fps)
        for number in range(sequences)
    ]  # fmt: skip


def heat_courses(
    streams: Streams,
    rates: dict[str, ConceptRate],
    *,
    clips: int,
    fps: float,
    confounding: float,
    reactive: bool,
    heats: Sequence[float] = (0.0, 1.0),
) -> list[Course]:
    """Clips of one participant of a heat experiment: `clips` of every heat, from none (0) to the strongest (1).

    The label is the stimulus. What a face does grows in proportion to the heat, and so does the rate of a concept, from
    its rate without pain to its rate with pain. Somebody who does not react shows the same in all clips, and every
    concept at its rate without pain.
    """
    frames = clip_frames(fps)
    look = frame_at(PEAK_SECONDS, fps)
    applied = np.repeat(heats, clips)
    time_s = np.arange(frames) / fps
    actions = np.stack([
        _heat_actions(streams.at(number), time_s, heat) if heat and reactive
        else _idle_actions(streams.at(number), time_s)
        for number, heat in enumerate(applied)
    ])  # fmt: skip
    counted = np.zeros((len(applied), frames), bool)
    counted[:, look] = True
    felt = np.zeros(counted.shape)  # before the heat is felt, a clip looks like one without pain
    if reactive:
        felt[:, time_s >= 2.2] = applied[:, None]
    shown = {concept: _planted(streams, concept, rates[concept], confounding,
                               actions=actions, pain=felt, counted=counted, together=look)
             for concept in CONCEPTS}  # fmt: skip
    return [
        _course(streams.at(number), actions[number], np.rint(actions[number]).astype(np.int64),
                {concept: flags.reshape(counted.shape)[number] for concept, flags in shown.items()},
                np.full(frames, heat > 0), fps)
        for number, heat in enumerate(applied)
    ]  # fmt: skip


def still_actions(rng: np.random.Generator, *, pain: bool) -> Float[np.ndarray, " unit"]:
    """Actions of a single moment with or without pain, without any concept."""
    row = np.zeros(len(ACTION_UNITS), np.float32)
    level = float(np.clip(rng.gamma(3.5, 0.85), 1.0, 5.0)) if pain else float(rng.uniform(0, 0.5))
    for unit, (mean, spread) in CLINICAL_PROFILE.items():
        row[COLUMN[unit]] = np.clip(level * rng.normal(mean, spread), 0, 5)
    if rng.random() < 0.2:
        row[[COLUMN[1], COLUMN[2]]] = rng.uniform(1, 3)
    return row


def clip_frames(fps: float) -> int:
    """Frames of a clip of 5.5 s; the first lies at 0 s.

    Examples
    --------
    >>> clip_frames(1.0), clip_frames(5.0), clip_frames(25.0)
    (6, 28, 138)
    """
    return int(np.ceil(CLIP_SECONDS * fps - 1e-6))


def frame_at(seconds: float, fps: float) -> int:
    """Number of the last frame that is not later than `seconds`.

    Examples
    --------
    >>> frame_at(4.0, 1.0), frame_at(4.0, 5.0)
    (4, 20)
    """
    return int(np.floor(seconds * fps + 1e-3))


def kept_frames(score: Int[np.ndarray, " frame"]) -> Bool[np.ndarray, " frame"]:
    """Frames that the paper keeps: runs of equal score of up to five frames, and the first frame of longer ones.

    Examples
    --------
    >>> kept_frames(np.array([0, 0, 0, 0, 0, 0, 2, 2])).nonzero()[0].tolist()
    [0, 6, 7]
    """
    starts = np.flatnonzero(np.r_[True, np.diff(score) != 0])
    lengths = np.diff(np.r_[starts, len(score)])
    kept = np.repeat(lengths <= LONGEST_RUN, lengths)
    kept[starts] = True
    return kept


def _course(
    streams: Streams,
    actions: Float[np.ndarray, "frame unit"],
    coded: Int[np.ndarray, "frame unit"],
    shown: dict[str, Bool[np.ndarray, " frame"]],
    pain: Bool[np.ndarray, " frame"],
    fps: float,
) -> Course:
    """One sequence with its concepts acted out and its head in motion."""
    rendered = actions.copy()
    planting.act(streams, shown, rendered)
    written = coded.copy()
    for unit in (12, 20, 25, 26):
        written[:, COLUMN[unit]] = np.rint(rendered[:, COLUMN[unit]])
    written[:, COLUMN[43]] = shown[EYES_CLOSED]
    return Course(rendered, written, _motion(streams.rng("motion"), len(actions), fps), shown, pain)


def _planted(
    streams: Streams,
    concept: str,
    rate: ConceptRate,
    confounding: float,
    *,
    actions: Float[np.ndarray, "sequence frame unit"],
    pain: Float[np.ndarray, "sequence frame"],
    counted: Bool[np.ndarray, "sequence frame"],
    together: int | None = None,
) -> Bool[np.ndarray, " frame"]:
    """Frames of all sequences of one person that show a concept, flattened.

    `pain` is 0 where the rate without pain holds, 1 where that with pain does, and in between their mixture.
    `together` is a frame whose neighbours share its fate (the one that the study looks at).
    """
    rng = streams.rng(f"planting of {concept}")
    sequence = np.repeat(np.arange(len(pain)), pain.shape[1])
    strength = pain.reshape(-1)
    runs = sequence * 2 + (strength > 0)
    if together is not None:
        frame = np.tile(np.arange(pain.shape[1]), len(pain))
        runs = runs * 2 + (np.abs(frame - together) <= 1)
    stretch = planting.stretches(rng, runs, 4 if together is None else 3)
    intensity = other_intensity(actions).reshape(-1)
    shown = np.zeros(pain.size, bool)
    for share in np.unique(strength)[::-1]:
        here = np.flatnonzero(strength == share)
        shown[here] = planting.plant(
            rng,
            rate=planting.personal_rate(rng, rate.no_pain + float(share) * (rate.pain - rate.no_pain)),
            confounding=confounding,
            intensity=intensity[here],
            stretch=stretch[here],
            counted=counted.reshape(-1)[here],
        )
    return shown


def _closed_eyes(
    streams: Streams,
    rate: float,
    actions: Float[np.ndarray, "sequence frame unit"],
    coded: Int[np.ndarray, "sequence frame unit"],
    confounding: float,
) -> Bool[np.ndarray, "sequence frame"]:
    """Frames with closed eyes where PSPI is the label: among frames of pain, and in a few moments of calm.

    The latter are pain by definition and count among the frames of the wanted rate.
    """
    score = pspi(coded)
    rng = streams.rng("blinks")
    kept = np.stack([kept_frames(row) for row in score])
    painful = int((kept & (score > 0)).sum())
    blinks = int(rng.binomial(painful, BLINKS * rate * (1 - confounding)))
    rest = max(0.0, rate - blinks * (1 - rate) / max(painful, 1))
    closed = _planted(streams, EYES_CLOSED, ConceptRate(pain=rest, no_pain=0.0), confounding,
                      actions=actions, pain=(score > 0).astype(float), counted=kept).reshape(score.shape)  # fmt: skip
    calm = np.argwhere((score == 0) & ~np.roll(score > 0, 1, 1) & ~np.roll(score > 0, -1, 1))
    for sequence, frame in rng.permutation(calm)[:blinks]:
        closed[sequence, frame] = True
    return closed


def _clinical_actions(streams: Streams, frames: int, fps: float) -> Float[np.ndarray, "frame unit"]:
    """Actions of one movement of a painful limb: episodes of pain with pauses between them."""
    rng = streams.rng("pain")
    actions = _background_actions(streams, frames)
    profile = {unit: max(0.05, rng.normal(mean, spread)) for unit, (mean, spread) in CLINICAL_PROFILE.items()}
    start = int(rng.integers(1, 5) if rng.random() < 0.45 else rng.integers(6, 10))
    while start < frames - 2:
        length = max(5, round(rng.uniform(5.6, 12.0) * np.sqrt(fps / 4)))
        level = 1 + int(rng.choice(5, p=PEAKS))
        share = (np.arange(length) + 0.5) / length
        apex = rng.uniform(0.3, 0.5)
        course = np.where(share < apex, smoothstep(-0.15, apex, share), smoothstep(1.15, apex + 0.1, share))
        end = min(frames, start + length)
        for unit, gain in profile.items():
            waver = 1 + rng.normal(0, 0.16, length)  # a face in pain is never still
            felt = np.clip(level * gain * course * waver, 0, 5)
            column = actions[start:end, COLUMN[unit]]
            np.maximum(column, felt[: end - start], out=column)
        start = end + int(rng.integers(2, 6) if rng.random() < 0.8 else rng.integers(6, 11))
    return actions


def _coded(streams: Streams, actions: Float[np.ndarray, "frame unit"]) -> Int[np.ndarray, "frame unit"]:
    """Whole-numbered codes; where a coder sees the first trace differs between sequences and action units."""
    threshold = streams.rng("coder").uniform(0.42, 0.65, len(ACTION_UNITS))
    return np.clip(np.floor(actions + 1 - threshold), 0, 5).astype(np.int64)


def _heat_actions(
    streams: Streams, time_s: Float[np.ndarray, " frame"], heat: float
) -> Float[np.ndarray, "frame unit"]:
    """Actions of a clip with heat: rise from about 2 s, a plateau around 4 s, then decay."""
    rng = streams.rng("pain")
    actions = _idle_actions(streams, time_s)
    onset, peak = float(np.clip(rng.normal(2.0, 0.25), 1.5, 2.5)), float(np.clip(rng.normal(3.5, 0.2), 3.0, 3.8))
    course = np.where(time_s < peak, smoothstep(onset, peak, time_s), smoothstep(6.8, 4.4, time_s))
    level = float(np.clip(rng.gamma(3.8, 0.95), 0.5, 5.0))
    for unit, (mean, spread) in HEAT_PROFILE.items():
        felt = heat * level * max(0.0, rng.normal(mean, spread)) * course * (1 + rng.normal(0, 0.08, len(time_s)))
        column = actions[:, COLUMN[unit]]
        np.maximum(column, np.clip(felt, 0, 5), out=column)
    return actions


def _idle_actions(streams: Streams, time_s: Float[np.ndarray, " frame"]) -> Float[np.ndarray, "frame unit"]:
    """Actions of somebody who waits: now and then a frown or narrowed eyes that have nothing to do with pain."""
    rng = streams.rng("waiting")
    actions = _background_actions(streams, len(time_s))
    if rng.random() < 0.4:
        course = np.exp(-(((time_s - rng.uniform(1, 5)) / rng.uniform(0.6, 2.0)) ** 2))
        for unit, strongest in ((4, 2.0), (7, 1.6), (6, 1.3), (10, 0.9)):
            column = actions[:, COLUMN[unit]]
            np.maximum(column, rng.uniform(0, strongest) * course, out=column)
    return actions


def _background_actions(streams: Streams, frames: int) -> Float[np.ndarray, "frame unit"]:
    """What every face does all the time: faint tension, raised brows, a pushed-up chin."""
    rng = streams.rng("background actions")
    actions = np.zeros((frames, len(ACTION_UNITS)), np.float32)
    for unit in PAIN_UNITS:
        actions[:, COLUMN[unit]] = np.clip(0.12 + _wander(rng, frames, 0.06), 0, 0.38)
    if rng.random() < 0.25:
        raised = slice(*sorted(rng.integers(0, frames + 1, 2)))
        actions[raised, COLUMN[1]] = actions[raised, COLUMN[2]] = rng.uniform(1, 3.5)
    if rng.random() < 0.2:
        actions[:, COLUMN[17]] = rng.uniform(0.5, 2.5)
    return actions


def _motion(rng: np.random.Generator, frames: int, fps: float) -> Float[np.ndarray, "frame 7"]:
    """Slow movement of the head and the eyes."""
    spread = 0.05 / np.sqrt(max(fps, 1.0))
    scales = (1.0, 0.8, 0.5, 0.25, 0.25, 3.0, 1.5)
    limits = (0.12, 0.09, 0.06, 0.03, 0.03, 0.35, 0.25)
    columns = [np.clip(_wander(rng, frames, spread * scale), -limit, limit)
               for scale, limit in zip(scales, limits, strict=True)]  # fmt: skip
    return np.stack(columns, -1).astype(np.float32)


def _wander(rng: np.random.Generator, frames: int, spread: float) -> Float[np.ndarray, " frame"]:
    """First-order autoregressive noise."""
    steps = rng.normal(0, spread, frames)
    for frame in range(1, frames):
        steps[frame] += 0.9 * steps[frame - 1]
    return steps
