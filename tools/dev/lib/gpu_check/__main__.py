"""The command line of tools/dev/gpu-check."""

import argparse
import dataclasses
import json
import pathlib
import signal
import sys

from . import bounds, docs, explained, kernels, measure, report
from .kernels import Failure

_DESCRIPTION = """\
Proves what can be proved of GPU kernels without a GPU: compiles them to PTX,
assembles that with ptxas where it is found, runs it in the simulated GPU for a
few rows, and judges spills, bytes moved against the least there are, widths of
accesses, barriers, and how much of a row each SM waits for at a time. A kernel
is named
  <op>-<dtype>[-residual]-n<N>-<target>
such as rmsnorm-bf16-n4096-sm_90; a PATTERN may have * and ?. LayerNorm has a
bias."""

_END = """\
exit codes: 0 nothing is over a bound without a reason, 1 wrong flags or a
failed compilation, 2 the file of reasons is wrong, 3 something is over a bound
without a reason or a reason is not needed, 4 something is missing (normc; ptxas
for --emit-docs and --sass)"""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(1, f"gpu-check: {message}, see tools/dev/gpu-check --help\n")


def _counts(text):
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no list of numbers such as 16,16384")
    return [int(part) for part in parts]


def _parse(arguments):
    parser = Parser(
        prog="tools/dev/gpu-check", description=_DESCRIPTION, epilog=_END,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels", nargs="*", metavar="PATTERN",
                        help="only kernels whose name matches")
    parser.add_argument("--quick", action="store_true",
                        help="a dozen kernels, as in CI")
    parser.add_argument("--table", action="store_true",
                        help="print all kernels, not only those over a bound")
    parser.add_argument("--device", metavar="NAME",
                        help="kernels for this GPU, one that normc explain "
                        "--machines lists; the table says what they should "
                        "take there")
    parser.add_argument("--rows", type=_counts, default=[16, 16384],
                        metavar="M,...", help="for so many rows "
                        "(default: 16,16384)")
    parser.add_argument("--sass", action="store_true",
                        help="read the machine code, too, by "
                        "nvdisasm")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write all that was found")
    parser.add_argument("--emit-docs", action="store_true",
                        help="write docs/GpuKernels.md instead")
    parser.add_argument("--reasons", type=pathlib.Path, metavar="FILE",
                        help="other than "
                        "test/Performance/census/gpu_reasons.json")
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR",
                        help="where normc was built; builds nothing (default: "
                        "build/release)")
    options = parser.parse_args(arguments)
    if options.emit_docs and (options.kernels or options.quick or
                              options.device):
        parser.error("--emit-docs is of all kernels")
    return options


def _judge(measurements, reasons):
    return [(each, bounds.judge(each, reasons)) for each in measurements]


def _write_json(path, judged):
    path.write_text(json.dumps({"schema": 1, "kernels": [
        each.as_json() | {"over": [dataclasses.asdict(e) for e in excesses]}
        for each, excesses in judged]}, indent=1) + "\n")


def _report(options, judged, device, stale):
    if options.json:
        _write_json(options.json, judged)
    over = [(each, excesses) for each, excesses in judged
            if any(e.reason is None for e in excesses)]
    if options.table or over:
        print(report.table(judged if options.table else over, device,
                           options.rows))
    if options.table and device:
        print(report.model(device))
    if options.table and options.sass:
        print(report.code_table([each for each, _ in judged]))
    missing = [each for each, _ in judged if not each.resources]
    if missing:
        print(f"gpu-check: nothing is known of registers, spills and bytes in "
              f"flight of {len(missing)} kernels: "
              f"{missing[0].explained.no_resources}")
    for each in stale:
        print(f"gpu-check: a reason is not needed any more: {each.kernel}, "
              f"{each.field}")
    print(f"gpu-check: {report.summary(judged)}")
    return 3 if over or stale else 0


def _stale(options, judged, reasons):
    """Reasons are for all kernels and all that ptxas says of them; some kernels
    alone cannot use them up."""
    if options.kernels or options.quick or options.device or not all(
            each.resources for each, _ in judged):
        return []
    return [each for each in reasons if not each.used and
            (options.sass or each.field != "in flight, sass")]


def _require(options, tools, kernel):
    """Fails before all kernels are compiled where one shows that NVIDIA's
    programs are missing."""
    if not (options.emit_docs or options.sass):
        return
    found = explained.explain(tools.normc, kernel.form, [kernel.target],
                              machine_code=options.sass)[kernel.target]
    if options.emit_docs and not found.resources:
        raise Failure(f"--emit-docs needs ptxas: {found.no_resources}", 4)
    if options.sass and not found.code:
        raise Failure(f"--sass needs ptxas and nvdisasm: {found.no_code}", 4)


def main(source, arguments):
    options = _parse(arguments)
    try:
        reasons = bounds.read_reasons(
            options.reasons or
            source / "test/Performance/census/gpu_reasons.json")
        tools = measure.Tools.find(options.build or source / "build/release")
        device = options.device and explained.device(tools.normc,
                                                     options.device)
        targets = [device.architecture] if device else kernels.TARGETS
        chosen = kernels.select(options.kernels, options.quick, targets)
        if not chosen:
            names = " or ".join(options.kernels) or "as CI's dozen"
            raise Failure(f"no kernel is named {names}", 1)
        tools = dataclasses.replace(tools, sass=options.sass)
        _require(options, tools, chosen[0])
        if device:
            tools = dataclasses.replace(tools, device=device,
                                        rows=tuple(options.rows))
        judged = _judge(measure.measure_all(chosen, tools), reasons)
        if options.emit_docs:
            docs.write(source / "docs" / "GpuKernels.md", judged)
            return 0
        return _report(options, judged, device,
                       _stale(options, judged, reasons))
    except Failure as failure:
        print(f"gpu-check: {failure}", file=sys.stderr)
        return failure.code


if __name__ == "__main__":
    # As other programs do whose output goes to head.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
