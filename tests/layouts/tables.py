"""Tables and folders of a user's own: manifest, samples.csv, ImageFolder, Hugging Face imagefolder."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from layouts.pixels import picture, save_clip, save_picture, write_text
from layouts.tree import KEPT, Effect, Tree, rewrite


def write_manifest(root: Path, rows: Sequence[Mapping[str, object]], *, name: str = "manifest.csv") -> pd.DataFrame:
    """A manifest of the rows, and a picture for every image that it names."""
    table = pd.DataFrame(list(rows))
    root.mkdir(parents=True, exist_ok=True)
    for path in table["path"].dropna():
        if Path(str(path)).suffix == ".png" and not str(path).startswith((".", "/")):
            save_picture(root / str(path), picture(2))
    if name.endswith(".parquet"):
        table.to_parquet(root / name, index=False)
    else:
        table.to_csv(root / name, index=False, sep="\t" if name.endswith(".tsv") else ",")
    return table


_ROWS: list[dict[str, object]] = [
    {"path": f"x/{n}.png", "subject": f"s{n % 3}", "label": "pain" if n % 2 else "no-pain", "pspi": n % 3, "age": 30.5}
    for n in range(6)
]


def build_manifest(root: Path) -> None:
    """Six pictures."""
    write_manifest(root, _ROWS)


def _line(changes: Mapping[str, object], frame_id: str, reason: str) -> Callable[[Path], Effect]:
    """A trap: one more row."""

    def spring(root: Path) -> Effect:
        file = root / "manifest.csv"
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        row = {"path": f"x/{len(table)}.png", "subject": "s9", "label": "pain", "pspi": "0", "age": ""} | dict(changes)
        if row["path"] == f"x/{len(table)}.png":
            save_picture(root / str(row["path"]), picture(1))
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
        table.to_csv(file, index=False)
        return {frame_id.format(row=len(table) + 1, path=row["path"]): reason}

    return spring


def _unlisted(root: Path) -> Effect:
    save_picture(root / "more" / "u.png", picture(1))
    return {"more/u.png": "in no place"}


def _text_form(change: Callable[[pd.DataFrame], bytes], name: str = "manifest.csv") -> Callable[[Path], None]:
    def move(root: Path) -> None:
        table = pd.read_csv(root / "manifest.csv", dtype=str, keep_default_na=False)
        (root / "manifest.csv").unlink()
        (root / name).write_bytes(change(table))

    return move


def _parquet(root: Path) -> None:
    pd.read_csv(root / "manifest.csv").to_parquet(root / "manifest.parquet")
    (root / "manifest.csv").unlink()


def _comma(table: pd.DataFrame) -> bytes:
    return table.assign(age=table["age"].str.replace(".", ",")).to_csv(index=False, sep=";").encode("cp1252")


MANIFEST = Tree(
    build=build_manifest,
    kept=6,
    traps={
        "path above the root": _line({"path": "../a.png"}, "../a.png", "path leaves root"),
        "absolute path": _line({"path": "/etc/passwd"}, "/etc/passwd", "path leaves root"),
        "dots that lead out": _line({"path": "x/../../b.png"}, "../b.png", "path leaves root"),
        "missing file": _line({"path": "x/gone.png"}, "x/gone.png", "file is missing"),
        "no participant": _line({"subject": ""}, "{path}", "participant is missing"),
        "no label": _line({"label": ""}, "{path}", "label is missing"),
        "no path": _line({"path": ""}, "row {row}", "path is missing"),
        "word for a number": _line({"pspi": "high"}, "{path}", "pspi is 'high', not a number"),
        "number outside its range": _line({"pspi": "23"}, "{path}", "pspi is '23', outside 0..16"),
        "the same frame twice": _line({"path": "x/1.png"}, "x/1.png~2", "listed twice"),
        "decimal comma": _line({"age": "30,5"}, "{path}", KEPT),
        "dots inside the root": _line({"path": "x/../x/2.png"}, "x/2.png~2", "listed twice"),
        "picture that the table does not list": _unlisted,
    },
    moves={
        "TSV": _text_form(lambda table: table.to_csv(index=False, sep="\t").encode(), "manifest.tsv"),
        "Parquet": _parquet,
        "semicolons, decimal commas and Windows-1252": _text_form(_comma),
        "byte order mark and CR LF": _text_form(
            lambda table: table.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")
        ),
        "UTF-16 with tabs": _text_form(lambda table: table.to_csv(index=False, sep="\t").encode("utf-16")),
        "back-slashes": lambda root: rewrite(root / "manifest.csv", lambda text: text.replace("x/", "x\\")),
        "file_name and participant": lambda root: rewrite(
            root / "manifest.csv", lambda text: text.replace("path", "file_name").replace("subject", "participant")
        ),
        "blanks around cells": lambda root: rewrite(root / "manifest.csv", lambda text: text.replace(",", " , ")),
    },
)


def build_samples(root: Path) -> None:
    """Two samples as clips of 5 s, in a table as BioVid's."""
    lines = ["subject_id\tsubject_name\tclass_id\tclass_name\tsample_id\tsample_name"]
    for number, (person, name) in enumerate([("p1", "no-pain"), ("p1", "pain"), ("p2", "no-pain"), ("p2", "pain")]):
        save_clip(root / "films" / person / f"{person}_{name}.avi.mp4", frames=25, fps=5)
        lines.append(f"{person[1:]}\t{person}\t0\t{name}\t{number}\t{person}_{name}")
    write_text(root / "samples.csv", "\n".join(lines) + "\n")


def _frames_of_a_sample(root: Path) -> Effect:
    for number in (2, 10, 1):
        save_picture(root / "films" / "p3" / f"p3_pain.{number}.mp4.png", picture(number))
    return {"films/p3/p3_pain.1.mp4.png": "in no place"}


def _sample(row: str, frame_id: str, reason: str) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        with (root / "samples.csv").open("a", encoding="utf-8") as stream:
            stream.write(row + "\n")
        return {frame_id: reason}

    return spring


SAMPLES = Tree(
    build=build_samples,
    kept=4,
    settings={
        "layout": {"path": "films/{subject_name}/{sample_name}.avi.mp4"},
        "frames": {"rule": "at-time", "seconds": 3.0},
    },
    traps={
        "missing file": _sample("9\tp9\t0\tpain\t9\tp9_pain", "p9/p9_pain", "file is missing"),
        "sample that leaves the root": _sample("8\t../..\t0\tpain\t9\tx", "../../x", "path leaves root"),
        "sample without a name": _sample("7\tp7\t0\tpain\t9\t", "row", "is missing"),
        "pictures that no sample names": _frames_of_a_sample,
    },
    moves={
        "in starting_point": lambda root: (
            (
                (root / "starting_point").mkdir()
                or (root / "samples.csv").rename(root / "starting_point" / "samples.csv")
            )
            and None
        ),
        "semicolons": lambda root: rewrite(root / "samples.csv", lambda text: text.replace("\t", ";")),
        "commas": lambda root: rewrite(root / "samples.csv", lambda text: text.replace("\t", ",")),
    },
)


def build_imagefolder(root: Path) -> None:
    """Two classes with the person in the name of the file."""
    for number in range(6):
        name = f"{'Pain' if number % 2 else 'No pain'}/deep/p{number % 3}_{number}.png"
        save_picture(root / name, picture(number))


def _nameless(root: Path) -> Effect:
    save_picture(root / "Pain" / "nobody.png", picture(1))
    return {"Pain/nobody.png": "no participant in the path"}


def _loose(root: Path) -> Effect:
    save_picture(root / "p1_loose.png", picture(1))
    return {"p1_loose.png": "in no place"}


def _video(root: Path) -> Effect:
    save_clip(root / "Pain" / "p1_film.mp4", frames=2, fps=5)
    return {"Pain/p1_film.mp4#1": KEPT}


def _parts(root: Path) -> None:
    for part in ("train", "val"):
        (root / part).mkdir()
    for number, folder in enumerate(sorted(path for path in root.iterdir() if path.name not in ("train", "val"))):
        folder.rename(root / ("train", "val")[number % 2] / folder.name)


IMAGEFOLDER = Tree(
    build=build_imagefolder,
    kept=6,
    settings={"layout": {"participant": r"/(p\d+)_"}},
    traps={
        "name without a person": _nameless,
        "picture outside the classes": _loose,
        "video in a class": _video,
    },
    moves={"owner's parts": _parts},
)


def build_huggingface(root: Path) -> None:
    """A metadata file per part."""
    for part, numbers in (("train", range(4)), ("test", range(4, 6))):
        lines = []
        for number in numbers:
            save_picture(root / part / "img" / f"{number}.png", picture(number))
            label = "pain" if number % 2 else "no-pain"
            lines.append({"file_name": f"img/{number}.png", "label": label, "participant": f"{part}{number}"})
        write_text(root / part / "metadata.jsonl", "\n".join(map(json.dumps, lines)) + "\n")


def _csv(root: Path) -> None:
    for part in ("train", "test"):
        file = root / part / "metadata.jsonl"
        table = pd.DataFrame([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()])
        table.to_csv(root / part / "metadata.csv", index=False)
        file.unlink()


def _columns(root: Path) -> None:
    _csv(root)
    for part in ("train", "test"):
        pd.read_csv(root / part / "metadata.csv").to_parquet(root / part / "metadata.parquet")
        (root / part / "metadata.csv").unlink()


def _json(row: Mapping[str, object], frame_id: str, reason: str) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        with (root / "train" / "metadata.jsonl").open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps(dict(row)) + "\n")
        return {frame_id: reason}

    return spring


HUGGINGFACE = Tree(
    build=build_huggingface,
    kept=6,
    traps={
        "missing file": _json(
            {"file_name": "img/9.png", "label": "pain", "participant": "a", "objects": {"bbox": [1, 2]}},
            "train/img/9.png",
            "file is missing",
        ),
        "path out of the root": _json(
            {"file_name": "../../a.png", "label": "pain", "participant": "a"}, "../a.png", "path leaves root"
        ),
        "no participant": _json({"file_name": "img/0.png", "label": "pain"}, "train/img/0.png~2", "listed twice"),
    },
    moves={"CSV": _csv, "Parquet": _columns},
)
