"""Tests of benchmarks need what only `pip install '.[bench]'` brings; without it they are left out."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("pyperf") else ["test_frame.py", "test_programs.py", "test_runs.py"]
