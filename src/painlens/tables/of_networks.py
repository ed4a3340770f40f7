"""Tables about networks and their answers."""

from painlens.tables.columns import CONCEPT, FACE, MODEL, NETWORK, OVER_PEOPLE, PERSON
from painlens.tables.schema import Column, Schema

HISTORY = Schema(
    "history",
    "one epoch of a training",
    ("epoch",),
    {
        "epoch": Column("integer", "from 1"),
        "learning_rate": Column("real", "at the end of the epoch"),
        "train_loss": Column("real", "mean loss over the epoch's augmented faces"),
        "train_accuracy": Column("real", "share of right answers on them"),
        "validation_loss": Column("real", "mean loss on the validation faces; missing without any"),
        "validation_accuracy": Column("real", "share of right answers on them"),
        "validation_macro_f1": Column("real", "mean F1 over the classes"),
        "seconds": Column("real", "time of the epoch"),
    },
)

PREDICTIONS = Schema(
    "predictions",
    "the answer of one network to one test face",
    ("model", "replicate", "database", "frame_id"),
    {
        **NETWORK,
        **FACE,
        **PERSON,
        "label": Column("text", "true class"),
        "predicted": Column("text", "class with the largest logit"),
        "logit:": Column("class", "logit of the class; one column per class"),
    },
)

TWINS = Schema(
    "twins",
    "the answers of one network to a counterfactual pair: one face without and with a concept",
    ("model", "replicate", "database", "pair"),
    {
        **NETWORK,
        "database": Column("text", "database that the pair was rendered for"),
        "pair": Column("text", "name of the pair"),
        "participant": Column("text", "the rendered person"),
        "concept": Column("text", "the concept that was toggled"),
        "score_without": Column("real", "log-odds of the target class without the concept"),
        "score_with": Column("real", "log-odds of the target class with it"),
        "probability_without": Column("real", "probability of the target class without the concept"),
        "probability_with": Column("real", "probability of the target class with it"),
    },
)

METRICS = Schema(
    "metrics",
    "one measure of one model on the test faces of one database",
    ("model", "replicate", "database", "measure"),
    {
        "model": Column("text", "database that the network was trained on; majority for the baseline"),
        "replicate": Column("text", "seed=0 ..., or mean: the mean over seeds"),
        "database": Column("text", "database of the faces"),
        "measure": Column(
            "text",
            "precision:<class>, recall:<class>, f1:<class>, *:macro, accuracy, balanced-accuracy, auroc",
        ),
        "value": Column("real", "0..1"),
        "low": Column("real", "lower end of the interval over test participants (bootstrap); missing for single seeds"),
        "high": Column("real", "upper end"),
        "faces": Column("integer", "number of test faces"),
        "participants": Column("integer", "number of test participants"),
        "undefined": Column(
            "integer", "networks whose measure was 0/0 and counts as 0: a class never predicted", required=False
        ),
    },
)

CONFUSION = Schema(
    "confusion",
    "how often one model answers one class to the test faces of one true class of one database",
    ("model", "replicate", "database", "label", "predicted"),
    {
        **MODEL,
        "replicate": Column("text", "seed=0 ..., or mean: the mean over seeds"),
        "database": Column("text", "database of the faces"),
        "label": Column("text", "true class"),
        "predicted": Column("text", "class with the largest logit"),
        "faces": Column("real", "faces that were answered so; a mean over seeds need not be whole"),
        "of": Column("integer", "faces of the true class"),
        "share": Column("real", "faces / of, 0..1; the recall where both classes are the same; missing without faces"),
        "low": Column("real", "lower end of the interval over test participants (bootstrap); missing for single seeds"),
        "high": Column("real", "upper end"),
    },
)

CALIBRATION = Schema(
    "calibration",
    "how far one model's probability of the target class is from the truth, on the test faces of one database",
    ("model", "replicate", "database", "measure"),
    {
        **MODEL,
        "replicate": Column("text", "seed=0 ..., or mean: the mean over seeds"),
        "database": Column("text", "database of the faces"),
        "measure": Column("text", "ece (expected calibration error, ten bins of equal width) or brier (squared error)"),
        "value": Column("real", "0..1; 0 is best"),
        "low": Column("real", "lower end of the interval over test participants (jackknife); missing for single seeds"),
        "high": Column("real", "upper end"),
        "reference": Column(
            "real", "ece: mean of a model whose probabilities are right; brier: always saying the tested share"
        ),
        "faces": Column("integer", "number of test faces"),
        "participants": Column("integer", "number of test participants"),
    },
)

CALIBRATION_CURVE = Schema(
    "calibration_curve",
    "the faces of one database to which one model's seeds give a probability of the target class within one bin",
    ("model", "database", "bin"),
    {
        **MODEL,
        "database": Column("text", "database of the faces"),
        "bin": Column("integer", "from 0; bins without faces have no row"),
        "from": Column("real", "lower end of the bin"),
        "to": Column("real", "upper end of the bin"),
        "probability": Column("real", "mean probability of the target class, over faces and seeds"),
        "share": Column("real", "share of faces that are of the target class"),
        "low": Column("real", "lower end of the share's interval over test participants (bootstrap)"),
        "high": Column("real", "upper end"),
        "faces": Column("real", "faces in the bin, mean over seeds"),
        "participants": Column("integer", "people on them"),
    },
)

SUBGROUPS = Schema(
    "subgroups",
    "one measure of one model on the test faces of one sex or age group of one database, mean over seeds",
    ("model", "database", "attribute", "group", "measure"),
    {
        **MODEL,
        "database": Column("text", "database of the faces"),
        "attribute": Column("text", "sex or age, as the owner's files say"),
        "group": Column("text", "f, m ..., or under 30, 30 to 49, 50 and over"),
        "measure": Column("text", "accuracy, balanced-accuracy or auroc"),
        "value": Column("real", "0..1; missing where only one class was tested"),
        "low": Column("real", "lower end of the interval over test participants (bootstrap)"),
        "high": Column("real", "upper end"),
        "faces": Column("integer", "number of test faces"),
        "participants": Column("integer", "number of test participants"),
    },
)

PREVALENCE = Schema(
    "prevalence",
    "how often one concept is present among the test faces of one label and database",
    ("concept", "database", "label"),
    {
        **CONCEPT,
        "database": Column("text", "database of the faces"),
        "label": Column("text", "class of the faces"),
        "faces": Column("integer", "labelled faces"),
        "present": Column("integer", "of these, with the concept"),
        "rate": Column("real", "their share, 0..1"),
        **OVER_PEOPLE,
    },
)

ERRORS = Schema(
    "errors",
    "how often one model errs on faces with and without one concept",
    ("model", "concept", "database", "label", "present"),
    {
        "model": Column("text", "database that the networks were trained on"),
        **CONCEPT,
        "database": Column("text", "database of the faces"),
        "label": Column("text", "class of the faces"),
        "present": Column("flag", "faces with (true) or without (false) the concept"),
        "faces": Column("integer", "number of faces"),
        "error_rate": Column("real", "share of wrong answers, mean over seeds"),
        **OVER_PEOPLE,
    },
)
