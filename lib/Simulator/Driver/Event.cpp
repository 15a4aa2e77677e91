//===- Event.cpp - Events of the stand-in driver --------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times are those of the host: of the simulation, not of a GPU.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "State.h"

using namespace normc::simulator::driver;

normc_cu_result cuEventCreate(normc_cu_event *event, unsigned) {
  return enter(Call::cuEventCreate, NeedsContext, [&](State &all) {
    auto made = std::make_unique<normc_cu_event_st>();
    made->context = currentContext();
    *event = all.events.add(std::move(made));
    return NORMC_CU_SUCCESS;
  });
}

normc_cu_result cuEventDestroy_v2(normc_cu_event event) {
  return enter(Call::cuEventDestroy, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (!all.events.has(event))
                   return NORMC_CU_INVALID_HANDLE;
                 all.events.remove(event);
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuEventRecord(normc_cu_event event, normc_cu_stream stream) {
  return enter(
      Call::cuEventRecord, NeedsContext, [&](State &all) -> normc_cu_result {
        if (!all.events.has(event) || event->context != currentContext())
          return NORMC_CU_INVALID_HANDLE;
        event->captured =
            !isSpecial(stream) && all.streams.has(stream) && stream->capture;
        event->recorded = !event->captured;
        event->time = std::chrono::steady_clock::now();
        // In a graph it marks a dependency, not a time.
        return all.submit(stream, []() -> normc_cu_result { return 0; });
      });
}

/// Whether an event can be waited for.
static normc_cu_result check(State &all, normc_cu_event event) {
  if (!all.events.has(event))
    return NORMC_CU_INVALID_HANDLE;
  return event->captured ? NORMC_CU_CAPTURED_EVENT : NORMC_CU_SUCCESS;
}

normc_cu_result cuEventSynchronize(normc_cu_event event) {
  return enter(Call::cuEventSynchronize, NeedsContext | NeedsNoCapture,
               [&](State &all) { return check(all, event); });
}

normc_cu_result cuEventQuery(normc_cu_event event) {
  return enter(Call::cuEventQuery, NeedsContext | NeedsNoCapture,
               [&](State &all) { return check(all, event); });
}

normc_cu_result cuEventElapsedTime(float *milliseconds, normc_cu_event start,
                                   normc_cu_event end) {
  return enter(Call::cuEventElapsedTime, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 for (normc_cu_event event : {start, end}) {
                   if (normc_cu_result result = check(all, event))
                     return result;
                   if (!event->recorded)
                     return NORMC_CU_INVALID_HANDLE;
                 }
                 std::chrono::duration<float, std::milli> elapsed =
                     end->time - start->time;
                 *milliseconds = elapsed.count();
                 return NORMC_CU_SUCCESS;
               });
}
