"""How good is the machine code? Bytes, instructions and time beside copy-and-patch, and what is left to LLVM's limit."""

from bench.frame.report import Options, Report
from bench.quality import ablation, hand_written, last_values, programs

__all__ = ["run"]


def run(options: Options) -> Report:
    """Hand-written traces, minipy's programs, what each rule and pass buys, and what putting stores off does."""
    reports = [hand_written.run(options), programs.run(options), ablation.run(options), last_values.run(options)]
    return Report(
        tables=tuple(table for report in reports for table in report.tables),
        timings=tuple(timing for report in reports for timing in report.timings),
        not_measured=tuple(missing for report in reports for missing in report.not_measured),
        differences=tuple(difference for report in reports for difference in report.differences),
    )
