"""From a list of instructions to a laid-out stencil: blocks, liveness, frame, hot and cold."""
