"""Counts what the inner loops of kernels do, beside hand-written ones."""
