"""Most benchmarks need what only `pip install '.[bench]'` brings; without it their tests are left out."""

import importlib.util

_COMPLETE = all(map(importlib.util.find_spec, ("elftools", "pyperf")))
_NEEDY = [
    "test_baseline.py",
    "test_frame.py",
    "test_programs.py",
    "test_quality.py",
    "test_runs.py",
    "test_same_states.py",
    "test_whole_trace.py",
]
collect_ignore = [] if _COMPLETE else _NEEDY
