"""Runs the suites of a build tree and adds up their results.

Usage: run_tests.py SOURCE_DIR BUILD_DIR [FILTER...]
A filter selects suites and lit tests whose name contains it.
"""

import json
import pathlib
import subprocess
import sys
import time


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, name, start, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        seconds = time.monotonic() - start
        print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped"
              f" ({seconds:.1f} s)", flush=True)


def run_format(source, totals):
    start = time.monotonic()
    ok = subprocess.run([source / "tools/dev/check-format"]).returncode == 0
    totals.add("check-format", start, int(ok), int(not ok), 0)


def run_gtest(binary, build, totals):
    """One process per binary; its JSON report counts the cases."""
    start = time.monotonic()
    report = build / "test" / "reports" / f"{binary.name}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    code = subprocess.run(
        [binary, "--gtest_brief=1", f"--gtest_output=json:{report}"],
        stdin=subprocess.DEVNULL).returncode
    if not report.exists():
        print(f"{binary.name} ended with {code} and wrote no report")
        totals.add(binary.name, start, 0, 1, 0)
        return
    passed = failed = skipped = 0
    for suite in json.loads(report.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            if case.get("failures"):
                failed += 1
            elif case.get("result") == "SKIPPED":
                skipped += 1
            else:
                passed += 1
    if code != 0 and failed == 0:
        failed = 1
    totals.add(binary.name, start, passed, failed, skipped)


def run_lit(build, filters, totals):
    start = time.monotonic()
    report = build / "test" / "reports" / "lit.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "lit.main", "-q", "-j2", "--order=smart",
               "-o", report, build / "test"]
    if filters:
        command.append("--filter=" + "|".join(filters))
    subprocess.run(command, stdin=subprocess.DEVNULL)
    if not report.exists():
        totals.add("lit", start, 0, 1, 0)
        return
    codes = [t["code"] for t in json.loads(report.read_text())["tests"]]
    passed = sum(c in ("PASS", "XFAIL", "FLAKYPASS") for c in codes)
    skipped = sum(c in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for c in codes)
    totals.add("lit", start, passed, len(codes) - passed - skipped, skipped)


def main():
    source, build = map(pathlib.Path, sys.argv[1:3])
    filters = sys.argv[3:]
    totals = Totals()
    wanted = lambda name: not filters or any(f in name for f in filters)
    if wanted("check-format"):
        run_format(source, totals)
    for binary in sorted((build / "test" / "Unit").glob("*Test")):
        if wanted(binary.name):
            run_gtest(binary, build, totals)
    run_lit(build, filters, totals)
    print(f"{totals.passed} passed, {totals.failed} failed, "
          f"{totals.skipped} skipped", flush=True)
    return 0 if totals.failed == 0 and totals.passed > 0 else 1


sys.exit(main())
