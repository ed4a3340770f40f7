"""Models that were trained elsewhere: which file, what it answers, what was checked."""

from painlens.report.blocks import Block, Section, TableBlock, Text
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Column, Table, whole, words


def adopted(inputs: ReportInputs) -> Section:
    """A row per checkpoint; nothing for networks that were trained here."""
    if not inputs.adopted:
        return Section("models", "Models", ())
    titles = (
        "model", "checkpoint", "architecture", "weights", "classes in this study", "compared logit", "input",
        "reproduces known answers", "SHA-256",
    )  # fmt: skip
    several = len({one.replicate for one in inputs.adopted}) > 1
    rows = tuple(
        (
            words(f"{one.model}, {one.replicate}" if several else one.model), words(one.checkpoint),
            words(one.architecture), whole(one.parameters), words(one.meaning), words(one.explained),
            words(one.normalisation), words(one.reproduced), words(one.sha256[:16]),
        )
        for one in inputs.adopted
    )  # fmt: skip
    blocks: list[Block] = [TableBlock(Table("models", "The models", tuple(map(Column, titles)), rows, headers=1))]
    names = {one.explained for one in inputs.adopted}
    if len(names) > 1:
        blocks.append(
            Text((
                "The models answer different questions, so their logits are not the same thing. Compared are "
                + ", ".join(f"'{one.explained}' of {one.model}" for one in inputs.adopted)
                + ": read differences of scores and maps as differences of these answers. What a model embeds "
                "(decodability) does not depend on them.",
            ), kind="caution")
        )  # fmt: skip
    if any(one.reproduced.startswith("not checked") for one in inputs.adopted):
        text = (
            "A model was not checked against known answers: whether its classes, channel order and normalisation were "
            "understood is its owner's word alone (models.*.predictions)."
        )
        blocks.append(Text((text,), kind="caution"))
    return Section("models", "Models", tuple(blocks))
