"""Passes over LLVM IR: what in a stencil is known only at emit time, and how LLVM generates code around it."""
