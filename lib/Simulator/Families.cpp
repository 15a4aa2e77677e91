//===- Families.cpp - Who knows which instruction -------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table, and the instructions that need no operands to speak of.
//
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "Machine.h"

#include <unordered_map>

using namespace normc::simulator;

Family normc::simulator::findFamily(std::string_view name) {
  static const std::unordered_map<std::string_view, Family> families = {
      {"add", encodeArithmetic},
      {"sub", encodeArithmetic},
      {"mul", encodeArithmetic},
      {"mad", encodeArithmetic},
      {"fma", encodeArithmetic},
      {"div", encodeArithmetic},
      {"rem", encodeArithmetic},
      {"abs", encodeArithmetic},
      {"neg", encodeArithmetic},
      {"min", encodeArithmetic},
      {"max", encodeArithmetic},
      {"rcp", encodeArithmetic},
      {"sqrt", encodeArithmetic},
      {"rsqrt", encodeArithmetic},
      {"ex2", encodeArithmetic},
      {"lg2", encodeArithmetic},
      {"sin", encodeArithmetic},
      {"cos", encodeArithmetic},
      {"tanh", encodeArithmetic},
      {"copysign", encodeArithmetic},
      {"addc", encodeArithmetic},
      {"subc", encodeArithmetic},
      {"mul24", encodeArithmetic},
      {"mad24", encodeArithmetic},
      {"sad", encodeArithmetic},
      {"and", encodeBits},
      {"or", encodeBits},
      {"xor", encodeBits},
      {"not", encodeBits},
      {"cnot", encodeBits},
      {"shl", encodeBits},
      {"shr", encodeBits},
      {"shf", encodeBits},
      {"bfe", encodeBits},
      {"bfi", encodeBits},
      {"bmsk", encodeBits},
      {"prmt", encodeBits},
      {"clz", encodeBits},
      {"popc", encodeBits},
      {"brev", encodeBits},
      {"bfind", encodeBits},
      {"lop3", encodeBits},
      {"setp", encodeCompare},
      {"set", encodeCompare},
      {"testp", encodeCompare},
      {"selp", encodeSelect},
      {"slct", encodeSelect},
      {"cvt", encodeConvert},
      {"mov", encodeMove},
      {"cvta", encodeAddress},
      {"isspacep", encodeAddress},
      {"mapa", encodeAddress},
      {"getctarank", encodeAddress},
      {"bra", encodeControl},
      {"brx", encodeControl},
      {"ret", encodeControl},
      {"exit", encodeControl},
      {"trap", encodeControl},
      {"nop", encodeNothing},
      {"brkpt", encodeNothing},
      {"pmevent", encodeNothing},
      {"nanosleep", encodeNothing},
      {"prefetch", encodeNothing},
      {"prefetchu", encodeNothing},
      {"griddepcontrol", encodeNothing},
      {"applypriority", encodeNothing},
      {"discard", encodeNothing},
      {"setmaxnreg", encodeNothing},
      {"createpolicy", encodeNothing},
      {"ld", encodeAccess},
      {"ldu", encodeAccess},
      {"st", encodeAccess},
      {"atom", encodeAtomic},
      {"red", encodeAtomic},
      {"cp", encodeAsyncCopy},
      {"mbarrier", encodeMbarrier},
      {"bar", encodeBarrier},
      {"barrier", encodeBarrier},
      {"membar", encodeFence},
      {"fence", encodeFence},
      {"shfl", encodeCollective},
      {"vote", encodeCollective},
      {"activemask", encodeCollective},
      {"match", encodeCollective},
      {"redux", encodeCollective},
      {"elect", encodeCollective},
  };
  auto it = families.find(name);
  return it == families.end() ? nullptr : it->second;
}

/// What changes neither values nor who waits for whom: caches, clocks, other
/// grids (which never overlap here).
void normc::simulator::encodeNothing(Encoder &encoder) {
  encoder.ignore({"u32",
                  "b64",
                  "global",
                  "local",
                  "const",
                  "param",
                  "L1",
                  "L2",
                  "L1::no_allocate",
                  "L2::evict_first",
                  "L2::evict_last",
                  "L2::evict_normal",
                  "L2::evict_unchanged",
                  "L2::128B",
                  "fractional",
                  "range",
                  "launch_dependents",
                  "wait",
                  "inc",
                  "dec",
                  "sync",
                  "aligned",
                  "mask",
                  "tensormap"});
  if (encoder.is("createpolicy")) {
    encoder.instruction.operand[0] = encoder.destination(0, 8);
    return encoder.emit(
        [](Warp &warp, const Instruction &instruction, uint32_t lanes) {
          uint64_t *policy = warp.out<uint64_t>(instruction.operand[0]);
          forLanes(lanes, [&](unsigned lane) { policy[lane] = 0; });
        });
  }
  encoder.emit([](Warp &, const Instruction &, uint32_t) {});
}
