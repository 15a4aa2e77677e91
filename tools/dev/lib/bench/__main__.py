"""What tools/dev/bench-cpu does after building; its head says how it is
called."""

import argparse
import json
import os
import pathlib
import re
import sys

from . import cases, machine as machines, plot, table
from .judge import SHORT, Judge, judge_compiler
from .results import Results, slug
from .run import Bench, Hashes, Runner, RunnerError, now, time_compiler

DONE, WRONG, CONTENT, FAILED, LACKING, INTERRUPTED = 0, 1, 2, 3, 4, 130
RESULTS = machines.ROOT / "test" / "Performance" / "results"
STATE = machines.ROOT / "build" / "bench-cpu.json"


class Failure(Exception):
    """Ends the program with a message and an exit code."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure(WRONG, f"{message}, see tools/dev/bench-cpu --help")


def regular_expression(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}")


def positive(text):
    value = float(text)
    if not value > 0:
        raise ValueError
    return value


def parse(arguments):
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--filter", type=regular_expression)
    parser.add_argument("--level", choices=machines.LEVELS)
    parser.add_argument("--seconds", type=positive, default=0.01)
    parser.add_argument("--stale", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-plot", action="store_true")
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--runner", type=pathlib.Path, required=True)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    flags = parser.parse_args(arguments)
    if flags.files and not (flags.report or flags.stale):
        parser.error("files are for --report and --stale")
    if flags.resume and not STATE.exists():
        parser.error("--resume: no run was interrupted")
    return flags


class Program:
    def __init__(self, flags, runner):
        self.flags, self.runner = flags, runner
        self.machine = machines.describe(runner.ask({"mode": "machine"}))
        self.here = flags.results or RESULTS / f"{slug(self.machine)}.jsonl"

    # What to measure.

    def wanted(self):
        """Pairs of level and case by the flags."""
        flags, here = self.flags, machines.limits(self.machine)
        levels = machines.levels(self.machine)
        if flags.level and flags.level not in levels:
            raise Failure(LACKING, f"this CPU cannot run {flags.level}")
        if not levels:
            raise Failure(LACKING, "this CPU has no AVX2, for which the "
                                   "yardstick is made")
        listed = (cases.quick_cases if flags.quick else cases.all_cases)(here)
        chosen = [(level, case) for level in levels for case in listed
                  if flags.level in (None, level)
                  and (not flags.filter or flags.filter.search(case.name))]
        if not chosen:
            raise Failure(WRONG, "no case has these flags; --list shows all")
        return chosen

    def without_current(self, wanted, results):
        """Less those whose kernels and yardstick are what was measured."""
        lines = [results.lines[level, case.name] for level, case in wanted
                 if (level, case.name) in results.lines]
        stale = Hashes(self.runner).find_stale(lines)
        current = {line.key for line in lines} - stale
        return [pair for pair in wanted
                if (pair[0], pair[1].name) not in current]

    # The ways to run.

    def list(self):
        for level, case in self.wanted():
            print(level, case.name)
        return DONE

    def measure(self):
        flags = self.flags
        results = Results.load(self.here)
        started, wanted = now(), self.wanted()
        keys = {(level, case.name) for level, case in wanted}
        if flags.stale:
            wanted = self.without_current(wanted, results)
        if flags.resume:
            started = json.loads(STATE.read_text())["started"]
            wanted = [(level, case) for level, case in wanted
                      if (level, case.name) not in results.lines
                      or results.lines[level, case.name].date < started]
        else:
            STATE.parent.mkdir(exist_ok=True)
            STATE.write_text(json.dumps({"started": started,
                                         "arguments": sys.argv[1:]}))
        results.machine = self.machine
        results.save()
        bench = Bench(self.runner, results, flags.seconds)
        try:
            bench.measure(wanted)
            # A shape under a bar is measured three more times.
            bench.measure_again(self.judge(results).doubtful(
                [results.lines[key] for key in results.lines if key in keys]))
            if not flags.filter:
                time_compiler(self.runner, results,
                              sorted({level for level, _ in keys}),
                              flags.runner.parent / "normc")
        finally:
            results.save()
        STATE.unlink(missing_ok=True)
        for text in bench.failed:
            print(f"bench-cpu: {text}", file=sys.stderr)
        code = self.show(results, measured=keys)
        return FAILED if bench.failed else code

    def report(self):
        """Of stored results, of any CPU."""
        files = self.flags.files
        if not files:
            files = [self.here] if self.here.exists() else sorted(
                RESULTS.glob("*.jsonl"))
        if not files:
            raise Failure(CONTENT, f"no results in {RESULTS}")
        code = DONE
        for path in files:
            results = self.load(path)
            lines = list(results.lines.values())
            stale = Hashes(self.runner).find_stale(lines)
            code = max(code, self.show(results, stale))
        return code

    def list_stale(self):
        """Of results of other CPUs, which nothing can be measured for."""
        for path in self.flags.files:
            results = self.load(path)
            lines = list(results.lines.values())
            stale = Hashes(self.runner).find_stale(lines)
            for line in lines:
                if line.key in stale:
                    print(f"{path.stem} {line.level} {line.case.name}: to be "
                          "measured again")
            print(f"{path.stem}: {len(stale)} of {len(lines)} cases to be "
                  "measured again")
        return DONE

    def load(self, path):
        if not path.exists():
            raise Failure(CONTENT, f"{path} does not exist")
        results = Results.load(path)
        if not results.machine:
            raise Failure(CONTENT, f"{path} has no line of its machine")
        return results

    @staticmethod
    def judge(results):
        peers = RESULTS / f"{slug(results.machine)}-peers.json"
        return Judge(results.machine, json.loads(peers.read_text())
                     if peers.exists() else None)

    def show(self, results, stale=frozenset(), measured=None):
        """Tables, plots, bars; the exit code. With `measured` tables and bars
        are of these keys alone: the others' kernels may have changed."""
        lines = [line for key, line in results.lines.items()
                 if measured is None or key in measured]
        text = table.write(results, lines, stale)
        print(text)
        if self.flags.table:
            self.flags.table.write_text(text)
        if not (self.flags.no_plot or self.flags.filter):
            if plot.prepare():
                for path in plot.draw_all(results, stale):
                    print(f"bench-cpu: wrote {path}", file=sys.stderr)
            else:
                print("bench-cpu: no plots: matplotlib could not be "
                      "installed", file=sys.stderr)
        verdicts = self.judge(results).judge(lines, stale)
        judged = [(str(verdict), verdict.state) for verdict in verdicts]
        judged += judge_compiler(results.compile.values())
        for line, _ in judged:
            print(line)
        short = [line for line, state in judged if state == SHORT]
        numbers = dict.fromkeys(line.split()[1] for line in short)
        print(f"{len(judged)} bars, {len(short)} short"
              f"{': ' * bool(short)}{', '.join(numbers)}")
        return FAILED if short else DONE

    def run(self):
        flags = self.flags
        if flags.list:
            return self.list()
        if flags.report:
            return self.report()
        if flags.files:
            return self.list_stale()
        return self.measure()


def main(arguments):
    try:
        flags = parse(arguments)
        if flags.resume:
            given = json.loads(STATE.read_text())["arguments"]
            flags = parse(given + ["--resume"])
        with Runner(flags.runner) as runner:
            return Program(flags, runner).run()
    except Failure as failure:
        print(f"bench-cpu: {failure}", file=sys.stderr)
        return failure.code
    except ValueError as error:
        print(f"bench-cpu: {error}", file=sys.stderr)
        return CONTENT
    except BrokenPipeError:
        # Piping into head is no error; nothing is left to be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (RunnerError, OSError) as error:
        print(f"bench-cpu: {error}", file=sys.stderr)
        return LACKING
    except KeyboardInterrupt:
        print("\nbench-cpu: interrupted; tools/dev/bench-cpu --resume goes on",
              file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
