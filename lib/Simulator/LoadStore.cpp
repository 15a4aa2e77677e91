//===- LoadStore.cpp - ld and st ------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vectors of 1 to 8 elements, registers that may be wider than them.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "Families.h"

#include <cstring>

using namespace normc::simulator;
using syntax::Operand;

// Operands: the row of addresses, then one row per element.

template <typename Element, typename Register>
static void load(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  char *host[warpSize];
  uint32_t placed = access(warp, instruction, lanes, instruction.operand[0],
                           Touch::Load, host);
  for (unsigned i = 0; i < instruction.count; ++i) {
    Register *d = warp.out<Register>(instruction.operand[1 + i]);
    forLanes(placed, [&](unsigned lane) {
      Element value;
      std::memcpy(&value, host[lane] + i * sizeof(Element), sizeof(Element));
      d[lane] = static_cast<Register>(value);
    });
    forLanes(lanes & ~placed, [&](unsigned lane) { d[lane] = 0; });
  }
}

template <typename Element, typename Register>
static void store(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  char *host[warpSize];
  uint32_t placed = access(warp, instruction, lanes, instruction.operand[0],
                           Touch::Store, host);
  for (unsigned i = 0; i < instruction.count; ++i) {
    const Register *a = warp.in<Register>(instruction.operand[1 + i]);
    forLanes(placed, [&](unsigned lane) {
      Element value = static_cast<Element>(a[lane]);
      std::memcpy(host[lane] + i * sizeof(Element), &value, sizeof(Element));
    });
  }
}

/// All threads have the same parameters.
template <typename Element, typename Register>
static void loadParameter(Warp &warp, const Instruction &instruction,
                          uint32_t lanes) {
  const char *from =
      warp.block->cluster->machine->parameters.data() + instruction.offset;
  for (unsigned i = 0; i < instruction.count; ++i) {
    Element value;
    std::memcpy(&value, from + i * sizeof(Element), sizeof(Element));
    Register *d = warp.out<Register>(instruction.operand[1 + i]);
    forLanes(lanes, [&](unsigned lane) { d[lane] = Register(value); });
  }
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {

enum class Form : uint8_t { Load, Store, Parameter };

template <typename Element, typename Register> Handler formOf(Form form) {
  return form == Form::Load    ? load<Element, Register>
         : form == Form::Store ? store<Element, Register>
                               : loadParameter<Element, Register>;
}

template <typename Element>
Handler registerOf(Form form, unsigned registerBytes) {
  switch (registerBytes) {
  case 2:
    return formOf<Element, uint16_t>(form);
  case 4:
    return formOf<Element, uint32_t>(form);
  default:
    return formOf<Element, uint64_t>(form);
  }
}

Handler handlerOf(Form form, unsigned bytes, bool isSigned, unsigned wide) {
  switch (bytes) {
  case 1:
    return isSigned ? registerOf<int8_t>(form, wide)
                    : registerOf<uint8_t>(form, wide);
  case 2:
    return isSigned ? registerOf<int16_t>(form, wide)
                    : registerOf<uint16_t>(form, wide);
  case 4:
    return isSigned ? registerOf<int32_t>(form, wide)
                    : registerOf<uint32_t>(form, wide);
  default:
    return formOf<uint64_t, uint64_t>(form);
  }
}

} // namespace

/// Takes orders of memory, scopes and caches' hints. Returns whether a policy
/// follows the operands.
static bool takeHints(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  // volatile keeps the compiler in check, not other threads: still a race.
  encoder.ignore({"weak", "volatile", "nc", "ca", "cg", "cs", "lu", "cv", "wb",
                  "wt", "cta", "cluster", "gpu", "sys"});
  if (encoder.take("relaxed") || encoder.take("mmio"))
    instruction.flags |= AccessStrong;
  if (encoder.take("acquire"))
    instruction.flags |= AccessStrong | AccessAcquire;
  if (encoder.take("release"))
    instruction.flags |= AccessStrong | AccessRelease;
  for (std::string_view level : {"L1::", "L2::"})
    for (std::string_view hint :
         {"evict_normal", "evict_unchanged", "evict_first", "evict_last",
          "no_allocate", "64B", "128B", "256B"})
      encoder.take(std::string(level) + std::string(hint));
  return encoder.take("L2::cache_hint");
}

void normc::simulator::encodeAccess(Encoder &encoder) {
  if (encoder.take("async"))
    return encodeStoreAsync(encoder);
  Instruction &instruction = encoder.instruction;
  const bool isStore = encoder.is("st");
  // `.cluster` is a scope; the space is `shared::cluster`.
  instruction.space = encoder.takeSpace();
  bool hasPolicy = takeHints(encoder);
  int vector = encoder.takeOneOf({"v2", "v4", "v8"});
  instruction.count = static_cast<uint8_t>(vector < 0 ? 1 : 2 << vector);
  Type type = encoder.takeType();
  unsigned bytes = bytesOf(type);
  if (!bytes || bytes * instruction.count > 32)
    return encoder.fail("this type");
  instruction.bytes = static_cast<uint8_t>(bytes);
  if (!encoder.expectOperands(2 + hasPolicy, 2 + hasPolicy))
    return;
  const Operand &values = encoder.operand(isStore ? 1 : 0);
  const Operand &address = encoder.operand(isStore ? 0 : 1);
  bool isFrame = instruction.space == Space::Parameter;
  uint32_t row = encoder.address(address, instruction.space);
  isFrame &= instruction.space == Space::Local;
  if (isFrame)
    instruction.flags |= AccessFrame;
  instruction.operand[0] = row;

  if ((values.kind == Operand::Vector) != (instruction.count > 1) ||
      (values.kind == Operand::Vector &&
       values.elements.size() != instruction.count))
    return encoder.fail("needs " + std::to_string(instruction.count) +
                        " elements");
  unsigned wide = 0;
  for (unsigned i = 0; i < instruction.count; ++i) {
    const Operand &value =
        values.kind == Operand::Vector ? values.elements[i] : values;
    unsigned found = 0, least = bytes < 2 ? 2 : bytes;
    instruction.operand[1 + i] =
        isStore
            ? encoder.sourceOfAnyWidth(value, wide ? wide : least, found)
            : encoder.destinationOfAnyWidth(value, wide ? wide : least, found);
    if (found < bytes || (wide && found != wide))
      return encoder.fail("a register of the wrong width");
    wide = found;
  }
  Form form = isStore ? Form::Store : Form::Load;
  // A named parameter is known now; its bounds too.
  if (instruction.space == Space::Parameter && !isStore && row & constantBit &&
      address.elements[0].kind == Operand::Word) {
    Symbol symbol;
    encoder.findSymbol(address.elements[0].text, symbol);
    int64_t at = static_cast<int64_t>(symbol.address) + instruction.offset;
    if (at < 0 || at + bytes * instruction.count > encoder.parameterBytes())
      return encoder.fail("reads beyond the parameters");
    if (at % (bytes * instruction.count) == 0) {
      instruction.offset = at;
      form = Form::Parameter;
    }
  }
  encoder.emit(handlerOf(form, bytes, isSigned(type), wide));
}

void normc::simulator::encodeFence(Encoder &encoder) {
  encoder.ignore({"cta",
                  "cluster",
                  "gpu",
                  "gl",
                  "sys",
                  "sc",
                  "acq_rel",
                  "acquire",
                  "release",
                  "alias",
                  "async",
                  "proxy",
                  "global",
                  "shared::cta",
                  "shared::cluster",
                  "mbarrier_init",
                  "proxy::async",
                  "proxy::alias",
                  "async::global",
                  "async::shared::cta",
                  "sync_restrict::shared::cta",
                  "sync_restrict::shared::cluster"});
  encoder.emit(executeFence);
}
