"""Runs the test suites of a build tree and adds up their results.

Usage: run_tests.py SOURCE_DIR BUILD_DIR [NAME...]

A suite is check-format, a GoogleTest binary, ctest (what is registered there
and is no GoogleTest binary), lit or pytest. NAME selects suites and lit or
pytest files whose name contains it. Each suite counts its own cases; one that
crashes, or says that it failed without naming a case, counts as one failure.
Reports and logs are left in BUILD_DIR/test/reports.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing
import xml.etree.ElementTree


class Counts(typing.NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self):
        return (f"{self.passed} passed, {self.failed} failed, "
                f"{self.skipped} skipped")


class Run:
    """One run: where things are, what is wanted, and the sum so far."""

    def __init__(self, source, build, names):
        self.source = source
        self.build = build
        self.names = [self._trim(name).lower() for name in names]
        self.reports = build / "test" / "reports"
        self.reports.mkdir(parents=True, exist_ok=True)
        self.total = Counts()
        self.environment = dict(os.environ, NORMC_BUILD_DIR=str(build))

    def _trim(self, name):
        """Paths from the shell's completion name files of test/, too."""
        if os.path.exists(name):
            name = os.path.relpath(os.path.realpath(name),
                                   os.path.realpath(self.source))
        return name[len("test/"):] if name.startswith("test/") else name

    def wants(self, text):
        return not self.names or any(n in text.lower() for n in self.names)

    def suite(self, name, function, *arguments):
        print(f"{name} ...", flush=True)
        start = time.monotonic()
        counts = function(self, *arguments)
        seconds = time.monotonic() - start
        self.total = Counts(*map(sum, zip(self.total, counts)))
        print(f"{name}: {counts} ({seconds:.1f} s)", flush=True)

    def report(self, name):
        """The path of a report, without what an earlier run left there."""
        path = self.reports / name
        path.unlink(missing_ok=True)
        return path

    def call(self, command, **options):
        return subprocess.run([str(word) for word in command],
                              stdin=subprocess.DEVNULL, env=self.environment,
                              **options)

    def call_logged(self, name, command, show=lambda lines: lines):
        """Runs a command whose output is shown only when it fails."""
        log = self.report(f"{name}.log")
        with open(log, "wb") as stream:
            code = self.call(command, stdout=stream,
                             stderr=subprocess.STDOUT).returncode
        if code != 0:
            lines = show(log.read_text(errors="replace").splitlines())
            if len(lines) > 200:
                print(f"[... {len(lines) - 200} lines before, in {log}]")
            print("\n".join(lines[-200:]), flush=True)
        return code


def failed(text):
    print(text, flush=True)
    return Counts(failed=1)


def ending(code):
    """In words how a process ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def agree(counts, code, name):
    """An exit code that no failed case explains is a failure."""
    if code != 0 and counts.failed == 0:
        return counts._replace(
            failed=failed(f"{name} {ending(code)}, no case failed").failed)
    return counts


def run_format(run):
    code = run.call([run.source / "tools/dev/check-format"]).returncode
    return Counts(passed=int(code == 0), failed=int(code != 0))


def without_passed(lines):
    """GoogleTest's output less the cases that passed; a case without an end,
    in which a binary crashed, stays."""
    kept = []
    for line in lines:
        if line.startswith(("[       OK ]", "[  SKIPPED ]")):
            while kept and not kept.pop().startswith("[ RUN      ]"):
                pass
        elif not line.startswith("[-----"):
            kept.append(line)
    return kept


def run_gtest(run, binary):
    """One process for all cases of a binary; its JSON report counts them."""
    name = binary.name
    report = run.report(f"{name}.json")
    code = run.call_logged(name, [binary, f"--gtest_output=json:{report}"],
                           without_passed)
    try:
        suites = json.loads(report.read_text())["testsuites"]
    except (OSError, ValueError, KeyError):
        return failed(f"{name} {ending(code)} and left no report")
    counts = Counts()
    for case in (case for suite in suites for case in suite["testsuite"]):
        if case.get("failures"):
            counts = counts._replace(failed=counts.failed + 1)
        elif case.get("result") == "COMPLETED":
            counts = counts._replace(passed=counts.passed + 1)
        else:
            counts = counts._replace(skipped=counts.skipped + 1)
    if not any(counts):
        return failed(f"{name} has no test case")
    return agree(counts, code, name)


def junit_counts(report):
    """Counts the cases of a JUnit file, of pytest or of ctest."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif case.find("skipped") is not None:
            # ctest calls a test skipped whose program is not there.
            message = case.find("skipped").get("message", "")
            lost = "unable to find" in message.lower()
            counts["failed" if lost else "skipped"] += 1
        elif case.get("status") == "disabled":
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    return Counts(**counts)


def registered_tests(run):
    """What ctest knows: GoogleTest binaries, which lie in test/Unit, and the
    names of all others. Binaries that CMake no longer builds are not in it."""
    listing = run.call(["ctest", "--test-dir", run.build,
                        "--show-only=json-v1"], capture_output=True, text=True)
    if listing.returncode != 0:
        print(listing.stderr, end="", flush=True)
        return None
    binaries, others = set(), []
    for test in json.loads(listing.stdout)["tests"]:
        # A program that is not there has no command: ctest will say so.
        program = pathlib.Path(test.get("command", [""])[0])
        if (run.build / "test" / "Unit") in program.parents:
            binaries.add(program)
        else:
            others.append(test["name"])
    return sorted(binaries), others


def run_ctest(run, names):
    if names is None:
        return failed("ctest could not list the tests")
    report = run.report("ctest.xml")
    # ctest reads the list as regular expressions; a set of names it takes from
    # a file only since 3.29.
    escaped = ["".join(c if c.isalnum() or c in "_-" else f"[{c}]"
                       for c in name) for name in names]
    code = run.call_logged("ctest", [
        "ctest", "--test-dir", run.build, "--output-on-failure", "--parallel",
        os.cpu_count() or 1, "-R", f"^({'|'.join(escaped)})$",
        "--output-junit", report])
    try:
        counts = junit_counts(report)
    except (OSError, xml.etree.ElementTree.ParseError):
        return failed(f"ctest {ending(code)} and left no report")
    return agree(counts, code, "ctest")


def lit(run, arguments, **options):
    # "python -m lit.main" would do nothing and succeed.
    script = pathlib.Path(sys.executable).parent / "lit"
    return run.call([sys.executable, script, *arguments],
                    cwd=run.build / "test", **options)


def lit_files(run):
    """The lit tests there are, relative to test/; None if lit cannot say."""
    listing = lit(run, ["--show-tests", "."], capture_output=True, text=True)
    if listing.returncode != 0:
        empty = "did not discover any tests" in listing.stderr
        if empty and not list((run.source / "test").rglob("*.mlir")):
            return []
        print(listing.stderr, end="", flush=True)
        return None
    return [line.split(" :: ", 1)[1].strip()
            for line in listing.stdout.splitlines() if " :: " in line]


def run_lit(run, files):
    if files is None:
        return failed("lit could not read its configuration or found no test")
    report = run.report("lit.json")
    code = lit(run, ["-v", "--succinct", "--no-progress-bar", "-o", report,
                     *files]).returncode
    try:
        tests = json.loads(report.read_text())["tests"]
    except (OSError, ValueError, KeyError):
        return failed(f"lit {ending(code)} and left no report")
    codes = [test["code"] for test in tests]
    passed = sum(c in ("PASS", "XFAIL", "FLAKYPASS") for c in codes)
    skipped = sum(c in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for c in codes)
    return agree(Counts(passed, len(codes) - passed - skipped, skipped), code,
                 "lit")


def run_pytest(run, files):
    report = run.report("pytest.xml")
    code = run.call([sys.executable, "-m", "pytest", "-q", "--tb=short",
                     "-p", "no:cacheprovider", f"--junitxml={report}", *files],
                    cwd=run.source).returncode
    try:
        counts = junit_counts(report)
    except (OSError, xml.etree.ElementTree.ParseError):
        return failed(f"pytest {ending(code)} and left no report")
    return agree(counts, code, "pytest")


def run_all(run):
    if run.wants("check-format"):
        run.suite("check-format", run_format)

    registered = registered_tests(run)
    binaries, others = registered or ([], None)
    for binary in binaries:
        if run.wants(binary.name):
            run.suite(binary.name, run_gtest, binary)
    if others and not run.wants("ctest"):
        others = [name for name in others if run.wants(name)]
    if others is None or others:
        run.suite("ctest", run_ctest, others)

    files = lit_files(run)
    if files and run.wants("lit"):
        files = ["."]
    elif files:
        files = [file for file in files if run.wants(file)]
    if files is None or files:
        run.suite("lit", run_lit, files)

    tests = run.source / "test" / "Python"
    if run.wants("pytest"):
        files = [tests] if tests.is_dir() else []
    else:
        files = [file for file in sorted(tests.rglob("test_*.py"))
                 if run.wants(str(file.relative_to(run.source / "test")))]
    if files:
        run.suite("pytest", run_pytest, files)


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 1
    source, build = (pathlib.Path(path).resolve() for path in arguments[:2])
    run = Run(source, build, arguments[2:])
    try:
        run_all(run)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    if not any(run.total) and run.names:
        print(f"no suite and no test file matches {' '.join(arguments[2:])}")
    print(run.total, flush=True)
    return 0 if run.total.failed == 0 and run.total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
