//===- GuardedBuffer.h - memory with guard pages ----------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contract 4, bounds: a kernel that touches a byte outside its rows must fault
// in the test, not in a user's program. Each buffer lies between two pages that
// nobody may access.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_ORACLE_GUARDEDBUFFER_H
#define NORM_TEST_ORACLE_GUARDEDBUFFER_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace norm::oracle {

/// `size` bytes between inaccessible pages. With `Flush::End` the byte after
/// the last is a guard byte, with `Flush::Start` the one before the first;
/// `offset` bytes of slack between the data and that guard page move the data
/// to another alignment. The rest of the accessible pages, slack included, is
/// filled with a pattern that `isSlackIntact` compares: stray stores next to
/// the data are found, stray loads only where they reach a guard page. The data
/// starts out as zeros. Ends the program if the system gives no memory.
class GuardedBuffer {
public:
  enum class Flush { Start, End };

  explicit GuardedBuffer(size_t size, Flush flush = Flush::End,
                         size_t offset = 0)
      : dataSize(size) {
    size_t page = size_t(sysconf(_SC_PAGESIZE));
    innerSize = (size + offset + page - 1) / page * page;
    if (innerSize == 0)
      innerSize = page;
    mappedSize = innerSize + 2 * page;
    void *memory = mmap(nullptr, mappedSize, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      fail("mmap");
    mapped = static_cast<uint8_t *>(memory);
    inner = mapped + page;
    setAccess(PROT_READ | PROT_WRITE);
    bytes = flush == Flush::Start ? inner + offset
                                  : inner + innerSize - offset - size;
    std::memset(inner, slackByte, innerSize);
    std::memset(bytes, 0, size);
  }

  GuardedBuffer(GuardedBuffer &&other) noexcept { swap(other); }
  GuardedBuffer &operator=(GuardedBuffer &&other) noexcept {
    GuardedBuffer moved(std::move(other));
    swap(moved);
    return *this;
  }
  GuardedBuffer(const GuardedBuffer &) = delete;
  GuardedBuffer &operator=(const GuardedBuffer &) = delete;
  ~GuardedBuffer() {
    if (mapped)
      munmap(mapped, mappedSize);
  }

  uint8_t *data() { return bytes; }
  const uint8_t *data() const { return bytes; }
  size_t size() const { return dataSize; }

  /// The data as elements; nothing checks their alignment.
  template <typename T> T *as() { return reinterpret_cast<T *>(bytes); }
  template <typename T> const T *as() const {
    return reinterpret_cast<const T *>(bytes);
  }

  /// From now on a store to the data faults, for inputs; or may be done again.
  void setReadOnly(bool readOnly = true) {
    setAccess(readOnly ? PROT_READ : PROT_READ | PROT_WRITE);
  }

  /// Whether nobody wrote to the accessible bytes around the data.
  bool isSlackIntact() const {
    for (const uint8_t *p = inner; p != inner + innerSize; ++p)
      if ((p < bytes || p >= bytes + dataSize) && *p != slackByte)
        return false;
    return true;
  }

private:
  static constexpr uint8_t slackByte = 0xa5;

  [[noreturn]] static void fail(const char *call) {
    std::perror(call);
    std::abort();
  }
  void setAccess(int access) {
    if (mprotect(inner, innerSize, access) != 0)
      fail("mprotect");
  }
  void swap(GuardedBuffer &other) {
    std::swap(mapped, other.mapped);
    std::swap(inner, other.inner);
    std::swap(bytes, other.bytes);
    std::swap(dataSize, other.dataSize);
    std::swap(innerSize, other.innerSize);
    std::swap(mappedSize, other.mappedSize);
  }

  uint8_t *mapped = nullptr, *inner = nullptr, *bytes = nullptr;
  size_t dataSize = 0, innerSize = 0, mappedSize = 0;
};

} // namespace norm::oracle

#endif // NORM_TEST_ORACLE_GUARDEDBUFFER_H
