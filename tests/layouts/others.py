"""MIntPAIN, X-ITE, BP4D, BP4D+, DISFA, CK+, RAF-DB, FER2013 and KDEF."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from layouts.pixels import picture, save_clip, save_picture, write_text
from layouts.tree import KEPT, Effect, Tree, deeper, move, rewrite

# MIntPAIN ---------------------------------------------------------------------------------------------------------


def _sweep(person: int, sweep: int, level: int) -> str:
    name = f"Sub{person:02d}_Trial01_Sweep{sweep:02d}_Label{level}"
    return f"Extracted_Data/Sub {person:02d}/Trial 01/{name}"


def build_mintpain(root: Path) -> None:
    """Two participants with one sweep of level 0 and one of level 4, three pictures each; names hold blanks."""
    for person in (1, 12):
        for sweep, level in ((0, 0), (1, 4)):
            for number in (1, 2, 10):
                save_picture(root / _sweep(person, sweep, level) / "RGB" / f"RGB-{number}.jpg", picture(number))


def _empty_sweep(root: Path) -> Effect:
    (root / _sweep(1, 5, 4) / "RGB").mkdir(parents=True)
    return {"Sub01/Trial01/Sweep05": "holds no picture"}


def _other_cameras(root: Path) -> Effect:
    save_picture(root / _sweep(1, 0, 0) / "Thermal" / "T-1.png", picture(1))
    return {f"{_sweep(1, 0, 0)}/Thermal/T-1.png": "in no place"}


def _weak_sweep(root: Path) -> Effect:
    save_picture(root / _sweep(12, 7, 2) / "RGB" / "RGB-1.jpg", picture(1))
    return {"Sub12/Trial01/Sweep07/00001": "no rule matches (level = 2"}


def _numberless(root: Path) -> Effect:
    save_picture(root / _sweep(12, 0, 0) / "RGB" / "cover.jpg", picture(1))
    return {"Sub12/Trial01/Sweep00/cover": "holds no number"}


def _blank_names(root: Path) -> None:
    for folder in sorted(root.rglob("Sub*_Trial*")):
        folder.rename(folder.with_name(folder.name.replace("_", " ").replace("Sub", "Sub ")))


MINTPAIN = Tree(
    build=build_mintpain,
    kept=12,
    traps={
        "sweep without pictures": _empty_sweep,
        "pictures of other cameras": _other_cameras,
        "level that no rule takes": _weak_sweep,
        "picture without a number": _numberless,
    },
    moves={
        "blanks in the names of sweeps": _blank_names,
        "without Extracted_Data": lambda root: (
            move(root / "Extracted_Data" / "Sub 01", root / "Sub 01")
            or move(root / "Extracted_Data" / "Sub 12", root / "Sub 12")
        ),
        "camera in small letters": lambda root: (
            [move(path, path.with_name("rgb")) for path in sorted(root.rglob("RGB"))] and None
        ),
    },
)

# X-ITE ------------------------------------------------------------------------------------------------------------


def build_xite(root: Path) -> None:
    """Two participants with two clips of two frames, and the other signals."""
    for person in ("S001", "S022"):
        for level in (1, 2):
            save_clip(root / "fvf" / person / f"seg{level}_PL_{level}.mp4", frames=2, fps=5)
        write_text(root / "bio" / person / "seg1_PL_1.mat", "x")
        write_text(root / "audio" / person / "seg1_PL_1.wav", "x")


def _side_camera(root: Path) -> Effect:
    save_clip(root / "fvs" / "S001" / "seg1_PL_1.mp4", frames=2, fps=5)
    return {"fvs/S001/seg1_PL_1.mp4": "in no place"}


def _no_level(root: Path) -> Effect:
    save_clip(root / "fvf" / "S001" / "seg9.mp4", frames=2, fps=5)
    return {"S001/seg9": "level is missing"}


def _listed_level(root: Path) -> None:
    for clip in sorted((root / "fvf").rglob("*.mp4")):
        clip.rename(clip.with_name(clip.name.split("_")[0] + f"_{clip.parent.name}.mp4"))
    rows = [f"seg{level}_{person}.mp4;PL_{level}" for person in ("S001", "S022") for level in (1, 2)]
    write_text(root / "labels.csv", "Segment;Label\n" + "\n".join(rows) + "\n")


def _level_folders(root: Path) -> None:
    for clip in sorted((root / "fvf").rglob("*.mp4")):
        name, level = clip.stem.split("_", 1)
        move(clip, clip.parent / level / f"{name}.mp4")


XITE = Tree(
    build=build_xite,
    kept=8,
    settings={"classes": "pain-levels"},
    traps={"other cameras": _side_camera, "clip without a level": _no_level},
    moves={
        "levels in a table": _listed_level,
        "levels as folders": _level_folders,
        "one folder deeper": deeper,
    },
)

# BP4D and BP4D+ ---------------------------------------------------------------------------------------------------


def _write_tasks(root: Path, folder: str, header: list[str], task: str) -> None:
    for person, names in (("F001", ("0000", "0001", "0002")), ("M002", ("000", "001", "0002"))):
        for number, name in enumerate(("T1", task)):
            for stem in names:
                save_picture(root / folder / person / name / f"{stem}.jpg", picture(number))
            lines = [",".join(header)]
            for frame in range(3):
                cells = ["9"] * (len(header) - 1)
                cells[header.index("4") - 1 if "4" in header else 1] = str(frame % 2)
                lines.append(",".join([str(frame), *cells]))
            write_text(root / "AUCoding" / "AU_OCC" / f"{person}_{name}.csv", "\n".join(lines) + "\n")


def build_bp4d(root: Path) -> None:
    """Two participants with two tasks of three frames; numbers of three and four digits."""
    _write_tasks(root, "Sequences_2D+3D", [str(number) for number in range(100)], "T6")


def build_bp4dplus(root: Path) -> None:
    """As BP4D, with the names of the coded units in the header."""
    _write_tasks(root, "2D+3D", ["frame", "AU1", "AU4", "AU12"], "T8")


def _same_frame(folder: str) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        save_picture(root / folder / "F001" / "T1" / "002.jpg", picture(1))
        return {"F001/T1/00002~2": "listed twice"}

    return spring


def _uncoded(folder: str) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        save_picture(root / folder / "F001" / "T1" / "0500.jpg", picture(1))
        return {"F001/T1/00500": KEPT}

    return spring


def _no_table(root: Path) -> Effect:
    (root / "AUCoding" / "AU_OCC" / "M002_T1.csv").unlink()
    return {"M002/T1/00000": KEPT}


def _bad_table(root: Path) -> Effect:
    (root / "AUCoding" / "AU_OCC" / "F001_T1.csv").write_bytes(b"")
    return {"F001/T1/00000": KEPT}


def _odd_picture(folder: str) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        save_picture(root / folder / "F001" / "T1" / "cover.jpg", picture(1))
        return {"F001/T1/cover": "ends in no number"}

    return spring


def _tasks(folder: str) -> dict[str, Callable[[Path], Effect]]:
    return {
        "one frame with two paddings": _same_frame(folder),
        "frame that was not coded": _uncoded(folder),
        "missing table of a task": _no_table,
        "empty table of a task": _bad_table,
        "picture without a number": _odd_picture(folder),
    }


BP4D = Tree(
    build=build_bp4d,
    kept=12,
    traps=_tasks("Sequences_2D+3D"),
    moves={
        "name with brackets": lambda root: move(root / "Sequences_2D+3D", root / "Sequences(2D+3D)"),
        "AU_OCC cut loose": lambda root: move(root / "AUCoding" / "AU_OCC", root / "AU_OCC"),
        "one folder deeper": deeper,
    },
)
BP4DPLUS = Tree(build=build_bp4dplus, kept=12, traps=_tasks("2D+3D"), moves={"one folder deeper": deeper})

# DISFA ------------------------------------------------------------------------------------------------------------


def build_disfa(root: Path) -> None:
    """Two participants with six frames."""
    for person in ("SN001", "SN027"):
        save_clip(root / "Video_LeftCamera" / f"LeftVideo{person}_comp.avi", frames=6, fps=20)
        for unit in (4, 12):
            lines = "".join(f"{frame},{frame % 3 if unit == 4 else 0}\n" for frame in range(1, 7))
            write_text(root / "ActionUnit_Labels" / person / f"{person}_au{unit}.txt", lines)


def _disfa_other_side(root: Path) -> Effect:
    save_clip(root / "Video_RightCamera" / "RightVideoSN001_comp.avi", frames=6, fps=20)
    return {"Video_RightCamera/RightVideoSN001_comp.avi": "in no place"}


def _disfa_without_units(root: Path) -> Effect:
    save_clip(root / "Video_LeftCamera" / "LeftVideoSN009_comp.avi", frames=2, fps=20)
    return {"LeftVideoSN009_comp": "no action units of SN009"}


def _disfa_bad_file(root: Path) -> Effect:
    save_clip(root / "Video_LeftCamera" / "LeftVideoSN010_comp.avi", frames=2, fps=20)
    write_text(root / "ActionUnit_Labels" / "SN010" / "SN010_au4.txt", "nothing\n")
    return {"LeftVideoSN010_comp": "SN010_au4.txt cannot be read"}


def _disfa_stranger(root: Path) -> Effect:
    save_clip(root / "Video_LeftCamera" / "trailer.avi", frames=2, fps=20)
    return {"trailer": "holds no SN<ddd>"}


def _disfa_crlf(root: Path) -> None:
    for file in (root / "ActionUnit_Labels").rglob("*.txt"):
        rewrite(file, lambda text: text.replace("\n", "\r\n").replace(",", ", "))


DISFA = Tree(
    build=build_disfa,
    kept=12,
    settings={"label": {"frown": "au04 >= 1", "calm": "au04 == 0"}},
    traps={
        "other camera": _disfa_other_side,
        "video without labels": _disfa_without_units,
        "label file that is none": _disfa_bad_file,
        "video of nobody": _disfa_stranger,
    },
    moves={"CR LF and blanks": _disfa_crlf, "one folder deeper": deeper},
)

# CK+ --------------------------------------------------------------------------------------------------------------


def build_ckplus(root: Path) -> None:
    """Three sequences of three frames; two have an emotion."""
    for place, code in (("S005/001", 3.0), ("S005/002", None), ("S010/001", 7.0)):
        stem = place.replace("/", "_")
        for number in range(1, 4):
            save_picture(root / "cohn-kanade-images" / place / f"{stem}_{number:08d}.png", picture(number))
        folder = root / "Emotion" / place
        folder.mkdir(parents=True)
        if code is not None:
            write_text(folder / f"{stem}_00000003_emotion.txt", f"   {code:.7e}\n")
        write_text(
            root / "FACS" / place / f"{stem}_00000003_facs.txt", "   4.0000000e+00   0.0e+00\n   9.0e+00   3.0e+00\n"
        )


def _ck_bad_code(root: Path) -> Effect:
    for number in (1, 2):
        name = f"S020_001_{number:08d}"
        save_picture(root / "cohn-kanade-images" / "S020" / "001" / f"{name}.png", picture(number))
    write_text(root / "Emotion" / "S020" / "001" / f"{name}_emotion.txt", "9.0\n")
    return {"S020/001/00000001": "emotion is 9, not 0 to 7", "S020/001/00000002": "emotion is 9, not 0 to 7"}


def _ck_between(root: Path) -> Effect:  # noqa: ARG001 - it is in the tree already
    return {"S005/001/00000002": "class_name is missing", "S005/002/00000003": "class_name is missing"}


def _ck_debris(root: Path) -> Effect:
    write_text(root / "cohn-kanade-images" / ".DS_Store", "x")
    write_text(root / "cohn-kanade-images" / "S005" / "001" / ".DS_Store", "x")
    write_text(root / "Emotion" / "S005" / ".DS_Store", "x")
    return {}


CKPLUS = Tree(
    build=build_ckplus,
    kept=5,
    traps={"unknown emotion": _ck_bad_code, "frames between": _ck_between, "debris of archives": _ck_debris},
    moves={
        "extended-cohn-kanade-images": lambda root: move(
            root / "cohn-kanade-images", root / "extended-cohn-kanade-images"
        ),
        "nested": lambda root: move(
            root / "cohn-kanade-images", root / "extended-cohn-kanade-images" / "cohn-kanade-images"
        ),
        "one folder deeper": deeper,
    },
)

# RAF-DB -----------------------------------------------------------------------------------------------------------


def build_rafdb(root: Path) -> None:
    """Seven training and one test picture, aligned."""
    lines = []
    for number in range(1, 8):
        lines.append(f"train_{number:05d}.jpg {number}")
        save_picture(root / "Image" / "aligned" / f"train_{number:05d}_aligned.jpg", picture(number))
    lines.append("test_0001.jpg 4")
    save_picture(root / "Image" / "aligned" / "test_0001_aligned.jpg", picture(8))
    write_text(root / "EmoLabel" / "list_patition_label.txt", "\n".join(lines) + "\n")


def _raf(line: str, reason: str, *, pixels: bool = True) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        name = line.split(" ")[0]
        with (root / "EmoLabel" / "list_patition_label.txt").open("a", encoding="utf-8") as stream:
            stream.write(line + "\r\n")
        if pixels:
            save_picture(root / "Image" / "aligned" / f"{name.removesuffix('.jpg')}_aligned.jpg", picture(3))
        return {name: reason}

    return spring


def _raf_unlisted(root: Path) -> Effect:
    save_picture(root / "Image" / "aligned" / "train_99999_aligned.jpg", picture(3))
    return {"Image/aligned/train_99999_aligned.jpg": "in no place"}


def _raf_original(root: Path) -> None:
    folder = root / "Image" / "original"
    folder.mkdir()
    for path in (root / "Image" / "aligned").iterdir():
        path.rename(folder / path.name.replace("_aligned", ""))
    (root / "Image" / "aligned").rmdir()


RAFDB = Tree(
    build=build_rafdb,
    kept=8,
    traps={
        "missing picture": _raf("train_00100.jpg 1", "picture is missing", pixels=False),
        "unknown code": _raf("train_00101.jpg 9", "code is '9', not 1 to 7"),
        "line without a code": _raf("train_00102.jpg", "not 1 to 7"),
        "picture that is not listed": _raf_unlisted,
    },
    moves={
        "original pictures": _raf_original,
        "list spelt right": lambda root: move(
            root / "EmoLabel" / "list_patition_label.txt", root / "EmoLabel" / "list_partition_label.txt"
        ),
        "inside basic": lambda root: deeper(root, "basic"),
    },
)

# FER2013 ----------------------------------------------------------------------------------------------------------

_USAGE = ("Training", "Training", "PublicTest", "PrivateTest")


def _fer_row(emotion: object, seed: int, usage: str, *, pixels: int = 48 * 48) -> str:
    values = np.random.default_rng(seed).integers(0, 256, pixels)
    return f"{emotion},{' '.join(map(str, values))},{usage}"


def build_fer2013(root: Path) -> None:
    """Four rows."""
    rows = [_fer_row(code, code, usage) for code, usage in enumerate(_USAGE)]
    write_text(root / "fer2013.csv", "\n".join(["emotion,pixels,Usage", *rows]) + "\n")


def _fer(row: str, reason: str, number: int) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        with (root / "fer2013.csv").open("a", encoding="utf-8") as stream:
            stream.write(row + "\n")
        count = len((root / "fer2013.csv").read_text(encoding="utf-8").splitlines()) - 2
        assert number < 0 or number == count
        return {f"row {count}": reason}

    return spring


FER2013 = Tree(
    build=build_fer2013,
    kept=4,
    traps={
        "too few pixels": _fer(_fer_row(1, 9, "Training", pixels=100), "holds 100 pixels", -1),
        "unknown emotion": _fer(_fer_row(9, 9, "Training"), "not a number from 0 to 6", -1),
        "word for the emotion": _fer(_fer_row("sad", 9, "Training"), "not a number from 0 to 6", -1),
    },
    moves={
        "icml_face_data.csv": lambda root: move(root / "fer2013.csv", root / "icml_face_data.csv"),
        "in a folder of its name": lambda root: deeper(root, "fer2013"),
        "CR LF": lambda root: rewrite(root / "fer2013.csv", lambda text: text.replace("\n", "\r\n")),
    },
)

# The order of the published file.
FER_PLUS_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"

# KDEF -------------------------------------------------------------------------------------------------------------


def build_kdef(root: Path) -> None:
    """One person in two sessions, one in one session."""
    for name in ("AF01/AF01ANS", "AF01/AF01HAFL", "BF01/BF01ANS", "AM35/AM35NES", "AM35/AM35AFHR"):
        save_picture(root / f"{name}.JPG", picture(len(name)))


def _kdef_other(root: Path) -> Effect:
    save_picture(root / "AF01" / "AF01XXS.JPG", picture(1))
    save_picture(root / "AF01" / "AF01ANS (1).JPG", picture(1))
    return {"AF01/AF01XXS.JPG": "the name is not", "AF01/AF01ANS (1).JPG": "the name is not"}


def _kdef_twice(root: Path) -> Effect:
    save_picture(root / "copy" / "AM35NES.jpg", picture(1))
    return {"AM35NES~2": "listed twice"}


KDEF = Tree(
    build=build_kdef,
    kept=5,
    traps={"other names": _kdef_other, "second copy": _kdef_twice},
    moves={
        "all in one folder": lambda root: (
            [path.rename(root / path.name.lower()) for path in sorted(root.rglob("*.JPG"))] and None
        ),
        "one folder deeper": deeper,
    },
)
