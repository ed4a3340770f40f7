"""People who are in two databases: tested in one and learnt from in the other, or perhaps the same."""

import pandas as pd

from painlens.doctor.findings import Finding
from painlens.doctor.material import Material
from painlens.workflow.stages import EMOTION

_SHORT_ID = 4  # letters from which an id is believed to name one person everywhere


def shared_people(material: dict[str, Material]) -> list[Finding]:
    """People of one id in several databases; rendered people have ids of their own."""
    found: list[Finding] = []
    names = [name for name, own in material.items() if own.database.synthetic is None]
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            a, b = material[one].kept, material[other].kept
            shared = sorted(set(a["participant"].astype(str)) & set(b["participant"].astype(str)) - {""})
            if not shared:
                continue
            plain = [who for who in shared if len(who) >= _SHORT_ID and not who.isdigit()]
            crossing = plain if material[one].rotates and material[other].rotates else _crossing(a, b, plain)
            if crossing and EMOTION not in (one, other):
                text = f"{len(crossing)} people are tested in one of {one} and {other} and learnt from in the other"
                found.append(Finding("leak", "people", "", text, tuple(crossing[:5])))
            else:
                text = f"{len(shared)} ids are in {one} and in {other}; are these the same people?"
                found.append(Finding("warning", "people", "", text, tuple(shared[:5])))
    note = "people under different ids are not looked for: no face embedding is at hand"
    return [*found, Finding("note", "people", "", note)] if material else found


def _crossing(a: pd.DataFrame, b: pd.DataFrame, people: list[str]) -> list[str]:
    """People who are in the test part of one database and in another part of the other."""
    parts = [dict(zip(table["participant"].astype(str), table["part"], strict=True)) for table in (a, b)]
    pairs = {who: {parts[0][who], parts[1][who]} for who in people}
    return [who for who, own in pairs.items() if "test" in own and own & {"train", "validation"}]
