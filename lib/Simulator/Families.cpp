//===- Families.cpp - Who knows which instruction -------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table.
//
//===----------------------------------------------------------------------===//

#include "Families.h"

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
      {"griddepcontrol", encodeDependency},
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
