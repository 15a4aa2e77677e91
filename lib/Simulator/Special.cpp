//===- Special.cpp - Special registers ------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a thread can ask about its place in the launch.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Machine.h"

using namespace normc::simulator;

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
