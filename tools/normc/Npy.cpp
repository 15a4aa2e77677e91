//===- Npy.cpp ------------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading and writing of .npy files, after NumPy's format description
// (numpy.lib.format).
//
//===----------------------------------------------------------------------===//

#include "Npy.h"
#include "Files.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Endian.h"

#include <cstdlib>
#include <cstring>

using namespace normc;
using llvm::StringRef;

static constexpr StringRef magic("\x93NUMPY", 6);

void NpyArray::Free::operator()(char *pointer) const { std::free(pointer); }

int64_t NpyArray::getNumElements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

llvm::Expected<NpyArray> normc::makeNpy(StringRef descr,
                                        llvm::ArrayRef<int64_t> shape) {
  NpyArray array;
  array.descr = descr.str();
  array.shape.assign(shape.begin(), shape.end());
  int64_t count = 1;
  if (descr.size() < 3 || descr.drop_front(2).getAsInteger(10, array.itemSize))
    return llvm::createStringError("no size in the type '" + descr + "'");
  for (int64_t extent : shape) {
    std::optional<int64_t> product = llvm::checkedMul(count, extent);
    if (!product || extent < 0)
      return llvm::createStringError("the shape has too many elements");
    count = *product;
  }
  std::optional<int64_t> size = llvm::checkedMul(count, array.itemSize);
  if (!size || *size > INT64_MAX - 64)
    return llvm::createStringError("the shape has too many elements");
  size_t rounded = (*size + 63) / 64 * 64;
  array.bytes.reset(static_cast<char *>(
      std::aligned_alloc(64, rounded ? rounded : size_t(64))));
  if (!array.bytes)
    return llvm::createStringError(
        std::make_error_code(std::errc::not_enough_memory),
        "no memory for an array of " + llvm::Twine(*size) + " bytes");
  return array;
}

namespace {
/// The header is a Python dictionary literal with three known keys.
class HeaderParser {
public:
  explicit HeaderParser(StringRef text) : rest(text) {}

  bool parse(std::string &descr, bool &fortran,
             llvm::SmallVectorImpl<int64_t> &shape) {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!take("{"))
      return false;
    while (!take("}")) {
      std::string key;
      if (!string(key) || !take(":"))
        return false;
      bool ok = false;
      if (key == "descr")
        ok = hasDescr = string(descr);
      else if (key == "fortran_order")
        ok = hasOrder = boolean(fortran);
      else if (key == "shape")
        ok = hasShape = tuple(shape);
      if (!ok)
        return false;
      if (!take(",") && !rest.ltrim().starts_with("}"))
        return false;
    }
    return hasDescr && hasOrder && hasShape && rest.trim().empty();
  }

private:
  bool take(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }
  bool string(std::string &value) {
    rest = rest.ltrim();
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
      return false;
    size_t end = rest.find(rest[0], 1);
    if (end == StringRef::npos)
      return false;
    value = rest.slice(1, end).str();
    rest = rest.drop_front(end + 1);
    return true;
  }
  bool boolean(bool &value) {
    value = take("True");
    return value || take("False");
  }
  bool tuple(llvm::SmallVectorImpl<int64_t> &shape) {
    if (!take("("))
      return false;
    while (!take(")")) {
      rest = rest.ltrim();
      int64_t extent;
      if (rest.consumeInteger(10, extent) || extent < 0)
        return false;
      shape.push_back(extent);
      if (!take(",") && !rest.ltrim().starts_with(")"))
        return false;
    }
    return true;
  }

  StringRef rest;
};
} // namespace

llvm::Expected<NpyArray> normc::readNpy(StringRef path) {
  auto fail = [&](const llvm::Twine &message) {
    return llvm::createStringError("'" + path + "': " + message);
  };
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return llvm::createStringError(
        file.getError(), "'" + path + "': " + file.getError().message());
  StringRef text = (*file)->getBuffer();
  if (!text.consume_front(magic))
    return fail("is no .npy file");
  if (text.size() < 4)
    return fail("ends in its header");
  unsigned version = static_cast<unsigned char>(text[0]);
  if (version < 1 || version > 3)
    return fail("has version " + llvm::Twine(version) +
                " of the .npy format; 1 to 3 are accepted");
  text = text.drop_front(2);
  size_t lengthSize = version == 1 ? 2 : 4;
  if (text.size() < lengthSize)
    return fail("ends in its header");
  uint64_t length = version == 1 ? llvm::support::endian::read16le(text.data())
                                 : llvm::support::endian::read32le(text.data());
  text = text.drop_front(lengthSize);
  if (text.size() < length)
    return fail("ends in its header");

  std::string descr;
  bool fortran = false;
  llvm::SmallVector<int64_t> shape;
  if (!HeaderParser(text.take_front(length)).parse(descr, fortran, shape))
    return fail("has a header that is no dictionary of descr, fortran_order "
                "and shape");
  text = text.drop_front(length);
  if (fortran && shape.size() > 1)
    return fail("is in Fortran order; save it by numpy.ascontiguousarray");
  bool native = !descr.empty() && (descr[0] == '<' || descr[0] == '|');
  int64_t itemSize = 0;
  if (!native || descr.size() < 3 ||
      StringRef(descr).drop_front(2).getAsInteger(10, itemSize) ||
      itemSize < 1 || itemSize > 16)
    return fail("has elements of type '" + descr +
                "'; little-endian numbers are accepted");
  // The size is known to fit before memory is taken for it.
  uint64_t count = llvm::is_contained(shape, 0) ? 0 : 1;
  for (int64_t extent : shape) {
    if (count != 0 &&
        count > text.size() / static_cast<uint64_t>(itemSize) / extent)
      return fail("has less data than its shape says");
    count *= extent;
  }
  if (count * itemSize != text.size())
    return fail("has " + llvm::Twine(text.size()) +
                " bytes of data, its shape "
                "and type say " +
                llvm::Twine(count * itemSize));
  llvm::Expected<NpyArray> array = makeNpy(descr, shape);
  if (!array)
    return array.takeError();
  std::memcpy(array->data(), text.data(), text.size());
  return array;
}

llvm::Error normc::writeNpy(StringRef path, const NpyArray &array) {
  std::string header =
      "{'descr': '" + array.descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : array.shape)
    header += llvm::itostr(extent) + ", ";
  if (array.shape.size() > 1)
    header.resize(header.size() - 2);
  else if (!array.shape.empty())
    header.resize(header.size() - 1);
  header += "), }";
  // Data starts at a multiple of 64 bytes; the header ends with a newline.
  size_t prefix = magic.size() + 4;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  return writeFile(path, [&](llvm::raw_ostream &os) {
    os << magic << '\x01' << '\0' << static_cast<char>(header.size() & 0xff)
       << static_cast<char>(header.size() >> 8) << header;
    os.write(array.data(), array.getNumBytes());
  });
}
