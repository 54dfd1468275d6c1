"""A report: what a run found, as one HTML file that needs nothing else."""

from margin.report.build import report

__all__ = ["report"]
