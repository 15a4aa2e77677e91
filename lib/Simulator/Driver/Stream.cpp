//===- Stream.cpp - Streams, captures and graphs of the stand-in driver ---===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A graph is the list of what was recorded, replayed in that order.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "State.h"

using namespace normc::simulator::driver;

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

normc_cu_result cuStreamCreate(normc_cu_stream *stream, unsigned flags) {
  return enter(Call::cuStreamCreate, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (flags > NORMC_CU_STREAM_NON_BLOCKING)
                   return NORMC_CU_INVALID_VALUE;
                 auto made = std::make_unique<normc_cu_stream_st>();
                 made->context = currentContext();
                 made->flags = flags;
                 *stream = all.streams.add(std::move(made));
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuStreamDestroy_v2(normc_cu_stream stream) {
  return enter(Call::cuStreamDestroy, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (!all.streams.has(stream))
                   return NORMC_CU_INVALID_HANDLE;
                 all.streams.remove(stream);
                 return NORMC_CU_SUCCESS;
               });
}

/// All work is done already; only a captured stream cannot be waited for.
static normc_cu_result wait(State &all, normc_cu_stream stream) {
  if (isSpecial(stream))
    return all.checkCaptures();
  if (!all.streams.has(stream))
    return NORMC_CU_INVALID_HANDLE;
  if (!stream->capture)
    return NORMC_CU_SUCCESS;
  State::invalidate(*stream->capture);
  return NORMC_CU_STREAM_CAPTURE_UNSUPPORTED;
}

normc_cu_result cuStreamSynchronize(normc_cu_stream stream) {
  return enter(Call::cuStreamSynchronize, NeedsContext,
               [&](State &all) { return wait(all, stream); });
}

normc_cu_result cuStreamQuery(normc_cu_stream stream) {
  return enter(Call::cuStreamQuery, NeedsContext,
               [&](State &all) { return wait(all, stream); });
}

normc_cu_result cuStreamGetCtx(normc_cu_stream stream,
                               normc_cu_context *context) {
  return enter(Call::cuStreamGetCtx, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!isSpecial(stream)) {
                   if (!all.streams.has(stream))
                     return NORMC_CU_INVALID_HANDLE;
                   *context = stream->context;
                   return NORMC_CU_SUCCESS;
                 }
                 if (!currentContext())
                   return NORMC_CU_INVALID_CONTEXT;
                 *context = currentContext();
                 return NORMC_CU_SUCCESS;
               });
}

//===----------------------------------------------------------------------===//
// Captures
//===----------------------------------------------------------------------===//

normc_cu_result cuThreadExchangeStreamCaptureMode(int *mode) {
  return enter(Call::cuThreadExchangeStreamCaptureMode, NeedsDriver,
               [&](State &) -> normc_cu_result {
                 if (*mode < NORMC_CU_CAPTURE_MODE_GLOBAL ||
                     *mode > NORMC_CU_CAPTURE_MODE_RELAXED)
                   return NORMC_CU_INVALID_VALUE;
                 std::swap(*mode, captureMode());
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuStreamIsCapturing(normc_cu_stream stream, int *status) {
  return enter(Call::cuStreamIsCapturing, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 *status = NORMC_CU_CAPTURE_STATUS_NONE;
                 if (isSpecial(stream)) {
                   for (const auto &[each, owned] : all.streams)
                     if (each->context == currentContext() && each->capture &&
                         !(each->flags & NORMC_CU_STREAM_NON_BLOCKING) &&
                         stream != NORMC_CU_STREAM_PER_THREAD)
                       return NORMC_CU_STREAM_CAPTURE_IMPLICIT;
                   return NORMC_CU_SUCCESS;
                 }
                 if (!all.streams.has(stream))
                   return NORMC_CU_INVALID_HANDLE;
                 if (stream->capture)
                   *status = stream->capture->invalidated
                                 ? NORMC_CU_CAPTURE_STATUS_INVALIDATED
                                 : NORMC_CU_CAPTURE_STATUS_ACTIVE;
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuStreamBeginCapture_v2(normc_cu_stream stream, int mode) {
  return enter(Call::cuStreamBeginCapture, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 // The default stream cannot be captured.
                 if (isSpecial(stream))
                   return NORMC_CU_STREAM_CAPTURE_UNSUPPORTED;
                 if (!all.streams.has(stream))
                   return NORMC_CU_INVALID_HANDLE;
                 if (stream->capture || mode < NORMC_CU_CAPTURE_MODE_GLOBAL ||
                     mode > NORMC_CU_CAPTURE_MODE_RELAXED)
                   return NORMC_CU_INVALID_VALUE;
                 auto made = std::make_unique<normc_sim_capture>();
                 made->mode = mode;
                 made->thread = std::this_thread::get_id();
                 stream->capture = std::move(made);
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuStreamEndCapture(normc_cu_stream stream,
                                   normc_cu_graph *graph) {
  return enter(Call::cuStreamEndCapture, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 *graph = nullptr;
                 if (isSpecial(stream) || !all.streams.has(stream))
                   return NORMC_CU_INVALID_HANDLE;
                 if (!stream->capture)
                   return NORMC_CU_INVALID_VALUE;
                 if (stream->capture->mode != NORMC_CU_CAPTURE_MODE_RELAXED &&
                     stream->capture->thread != std::this_thread::get_id())
                   return NORMC_CU_STREAM_CAPTURE_WRONG_THREAD;
                 std::unique_ptr<normc_sim_capture> ended =
                     std::move(stream->capture);
                 if (ended->invalidated)
                   return NORMC_CU_STREAM_CAPTURE_INVALIDATED;
                 auto made = std::make_unique<normc_cu_graph_st>();
                 made->nodes = std::move(ended->nodes);
                 *graph = all.graphs.add(std::move(made));
                 return NORMC_CU_SUCCESS;
               });
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

normc_cu_result cuGraphInstantiateWithFlags(normc_cu_graph_exec *exec,
                                            normc_cu_graph graph,
                                            unsigned long long flags) {
  return enter(Call::cuGraphInstantiateWithFlags, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (!all.graphs.has(graph))
                   return NORMC_CU_INVALID_HANDLE;
                 if (flags)
                   return NORMC_CU_NOT_SUPPORTED;
                 auto made = std::make_unique<normc_cu_graph_exec_st>();
                 made->nodes = graph->nodes;
                 *exec = all.execs.add(std::move(made));
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuGraphLaunch(normc_cu_graph_exec exec,
                              normc_cu_stream stream) {
  return enter(
      Call::cuGraphLaunch, NeedsContext, [&](State &all) -> normc_cu_result {
        if (!all.execs.has(exec))
          return NORMC_CU_INVALID_HANDLE;
        return all.submit(stream, [nodes = exec->nodes]() -> normc_cu_result {
          for (const normc_sim_node &node : nodes)
            if (normc_cu_result fault = node())
              return fault;
          return NORMC_CU_SUCCESS;
        });
      });
}

normc_cu_result cuGraphDestroy(normc_cu_graph graph) {
  return enter(Call::cuGraphDestroy, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.graphs.has(graph))
                   return NORMC_CU_INVALID_VALUE;
                 all.graphs.remove(graph);
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuGraphExecDestroy(normc_cu_graph_exec exec) {
  return enter(Call::cuGraphExecDestroy, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.execs.has(exec))
                   return NORMC_CU_INVALID_VALUE;
                 all.execs.remove(exec);
                 return NORMC_CU_SUCCESS;
               });
}
