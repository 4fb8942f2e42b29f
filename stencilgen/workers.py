"""Spreading one function over a list of work in several processes, with results as they come.

Why not `multiprocessing`: its children import the caller's main module again, so every script that calls
`stencilgen.load()` would need the `if __name__ == "__main__"` idiom. Here a child is a plain Python with one job on its
standard input and pickled results on its standard output.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

__all__ = ["map_in_processes"]

Work = TypeVar("Work")
Result = TypeVar("Result")


def map_in_processes(function: Callable[[Work], Result], work: Sequence[Work], jobs: int) -> Iterator[Result]:
    """function(item) for each item, in any order, computed in `jobs` processes.

    `function` and items must be picklable. An exception in a child is raised here, after all children have ended.
    """
    results: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
    chunks = [work[number::jobs] for number in range(min(jobs, len(work)))]
    children = [_start() for _ in chunks]
    threads = [
        Thread(target=_converse, args=(child, function, chunk, results), daemon=True)
        for child, chunk in zip(children, chunks, strict=True)
    ]
    for thread in threads:
        thread.start()
    failure: BaseException | None = None
    try:
        for _ in range(len(work)):
            is_result, value = results.get()
            if not is_result:
                failure = value
                break
            yield value
    finally:
        for child in children:
            child.kill()
        for thread in threads:
            thread.join()
    if failure is not None:
        raise failure


def _start() -> "subprocess.Popen[bytes]":
    root = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    # -P: the current directory is the user's, not ours
    command = [sys.executable, "-P", "-m", "stencilgen.workers"]
    # a group of its own: Ctrl-C on a terminal reaches us alone, and we end the children
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, process_group=0)


def _converse(
    child: "subprocess.Popen[bytes]",
    function: Callable[[Work], Result],
    chunk: Sequence[Work],
    results: "SimpleQueue[Any]",
) -> None:
    assert child.stdin is not None and child.stdout is not None
    try:
        pickle.dump((function, list(chunk)), child.stdin, protocol=pickle.HIGHEST_PROTOCOL)
        child.stdin.close()
        for _ in chunk:
            results.put(pickle.load(child.stdout))
    except Exception as error:  # whatever it is, the caller waits for an answer
        results.put((False, RuntimeError(f"a worker process gave no answer: {error!r}")))


def main() -> None:
    """The child: one pickled (function, items) in, a pickled (True, result) or (False, exception) for each item out."""
    function, items = pickle.load(sys.stdin.buffer)
    for item in items:
        try:
            answer: tuple[bool, Any] = (True, function(item))
        except Exception as error:  # whatever it is belongs to the parent
            answer = (False, error)
        pickle.dump(answer, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()
        if not answer[0]:
            return


if __name__ == "__main__":
    main()
