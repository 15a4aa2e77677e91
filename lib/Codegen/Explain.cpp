//===- Explain.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers a kernel as far as its accesses and instructions can be counted, and
// does the same with the schedules that were not chosen.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Explain.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "norm/Codegen/Compile.h"
#include "norm/Codegen/RowRange.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Tuning/CPUSchedules.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::norm;

namespace {
/// An instance of the kernel in memory form. Both modules are empty where a
/// pass refused the schedule, with its words in `refusal`.
struct Lowered {
  OwningOpRef<ModuleOp> accesses, instructions;
  std::string refusal;

  func::FuncOp kernel(OwningOpRef<ModuleOp> &module) {
    return *module->getOps<func::FuncOp>().begin();
  }
};

class Explainer {
public:
  Explainer(const KernelRequest &request, const CPUTarget &target,
            const Machine &machine, int64_t n, int64_t threads)
      : request(request), target(target), machine(machine), n(n),
        threads(threads), registry([] {
          DialectRegistry made;
          registerForCompilation(made);
          return made;
        }()),
        context(registry, MLIRContext::Threading::DISABLED) {
    context.printOpOnDiagnostic(false);
  }

  llvm::Expected<Explanation> run(ArrayRef<int64_t> rows);

private:
  Lowered lower(const KernelRequest &what, Regime regime);
  llvm::Expected<CallCost> cost(const KernelRequest &what, Lowered &lowered,
                                Regime regime, int64_t rows);
  llvm::Expected<Lowered *> getInstance(Regime regime);
  bool fitsAlignment(func::FuncOp kernel, int64_t rows);
  llvm::Expected<Regime> getRegime(int64_t rows);
  void explainRejected(Explanation &result, const CallCost &chosen,
                       CPUScheduleAttr schedule);

  const KernelRequest &request;
  const CPUTarget &target;
  const Machine &machine;
  int64_t n, threads;
  DialectRegistry registry;
  MLIRContext context;
  std::map<Regime, Lowered> instances;
};
} // namespace

Lowered Explainer::lower(const KernelRequest &what, Regime regime) {
  Lowered result;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (result.refusal.empty() &&
        diagnostic.getSeverity() == DiagnosticSeverity::Error)
      result.refusal = diagnostic.str();
  });
  std::string name = getKernelName(request, target.level);
  auto lowerTo = [&](StringRef stage) -> OwningOpRef<ModuleOp> {
    auto module = buildModule(&context, what, target, name, {regime});
    if (failed(lowerToStage(*module, target.name, stage)))
      return {};
    return module;
  };
  result.accesses = lowerTo("pipeline-rows");
  if (result.accesses)
    result.instructions = lowerTo("lower-rows");
  // What two outputs share is computed once by LLVM's passes.
  PassManager pm(&context);
  pm.addPass(createCSEPass());
  if (result.instructions && failed(pm.run(*result.instructions)))
    result.instructions = {};
  return result;
}

llvm::Expected<Lowered *> Explainer::getInstance(Regime regime) {
  auto [it, isNew] = instances.try_emplace(regime);
  if (isNew)
    it->second = lower(request, regime);
  if (!it->second.instructions)
    return llvm::createStringError(it->second.refusal);
  return &it->second;
}

/// Whether the rows of one array after another have the alignment that the
/// kernel demands, as the entry checks it.
bool Explainer::fitsAlignment(func::FuncOp kernel, int64_t rows) {
  auto operands = kernel->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr);
  return llvm::all_of(operands.getAsRange<DictionaryAttr>(),
                      [&](DictionaryAttr entry) {
                        auto alignment = entry.getAs<IntegerAttr>("alignment");
                        auto type = entry.getAs<TypeAttr>("type");
                        return !alignment || !type || rows <= 1 ||
                               n * type.getValue().getIntOrFloatBitWidth() / 8 %
                                       alignment.getInt() ==
                                   0;
                      });
}

/// The instance that the entry takes.
llvm::Expected<Regime> Explainer::getRegime(int64_t rows) {
  int64_t bytes =
      llvm::SaturatingMultiply<uint64_t>(rows, n * getBytesPerElement(request));
  if (!is_contained(getRegimes(request), Regime::Streaming) ||
      !normc_prefers_streaming(bytes, machine.llcBytes()))
    return Regime::Cached;
  auto instance = getInstance(Regime::Streaming);
  if (!instance)
    return instance.takeError();
  return fitsAlignment((*instance)->kernel((*instance)->accesses), rows)
             ? Regime::Streaming
             : Regime::Cached;
}

static SmallVector<OperandBytes> sum(ArrayRef<Access> accesses) {
  SmallVector<OperandBytes> result;
  for (const Access &access : accesses) {
    auto *it = llvm::find_if(result, [&](const OperandBytes &bytes) {
      return bytes.name == access.operand;
    });
    if (it == result.end())
      it = result.insert(result.end(), {access.operand.str()});
    (access.write ? it->written : it->read) += access.bytes;
  }
  llvm::sort(result, [](const OperandBytes &a, const OperandBytes &b) {
    return a.name < b.name;
  });
  return result;
}

llvm::Expected<CallCost> Explainer::cost(const KernelRequest &what,
                                         Lowered &lowered, Regime regime,
                                         int64_t rows) {
  std::string message;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { message += diagnostic.str(); });
  func::FuncOp kernel = lowered.kernel(lowered.accesses);
  FailureOr<KernelWork> counted = countWork(kernel, rows, n, machine.core);
  if (failed(counted))
    return llvm::createStringError(message);
  FailureOr<KernelWork> work =
      countWork(lowered.kernel(lowered.instructions), rows, n, machine.core);
  if (failed(work))
    return llvm::createStringError(message);

  auto tree = kernel->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
  auto schedule =
      kernel->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
  SmallVector<Access> accesses = predictAccesses(what, tree, schedule, rows, n);
  CallCost result{rows, n, regime, sum(accesses), counted->operands, {}, {}, 0};
  llvm::sort(result.counted, [](const OperandBytes &a, const OperandBytes &b) {
    return a.name < b.name;
  });
  CallShape shape = {rows, threads,
                     schedule.getStore() == StoreKind::NonTemporal, 0, 0};
  int64_t shared = 0;
  for (const Access &access : accesses) {
    if (access.reuse == Reuse::BetweenCalls)
      shape.callBytes += access.distinct;
    if (access.reuse == Reuse::BetweenRows)
      shared += access.distinct;
  }
  shape.rowBytes = shape.callBytes / std::max<int64_t>(rows, 1) + shared;
  shape.callBytes += shared;
  result.hot = predictCall(machine, *work, accesses, shape, /*cold=*/false);
  result.cold = predictCall(machine, *work, accesses, shape, /*cold=*/true);
  double instructions = 0;
  for (const RowLoop &loop : work->loops)
    instructions += loop.instructions * loop.iterations;
  result.instructions = rows ? instructions / rows : 0;
  return result;
}

/// Schedules without a reason of the chooser's are tried.
void Explainer::explainRejected(Explanation &result, const CallCost &chosen,
                                CPUScheduleAttr schedule) {
  SmallVector<RejectedSchedule> rejected;
  Builder b(&context);
  FloatType types[] = {b.getF64Type(), b.getF32Type(), b.getF16Type(),
                       b.getBF16Type()};
  auto typeOf = [&](ElementKind kind) { return types[static_cast<int>(kind)]; };
  CPUProblem problem;
  problem.level = target.level;
  problem.n = request.n;
  problem.rows = request.rows;
  problem.x = typeOf(request.getNormInput());
  if (request.weight || request.bias)
    problem.parameter = typeOf(request.bias ? *request.bias : *request.weight);
  problem.sum = request.residual.has_value();
  problem.centered = request.op == NormKind::LayerNorm;
  problem.besideF64 = request.hasF64();
  problem.streaming = chosen.regime == Regime::Streaming;
  CPUScheduleAttr standard =
      getDefaultCPUSchedule(&context, problem, &result.reason, &rejected);
  // Where a schedule was given, the cost model's own is an alternative.
  if (standard != schedule)
    rejected.insert(rejected.begin(), {standard, "the cost model's", ""});
  for (const RejectedSchedule &other : rejected) {
    RejectedAlternative entry{other.field, other.reason, std::nullopt};
    if (other.schedule == schedule)
      continue;
    if (entry.reason.empty()) {
      KernelRequest changed = request;
      changed.schedule.clear();
      llvm::raw_string_ostream(changed.schedule) << other.schedule;
      Lowered lowered = lower(changed, chosen.regime);
      if (!lowered.instructions) {
        StringRef refusal = lowered.refusal;
        size_t at = refusal.find("schedule field");
        entry.reason = refusal.substr(at == StringRef::npos ? 0 : at).str();
      } else if (auto made =
                     cost(changed, lowered, chosen.regime, chosen.rows)) {
        entry.ratio = made->hot.ns / chosen.hot.ns;
        entry.reason = other.schedule == standard ? "another one was given"
                                                  : "no measured case needs it";
      } else {
        entry.reason = llvm::toString(made.takeError());
      }
    }
    result.rejected.push_back(std::move(entry));
  }
}

llvm::Expected<Explanation> Explainer::run(ArrayRef<int64_t> rows) {
  Explanation result;
  result.name = getKernelName(request, target.level);
  CPUScheduleAttr schedule;
  for (int64_t count : rows) {
    auto regime = getRegime(count);
    if (!regime)
      return regime.takeError();
    auto instance = getInstance(*regime);
    if (!instance)
      return instance.takeError();
    auto call = cost(request, **instance, *regime, count);
    if (!call)
      return call.takeError();
    result.calls.push_back(std::move(*call));
    if (count != rows.back())
      continue;

    func::FuncOp kernel = (*instance)->kernel((*instance)->accesses);
    schedule =
        kernel->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
    llvm::raw_string_ostream(result.tree)
        << kernel->getAttr(NormDialect::kTreeAttr);
    llvm::raw_string_ostream(result.schedule) << schedule;
    result.source =
        kernel->getAttrOfType<StringAttr>(NormDialect::kScheduleSourceAttr)
            .str();
  }
  explainRejected(result, result.calls.back(), schedule);
  return result;
}

llvm::Expected<Explanation>
mlir::norm::explainKernel(const KernelRequest &request, const CPUTarget &target,
                          const Machine &machine, ArrayRef<int64_t> rows,
                          int64_t n, int64_t threads) {
  return Explainer(request, target, machine, n, threads).run(rows);
}
