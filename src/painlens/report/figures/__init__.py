"""The figures of the report, as SVG with real text; one file per subject.

A figure is drawn 420 units wide, the width of a telephone, so that its letters stay readable there; on a wide screen
figures stand side by side.
"""

from painlens.report.figures.accuracy import accuracy_plot
from painlens.report.figures.association import association_plot
from painlens.report.figures.calibration import calibration_plot
from painlens.report.figures.classes import classes_plot
from painlens.report.figures.confusion import confusion_plot
from painlens.report.figures.curves import curves_plot
from painlens.report.figures.decodability import decodability_plot
from painlens.report.figures.differences import difference_plot
from painlens.report.figures.layers import layers_plot
from painlens.report.figures.randomised import randomised_plot
from painlens.report.figures.rates import errors_plot, prevalence_plot
from painlens.report.figures.regions import regions_plot

__all__ = [
    "accuracy_plot",
    "association_plot",
    "calibration_plot",
    "classes_plot",
    "confusion_plot",
    "curves_plot",
    "decodability_plot",
    "difference_plot",
    "errors_plot",
    "layers_plot",
    "prevalence_plot",
    "randomised_plot",
    "regions_plot",
]
