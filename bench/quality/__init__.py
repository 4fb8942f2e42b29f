"""How good is the machine code? Bytes, instructions and time beside copy-and-patch, and what is left to LLVM's limit."""

import traceback

from bench.frame.report import Options, Report
from bench.quality import ablation, hand_written, last_values, programs, registers

__all__ = ["run"]

PARTS = {
    "hand-written traces": hand_written.run,
    "minipy's programs": programs.run,
    "ablation": ablation.run,
    "putting stores off": last_values.run,
    "rbp": registers.run,
}


def run(options: Options) -> Report:
    """Hand-written traces, minipy's programs, and what each rule and pass buys, what putting stores off does,
    and what rbp would. What fails in one does not lose the others.
    """
    reports = []
    for name, part in PARTS.items():
        try:
            reports.append(part(options))
        except Exception as error:  # it is told, with all that is known, and the run has failed
            traceback.print_exc()
            reports.append(Report(differences=(f"{name} did not run to the end: {type(error).__name__}: {error}",)))
    return Report(
        tables=tuple(table for report in reports for table in report.tables),
        timings=tuple(timing for report in reports for timing in report.timings),
        not_measured=tuple(missing for report in reports for missing in report.not_measured),
        differences=tuple(difference for report in reports for difference in report.differences),
    )
