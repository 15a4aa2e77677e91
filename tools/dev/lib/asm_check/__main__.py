"""The command line of tools/dev/asm-check."""

import argparse
import json
import pathlib
import signal
import sys

from . import docs, report, table, verdict
from .yardstick import Yardstick

_DESCRIPTION = """\
Counts what the inner loops of kernels do per 64 bytes of x, from their
assembly, and compares it with the hand-written kernels, compiled by clang for
the same CPU. A kernel is named
  <op>-<dtype>[-wf32][-residual]-n<N|any>-<target>-<cached|streaming>
such as rmsnorm-bf16-n4096-znver5-cached; a PATTERN may have * and ?."""

_END = """\
exit codes: 0 nothing is above the yardstick without a reason, 1 wrong flags or
a failed compilation, 2 reasons.json is wrong, 3 something is above without a
reason or a reason is not needed, 4 something is missing (normc, clang)"""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(1, f"asm-check: {message}, see tools/dev/asm-check --help\n")


def _parse(arguments):
    parser = Parser(
        prog="tools/dev/asm-check", description=_DESCRIPTION, epilog=_END,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels", nargs="*", metavar="PATTERN",
                        help="only kernels whose name matches")
    parser.add_argument("--all", action="store_true",
                        help="every kernel, not only those that CI looks at")
    parser.add_argument("--table", action="store_true",
                        help="print all loops, not only those above")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write all counts")
    parser.add_argument("--show", action="store_true",
                        help="print the loops of the kernels instead")
    parser.add_argument("--emit-docs", action="store_true",
                        help="write docs/InnerLoops.md instead")
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR",
                        help="where normc was built (default: build/release)")
    return parser.parse_args(arguments)


def _show(comparisons):
    for each in comparisons:
        print(f"{each.kernel}, {each.loop.role}: "
              f"{each.loop.row_bytes:g} bytes of x per iteration")
        print(f"per 64 bytes: {report.summary(each.loop)}")
        if each.yardstick:
            print(f"yardstick:    {report.summary(each.yardstick)}")
        print(report.listing(each.loop) + "\n")


def _report(options, comparisons, reasons):
    if options.json:
        options.json.write_text(json.dumps(
            {"schema": 1, "loops": [each.as_json() for each in comparisons]},
            indent=1) + "\n")
    above = [each for each in comparisons if each.unexplained]
    if options.table or above:
        print(report.table(comparisons if options.table else above))
    # Reasons are for all kernels; some of them alone cannot use them up.
    stale = [] if options.kernels else [r for r in reasons if not r.used]
    for each in stale:
        print(f"asm-check: a reason is not needed any more: {each.kernel}, "
              f"{each.role}, {each.field}")
    explained = sum(bool(each.excesses) for each in comparisons) - len(above)
    print(f"asm-check: {len({each.kernel for each in comparisons})} kernels, "
          f"{len(comparisons)} loops, {explained} above the yardstick with a "
          f"reason, {len(above)} without")
    return 3 if above or stale else 0


def main(source, arguments):
    options = _parse(arguments)
    build = options.build or source / "build" / "release"
    normc = build / "bin" / "normc"
    yardstick = Yardstick(source, build / "census")
    try:
        if options.emit_docs:
            docs.write(source / "docs" / "InnerLoops.md", normc, yardstick)
            return 0
        reasons = verdict.read_reasons(
            source / "test/Performance/census/reasons.json")
        kernels = table.kernels(options.all, options.kernels)
        if not kernels:
            raise table.Failure(
                f"no kernel is named {' or '.join(options.kernels)}", 1)
        comparisons = verdict.compare_all(kernels, normc, yardstick, reasons)
        if options.kernels:
            comparisons = [each for each in comparisons
                           if table.matches(each.kernel, options.kernels)]
        if options.show:
            _show(comparisons)
            return 0
        return _report(options, comparisons, reasons)
    except table.Failure as failure:
        print(f"asm-check: {failure}", file=sys.stderr)
        return failure.code


if __name__ == "__main__":
    # As other programs do whose output goes to head.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
