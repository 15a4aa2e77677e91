"""Passes on MLIR text."""

from __future__ import annotations

import warnings

from ._library import Error, StringRef, collector, library


def opt(text: str, pipeline: str) -> str:
    """Runs passes on MLIR text, as norm-opt does, and returns the new text.

    text: a module, or what stands in one.
    pipeline: "builtin.module(...)", or what stands in it: passes of modules, and
        in "func.func(...)" those of functions. Upstream's passes are known
        beside normc's. "" only parses and prints.

    Raises Error with the diagnostics, each with the line that it is about.
    Warnings and remarks of passes that succeed become Python warnings.
    """
    result: list[str] = []
    diagnostics: list[str] = []
    data, passes = text.encode(), pipeline.encode()
    # A callback lives as long as its name here.
    on_result, on_diagnostics = collector(result), collector(diagnostics)
    status = library().normcRunPipeline(
        StringRef.of(data), StringRef.of(passes), on_result, on_diagnostics,
        None)
    said = "".join(diagnostics).rstrip()
    if not status.value:
        raise Error(said or "the passes failed without a diagnostic")
    if said:
        warnings.warn(said, stacklevel=2)
    return "".join(result)
