"""From laid-out stencils to files: JIT-time expressions in C, the `.dasc` file, the generated header."""
