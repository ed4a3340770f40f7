"""BioVid Heat Pain Database, part A: video clips labelled by the heat that was applied.

Licence: research agreement with the University of Magdeburg; no redistribution. Consent: which participants agreed
to publication is said in the papers that come with the data; their ids belong into `consent.publish` of the study
(default: nobody). Citation: Walter, Gruss, Ehleiter, Tan, Traue, Crawcour, Werner, Al-Hamadi, Andrade (2013), The
BioVid heat pain database, IEEE CYBCO. Participants without visible reaction: Werner, Al-Hamadi, Walter (2017),
Analysis of facial expressiveness during experimentally induced heat pain, ACIIW.

Expected in part A: 87 participants, 5 classes (BL1, PA1 .. PA4) of 20 clips each, 8,700 clips of 5.5 s. Layout::

    starting_point/samples.csv      subject_id subject_name class_id class_name sample_id sample_name (tabs)
    video/<participant>/<participant>-<class>-<NNN>.mp4

The folder may be called Videos, clips or Raw/video; `samples.csv` may lie at the root, or be absent: then the
index is built from the file names. Labels are the stimulus, not the face: many clips of pain show nothing.
A file ``non_reactive.txt`` (one id per line) beside `samples.csv` replaces the published list: a rendered
database has its own ids.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.databases.folders import VIDEOS, base_of, check_root, files, find_folder, found_in, subfolders
from painlens.databases.separated import read_lines, read_separated
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = {"no-pain": "class_name == BL1", "pain": "class_name == PA4"}
CLASSES: Mapping[str, Mapping[str, str]] = {
    "pain": LABEL,
    # Four levels of heat under the names of the four levels of PSPI (ours): what was applied, not what shows.
    "pain-levels": {
        "none": "class_name == BL1",
        "trace": "class_name == PA1",
        "weak": "class_name in PA2, PA3",
        "strong": "class_name == PA4",
    },
}
EXPECTED: Mapping[str, int] = {"participants": 87, "clips": 8700, "clips per class": 1740}
CLIP_SEPARATOR: str = "/"
LEVELS = ("BL1", "PA1", "PA2", "PA3", "PA4")
# Werner et al. 2017.
NON_REACTIVE = (
    "082315_w_60", "082414_m_64", "082909_m_47", "083009_w_42", "083013_w_47", "083109_m_60", "083114_w_55",
    "091914_m_46", "092009_m_54", "092014_m_56", "092509_w_51", "092714_m_64", "100514_w_51", "100914_m_39",
    "101114_w_37", "101209_w_61", "101809_m_59", "101916_m_40", "111313_m_64", "120614_w_61",
)  # fmt: skip
# Validation part of the hold-out that the creators host (Gkikas, BioVid_HoldOutEval_Proposal.pdf); the other 61 train.
HOLDOUT = (
    "100914_m_39", "101114_w_37", "082315_w_60", "083114_w_55", "083109_m_60", "072514_m_27", "080309_m_29",
    "112016_m_25", "112310_m_20", "092813_w_24", "112809_w_23", "112909_w_20", "071313_m_41", "101309_m_48",
    "101609_m_36", "091809_w_43", "102214_w_36", "102316_w_50", "112009_w_43", "101814_m_58", "101908_m_61",
    "102309_m_61", "112209_m_51", "112610_w_60", "112914_w_51", "120514_w_56",
)  # fmt: skip
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {"biovid-holdout": (HOLDOUT,)}
_VIDEOS = ("video", "videos", "clips", "Raw/video")
_NAME = re.compile(r"(?P<participant>.+)-(?P<class_name>BL1|PA[1-4])-(?P<trial>\d+)")
_PERSON = re.compile(r"_(?P<sex>[mw])_(?P<age>\d{2})$")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every clip: those of samples.csv, and videos that it does not list.

    Returns
    -------
    DataFrame
        frame_id (<participant>/<sample>, without a frame number), participant, sequence, path, frame_index and
        time_s (missing: whole clips), class_name, sex (f, m), age, non_reactive, reason.
    """
    check_root(root, "BioVid")
    base = base_of(root, _VIDEOS)
    videos = find_folder(base, _VIDEOS)
    if videos is None:
        raise DataError(f"{root} must hold a folder video, Videos or clips (layout of BioVid), found {found_in(root)}")
    clips = [path for folder in [videos, *subfolders(videos)] for path in files(folder, VIDEOS)]
    found: dict[str, str] = {}
    copies: list[str] = []
    for path in clips:
        place = path.relative_to(root).as_posix()
        if found.setdefault(path.stem, place) != place:
            copies.append(place)
    places = (base / "starting_point" / "samples.csv", base / "samples.csv")
    index = next((place for place in places if place.is_file()), None)
    table = _listed(index, found, videos.relative_to(root).as_posix()) if index else _named(found)
    second = [_named({Path(place).stem: place}).assign(reason="a second file of the same clip") for place in copies]
    table = pd.concat([table, *second], ignore_index=True)
    if table.empty:
        raise DataError(f"no clip found in {videos}; expected <participant>/<participant>-<class>-<NNN>.mp4")
    persons = table["participant"].str.extract(_PERSON)
    table["sex"] = persons["sex"].replace("w", "f")
    table["age"] = persons["age"].astype("float64")
    table["non_reactive"] = table["participant"].isin(_non_reactive(base, set(table["participant"])))
    table["frame_id"] = table["participant"] + "/" + table["sequence"]
    table["frame_index"] = pd.array([pd.NA] * len(table), dtype="Int64")
    table["time_s"] = float("nan")
    progress(len(table), len(table))
    return table


def _listed(index: Path, found: Mapping[str, str], videos: str) -> pd.DataFrame:
    """Clips of samples.csv in its order, then videos that it does not list."""
    samples = read_separated(index)
    samples.columns = [str(name).lower() for name in samples.columns]
    if "class_name" not in samples and "class_id" in samples:
        samples["class_name"] = samples["class_id"].str.strip().map({str(i): name for i, name in enumerate(LEVELS)})
    missing = [name for name in ("subject_name", "class_name", "sample_name") if name not in samples]
    if missing:
        raise DataError(f"{index} must have the columns {', '.join(missing)}, got {', '.join(samples.columns)}")
    samples = samples.dropna(subset=["subject_name", "sample_name"])
    names = samples["sample_name"].str.strip().str.replace(r"\.\w+$", "", regex=True)
    persons = samples["subject_name"].str.strip()
    known = names.isin(list(found))
    table = pd.DataFrame(
        {
            "participant": persons,
            "sequence": names,
            "class_name": samples["class_name"].str.strip(),
            "path": names.map(found).where(known, videos + "/" + persons + "/" + names + ".mp4"),
            "reason": known.map({True: "", False: "video file is missing"}).mask(
                samples["class_name"].isna(), "samples.csv gives no class"
            ),
        }
    )
    rest = _named({stem: path for stem, path in found.items() if stem not in set(names)})
    rest["reason"] = f"not listed in {index.name}"
    return pd.concat([table, rest], ignore_index=True)


def _named(found: Mapping[str, str]) -> pd.DataFrame:
    """Clips with participant and class from their file names."""
    rows = []
    for stem, path in found.items():
        match = _NAME.fullmatch(stem)
        rows.append(
            {
                "participant": match["participant"] if match else Path(path).parent.name,
                "sequence": stem,
                "class_name": match["class_name"] if match else None,
                "path": path,
                "reason": "" if match else "the file name is not <participant>-<class>-<number>",
            }
        )
    return pd.DataFrame(rows, columns=["participant", "sequence", "class_name", "path", "reason"])


def _non_reactive(root: Path, participants: set[str]) -> tuple[str, ...]:
    """Ids of participants without visible reaction: the database's own file, else the published list."""
    places = (root / "starting_point" / "non_reactive.txt", root / "non_reactive.txt")
    own = next((place for place in places if place.is_file()), None)
    if own is None:
        return NON_REACTIVE
    ids = tuple(line.strip() for line in read_lines(own) if line.strip())
    unknown = sorted(set(ids) - participants)
    if unknown:
        raise DataError(f"{own} names {', '.join(unknown)}, not in the database")
    return ids
