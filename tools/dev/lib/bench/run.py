"""norm-bench-cpu as a child process, and the loops that feed it."""

import datetime
import functools
import json
import subprocess
import sys
import tempfile
import time

from . import machine as machines
from .cases import Case
from .results import Line, fastest_copies


class RunnerError(Exception):
    """A case that has no result; the reason is for the user."""


class Runner:
    """Asks one line, reads one line. A child that ends is replaced."""

    def __init__(self, path):
        self.path = str(path)
        self.child = None

    def ask(self, request):
        if self.child is None:
            # Of its own session: Ctrl-C is this process's business.
            self.child = subprocess.Popen(
                [self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, start_new_session=True)
        try:
            self.child.stdin.write(json.dumps(request) + "\n")
            self.child.stdin.flush()
            answer = self.child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = self.child.wait()
            self.child = None
            raise RunnerError(f"norm-bench-cpu ended with {code}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RunnerError(answer["error"])
        return answer

    def close(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Progress:
    """Says on stderr how far a loop is: on a terminal in place, elsewhere once
    in a while. `costs` are the expected shares of the time."""

    def __init__(self, what, costs):
        self.what, self.costs = what, list(costs)
        self.done, self.start, self.said = 0, time.monotonic(), 0
        self.terminal = sys.stderr.isatty()

    def step(self, name):
        """`name` is what comes next."""
        now = time.monotonic()
        if now - self.said >= (0.1 if self.terminal else 20):
            self._say(f"{self.what} {self.done + 1} of {len(self.costs)}"
                      f"{self._left(now)}: {name}")
            self.said = now
        self.done += 1

    def _left(self, now):
        spent = sum(self.costs[:self.done])
        if now - self.start < 5 or not spent:
            return ""
        left = (now - self.start) / spent * sum(self.costs[self.done:])
        return (f", {left / 60:.0f} min left" if left >= 90
                else f", {left:.0f} s left")

    def _say(self, text):
        if self.terminal:
            print(f"\r\x1b[K{text[:100]}", end="", file=sys.stderr, flush=True)
        else:
            print(f"bench-cpu: {text}", file=sys.stderr, flush=True)

    def end(self):
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


class Bench:
    """Measures into results."""

    def __init__(self, runner, results, seconds):
        self.runner, self.results, self.seconds = runner, results, seconds
        self.failed = []

    def cost(self, case):
        """Seconds, about: compiling, then at least fifteen calls of some
        twelve candidates, twice each, at 20 GB/s, and buffers to fill."""
        calls = max(12 * self.seconds, 30 * 12 * case.bytes / 20e9)
        memory = case.bytes + (case.cold and 2 * self.results.machine[
            "llc_bytes"])
        return 0.2 + calls + memory / 0.5e9

    def take(self, level, case):
        """One measurement; RunnerError where there is none."""
        answer = self.runner.ask(case.request(level, seconds=self.seconds))
        return Line(level, case, fastest_copies(answer["ns"]), answer["hash"],
                    answer["instance"], answer["schedule"], now(),
                    machines.yardstick_hash(case.op))

    def measure(self, wanted):
        """Pairs of level and case. Those without a result are kept in
        `failed` with the reason."""
        progress = Progress("case", (self.cost(case) for _, case in wanted))
        for level, case in wanted:
            progress.step(f"{case.name} {level}")
            try:
                self.results.put(self.take(level, case))
            except RunnerError as error:
                self.failed.append(f"{case.name} {level}: {error}")
        progress.end()

    def measure_again(self, wanted):
        """Pairs of a line and a function that gives the ratio in doubt: three
        more measurements, of which that with the median ratio is kept."""
        progress = Progress("again", (3 * self.cost(line.case)
                                      for line, _ in wanted))
        for line, ratio in wanted:
            progress.step(f"{line.case.name} {line.level}")
            try:
                lines = [self.take(line.level, line.case) for _ in range(3)]
            except RunnerError as error:
                self.failed.append(f"{line.case.name} {line.level}: {error}")
                continue
            lines.sort(key=ratio)
            self.results.put(lines[1]._replace(times=line.times + 3))
        progress.end()


class Hashes:
    """What the kernels of the results are now, compiled once each, and what
    they are measured against."""

    def __init__(self, runner, yardstick=machines.yardstick_hash):
        self.runner, self.known = runner, {}
        self.yardstick = functools.cache(yardstick)

    def get(self, level, case, instance, candidate):
        """The hash of a candidate of normc; None where it does not compile any
        more."""
        # What makes the call is not the kernel's.
        request = case._replace(rows=1, threads=1, cold=False,
                                misaligned=False).request(level)
        if candidate.endswith("any n"):
            request["n"] = -1
        if candidate.endswith("rmsnorm"):
            request["op"] = "rmsnorm"
        key = tuple(request.values())
        if key not in self.known:
            try:
                self.known[key] = self.runner.ask(dict(request, mode="hash"))
            except RunnerError:
                self.known[key] = None
        answer = self.known[key]
        return answer and answer[instance]["hash"]

    def is_stale(self, line):
        if line.yardstick != self.yardstick(line.case.op):
            return True
        return any(self.get(line.level, line.case, line.instance, name) != text
                   for name, text in line.hash.items())

    def find_stale(self, lines):
        """The keys of those lines whose kernels or yardstick have changed."""
        stale = set()
        progress = Progress("kernel of case", [1] * len(lines))
        for line in lines:
            progress.step(line.case.name)
            if self.is_stale(line):
                stale.add(line.key)
        progress.end()
        return stale


# What the compiler is timed on.
COMPILED = [Case("rmsnorm", "bf16", "bf16", 1, 4096),
            Case("rmsnorm", "f32", "f32", 1, 128, residual=True),
            Case("layernorm", "f16", "f16", 1, 5120)]


def time_compiler(runner, results, levels, normc):
    """In process, per instance of a kernel, and by the command line, where
    there is one."""
    for level in levels:
        for case in COMPILED:
            request = case.request(level, mode="compile")
            ns = {"in process": [
                value / 2 for value in runner.ask(request)["ns"][:3]]}
            if normc.exists():
                ns["command line"] = time_command(normc, case, level)
            results.put_compile(level, case.name, now(), ns)


def time_command(normc, case, level):
    """Median, least and most of five runs of normc build."""
    times = []
    with tempfile.TemporaryDirectory() as out:
        command = [str(normc), "build", case.op, f"--n={case.n}",
                   f"--dtype={case.x}", f"--target={level}", "-o", f"{out}/",
                   *(case.residual * ["--residual"])]
        for _ in range(5):
            start = time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append((time.monotonic() - start) * 1e9)
    times.sort()
    return [times[2], times[0], times[4]]
