"""tools/dev/bench-cpu without measuring: its cases, its files, what is stale
and how bars are judged."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools/dev/lib"))

from bench import __main__ as program  # noqa: E402
from bench import cases, machine, table  # noqa: E402
from bench.cases import Case, Machine  # noqa: E402
from bench.judge import OK, SHORT, UNJUDGED, Judge  # noqa: E402
from bench.judge import judge_compiler  # noqa: E402
from bench.results import Line, Results, fastest_copies, slug  # noqa: E402
from bench.run import Bench, Hashes, RunnerError  # noqa: E402

HERE = Machine(l2=1 << 20, llc=32 << 20, memory=8 << 30, cpus=2)
ZEN4 = {"cpu": "AMD EPYC 9R14 96-Core Processor", "family": 25, "model": 17,
        "flags": ["avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl",
                  "avx512_bf16"],
        "caches": {"l1": 32 << 10, "l2": 1 << 20, "l3": 32 << 20},
        "llc_bytes": 32 << 20, "cpus": 2, "target": "x86-64-v4-bf16",
        "kernel": "6.1", "compiler": "clang 22", "commit": "0"}
XEON = dict(ZEN4, cpu="Intel(R) Xeon(R) Processor", family=6, model=143)
AVX512, AVX2 = machine.LEVELS


def line(name, level=AVX2, instance="cached", times=1, **ns):
    """A line whose candidates take so many ns; _ stands for ", "."""
    names = {key.replace("__", ", ").replace("_", " "): value
             for key, value in ns.items()}
    return Line(level, Case.parse(name),
                {key: [time, time, time, 9] for key, time in names.items()},
                {key: "1" for key in names if key.startswith("normc")},
                instance, "#norm.cpu_schedule<vector_bits = 256>",
                "2026-01-01T00:00:00Z", "0", times)


def verdicts(lines, number, stale=(), of=ZEN4):
    return [v for v in Judge(of).judge(lines, set(stale))
            if v.bar.number == number]


def only(found):
    assert len(found) == 1, [str(v) for v in found]
    return found[0]


# Cases.

def test_names_are_read_back():
    listed = cases.all_cases(HERE)
    assert len(listed) == len(set(listed))
    assert all(Case.parse(case.name) == case for case in listed)
    assert Case.parse("fused/f32/16x4096") in listed
    with pytest.raises(ValueError, match="rmsnorm/f64/1x2"):
        Case.parse("rmsnorm/f64/1x2")


def test_all_that_bars_ask_for_is_listed():
    listed = set(cases.all_cases(HERE))
    for rows, n in cases.LISTED_SHAPES:
        for op in cases.OPS:
            for x, weight in cases.TYPES:
                for residual in (False, True):
                    case = Case(op, x, weight, rows, n, residual)
                    assert case in listed
                    assert (case._replace(threads=2) in listed) >= (
                        case.bytes > HERE.l2 and rows > 1)
    for x, weight in cases.ALIKE:
        past = [case for case in listed if case.n in cases.MEMORY_N
                and case.x == x and 2 * HERE.llc <= case.row_bytes
                and case.row_bytes < 2 * HERE.llc + 2 * case.n * 4
                and case.op == "rmsnorm" and not case.residual]
        assert {case.n for case in past} == set(cases.MEMORY_N)


def test_cases_fit_the_machine():
    small = HERE._replace(memory=64 << 20, cpus=1)
    listed = cases.all_cases(small)
    assert max(case.memory for case in listed) <= 64 << 20
    assert {case.threads for case in listed} == {1}


def test_quick_is_a_part():
    quick = cases.quick_cases(HERE)
    assert 60 <= len(quick) <= 80
    assert set(quick) <= set(cases.all_cases(HERE))
    assert len(quick) == len(set(quick))


def test_bytes():
    case = Case.parse("layernorm/bf16-f32/16x256/residual")
    assert case.row_bytes == 4 * 16 * 256 * 2
    assert case.bytes == case.row_bytes + 2 * 256 * 4
    # Three inputs and the sum, int8, and a weight.
    case = Case.parse("fused/f32/16x256")
    assert case.row_bytes == 16 * 256 * 17
    assert case.bytes == case.row_bytes + 256 * 4


def test_requests():
    case = Case.parse("layernorm/bf16-f32/16x256/t2")
    assert case.request(AVX2, seconds=1) == {
        "op": "layernorm", "x": "bf16", "weight": "f32", "rows": 16, "n": 256,
        "residual": False, "threads": 2, "cold": False, "misaligned": False,
        "target": AVX2, "seconds": 1}
    request = Case.parse("fused/f32/16x256").request(AVX512, mode="hash")
    assert pathlib.Path(request.pop("file")).exists()
    assert request == {"rows": 16, "n": 256, "target": AVX512, "mode": "hash"}


# Results.

def test_results_are_kept(tmp_path):
    path = tmp_path / "results" / "cpu.jsonl"
    results = Results(path)
    results.machine = ZEN4
    first = line("rmsnorm/f32/16x4096", normc=12.0)
    results.put(line("rmsnorm/f32/1x128", normc=10.0))
    results.put(first)
    results.put(first._replace(ns={"normc": [11.0, 10.0, 12.0, 9]}, times=4))
    results.put_compile(AVX2, "rmsnorm/f32/1x128", "2026", {"in process":
                                                            [1e7, 1e7, 1e7]})
    assert len(path.read_text().splitlines()) == 5
    assert Results.load(path).lines == results.lines
    results.save()
    assert len(path.read_text().splitlines()) == 4
    again = Results.load(path)
    assert again.lines == results.lines
    assert again.lines[first.key].times == 4
    assert again.machine == ZEN4
    assert again.compile == results.compile


@pytest.mark.parametrize("text", ["{", "[]", '{"case":"rmsnorm/f32/1x2"}',
                                  '{"machine":{},"schema":0}'])
def test_what_is_no_result(tmp_path, text):
    path = tmp_path / "cpu.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(ValueError, match="line 1: no result"):
        Results.load(path)


def test_fastest_copy():
    ns = fastest_copies({"copy: a": [2.00004, 1, 3, 9], "normc": [4, 4, 4, 9],
                         "copy: b": [1.0, 1, 3, 9],
                         "copy, 1 thread: a": [5, 5, 5, 9]})
    assert ns == {"copy": [1.0, 1, 3, 9, "b"], "normc": [4, 4, 4, 9],
                  "copy, 1 thread": [5, 5, 5, 9, "a"]}


def test_names_of_files():
    assert slug(ZEN4) == "amd-epyc-9r14"
    assert slug(XEON) == "intel-xeon-family-6-model-143"
    assert slug({"cpu": "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz"}) == (
        "intel-xeon-e5-2680-v4")


# Machines.

def test_levels_and_kinds():
    assert machine.levels(ZEN4) == [AVX512, AVX2]
    assert machine.levels(dict(ZEN4, flags=["avx2", "fma", "f16c"])) == [AVX2]
    assert machine.levels(dict(ZEN4, flags=["avx2"])) == []
    assert machine.kind(ZEN4) == "zen4"
    assert machine.kind(dict(ZEN4, family=26)) == "zen5"
    assert machine.kind(dict(ZEN4, flags=["avx2"])) is None
    assert machine.kind(XEON) is None


# What is stale.

class FakeRunner:
    def __init__(self, texts):
        self.texts, self.asked = texts, []

    def ask(self, request):
        self.asked.append(request)
        key = request.get("op", "fused"), request["n"]
        if key not in self.texts:
            raise RunnerError("no such kernel")
        return {"cached": {"hash": self.texts[key]},
                "streaming": {"hash": self.texts[key] + "s"}}


def test_stale():
    lines = [line("layernorm/f32/1x128", normc=1, normc__any_n=1,
                  normc__rmsnorm=1),
             line("layernorm/f32/7x128", normc=1),
             line("layernorm/f32/9999x128", normc=1, instance="streaming"),
             line("rmsnorm/f32/1x256", normc=1),
             line("rmsnorm/f32/1x512", normc=1),
             line("fused/f32/16x4096", normc=1),
             line("fused/f32/512x1000", normc=1)]
    runner = FakeRunner({("layernorm", 128): "1", ("layernorm", -1): "1",
                         ("rmsnorm", 128): "1", ("rmsnorm", 256): "2",
                         ("fused", 4096): "1", ("fused", 1000): "2"})
    stale = Hashes(runner, lambda op: "0").find_stale(lines)
    # The other instance, another text, and what does not compile any more.
    assert {name for _, name in stale} == {
        "layernorm/f32/9999x128", "rmsnorm/f32/1x256", "rmsnorm/f32/1x512",
        "fused/f32/512x1000"}
    # Each kernel once, and nothing of it is measured.
    assert len(runner.asked) == 7
    assert all(request["mode"] == "hash" for request in runner.asked)


def test_a_changed_yardstick_makes_stale():
    lines = [line("rmsnorm/f32/1x256", normc=1),
             line("fused/f32/16x4096", normc=1)]
    runner = FakeRunner({("rmsnorm", 256): "1", ("fused", 4096): "1"})
    now = {"rmsnorm": "0", "fused": "1"}
    assert Hashes(runner, now.get).find_stale(lines) == {lines[1].key}


def test_hash_of_the_yardstick(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPU", tmp_path)
    (tmp_path / "handwritten").mkdir()
    (tmp_path / "separate").mkdir()
    copy, rows = tmp_path / "Copy.cpp", tmp_path / "handwritten" / "Rows.h"
    copy.write_text("int copy;")
    rows.write_text("int a; // one\n/* two\n */ int b;\n")
    before = machine.yardstick_hash("rmsnorm"), machine.yardstick_hash("fused")
    rows.write_text("// three\nint a;\n  int b;")
    assert machine.yardstick_hash("layernorm") == before[0]
    rows.write_text("int a; int c;")
    assert machine.yardstick_hash("rmsnorm") != before[0]
    assert machine.yardstick_hash("fused") == before[1]
    copy.write_text("int sum;")
    assert machine.yardstick_hash("fused") != before[1]


# Judging.

def test_geomean_and_worst_against_the_yardstick():
    lines = [line("rmsnorm/bf16/1x256", normc=10, yardstick=9.0),
             line("rmsnorm/bf16/7x256", normc=10, yardstick=12.1),
             line("rmsnorm/bf16/7x96/residual", normc=10, yardstick=8.0),
             line("rmsnorm/bf16/7x96/cold", normc=10, yardstick=1.0)]
    mean, worst = only(verdicts(lines, "1a")), only(verdicts(lines, "1b"))
    assert mean.value == pytest.approx((0.9 * 1.21 * 0.8) ** (1 / 3))
    assert mean.state == OK
    assert worst.state == SHORT
    assert worst.lines == [lines[2]]
    assert str(worst) == ("bar 1b least normc/yardstick rmsnorm bf16 "
                          "x86-64-v3: 0.80 (>= 0.85) short: 7x96 residual "
                          "0.80")


def test_digits_do_not_hide_the_side():
    worst = only(verdicts([line("rmsnorm/f16/1x256", normc=10000,
                                yardstick=8499.0)], "1b"))
    assert str(worst).endswith(": 0.8499 (>= 0.85) short: 1x256 0.8499")


def test_stale_lines_are_left_out():
    lines = [line("rmsnorm/bf16/1x256", normc=10, yardstick=9),
             line("rmsnorm/bf16/7x256", normc=10, yardstick=1)]
    worst = only(verdicts(lines, "1b", stale=[lines[1].key]))
    assert worst.state == OK
    assert str(worst).endswith("ok; 1 to be measured again")
    assert verdicts(lines, "1b", stale=[li.key for li in lines]) == []


def test_clang_is_a_yardstick_where_it_is_known_to_win():
    for name, value in (("rmsnorm/f32/4096x128", 0.5),
                        ("rmsnorm/f32/32x128", 1.0)):
        worst = only(verdicts([line(name, normc=10, yardstick=10, clang=5)],
                              "1b"))
        assert worst.value == value


def test_any_n():
    lines = [line("rmsnorm/f32/7x256", normc=10, normc__any_n=99),
             line("rmsnorm/f32/7x512", normc=10, normc__any_n=10.9),
             line("rmsnorm/f32/7x769", normc=10, normc__any_n=11.1)]
    assert only(verdicts(lines, "1c")).lines == [lines[2]]


def test_figures_of_one_cpu():
    lines = [line("rmsnorm/bf16/4096x4096", AVX512, normc=100, copy=70.0,
                  yardstick=100)]
    here = only(verdicts(lines, "3"))
    assert (here.state, here.bar.bound) == (SHORT, 0.85)
    there = only(verdicts(lines, "3", of=XEON))
    assert there.state == UNJUDGED
    assert "0.70 (>= 0.85) not judged on this CPU" in str(there)
    # The published share of the copy is 1.
    assert only(verdicts(lines, "0")).value == pytest.approx(0.7)
    assert verdicts(lines, "0", of=XEON) == []


def test_others():
    lines = [line("rmsnorm/bf16/16x4096", AVX512, normc=10, copy=5.0),
             line("rmsnorm/f16/16x4096", AVX2, normc=10, clang=13, copy=5),
             line("rmsnorm/f16/16x512", AVX2, normc=10, clang=1, copy=5)]
    # oneDNN: 69 of a copy of 240.
    assert only(verdicts(lines, "2b")).value == pytest.approx(0.5 * 240 / 69)
    # Shapes that are only plotted do not count.
    assert only(verdicts(lines, "2c")).value == pytest.approx(1.3)


def test_onednn_as_measured():
    lines = [line("rmsnorm/f32/16x4096", AVX512, normc=10, copy=5),
             line("rmsnorm/f32/16x4096/residual", AVX512, normc=10, copy=5),
             line("rmsnorm/f32/16x4096", AVX2, normc=10, copy=5)]
    times = {"rmsnorm/f32/16x4096": {"ns": 30, "normc_ns": 12}}
    judge = Judge(ZEN4, {"libraries": {"oneDNN": {"cases": times}}})
    found = {v.bar.number: v for v in judge.judge(lines)}
    assert found["2a"].value == pytest.approx(2.5)
    assert found["2a"].state == OK
    assert "normc/oneDNN from Python f32 x86-64-v4-bf16" in str(found["2a"])


def test_calls_residual_and_threads():
    rivals = {"sum__norm": 14, "sum_past_the_cache__norm": 12,
              "new_sum__norm": 13}
    lines = [
        line("rmsnorm/f32/1x128", normc=10, normc__entry=16, yardstick=10),
        line("rmsnorm/f32/16x4096/misaligned", normc=12, normc__aligned=10),
        line("rmsnorm/f32/8192x8192/residual", normc=10, **rivals),
        line("rmsnorm/f32/512x4096/t2", normc=10, normc__1_thread=17,
             copy__1_thread=19, copy=10),
        line("rmsnorm/f32/64x8192/t2", normc=10, normc__1_thread=17,
             copy__1_thread=17, copy=10),
        line("rmsnorm/f32/7x128/t2", normc=10, normc__1_thread=9,
             normc__entry=20, normc__entry__1_thread=19)]
    found = {v.bar.number: v for v in Judge(ZEN4).judge(lines)}
    assert found["4a"].value == 1.6 and found["4a"].state == SHORT
    assert found["4b"].value == 1.2 and found["4b"].state == SHORT
    assert found["5a"].value == pytest.approx(1.2)
    assert found["5b"].value == pytest.approx(1.3)
    assert str(found["4a"]).endswith(
        "1.60 (<= 1.5) short: 1x128 1.60; the kernel called directly 1.00")
    assert found["7a"].lines == [lines[3]]
    assert found["7b"].state == OK


def test_fused_file():
    lines = [line("fused/f32/16x4096", normc=10, separate=9),
             line("fused/f32/512x4096", normc=10, separate=20,
                  separate_past_the_cache=30),
             line("fused/f32/4096x4096", normc=10, separate=50,
                  separate_past_the_cache=45)]
    mean = only(verdicts(lines, "5c"))
    # The better of the rivals; what fits the L2 does not count.
    assert mean.value == pytest.approx((2 * 4.5) ** 0.5)
    assert mean.state == OK
    text = table.write(results_of(ZEN4), [
        li._replace(ns=dict(li.ns, copy=[5000, 1, 1, 9])) for li in lines],
        {lines[0].key})
    assert "| x86-64-v3, 512x4096 | 5.0 | 0.0 | 0.0 |  | 2.00 |" in text
    assert "16x4096 (to be measured again)" in text
    assert "### x86-64-v3, f32, fused" not in text


def test_short_bars_are_summed_up(capsys):
    results = results_of(ZEN4)
    for given in (line("rmsnorm/f32/1x128", normc=10, normc__entry=16,
                       yardstick=9),
                  line("fused/f32/512x4096", normc=10, copy=1, separate=15)):
        results.lines[given.key] = given
    shower = program.Program.__new__(program.Program)
    shower.flags = program.parse(["--runner=none", "--no-plot"])
    assert shower.show(results) == program.FAILED
    assert capsys.readouterr().out.endswith("4 bars, 3 short: 1a, 4a, 5c\n")


def test_doubtful_lines_are_measured_three_more_times(tmp_path):
    lines = [line("rmsnorm/bf16/7x256", normc=10, yardstick=8),
             line("rmsnorm/bf16/7x512", normc=10, yardstick=8, times=4),
             line("rmsnorm/bf16/7x96", normc=10, yardstick=9)]
    doubtful = Judge(ZEN4).doubtful(lines)
    assert [doubt for doubt, _ in doubtful] == [lines[0]]

    class Thrice(Bench):
        times = iter([7.0, 9.0, 8.7])

        def take(self, level, case):
            return line(case.name, level, normc=10, yardstick=next(self.times))

    results = Results(tmp_path / "cpu.jsonl")
    results.machine = ZEN4
    Thrice(None, results, 0.01).measure_again(doubtful)
    kept = results.lines[lines[0].key]
    assert kept.median("yardstick") == 8.7
    assert kept.times == 4


def test_compiler():
    def record(process, command):
        return {"compile": "rmsnorm/f32/1x128", "level": AVX2,
                "ns": {"in process": [process], "command line": [command]}}
    found = list(judge_compiler([record(15e6, 90e6), record(21e6, 80e6)]))
    assert [state for _, state in found] == [SHORT, OK]
    assert found[0][0].startswith("bar 8 most ms to compile, in process: 21")


# Tables and flags.

def results_of(of):
    results = Results(pathlib.Path("cpu.jsonl"))
    results.machine = of
    return results


def test_table():
    results = results_of(ZEN4)
    lines = [line("layernorm/f32/16x1024", copy=1000, normc=2000,
                  yardstick=1900, normc__rmsnorm=1000),
             line("rmsnorm/f32/4096x4096", copy=1000, normc=2000)]
    text = table.write(results, lines, {lines[1].key})
    assert "| 16x1024 | 139 | 73.3 |  | 69.6 |  | 0.50 | 0.95 |  | " in text
    assert "4096x4096 (to be measured again)" in text
    assert "| 16x1024 | 50% |" in text


@pytest.mark.parametrize("flags, text", [
    (["--fast"], "unrecognized arguments: --fast"),
    (["--filter=("], "--filter"), (["--level=sse"], "--level"),
    (["--seconds=-1"], "--seconds"), (["x.jsonl"], "--report")])
def test_wrong_flags(capsys, flags, text):
    assert program.main(["--runner=none", *flags]) == program.WRONG
    assert text in capsys.readouterr().err


def test_published_figures():
    hand = json.loads((pathlib.Path(program.__file__).parent
                       / "hand.json").read_text())
    for levels in (hand["zen4"], hand["zen5"]):
        for shapes in levels.values():
            for name, figures in shapes.items():
                x, shape = name.split("/")
                rows, n = map(int, shape.split("x"))
                assert x in cases.BYTES and (rows, n) in cases.LISTED_SHAPES
                assert figures["copy"] > 0
