//===- Move.cpp - mov, special registers, addresses, control --------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What moves values without computing any.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Lanes.h"

using namespace normc::simulator;
using syntax::Operand;

//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

namespace {

// clang-format off
enum Special : uint8_t {
  TidX, TidY, TidZ,
  NtidX, NtidY, NtidZ,
  CtaidX, CtaidY, CtaidZ,
  NctaidX, NctaidY, NctaidZ,
  ClusteridX, ClusteridY, ClusteridZ,
  NclusteridX, NclusteridY, NclusteridZ,
  ClusterCtaidX, ClusterCtaidY, ClusterCtaidZ,
  ClusterNctaidX, ClusterNctaidY, ClusterNctaidZ,
  ClusterCtarank, ClusterNctarank, IsExplicitCluster,
  Laneid, Warpid, Nwarpid, Zero, One,
  LanemaskEq, LanemaskLe, LanemaskLt, LanemaskGe, LanemaskGt,
  ClockCount, DynamicShared, TotalShared,
};
// clang-format on

struct SpecialName {
  std::string_view name;
  Special special;
  uint8_t bytes;
};

constexpr SpecialName specials[] = {
    {"%tid", TidX, 4},
    {"%ntid", NtidX, 4},
    {"%ctaid", CtaidX, 4},
    {"%nctaid", NctaidX, 4},
    {"%clusterid", ClusteridX, 4},
    {"%nclusterid", NclusteridX, 4},
    {"%cluster_ctaid", ClusterCtaidX, 4},
    {"%cluster_nctaid", ClusterNctaidX, 4},
    {"%cluster_ctarank", ClusterCtarank, 4},
    {"%cluster_nctarank", ClusterNctarank, 4},
    {"%is_explicit_cluster", IsExplicitCluster, 0},
    {"%laneid", Laneid, 4},
    {"%warpid", Warpid, 4},
    {"%nwarpid", Nwarpid, 4},
    {"%smid", Zero, 4},
    {"%nsmid", One, 4},
    {"%gridid", Zero, 8},
    {"%lanemask_eq", LanemaskEq, 4},
    {"%lanemask_le", LanemaskLe, 4},
    {"%lanemask_lt", LanemaskLt, 4},
    {"%lanemask_ge", LanemaskGe, 4},
    {"%lanemask_gt", LanemaskGt, 4},
    {"%clock", ClockCount, 4},
    {"%clock_hi", Zero, 4},
    {"%clock64", ClockCount, 8},
    {"%globaltimer", ClockCount, 8},
    {"%globaltimer_lo", ClockCount, 4},
    {"%globaltimer_hi", Zero, 4},
    {"%dynamic_smem_size", DynamicShared, 4},
    {"%total_smem_size", TotalShared, 4},
    {"%aggr_smem_size", TotalShared, 4},
};

} // namespace

bool normc::simulator::findSpecial(std::string_view name, uint8_t &mode,
                                   unsigned &bytes) {
  unsigned dimension = 0;
  size_t dot = name.find('.');
  if (dot != name.npos) {
    if (name.size() != dot + 2 || name.back() < 'x' || name.back() > 'z')
      return false;
    dimension = static_cast<unsigned>(name.back() - 'x');
    name = name.substr(0, dot);
  }
  for (const SpecialName &known : specials) {
    if (known.name != name)
      continue;
    if ((dot != name.npos) != (known.special <= ClusterNctaidX))
      return false;
    mode = static_cast<uint8_t>(known.special + dimension);
    bytes = known.bytes;
    return true;
  }
  return false;
}

static uint64_t specialOf(const Warp &warp, unsigned lane, uint8_t mode) {
  const Block &block = *warp.block;
  const Machine &machine = *block.cluster->machine;
  const Launch &launch = machine.launch;
  const unsigned (&extent)[3] = launch.block;
  const unsigned (&cluster)[3] = machine.clusterExtent;
  unsigned thread = warp.threadInBlock(lane), dimension = mode % 3;
  switch (mode) {
  case TidX:
    return thread % extent[0];
  case TidY:
    return thread / extent[0] % extent[1];
  case TidZ:
    return thread / (extent[0] * extent[1]);
  case NtidX:
  case NtidY:
  case NtidZ:
    return extent[dimension];
  case CtaidX:
  case CtaidY:
  case CtaidZ:
    return block.coordinates[dimension];
  case NctaidX:
  case NctaidY:
  case NctaidZ:
    return launch.grid[dimension];
  case ClusteridX:
  case ClusteridY:
  case ClusteridZ:
    return block.coordinates[dimension] / cluster[dimension];
  case NclusteridX:
  case NclusteridY:
  case NclusteridZ:
    return launch.grid[dimension] / cluster[dimension];
  case ClusterCtaidX:
  case ClusterCtaidY:
  case ClusterCtaidZ:
    return block.coordinates[dimension] % cluster[dimension];
  case ClusterNctaidX:
  case ClusterNctaidY:
  case ClusterNctaidZ:
    return cluster[dimension];
  case ClusterCtarank:
    return block.rank;
  case ClusterNctarank:
    return block.cluster->blocks.size();
  case IsExplicitCluster:
    return block.cluster->blocks.size() > 1;
  case Laneid:
    return lane;
  case Warpid:
    return warp.index;
  case Nwarpid:
    return block.warps.size();
  case One:
    return 1;
  case LanemaskEq:
    return 1u << lane;
  case LanemaskLe:
    return (uint64_t(2) << lane) - 1;
  case LanemaskLt:
    return (1u << lane) - 1;
  case LanemaskGe:
    return allLanes << lane;
  case LanemaskGt:
    return allLanes - static_cast<uint32_t>((uint64_t(2) << lane) - 1);
  case ClockCount:
    return warp.executed[lane];
  case DynamicShared:
    return launch.dynamicShared;
  case TotalShared:
    return machine.sharedEnd - sharedBase;
  default:
    return 0;
  }
}

void normc::simulator::readSpecial(Warp &warp, const Instruction &instruction,
                                   uint32_t lanes) {
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = static_cast<uint32_t>(specialOf(warp, lane, instruction.mode));
  });
}

void normc::simulator::readSpecial64(Warp &warp, const Instruction &instruction,
                                     uint32_t lanes) {
  uint64_t *d = warp.out<uint64_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = specialOf(warp, lane, instruction.mode);
  });
}

void normc::simulator::readSpecialPredicate(Warp &warp,
                                            const Instruction &instruction,
                                            uint32_t lanes) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
  bool value = specialOf(warp, lane, instruction.mode) != 0;
  warp.setMask(instruction.operand[0], lanes, value ? allLanes : 0);
}

//===----------------------------------------------------------------------===//
// mov
//===----------------------------------------------------------------------===//

namespace {

struct Copy {
  template <typename T> static T apply(T a) { return a; }
};

} // namespace

static void movePredicate(Warp &warp, const Instruction &instruction,
                          uint32_t lanes) {
  uint32_t value = warp.mask(instruction.operand[1]);
  warp.setMask(instruction.operand[0], lanes,
               instruction.flags ? ~value : value);
}

/// d = {a, b, …}; the first element has the lowest bits.
template <typename Element, typename Whole>
static void pack(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  forLanes(lanes, [&](unsigned lane) {
    uint64_t whole = 0;
    for (unsigned i = 0; i < sizeof(Whole) / sizeof(Element); ++i)
      whole |= uint64_t(warp.in<Element>(instruction.operand[1 + i])[lane])
               << (8 * sizeof(Element) * i);
    warp.out<Whole>(instruction.operand[0])[lane] = static_cast<Whole>(whole);
  });
}

/// {d, e, …} = a
template <typename Element, typename Whole>
static void unpack(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  forLanes(lanes, [&](unsigned lane) {
    // A destination may be the source.
    uint64_t whole = warp.in<Whole>(instruction.operand[0])[lane];
    for (unsigned i = 0; i < sizeof(Whole) / sizeof(Element); ++i)
      warp.out<Element>(instruction.operand[1 + i])[lane] =
          static_cast<Element>(whole >> (8 * sizeof(Element) * i));
  });
}

static void encodePack(Encoder &encoder, unsigned bytes, bool packs) {
  const Operand &vector = encoder.operand(packs ? 1 : 0);
  size_t count = vector.elements.size();
  Instruction &instruction = encoder.instruction;
  if (!(count == 2 && bytes >= 4) && !(count == 4 && bytes == 8))
    return encoder.fail("a vector of this size");
  unsigned each = bytes / static_cast<unsigned>(count);
  for (size_t i = 0; i < count; ++i)
    instruction.operand[1 + i] =
        packs ? encoder.source(vector.elements[i], each)
              : encoder.destination(vector.elements[i], each);
  if (packs) {
    instruction.operand[0] = encoder.destination(0, bytes);
    encoder.emit(bytes == 4  ? pack<uint16_t, uint32_t>
                 : each == 4 ? pack<uint32_t, uint64_t>
                             : pack<uint16_t, uint64_t>);
  } else {
    instruction.operand[0] = encoder.source(1, bytes);
    encoder.emit(bytes == 4  ? unpack<uint16_t, uint32_t>
                 : each == 4 ? unpack<uint32_t, uint64_t>
                             : unpack<uint16_t, uint64_t>);
  }
}

void normc::simulator::encodeMove(Encoder &encoder) {
  if (!encoder.expectOperands(2, 2))
    return;
  Type type = encoder.takeType();
  unsigned bytes = bytesOf(type);
  Instruction &instruction = encoder.instruction;
  if (type == Type::Pred) {
    bool negated = false;
    instruction.operand[0] = encoder.destinationPredicate(encoder.operand(0));
    instruction.operand[1] = encoder.predicate(encoder.operand(1), negated);
    instruction.flags = negated;
    return encoder.emit(movePredicate);
  }
  if (bytes < 2)
    return encoder.fail("this type");
  if (encoder.operand(0).kind == Operand::Vector)
    return encodePack(encoder, bytes, false);
  if (encoder.operand(1).kind == Operand::Vector)
    return encodePack(encoder, bytes, true);
  instruction.operand[0] = encoder.destination(0, bytes);
  // Special registers need no row of their own here.
  unsigned specialBytes = 0;
  if (findSpecial(encoder.operand(1).text, instruction.mode, specialBytes) &&
      specialBytes == bytes)
    return encoder.emit(bytes == 8 ? readSpecial64 : readSpecial);
  instruction.operand[1] = encoder.source(1, bytes);
  encoder.emit(bytes == 2   ? unary<Copy, uint16_t>
               : bytes == 4 ? unary<Copy, uint32_t>
                            : unary<Copy, uint64_t>);
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

static Space takeSpace(Encoder &encoder) {
  switch (encoder.takeOneOf({"global", "shared", "shared::cta",
                             "shared::cluster", "local", "const", "param"})) {
  case 0:
    return Space::Global;
  case 1:
  case 2:
    return Space::Shared;
  case 3:
    return Space::Cluster;
  case 4:
    return Space::Local;
  case 5:
    return Space::Constant;
  case 6:
    return Space::Parameter;
  default:
    return Space::Generic;
  }
}

/// cvta: adds `offset`, the distance of the spaces.
static void addOffset(Warp &warp, const Instruction &instruction,
                      uint32_t lanes) {
  const uint64_t *a = warp.in<uint64_t>(instruction.operand[1]);
  uint64_t *d = warp.out<uint64_t>(instruction.operand[0]);
  uint64_t offset = static_cast<uint64_t>(instruction.offset);
  forLanes(lanes, [&](unsigned lane) { d[lane] = a[lane] + offset; });
}

static void testSpace(Warp &warp, const Instruction &instruction,
                      uint32_t lanes) {
  const uint64_t *a = warp.in<uint64_t>(instruction.operand[1]);
  uint64_t window = windowOf(instruction.space);
  uint32_t inside = 0;
  forLanes(lanes, [&](unsigned lane) {
    bool isGlobal = (a[lane] >= globalBase && a[lane] < globalEnd) ||
                    a[lane] - moduleWindow < windowBytes;
    bool isThere = a[lane] - window < windowBytes;
    // shared::cta is the executing block's alone.
    if (instruction.space == Space::Shared && isThere) {
      uint64_t rank = (a[lane] - window) >> rankShift;
      isThere = !rank || rank == warp.block->rank + 1;
    }
    bool holds = instruction.space == Space::Global ? isGlobal : isThere;
    inside |= uint32_t(holds) << lane;
  });
  warp.setMask(instruction.operand[0], lanes, inside);
}

/// The same offset in the block of rank b.
template <typename T>
static void mapAddress(Warp &warp, const Instruction &instruction,
                       uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[2]);
  T *d = warp.out<T>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    T low = (T(1) << rankShift) - 1;
    // Ranks that do not exist stay recognizable.
    T rank = static_cast<T>(b[lane] < 255 ? b[lane] + 1 : 255) << rankShift;
    T window = sizeof(T) == 8 && a[lane] >= sharedWindow
                   ? static_cast<T>(sharedWindow)
                   : 0;
    d[lane] = window + rank + (a[lane] & low);
  });
}

template <typename T>
static void rankOf(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    uint32_t rank = static_cast<uint32_t>(a[lane] >> rankShift & 0xff);
    d[lane] = rank ? rank - 1 : warp.block->rank;
  });
}

void normc::simulator::encodeAddress(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  bool to = encoder.take("to");
  Space space = takeSpace(encoder);
  instruction.space = space;
  Type type = encoder.takeType();
  unsigned bytes = bytesOf(type);
  if (encoder.is("isspacep")) {
    if (space == Space::Generic)
      return encoder.fail("needs a state space");
    instruction.operand[0] = encoder.destinationPredicate(encoder.operand(0));
    instruction.operand[1] = encoder.source(1, 8);
    return encoder.emit(testSpace);
  }
  if (encoder.is("mapa") && (bytes == 4 || bytes == 8)) {
    instruction.operand[0] = encoder.destination(0, bytes);
    instruction.operand[1] = encoder.source(1, bytes);
    instruction.operand[2] = encoder.source(2, 4);
    return encoder.emit(bytes == 4 ? mapAddress<uint32_t>
                                   : mapAddress<uint64_t>);
  }
  if (encoder.is("getctarank") && (bytes == 4 || bytes == 8)) {
    instruction.operand[0] = encoder.destination(0, 4);
    instruction.operand[1] = encoder.source(1, bytes);
    return encoder.emit(bytes == 4 ? rankOf<uint32_t> : rankOf<uint64_t>);
  }
  if (!encoder.is("cvta") || bytes != 8 || space == Space::Generic)
    return encoder.fail("this form");
  uint64_t window = windowOf(space);
  instruction.offset = static_cast<int64_t>(to ? 0 - window : window);
  instruction.operand[0] = encoder.destination(0, 8);
  instruction.operand[1] = encoder.source(1, 8);
  encoder.emit(addOffset);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

static void trap(Warp &warp, const Instruction &, uint32_t lanes) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
  warp.suspend(lanes, Wait::Nothing);
  warp.block->cluster->machine->stop(warp, lane, "executes trap");
}

static void matchIndex(Warp &warp, const Instruction &instruction,
                       uint32_t lanes) {
  const uint32_t *index = warp.in<uint32_t>(instruction.operand[1]);
  uint32_t matches = 0;
  forLanes(lanes, [&](unsigned lane) {
    matches |= uint32_t(index[lane] == instruction.target) << lane;
  });
  warp.setMask(instruction.operand[0], lanes, matches);
}

static void trapIndex(Warp &warp, const Instruction &, uint32_t lanes) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
  warp.suspend(lanes, Wait::Nothing);
  warp.block->cluster->machine->stop(warp, lane,
                                     "branches to an index out of range");
}

/// brx.idx as a chain of comparisons.
static void encodeIndexedBranch(Encoder &encoder) {
  const std::vector<std::string> *targets =
      encoder.findTargets(encoder.operand(1).text);
  if (!encoder.take("idx") || !encoder.expectOperands(2, 2) || !targets)
    return encoder.fail("needs an index and a list of targets");
  // Lanes without the guard would keep an old comparison.
  if (encoder.hasGuard())
    return encoder.fail("has a guard");
  Instruction &match = encoder.instruction;
  match.operand[1] = encoder.source(0, 4);
  match.operand[0] = encoder.newRow(0);
  Instruction branch;
  branch.line = match.line;
  branch.location = match.location;
  branch.flow = Flow::Branch;
  branch.guard = match.operand[0];
  Instruction last = match;
  for (const std::string &label : *targets) {
    encoder.emit(matchIndex);
    encoder.emitBranchPart(branch, label);
    ++match.target;
  }
  match = last;
  encoder.emit(trapIndex, Flow::Sync);
}

void normc::simulator::encodeControl(Encoder &encoder) {
  encoder.take("uni");
  if (encoder.is("brx"))
    return encodeIndexedBranch(encoder);
  if (encoder.is("bra")) {
    if (!encoder.expectOperands(1, 1))
      return;
    return encoder.emitBranch(encoder.operand(0).text);
  }
  if (encoder.is("trap"))
    return encoder.emit(trap, Flow::Sync);
  encoder.emit(nullptr, Flow::Exit);
}
