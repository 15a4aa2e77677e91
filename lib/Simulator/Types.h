//===- Types.h - Types of PTX instructions ----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What their names say.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_TYPES_H
#define NORM_LIB_SIMULATOR_TYPES_H

#include <cstdint>
#include <string_view>

namespace normc::simulator {

// clang-format off
enum class Type : uint8_t {
  None,
  Pred,
  B8, B16, B32, B64,
  U8, U16, U32, U64,
  S8, S16, S32, S64,
  F16, BF16, F32, F64,
  F16x2, BF16x2, F32x2, U16x2, S16x2,
  E4M3x2, E5M2x2, TF32,
};
// clang-format on

struct TypeName {
  std::string_view name;
  Type type;
  uint8_t bytes; ///< of a register; 0 for a predicate
};

inline constexpr TypeName typeNames[] = {
    {"pred", Type::Pred, 0},     {"b8", Type::B8, 1},
    {"b16", Type::B16, 2},       {"b32", Type::B32, 4},
    {"b64", Type::B64, 8},       {"u8", Type::U8, 1},
    {"u16", Type::U16, 2},       {"u32", Type::U32, 4},
    {"u64", Type::U64, 8},       {"s8", Type::S8, 1},
    {"s16", Type::S16, 2},       {"s32", Type::S32, 4},
    {"s64", Type::S64, 8},       {"f16", Type::F16, 2},
    {"bf16", Type::BF16, 2},     {"f32", Type::F32, 4},
    {"f64", Type::F64, 8},       {"f16x2", Type::F16x2, 4},
    {"bf16x2", Type::BF16x2, 4}, {"f32x2", Type::F32x2, 8},
    {"u16x2", Type::U16x2, 4},   {"s16x2", Type::S16x2, 4},
    {"e4m3x2", Type::E4M3x2, 2}, {"e5m2x2", Type::E5M2x2, 2},
    {"tf32", Type::TF32, 4},
};

inline Type typeOf(std::string_view name) {
  for (const TypeName &known : typeNames)
    if (known.name == name)
      return known.type;
  return Type::None;
}

inline unsigned bytesOf(Type type) {
  for (const TypeName &known : typeNames)
    if (known.type == type)
      return known.bytes;
  return 0;
}

inline bool isSigned(Type type) {
  return type == Type::S8 || type == Type::S16 || type == Type::S32 ||
         type == Type::S64;
}

inline bool isUnsigned(Type type) {
  return type == Type::U8 || type == Type::U16 || type == Type::U32 ||
         type == Type::U64;
}

inline bool isInteger(Type type) { return isSigned(type) || isUnsigned(type); }

inline bool isBits(Type type) {
  return type == Type::B8 || type == Type::B16 || type == Type::B32 ||
         type == Type::B64;
}

/// f16, bf16 and pairs of them.
inline bool isHalf(Type type) {
  return type == Type::F16 || type == Type::BF16 || type == Type::F16x2 ||
         type == Type::BF16x2;
}

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_TYPES_H
