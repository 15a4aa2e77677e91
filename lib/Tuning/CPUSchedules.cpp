//===- CPUSchedules.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of default schedules for CPUs, and what it is applied with.
//
//===----------------------------------------------------------------------===//

#include "norm/Tuning/CPUSchedules.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::norm;

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

namespace {
enum Types : unsigned {
  F64 = 1,
  F32 = 2,
  F16 = 4,
  BF16 = 8,
  Halves = F16 | BF16
};
enum Ops : unsigned { RMSNorm = 1, LayerNorm = 2, AnyOp = 3 };
enum Instances : unsigned { Cached = 1, Streaming = 2, Both = 3 };

/// In the place of a number of rows: as many as NormDialect::kGroupBytes hold.
constexpr int64_t kByBytes = 0;
/// In the place of a number of elements: any, known or not.
constexpr int64_t kAny = INT64_MAX;

/// Bytes by which a row may be fetched ahead.
constexpr int64_t kMostAhead = 256 << 10;

/// A row of f32 or f64 between two sweeps.
constexpr int64_t kStackBytes = 64 << 10;

struct Rule {
  // Which problems.
  int64_t bits; ///< of the level's vectors
  unsigned types, ops, instances;
  int64_t most; ///< elements of a row
  // Which schedule.
  Hold hold;
  int64_t group;
  WeightHold weight;
  Prefetch prefetch;
  int64_t prefetchBytes;
  const char *reason;
  bool sum = false; ///< only for an x that the kernel computes and stores
};
} // namespace

/// The first rule that fits a problem is taken. Numbers are times of the
/// hand-written kernels of test/Performance over ours, so more is better: on a
/// Xeon of the Sapphire Rapids family (L1 48 KiB, L2 2 MiB) for 64 rows where
/// nothing else is said. Where Zen 4 and the Xeon differ, what is good on both.
static constexpr Rule rules[] = {
    // Past the last-level cache.
    {512, F32 | Halves, AnyOp, Streaming, kAny, Hold::Cache, 1,
     WeightHold::Reload, Prefetch::L2, 16384,
     "the output sweep prefetches a row, at least 16 KiB, ahead into the L2: "
     "0.95 to 1.03, half of it in the statistic 0.81 to 0.95"},
    {256, F32 | Halves, AnyOp, Streaming, kAny, Hold::Cache, 1,
     WeightHold::Widened, Prefetch::L2, 16384,
     "the output sweep prefetches a row, at least 16 KiB, ahead into the L2: "
     "0.95 to 1.03, half of it in the statistic 0.81 to 0.95"},
    {0, F64 | F32 | Halves, AnyOp, Streaming, kAny, Hold::Cache, 1,
     WeightHold::Reload, Prefetch::L2, 16384,
     "the output sweep prefetches a row, at least 16 KiB, ahead into the L2"},
    // Residuals: a group would hand the sum over the stack.
    {512, F32, AnyOp, Cached, 256, Hold::Registers, 1, WeightHold::Reload,
     Prefetch::None, 0,
     "a sum stays in registers: 1.0 to 1.03, in groups 0.49 to 0.97", true},
    {256, F32, LayerNorm, Cached, 128, Hold::Registers, 1, WeightHold::Reload,
     Prefetch::None, 0,
     "a sum stays in registers: 0.96 to 0.99, in groups 0.71 to 0.9", true},
    {256, F32, RMSNorm, Cached, 128, Hold::Cache, 1, WeightHold::Reload,
     Prefetch::None, 0,
     "a sum is read back: 1.0 to 1.08, from registers 0.77 to 1.01", true},
    {512, Halves, LayerNorm, Cached, 192, Hold::Registers, 16,
     WeightHold::Registers, Prefetch::None, 0,
     "16 rows share a reduction: 1.0, 8 rows 0.9", true},
    {512, Halves, LayerNorm, Cached, 256, Hold::Registers, 8,
     WeightHold::Registers, Prefetch::None, 0,
     "8 rows share a reduction: 1.0, 16 rows, whose sums leave the L1, 0.69",
     true},
    {512, F32, LayerNorm, Cached, 608, Hold::Cache, kByBytes,
     WeightHold::Reload, Prefetch::None, 0,
     "a group of rows in 16 KiB: 1.09, single rows 0.95", true},
    {512, F32, LayerNorm, Cached, kAny, Hold::Cache, 1, WeightHold::Reload,
     Prefetch::None, 0,
     "single rows: 1.12 times as fast as groups, whose sums leave the L1",
     true},
    {256, F32, AnyOp, Cached, kAny, Hold::Cache, 1, WeightHold::Reload,
     Prefetch::None, 0,
     "single rows: 1.0 to 1.2 times as fast as groups, whose sums leave the L1",
     true},
    // AVX-512.
    {512, Halves, AnyOp, Cached, 256, Hold::Registers, 16,
     WeightHold::Registers, Prefetch::None, 0,
     "16 rows share a reduction, the weight is in registers: 1.01 to 1.24, "
     "single rows 0.7 to 0.9"},
    {512, F32, AnyOp, Cached, 128, Hold::Registers, 16, WeightHold::Registers,
     Prefetch::None, 0,
     "16 rows share a reduction, the weight is in registers: 0.91 to 1.0, "
     "single rows 0.64 to 0.79, but 1.21 for RMSNorm of 128 on the Xeon"},
    {512, F32, RMSNorm, Cached, 256, Hold::Registers, 1, WeightHold::Reload,
     Prefetch::None, 0, "single rows in registers: 1.0, read twice 0.8"},
    {512, F32, LayerNorm, Cached, 224, Hold::Registers, 16,
     WeightHold::Registers, Prefetch::None, 0,
     "16 rows share a reduction: 0.96, single rows 0.74 to 0.94"},
    {512, F32, LayerNorm, Cached, 256, Hold::Registers, 1, WeightHold::Reload,
     Prefetch::None, 0,
     "single rows in registers: 1.0, for many rows 1.08 times as fast as "
     "groups of 16"},
    {512, F32, RMSNorm, Cached, kAny, Hold::Cache, 1, WeightHold::Reload,
     Prefetch::None, 0,
     "single rows: 1.0 to 1.07, groups 0.93: rows are as fast as the L2"},
    {512, F32 | Halves, AnyOp, Cached, kAny, Hold::Cache, kByBytes,
     WeightHold::Widened, Prefetch::None, 0,
     "a group of rows in 16 KiB, weights of f16 and f32 weights of bf16 "
     "widened once per call: 1.0 to 1.24, single rows and weights as they are "
     "0.82 to 1.0"},
    // AVX2.
    {256, Halves, AnyOp, Cached, 256, Hold::Registers, 8, WeightHold::Registers,
     Prefetch::None, 0,
     "8 rows share a reduction, the weight is converted once per call: 0.9 to "
     "1.09, single rows 0.57 to 0.97"},
    {256, F32, AnyOp, Cached, 128, Hold::Registers, 8, WeightHold::Registers,
     Prefetch::None, 0,
     "8 rows share a reduction: 0.9 to 1.23, single rows 0.57 to 0.88, but "
     "1.25 for one row of RMSNorm on the Xeon"},
    {256, F32 | Halves, AnyOp, Cached, kAny, Hold::Cache, kByBytes,
     WeightHold::Widened, Prefetch::None, 0,
     "a group of rows in 16 KiB, weights of 16 bits and f32 weights of bf16 "
     "widened once per call: 1.0 to 1.18, single rows and weights as they are "
     "0.65 to 1.0"},
    // 128 bits, not measured: what AVX2's rules have in common.
    {128, Halves, AnyOp, Cached, 128, Hold::Registers, 8, WeightHold::Reload,
     Prefetch::None, 0, "short rows share a reduction"},
    {128, F32, AnyOp, Cached, 64, Hold::Registers, 4, WeightHold::Reload,
     Prefetch::None, 0, "short rows share a reduction"},
    // f64, whose peers are few.
    {512, F64, AnyOp, Cached, 128, Hold::Registers, 1, WeightHold::Reload,
     Prefetch::None, 0, "a row that fits the registers is read once"},
    {256, F64, AnyOp, Cached, 32, Hold::Registers, 1, WeightHold::Reload,
     Prefetch::None, 0, "a row that fits the registers is read once"},
    {128, F64, AnyOp, Cached, 32, Hold::Registers, 1, WeightHold::Reload,
     Prefetch::None, 0, "a row that fits the registers is read once"},
    {0, F64 | F32 | Halves, AnyOp, Cached, kAny, Hold::Cache, 1,
     WeightHold::Reload, Prefetch::None, 0,
     "long rows, or of unknown size: nothing is gained by groups"},
};

//===----------------------------------------------------------------------===//
// From rule to schedule
//===----------------------------------------------------------------------===//

static unsigned typeOf(FloatType type) {
  return type.isF64() ? F64 : type.isF32() ? F32 : type.isF16() ? F16 : BF16;
}

static bool fits(const Rule &rule, const CPUProblem &problem) {
  bool known = !ShapedType::isDynamic(problem.n);
  return (rule.bits == 0 || rule.bits == getVectorBits(problem.level)) &&
         rule.types & typeOf(problem.x) &&
         rule.ops & (problem.centered ? LayerNorm : RMSNorm) &&
         rule.instances & (problem.streaming ? Streaming : Cached) &&
         (!rule.sum || problem.sum) &&
         (rule.most == kAny || (known && problem.n <= rule.most));
}

static const Rule &findRule(const CPUProblem &problem) {
  return *llvm::find_if(rules,
                        [&](const Rule &rule) { return fits(rule, problem); });
}

/// Whether there is a parameter to widen, and memory for it.
static bool widens(const CPUProblem &problem) {
  if (!problem.parameter || problem.besideF64 ||
      (!ShapedType::isDynamic(problem.n) &&
       (problem.n < 256 ||
        problem.n * 4 > NormDialect::getWidenedBytes(
                            problem.parameter.getIntOrFloatBitWidth()))))
    return false;
  // Planes of bf16 are two instructions away; AVX-512 has ports for them.
  if (problem.parameter.isBF16())
    return getVectorBits(problem.level) == 256;
  return problem.parameter.isF16() ||
         (problem.parameter.isF32() && problem.x.isBF16());
}

namespace {
/// The fields of a schedule, so that one can be changed.
struct CPUFields {
  int64_t vectorBits, rowGroup = 1, unroll = 4;
  Hold hold = Hold::Cache;
  WeightHold weight = WeightHold::Reload;
  Prefetch prefetch = Prefetch::None;
  int64_t prefetchBytes = 0;
  StoreKind store = StoreKind::Regular;
  Tail tail = Tail::Mask;
  Intermediate intermediate = Intermediate::Recompute;

  CPUScheduleAttr get(MLIRContext *context) const {
    return CPUScheduleAttr::get(context, vectorBits, rowGroup, unroll, hold,
                                weight, prefetch, prefetchBytes, store, tail,
                                intermediate);
  }
};
} // namespace

static CPUFields apply(const Rule &rule, const CPUProblem &problem) {
  CPUFields fields;
  fields.vectorBits = getVectorBits(problem.level);
  int64_t element = FloatType(problem.x).getWidth() / 8;
  int64_t lanes =
      fields.vectorBits / (problem.x.isF64() || problem.besideF64 ? 64 : 32);
  fields.hold = rule.hold;
  fields.rowGroup = rule.group;
  if (rule.group == kByBytes) {
    int64_t bytes = NormDialect::kGroupBytes;
    // Three sweeps over x, residual, their sum and y: half of the rows are 1.18
    // times as fast (bf16, 64 x 769).
    if (fields.vectorBits == 512 && problem.sum && problem.centered &&
        !problem.x.isF32())
      bytes /= 2;
    fields.rowGroup =
        ShapedType::isDynamic(problem.n)
            ? 16
            : llvm::bit_floor<uint64_t>(bytes / (problem.n * element));
    if (fields.rowGroup < NormDialect::kFewestGrouped)
      fields.rowGroup = 1;
  }
  fields.rowGroup = std::min(fields.rowGroup, lanes);
  fields.weight = rule.weight;
  if (!problem.parameter ||
      (rule.weight == WeightHold::Widened && !widens(problem)))
    fields.weight = WeightHold::Reload;
  // A few rows share nothing.
  if (!ShapedType::isDynamic(problem.rows) && problem.rows < 4) {
    fields.rowGroup = 1;
    fields.weight = WeightHold::Reload;
  }
  // The polynomial of a gate, twice, costs more than a row through the L1: 1.7
  // of separate kernels' speed and not 1.3 (rows of 4096, Xeon, AVX-512).
  if (problem.transcendental && !ShapedType::isDynamic(problem.n) &&
      problem.n * 8 <= kStackBytes) {
    fields.intermediate = Intermediate::Stack;
    fields.hold = Hold::Cache;
    fields.rowGroup = 1;
    if (fields.weight == WeightHold::Registers)
      fields.weight = WeightHold::Reload;
  }
  fields.prefetch = rule.prefetch;
  fields.prefetchBytes = rule.prefetchBytes;
  // A row ahead, as far as it finds room in the L2 beside the one at hand.
  if (rule.prefetchBytes && !ShapedType::isDynamic(problem.n))
    fields.prefetchBytes =
        std::clamp(problem.n * element, rule.prefetchBytes, kMostAhead);
  // Arithmetic hides what comes from beyond the L2: 1.12 to 1.3 times as fast
  // there, 0.96 within it (rows of 4096, Xeon, both levels).
  if (problem.transcendental && fields.prefetch == Prefetch::None) {
    fields.prefetch = Prefetch::L2;
    fields.prefetchBytes = 16384;
  }
  if (problem.streaming)
    fields.store = StoreKind::NonTemporal;
  if (fields.vectorBits < 512)
    fields.tail = Tail::Narrow;
  return fields;
}

/// Empty where a row of the problem may be held in registers.
static std::string whyNotHeld(const CPUProblem &problem, int64_t vectorBits) {
  if (ShapedType::isDynamic(problem.n))
    return "the size of a row is not known";
  // With room for the weight's and the accumulators': 16 registers of AVX2, 32
  // of AVX-512 and NEON.
  int64_t held = vectorBits == 256 ? 8 : 16;
  int64_t vectors =
      llvm::divideCeil(problem.n, vectorBits / (problem.x.isF64() ? 64 : 32));
  if (vectors <= held)
    return "";
  return ("a row takes " + Twine(vectors) + " vectors, of which " +
          Twine(held) + " stay in registers beside weight and accumulators")
      .str();
}

static void addAlternatives(MLIRContext *context, const CPUProblem &problem,
                            const CPUFields &chosen, StringRef reason,
                            SmallVectorImpl<RejectedSchedule> &rejected) {
  // An empty reason: whether passes obey it, and its predicted time, decide.
  auto reject = [&](StringRef field, const Twine &why,
                    function_ref<void(CPUFields &)> change) {
    CPUFields other = chosen;
    change(other);
    rejected.push_back({other.get(context), field.str(), why.str()});
  };
  if (chosen.hold == Hold::Registers)
    reject("hold = cache", reason, [](CPUFields &other) {
      other.hold = Hold::Cache;
      if (other.weight == WeightHold::Registers)
        other.weight = WeightHold::Reload;
    });
  else
    reject("hold = registers", whyNotHeld(problem, chosen.vectorBits),
           [](CPUFields &other) { other.hold = Hold::Registers; });
  int64_t group = chosen.rowGroup > 1 ? 1 : 8;
  reject("row_group = " + Twine(group).str(), reason,
         [=](CPUFields &other) { other.rowGroup = group; });
  reject("unroll = 8", "", [](CPUFields &other) { other.unroll = 8; });
  if (chosen.weight == WeightHold::Reload)
    reject("weight = widened",
           widens(problem) ? "" : "there is no weight to convert, or no room",
           [](CPUFields &other) { other.weight = WeightHold::Widened; });
  else
    reject("weight = reload", reason,
           [](CPUFields &other) { other.weight = WeightHold::Reload; });
  if (problem.streaming) {
    reject("prefetch = none", reason, [](CPUFields &other) {
      other.prefetch = Prefetch::None;
      other.prefetchBytes = 0;
    });
    reject("store = regular",
           "a store by way of the cache reads the line that it writes",
           [](CPUFields &other) { other.store = StoreKind::Regular; });
  } else {
    reject("store = non_temporal",
           "outputs that fit the last-level cache are found there by who reads "
           "them next",
           [](CPUFields &other) { other.store = StoreKind::NonTemporal; });
  }
  if (chosen.tail == Tail::Narrow)
    reject("tail = mask", "only AVX-512 has masks for 16 bits and less",
           [](CPUFields &other) { other.tail = Tail::Mask; });
  else
    reject("tail = narrow", "a masked access is one instruction",
           [](CPUFields &other) { other.tail = Tail::Narrow; });
}

CPUScheduleAttr mlir::norm::getDefaultCPUSchedule(
    MLIRContext *context, const CPUProblem &problem, std::string *reason,
    SmallVectorImpl<RejectedSchedule> *rejected) {
  const Rule &rule = findRule(problem);
  CPUFields chosen = apply(rule, problem);
  if (reason)
    *reason = rule.reason;
  if (rejected)
    addAlternatives(context, problem, chosen, rule.reason, *rejected);
  return chosen.get(context);
}

void mlir::norm::printCPUSchedules(llvm::raw_ostream &os, CPULevel level) {
  os << "| x | operation | instance | N up to | hold | row_group | weight | "
        "prefetch | measured |\n|---|---|---|---|---|---|---|---|---|\n";
  for (const Rule &rule : rules) {
    if (rule.bits && rule.bits != getVectorBits(level))
      continue;
    SmallVector<StringRef> types, ops;
    for (auto [bit, name] : {std::pair(F64, "f64"), std::pair(F32, "f32"),
                             std::pair(F16, "f16"), std::pair(BF16, "bf16")})
      if (rule.types & bit)
        types.push_back(name);
    if (rule.ops & RMSNorm)
      ops.push_back("rmsnorm");
    if (rule.ops & LayerNorm)
      ops.push_back("layernorm");
    os << "| " << llvm::join(types, ", ") << " | " << llvm::join(ops, ", ")
       << (rule.sum ? " of a sum" : "") << " | "
       << (rule.instances == Cached ? "cached" : "streaming") << " | ";
    if (rule.most == kAny)
      os << "any";
    else
      os << rule.most;
    os << " | " << stringifyHold(rule.hold) << " | ";
    if (rule.group == kByBytes)
      os << (NormDialect::kGroupBytes >> 10) << " KiB";
    else
      os << rule.group;
    os << " | " << stringifyWeightHold(rule.weight) << " | "
       << stringifyPrefetch(rule.prefetch);
    if (rule.prefetchBytes)
      os << ' ' << rule.prefetchBytes;
    os << " | " << rule.reason << " |\n";
  }
}
