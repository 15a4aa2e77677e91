//===- Families.h - Who knows which instruction -----------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A family encodes the instructions of its names.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_FAMILIES_H
#define NORM_LIB_SIMULATOR_FAMILIES_H

#include "Encoder.h"

namespace normc::simulator {

/// Either emits what the encoder holds, or leaves it and it is unknown.
using Family = void (*)(Encoder &encoder);

/// The family of an instruction's name without modifiers, or null.
Family findFamily(std::string_view name);

/// add, sub, mul, …: to integers, floats or halves by their type.
void encodeArithmetic(Encoder &encoder);
void encodeInteger(Encoder &encoder, Type type);
void encodeFloat(Encoder &encoder, Type type);
void encodeHalf(Encoder &encoder, Type type);
void encodeBits(Encoder &encoder);
void encodeCompare(Encoder &encoder);
void encodeSelect(Encoder &encoder);
void encodeConvert(Encoder &encoder);
void encodeMove(Encoder &encoder);
void encodeAddress(Encoder &encoder);
void encodeControl(Encoder &encoder);
void encodeDependency(Encoder &encoder);
void encodeNothing(Encoder &encoder);
void encodeAccess(Encoder &encoder);
void encodeAtomic(Encoder &encoder);
void encodeAsyncCopy(Encoder &encoder);
void encodeStoreAsync(Encoder &encoder);
void encodeMbarrier(Encoder &encoder);
void encodeBarrier(Encoder &encoder);
void encodeFence(Encoder &encoder);
void encodeCollective(Encoder &encoder);

// Special registers.
bool findSpecial(std::string_view name, uint8_t &mode, unsigned &bytes);
void readSpecial(Warp &warp, const Instruction &instruction, uint32_t lanes);
void readSpecial64(Warp &warp, const Instruction &instruction, uint32_t lanes);
void readSpecialPredicate(Warp &warp, const Instruction &instruction,
                          uint32_t lanes);

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_FAMILIES_H
