//===- Float.cpp - f32 and f64 arithmetic ---------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// IEEE operations of the host, and where PTX departs from them: directions of
// rounding, flushed subnormals, saturation, canonical NaNs.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Formats.h"
#include "Lanes.h"

#include <cmath>
#include <limits>

using namespace normc::simulator;

// Instruction::flags of floating-point operations; mode is the rounding.
enum : uint8_t {
  Flush = 1,    ///< .ftz
  Saturate = 2, ///< .sat
  TakeNaN = 4,  ///< .NaN of min and max
  XorSign = 8,  ///< .xorsign.abs
  Relu = 16,
  Absolute = 32, ///< .abs of three sources
};

namespace {

/// What GPUs return for f32; f64 keeps what the host makes of it.
inline float canonical(float value) {
  return value == value ? value : floatOfBits(0x7fffffff);
}
inline double canonical(double value) { return value; }

template <typename T> T flush(T value) {
  return std::fabs(value) < std::numeric_limits<T>::min()
             ? std::copysign(T(0), value)
             : value;
}

struct Add {
  template <typename T> static T apply(T a, T b) { return canonical(a + b); }
};
struct Sub {
  template <typename T> static T apply(T a, T b) { return canonical(a - b); }
};
struct Mul {
  template <typename T> static T apply(T a, T b) { return canonical(a * b); }
};
struct Div {
  template <typename T> static T apply(T a, T b) { return canonical(a / b); }
};
struct Fma {
  template <typename T> static T apply(T a, T b, T c) {
    return canonical(std::fma(a, b, c));
  }
};
struct Rcp {
  template <typename T> static T apply(T a) { return canonical(T(1) / a); }
};
struct Sqrt {
  template <typename T> static T apply(T a) { return canonical(std::sqrt(a)); }
};
// Approximations: the exact value rounded, from twice the precision for f32.
struct Rsqrt {
  template <typename T> static T apply(T a) {
    return canonical(static_cast<T>(1 / std::sqrt(static_cast<double>(a))));
  }
};
struct Exp2 {
  template <typename T> static T apply(T a) {
    return canonical(static_cast<T>(std::exp2(static_cast<double>(a))));
  }
};
struct Log2 {
  template <typename T> static T apply(T a) {
    return canonical(static_cast<T>(std::log2(static_cast<double>(a))));
  }
};
struct Sin {
  template <typename T> static T apply(T a) {
    return canonical(static_cast<T>(std::sin(static_cast<double>(a))));
  }
};
struct Cos {
  template <typename T> static T apply(T a) {
    return canonical(static_cast<T>(std::cos(static_cast<double>(a))));
  }
};
struct Tanh {
  template <typename T> static T apply(T a) {
    return canonical(static_cast<T>(std::tanh(static_cast<double>(a))));
  }
};
struct Abs {
  template <typename T> static T apply(T a) { return std::fabs(a); }
};
struct Neg {
  template <typename T> static T apply(T a) { return -a; }
};
/// The first source gives the sign.
struct CopySign {
  template <typename T> static T apply(T a, T b) { return std::copysign(b, a); }
};
template <bool maximum> struct Extremum {
  template <typename T> static T apply(T a, T b) {
    if (std::isnan(a))
      return canonical(b);
    if (std::isnan(b))
      return a;
    if (a == b) // -0 is less than +0
      return std::signbit(a) == maximum ? b : a;
    return (a < b) == maximum ? b : a;
  }
};
using Min = Extremum<false>;
using Max = Extremum<true>;

template <typename T> T finish(T value, uint8_t flags) {
  if (flags & Flush)
    value = flush(value);
  if (flags & Saturate)
    value = value > 0 ? std::fmin(value, T(1)) : T(0); // NaN becomes 0
  if (flags & Relu)
    value = std::isnan(value) ? canonical(value) : value > 0 ? value : T(0);
  return value;
}

/// Op with everything that its modifiers can ask for. The volatiles keep it
/// between the changes of the host's rounding.
template <typename Op, typename T, unsigned sources>
void modified(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  RoundingScope scope(static_cast<Rounding>(instruction.mode));
  const bool flushes = instruction.flags & Flush;
  Bits<T> *d = warp.out<Bits<T>>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    volatile T given[3] = {};
    for (unsigned i = 0; i < sources; ++i) {
      T value = fromBits<T>(warp.in<Bits<T>>(instruction.operand[i + 1])[lane]);
      given[i] = flushes ? flush(value) : value;
    }
    T a = given[0], b = given[1], c = given[2];
    volatile T result;
    if constexpr (sources == 1)
      result = Op::apply(a);
    else if constexpr (sources == 2)
      result = Op::apply(a, b);
    else
      result = Op::apply(a, b, c);
    d[lane] = toBits<T>(finish<T>(result, instruction.flags));
  });
}

/// min and max with their modifiers.
template <typename Op, typename T>
void modifiedExtremum(Warp &warp, const Instruction &instruction,
                      uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[1]);
  const Bits<T> *b = warp.in<Bits<T>>(instruction.operand[2]);
  Bits<T> *d = warp.out<Bits<T>>(instruction.operand[0]);
  const uint8_t flags = instruction.flags;
  forLanes(lanes, [&](unsigned lane) {
    T x = fromBits<T>(a[lane]), y = fromBits<T>(b[lane]);
    if (flags & Flush) {
      x = flush(x);
      y = flush(y);
    }
    bool negative = std::signbit(x) != std::signbit(y);
    if (flags & XorSign) {
      x = std::fabs(x);
      y = std::fabs(y);
    }
    T result = Op::apply(x, y);
    if (flags & TakeNaN && (std::isnan(x) || std::isnan(y)))
      result = canonical(std::numeric_limits<T>::quiet_NaN());
    else if (flags & XorSign)
      result = std::copysign(result, negative ? T(-1) : T(1));
    d[lane] = toBits<T>(result);
  });
}

/// min and max of three, from sm_100 on.
template <typename Op>
void extremumOfThree(Warp &warp, const Instruction &instruction,
                     uint32_t lanes) {
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  const uint8_t flags = instruction.flags;
  forLanes(lanes, [&](unsigned lane) {
    float result = 0;
    bool anyNaN = false;
    for (unsigned i = 1; i <= 3; ++i) {
      float value =
          floatOfBits(warp.in<uint32_t>(instruction.operand[i])[lane]);
      if (flags & Flush)
        value = flush(value);
      if (flags & Absolute)
        value = std::fabs(value);
      anyNaN |= std::isnan(value);
      result = i == 1 ? value : Op::apply(result, value);
    }
    if (flags & TakeNaN && anyNaN)
      result = std::numeric_limits<float>::quiet_NaN();
    d[lane] = bitsOfFloat(canonical(result));
  });
}

/// Op on both floats of 64 bits.
template <typename Op, unsigned sources>
void pairs(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  RoundingScope scope(static_cast<Rounding>(instruction.mode));
  const bool flushes = instruction.flags & Flush;
  uint64_t *d = warp.out<uint64_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    uint64_t both = 0;
    for (unsigned half = 0; half < 64; half += 32) {
      volatile float given[3] = {};
      for (unsigned i = 0; i < sources; ++i) {
        float value = floatOfBits(static_cast<uint32_t>(
            warp.in<uint64_t>(instruction.operand[i + 1])[lane] >> half));
        given[i] = flushes ? flush(value) : value;
      }
      float a = given[0], b = given[1], c = given[2];
      volatile float result;
      if constexpr (sources == 2)
        result = Op::apply(a, b);
      else
        result = Op::apply(a, b, c);
      both |= uint64_t(bitsOfFloat(finish<float>(result, instruction.flags)))
              << half;
    }
    d[lane] = both;
  });
}

} // namespace

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {

/// Chooses between the plain loop and the one with modifiers, by the type.
template <typename Op, unsigned sources>
Handler select(Type type, const Instruction &instruction) {
  bool isPlain = !instruction.flags && !instruction.mode;
  if constexpr (sources > 1)
    if (type == Type::F32x2)
      return pairs<Op, sources>;
  if (!isPlain)
    return type == Type::F32 ? modified<Op, float, sources>
                             : modified<Op, double, sources>;
  if constexpr (sources == 1)
    return type == Type::F32 ? unary<Op, float> : unary<Op, double>;
  else if constexpr (sources == 2)
    return type == Type::F32 ? binary<Op, float> : binary<Op, double>;
  else
    return type == Type::F32 ? ternary<Op, float> : ternary<Op, double>;
}

} // namespace

static void emitFloats(Encoder &encoder, Handler handler, Type type,
                       unsigned sources) {
  unsigned bytes = bytesOf(type);
  if (!encoder.expectOperands(sources + 1, sources + 1))
    return;
  encoder.instruction.operand[0] = encoder.destination(0, bytes);
  for (unsigned i = 1; i <= sources; ++i)
    encoder.instruction.operand[i] = encoder.source(i, bytes);
  encoder.emit(handler);
}

static void encodeExtremum(Encoder &encoder, Type type) {
  Instruction &instruction = encoder.instruction;
  bool maximum = encoder.is("max");
  if (type == Type::F32x2)
    return encoder.fail("this type");
  if (encoder.take("NaN"))
    instruction.flags |= TakeNaN;
  if (encoder.take("xorsign"))
    instruction.flags |= encoder.take("abs") ? XorSign : 0;
  if (encoder.operands() == 4 && type == Type::F32) {
    if (encoder.take("abs"))
      instruction.flags |= Absolute;
    return emitFloats(encoder,
                      maximum ? extremumOfThree<Max> : extremumOfThree<Min>,
                      type, 3);
  }
  Handler handler = nullptr;
  if (!instruction.flags)
    handler = maximum ? select<Max, 2>(type, instruction)
                      : select<Min, 2>(type, instruction);
  else if (type == Type::F32)
    handler =
        maximum ? modifiedExtremum<Max, float> : modifiedExtremum<Min, float>;
  else
    handler =
        maximum ? modifiedExtremum<Max, double> : modifiedExtremum<Min, double>;
  emitFloats(encoder, handler, type, 2);
}

static Handler selectUnary(const std::string &name, Type type,
                           const Instruction &instruction) {
  if (name == "abs")
    return select<Abs, 1>(type, instruction);
  if (name == "neg")
    return select<Neg, 1>(type, instruction);
  if (name == "rcp")
    return select<Rcp, 1>(type, instruction);
  if (name == "sqrt")
    return select<Sqrt, 1>(type, instruction);
  if (name == "rsqrt")
    return select<Rsqrt, 1>(type, instruction);
  if (type != Type::F32)
    return nullptr;
  if (name == "ex2")
    return select<Exp2, 1>(type, instruction);
  if (name == "lg2")
    return select<Log2, 1>(type, instruction);
  if (name == "sin")
    return select<Sin, 1>(type, instruction);
  if (name == "cos")
    return select<Cos, 1>(type, instruction);
  if (name == "tanh")
    return select<Tanh, 1>(type, instruction);
  return nullptr;
}

void normc::simulator::encodeFloat(Encoder &encoder, Type type) {
  Instruction &instruction = encoder.instruction;
  const std::string &name = encoder.name();
  if (encoder.take("ftz"))
    instruction.flags |= Flush;
  if (encoder.take("sat"))
    instruction.flags |= Saturate;
  int rounding = encoder.takeOneOf({"rn", "rz", "rm", "rp"});
  // These are rounded to nearest, well within what PTX documents.
  encoder.ignore({"approx", "full"});
  instruction.mode = static_cast<uint8_t>(rounding > 0 ? rounding : 0);
  if (name == "min" || name == "max")
    return encodeExtremum(encoder, type);
  if (name == "fma" || name == "mad") {
    if (encoder.take("relu"))
      instruction.flags |= Relu;
    return emitFloats(encoder, select<Fma, 3>(type, instruction), type, 3);
  }
  if (name == "add" || name == "sub")
    return emitFloats(encoder,
                      name == "add" ? select<Add, 2>(type, instruction)
                                    : select<Sub, 2>(type, instruction),
                      type, 2);
  if (name == "mul")
    return emitFloats(encoder, select<Mul, 2>(type, instruction), type, 2);
  if (type == Type::F32x2)
    return encoder.fail("this type");
  if (name == "div")
    return emitFloats(encoder, select<Div, 2>(type, instruction), type, 2);
  if (name == "copysign")
    return emitFloats(encoder, select<CopySign, 2>(type, instruction), type, 2);
  if (Handler handler = selectUnary(name, type, instruction))
    emitFloats(encoder, handler, type, 1);
}
