"""Columns that many tables have, said once: ``**NETWORK`` in a table's columns."""

from painlens.tables.schema import Column

FRAME = {"frame_id": Column("text", "as in frames")}
PERSON = {"participant": Column("text", "the person")}
FACE = {"database": Column("text", "database of the face"), **FRAME}
MODEL = {"model": Column("text", "database that the network was trained on")}
NETWORK = {**MODEL, "replicate": Column("text", "seed=0 ..., half=0a ...")}
PAIR = {"model_a": Column("text", "first model"), "model_b": Column("text", "second model")}
CONCEPT = {"concept": Column("text", "name in the study")}
COUNTS = {"faces": Column("integer", "number of faces"), "participants": Column("integer", "number of participants")}
BOOTSTRAPPED = {
    "low": Column("real", "lower end of its interval over participants (bootstrap)"),
    "high": Column("real", "upper end"),
}
OVER_PEOPLE = {
    "low": Column("real", "lower end of the interval over participants"),
    "high": Column("real", "upper end"),
}
CONSENT = {
    "consent_display": Column("text", "may be shown to the lab: true, false or unknown"),
    "consent_publish": Column("text", "may be shown outside the lab: true, false or unknown"),
}
