"""Tables about relevance: maps, their regions, their comparison and their checks."""

from painlens.tables.columns import BOOTSTRAPPED, CONCEPT, COUNTS, FACE, MODEL, NETWORK, PAIR, PERSON
from painlens.tables.schema import Column, Schema

LEDGER = Schema(
    "ledger",
    "where the relevance of one map went",
    ("model", "replicate", "database", "frame_id"),
    {
        **NETWORK,
        **FACE,
        "logit": Column("real", "the explained logit: what went in at the top"),
        "relevance": Column("real", "sum over the pixels"),
        "bias": Column("real", "kept by biases and stabilisers"),
        "dead": Column("real", "lost in units without a contribution that their rule counts"),
        "error": Column("real", "what the identity of the four misses, relative to the largest", required=False),
    },
)

SHARES = Schema(
    "shares",
    "relevance of one network in one facial region of one test face",
    ("model", "replicate", "database", "frame_id", "region"),
    {
        **NETWORK,
        **FACE,
        **PERSON,
        "label": Column("text", "class of the face"),
        "region": Column("text", "facial region"),
        "area": Column("real", "share of the crop's pixels, 0..1"),
        "raw": Column("real", "sum of relevance in the region"),
        "max": Column("real", "the same after division of the map by its largest absolute value"),
        "sum-abs": Column("real", "the same after division by the sum of absolute relevance"),
        "logit": Column(
            "real", "the same after division by the root mean square of the network's logit", required=False
        ),
    },
)

REGIONS = Schema(
    "regions",
    "mean relevance of two models in one facial region, and their difference",
    ("model_a", "model_b", "normalisation", "database", "label", "region"),
    {
        **PAIR,
        "normalisation": Column("text", "of the maps before subtraction: raw, max, sum-abs, logit"),
        "database": Column("text", "database of the faces, or all"),
        "label": Column("text", "class of the faces, or all"),
        "region": Column("text", "facial region"),
        "mean_a": Column("real", "mean over faces and seeds, model A"),
        "mean_b": Column("real", "mean over faces and seeds, model B"),
        "difference": Column("real", "A minus B"),
        "low": Column("real", "lower end of the interval over test participants"),
        "high": Column("real", "upper end"),
        **COUNTS,
        "low_bootstrap": Column("real", "the same by a bootstrap over participants", required=False),
        "high_bootstrap": Column("real", "upper end", required=False),
        "low_a": Column("real", "lower end of mean_a by that bootstrap", required=False),
        "high_a": Column("real", "upper end", required=False),
        "low_b": Column("real", "lower end of mean_b by that bootstrap", required=False),
        "high_b": Column("real", "upper end", required=False),
    },
)

TRUST = Schema(
    "trust",
    "one check of the maps of one model, or of a pair of models",
    ("model", "method", "check"),
    {
        "model": Column("text", "model, or the pair 'a - b'"),
        "method": Column("text", "attribution method; edges: the method that must fail"),
        "check": Column("text", "what was checked"),
        "value": Column("real", "mean over faces"),
        **BOOTSTRAPPED,
        "bound": Column("real", "what separates pass from fail"),
        "badge": Column("text", "pass, fail or unclear: the interval holds the bound"),
        **COUNTS,
    },
)

RANDOMISED = Schema(
    "randomised",
    "how alike maps remain when a network's layers are randomised from the logits downwards",
    ("model", "method", "layers"),
    {
        **MODEL,
        "method": Column("text", "attribution method; edges: the method that must fail"),
        "layers": Column("integer", "layers with shuffled weights, counted from the logits"),
        "of": Column("integer", "layers with weights"),
        "similarity": Column("real", "to the map of the network as it is, mean over faces"),
        **BOOTSTRAPPED,
        **COUNTS,
    },
)

UNTAUGHT = Schema(
    "untaught",
    "relevance of one facial region in a network, and in one that was trained on permuted labels: a floor",
    ("model", "region"),
    {
        "model": Column("text", "database that both networks were trained on"),
        "region": Column("text", "facial region"),
        "taught": Column("real", "sum of the max-normalised map in the region, mean over faces, right labels"),
        "untaught": Column("real", "the same with permuted labels"),
        "difference": Column("real", "taught minus untaught"),
        **BOOTSTRAPPED,
        **COUNTS,
    },
)

NORMALISED = Schema(
    "normalised",
    "how well relevance of a concept's region tells planted from null under one normalisation",
    ("normalisation", "concept", "model_a", "model_b"),
    {
        "normalisation": Column("text", "of the maps before subtraction"),
        **CONCEPT,
        **PAIR,
        "difference": Column("real", "A minus B of the region's relevance, with the concept minus without it"),
        "null_rms": Column("real", "the same between networks of one database, root mean square"),
        "ratio": Column("real", "|difference| over null_rms"),
        "truth": Column("real", "A minus B of the twins' change of log-odds; missing without twins"),
        "agrees": Column("real", "correlation with the twins' change of log-odds over all networks"),
    },
)

RANKING = Schema(
    "ranking",
    "how well one normalisation tells planted from null in this study, beside the leading one",
    ("normalisation",),
    {
        "normalisation": Column("text", "of the maps before subtraction"),
        "score": Column("real", "geometric mean of the ratios of the normalised table, over the concepts that count"),
        "low": Column("real", "lower end of its interval (bootstrap over test participants and null pairs)"),
        "high": Column("real", "upper end"),
        "behind": Column("real", "score of the leading normalisation over this one's"),
        "behind_low": Column("real", "lower end of its interval, under the same draws"),
        "behind_high": Column("real", "upper end"),
        "place": Column("text", "leads, not told apart (the interval of behind holds 1), behind"),
        "participants": Column("integer", "number of test participants"),
        "null_pairs": Column("integer", "number of pairs of networks of one database"),
    },
)
