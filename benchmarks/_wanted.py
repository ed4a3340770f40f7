"""The figures that painlens promises: what is measured, and the bound that it must keep."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Wanted:
    """A promised figure."""

    meaning: str
    side: Literal["at most", "at least"]
    bound: float

    def holds(self, value: float) -> bool:
        """Whether a measured value keeps the bound."""
        return value <= self.bound if self.side == "at most" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.side} {self.bound:g}"


WANTED = {
    "demo.seconds": Wanted("the whole demo, two cores", "at most", 480),
    "demo.peak_gib": Wanted("largest sum of resident memory of its processes", "at most", 4),
    "synthesize.faces_per_second_per_core": Wanted("rendering at 128 pixels", "at least", 60),
    "train.vs_bare_loop": Wanted("a training image over a bare loop on resident data", "at most", 1.10),
    "prepare.vs_decode_detect": Wanted("throughput over decoder and detector alone", "at least", 0.85),
    "prepare.nothing_to_do_seconds": Wanted("50,000 unchanged frames", "at most", 3),
    "prepare.memory_four_times": Wanted("peak memory with 8,000 frames over that with 2,000", "at most", 1.15),
    "lrp.forward_equivalents": Wanted("LRP on VGG-16 in forward passes", "at most", 3.05),
    "lrp.speedup_vs_zennit": Wanted("against Zennit's stock composite, network as torch lays it out", "at least", 2.3),
    "lrp.speedup_vs_captum": Wanted("against captum's cheaper rule in its faster layout", "at least", 1),
    "lrp.memory_vs_zennit": Wanted("peak memory over Zennit's, batch 8", "at most", 0.45),
    "lrp.pipeline_vs_bare": Wanted("1,000 faces to files, differences, strips over the passes", "at most", 1.10),
    "concept.speedup_vs_linearsvc": Wanted("the paper's test against LinearSVC on raw features", "at least", 100),
    "concept.vs_limit": Wanted("the paper's test over reading plus one Gram product", "at most", 9),
    "concept.identical_decisions": Wanted("decisions equal to LinearSVC's", "at least", 0.9999),
    "compare.vs_bare": Wanted("two VGG-16, 200 faces, over forward, LRP and SVM alone", "at most", 1.15),
    "report.mb": Wanted("report of 1,500 faces", "at most", 15),
    "report.seconds": Wanted("to write it", "at most", 20),
    "report.first_view_s": Wanted("to show it in Chromium", "at most", 1.5),
    "web.first_tile_s": Wanted("gallery of 1,500 faces, first tile", "at most", 1.5),
    "web.filter_s": Wanted("the same after choosing a filter", "at most", 1),
    "web.server_mb": Wanted("memory of its server", "at most", 150),
    "web.10000.first_tile_s": Wanted("gallery of 10,000 faces, first tile", "at most", 1.5),
    "web.10000.filter_s": Wanted("the same after choosing a filter", "at most", 1),
    "web.10000.server_mb": Wanted("memory of its server", "at most", 150),
    "web.requests_per_tile": Wanted("picture requests", "at most", 1),
    "web.key_to_row_p95_ms": Wanted("from a key to the committed row", "at most", 60),
    "web.key_to_next_p95_ms": Wanted("from a key to the next face on the screen", "at most", 110),
    "web.labels_lost": Wanted("acknowledged labels lost in 20 kills", "at most", 0),
    "web.lock_errors": Wanted("two writers, 3,000 labels", "at most", 0),
}
