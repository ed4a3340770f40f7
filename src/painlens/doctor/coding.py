"""Whether an owner's scores are those of their action units, and which label files a copy lacks (UNBC-McMaster)."""

from painlens.databases.unbc import mismatches, triplets
from painlens.doctor.findings import Finding
from painlens.doctor.material import Material

_SHOWN = 5


def about_coding(name: str, own: Material) -> list[Finding]:
    """PSPI beside the one computed anew from the action units, and pictures without score, action units or landmarks.

    A copy is seldom whole, and a score that its action units do not give is a mistake of coding, of copying, or of
    the formula: it is told, never corrected.
    """
    if own.database.reader != "unbc":
        return []
    frames, found = own.frames, []
    if "has_pspi" not in frames or "has_facs" not in frames:
        return []  # of a table that an earlier version wrote
    pictures = frames[frames["has_pspi"].notna()]
    if pictures.empty:
        return []
    differing = mismatches(pictures)
    if len(differing):
        rows = differing.head(_SHOWN).itertuples(index=False)
        details = tuple(f"{row.frame_id}: PSPI {row.pspi:g}, action units give {row.from_units:g}" for row in rows)
        coded = int(pictures["has_facs"].fillna(value=False).astype(bool).sum())
        text = f"{len(differing)} of {coded} coded frames have another PSPI than their action units give"
        found.append(Finding("warning", "coding", name, text, details))
    counts = triplets(pictures)
    missing = [(counts["without PSPI"], "a PSPI score"), (counts["without FACS"], "action units")]
    if "has_aam" in pictures and pictures["has_aam"].notna().any():
        here = pictures[pictures["reason"] != "picture is missing"]["has_aam"]
        missing.append((int((~here.fillna(value=False).astype(bool)).sum()), "landmarks"))
    told = [f"{count:,} have no file of {what}" for count, what in missing if count]
    if counts["labels without picture"]:
        told.append(f"{counts['labels without picture']:,} scores have no picture")
    if told:
        found.append(Finding("note", "coding", name, f"of {counts['pictures']:,} pictures {'; '.join(told)}"))
    return found
