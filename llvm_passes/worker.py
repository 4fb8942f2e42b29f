"""A worker process: reads one pickled Request from stdin, writes the pickled answer to stdout, and ends.

What LLVM prints goes to stderr, so that stdout carries the answer only.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback

from llvm_passes.codegen import Answer, Failure, LinkRequest, Request
from llvm_passes.derive import DeriveRequest, derive


def main() -> None:
    """Answer one request."""
    answer_to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = pickle.load(sys.stdin.buffer)
    assert isinstance(request, Request | LinkRequest | DeriveRequest)
    with answer_to:
        pickle.dump(answer(request), answer_to, protocol=pickle.HIGHEST_PROTOCOL)


def answer(request: Request | LinkRequest | DeriveRequest) -> Answer:
    """Do what is asked; LLVM's complaints come back as a Failure."""
    from llvm_passes.backend import LlvmError, link
    from llvm_passes.generate import generate

    try:
        if isinstance(request, LinkRequest):
            return link(request.modules)
        if isinstance(request, DeriveRequest):
            return derive(request)
        return generate(request.text, request.names, request.options)
    except LlvmError as error:
        return Failure(str(error))
    except Exception:  # the parent reports it, with the stencil's name
        return Failure(traceback.format_exc(), internal=True)


if __name__ == "__main__":
    main()
