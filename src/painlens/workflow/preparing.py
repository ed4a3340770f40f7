"""From folders to faces: synthesize, frames, faces, split."""

import pandas as pd

from painlens import databases, splits, tables
from painlens import faces as face_step
from painlens import synthetic as rendering
from painlens.databases.contents import with_digests
from painlens.databases.published import resolve_split
from painlens.forgotten import without_forgotten
from painlens.tables import DataError
from painlens.workflow.context import Context, Result
from painlens.workflow.stages import EMOTION


def synthesize(context: Context) -> Result:
    """Render a database in its owner's layout; the digests of all its files stand in ``files.sha256``."""
    settings = context.settings.synthetic
    if settings is None:
        raise DataError(f"database '{context.database}' is an owner's folder, there is nothing to render")
    reader = context.settings.reader
    if reader not in rendering.LAYOUTS:
        raise DataError(f"reader '{reader}' has no rendered layout; choose one of {', '.join(rendering.LAYOUTS)}")
    root, truth = context.folder / "root", context.folder / "truth"
    rows = rendering.synthesize(
        settings,
        reader=reader,
        name=context.database,
        root=root,
        truth=truth,
        workers=context.workers,
        progress=context.progress,
    )
    files = sorted(path for folder in (root, truth) for path in folder.rglob("*") if path.is_file())
    listing = context.folder / "files.sha256"
    lines = [f"{tables.sha256_of(path)}  {path.relative_to(context.folder)}" for path in files]
    tables.save_text("\n".join(lines) + "\n", listing)
    return Result([listing, truth / "frames.parquet"], rows)


def frames(context: Context) -> Result:
    """List all frames with their labels and reasons."""
    table = databases.read_frames(context.settings, name=context.database, root=context.root, progress=context.progress)
    table = without_forgotten(table, context.run.root, context.database)
    known = tables.KnownDigests(context.folder / ".files.json")
    table = with_digests(table, root=context.root, known=known, progress=context.progress)
    if not table["kept"].any():
        reasons = table["reason"].value_counts().to_dict()
        raise DataError(f"no frame of database '{context.database}' at {context.root} can be used; reasons: {reasons}")
    path = context.folder / "frames.parquet"
    tables.save_table(table, path, tables.FRAMES)
    return Result([path], {"frames": len(table), "kept": int(table["kept"].sum())})


def faces(context: Context) -> Result:
    """Crop the faces of kept frames; counterfactual twins too, where the database is rendered."""
    listed = context.load("frames", tables.FRAMES, database=context.database)
    kept = listed[listed["kept"]].reset_index(drop=True)
    store, path = context.folder / "faces.h5", context.folder / "faces.parquet"
    prepared = face_step.prepare_faces(
        kept,
        root=context.root,
        settings=context.study.faces,
        store=store,
        truth=context.truth,
        workers=context.workers,
        progress=context.progress,
    )
    table = prepared.faces
    if len(table) != len(kept):
        raise DataError(f"{len(kept)} frames went in, {len(table)} came out; every refusal must have a row")
    if not table["found"].any():
        raise DataError(f"no face was found in any of the {len(table)} frames of database '{context.database}'")
    tables.save_table(table, path, tables.FACES)
    outputs, rows = [path, store], {"faces": int(table["found"].sum()), "refused": int((~table["found"]).sum())}
    guesses = context.folder / "suggestions.parquet"
    guesses.unlink(missing_ok=True)
    if context.study.faces.suggestions.make:
        outputs.append(context.save(prepared.suggestions, tables.SUGGESTIONS))
        rows["suggestions"] = len(prepared.suggestions)
    if context.truth is not None and context.database != EMOTION:
        twin_store, twin_path = context.folder / "twins.h5", context.folder / "twins.parquet"
        twins = face_step.crop_twins(
            context.truth, settings=context.study.faces, store=twin_store, workers=context.workers
        )
        with tables.atomic_path(twin_path) as temporary:
            twins.to_parquet(temporary, index=False)
        outputs += [twin_path, twin_store]
        rows["twins"] = len(twins)
    return Result(outputs, rows)


def split(context: Context) -> Result:
    """Divide the participants; draw complementary halves of the training ones."""
    parts = divided(context)
    path = context.folder / "split.parquet"
    tables.save_table(parts, path, tables.SPLIT)
    return Result([path], _counts(parts))


def divided(context: Context) -> pd.DataFrame:
    """SPLIT of the found faces of one database, as its section of the study says."""
    table = context.load("faces", tables.FACES, database=context.database)
    found = table[table["found"]]
    wanted = context.settings.split
    if wanted.published is not None:
        frames_table = context.load("frames", tables.FRAMES, database=context.database)
        wanted = resolve_split(wanted, context.settings, name=context.database, frames=frames_table, faces=table)
    replication = context.study.replication
    folds = replication.cross_fitting if context.database != EMOTION else 0
    if folds:
        parts = splits.rotate_participants(found, wanted, folds=folds, database=context.database)
        groups = [parts.loc[parts[f"fold={fold}"] == "train", "participant"] for fold in range(1, folds + 1)]
        training = found
    else:
        parts = splits.split_participants(found, wanted, database=context.database)
        training, groups = found[found["participant"].isin(parts.loc[parts["part"] == "train", "participant"])], []
    halves = replication.half_splits
    if halves and context.database != EMOTION and wanted.test != "all":
        drawn = splits.complementary_halves(training, splits=halves, seed=context.settings.split.seed, training=groups)
        for people in groups or [training["participant"]]:
            own = training[training["participant"].isin(people)]
            splits.assert_classes_in_halves(own, drawn, database=context.database)
        parts = parts.merge(drawn, on="participant", how="left", validate="one_to_one")
    splits.assert_participant_disjoint(parts)
    return parts


def _counts(parts: pd.DataFrame) -> dict[str, int]:
    """Participants per part."""
    return {str(part): int(count) for part, count in parts["part"].value_counts().sort_index().items()}
