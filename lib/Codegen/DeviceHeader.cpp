//===- DeviceHeader.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints what a program needs to launch a GPU kernel besides the runtime.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/DeviceHeader.h"
#include "norm/Codegen/Artifacts.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::norm;

/// Prints bytes as string literals, which compilers read many times faster than
/// lists of numbers; text stays legible.
static void printLiteral(llvm::raw_ostream &os, StringRef bytes) {
  constexpr size_t kWidth = 72;
  std::string line;
  auto flush = [&] {
    if (!line.empty())
      os << "\n    \"" << line << '"';
    line.clear();
  };
  for (char byte : bytes) {
    if (line.size() >= kWidth)
      flush();
    // Question marks may begin trigraphs, which C11 still has.
    if (byte == '\n') {
      line += "\\n";
      flush();
    } else if (byte == '\t') {
      line += "\\t";
    } else if (byte == '"' || byte == '\\') {
      line += {'\\', byte};
    } else if (llvm::isPrint(byte) && byte != '?') {
      line += byte;
    } else {
      auto code = static_cast<unsigned char>(byte);
      line += {'\\', char('0' + code / 64), char('0' + code / 8 % 8),
               char('0' + code % 8)};
    }
  }
  flush();
}

static std::string getImageName(const DeviceVariant &variant,
                                const DeviceImage &image) {
  return variant.name + (image.isPTX ? "_ptx" : "_cubin");
}

static void printImages(llvm::raw_ostream &os, const DeviceVariant &variant) {
  for (const DeviceImage &image : variant.images) {
    os << "__attribute__((aligned(16)))\nstatic const unsigned char "
       << getImageName(variant, image) << "[] =";
    printLiteral(os, image.bytes);
    os << ";\n\n";
  }
  os << "static const struct normc_cuda_image " << variant.name
     << "_images[] = {\n";
  for (const DeviceImage &image : variant.images) {
    std::string name = getImageName(variant, image);
    os << "    {" << name << ",\n     sizeof(" << name << ") - 1, "
       << getArchitectureNumber(image.architecture) << ", NORMC_CUDA_"
       << (image.isPTX ? "PTX" : "CUBIN") << "},\n";
  }
  os << "};\n\n";
}

static void printInstances(llvm::raw_ostream &os,
                           const DeviceVariant &variant) {
  size_t count = variant.instances.size();
  os << "static struct normc_cuda_kernel " << variant.name << "_instances["
     << count << "] = {\n";
  for (auto [i, instance] : llvm::enumerate(variant.instances)) {
    const normc_cuda_kernel &kernel = instance.kernel;
    // In the order of the struct: C++17 has no designators.
    os << "    {sizeof(struct normc_cuda_kernel), /*abi=*/" << kernel.abi
       << "u,\n     \"" << instance.name << "\",\n     " << variant.name
       << "_images,\n     /*image_count=*/" << variant.images.size()
       << ", /*threads_per_row=*/" << kernel.threads_per_row
       << ", /*rows_per_block=*/" << kernel.rows_per_block << ", /*cluster=*/"
       << kernel.cluster << ",\n     /*dynamic_shared_bytes=*/"
       << kernel.dynamic_shared_bytes << ", /*flags=*/" << kernel.flags
       << ",\n     /*access_bytes=*/" << kernel.access_bytes
       << ", /*rows_bytes=*/" << kernel.rows_bytes
       << ",\n     /*element_bytes=*/{";
    llvm::interleaveComma(kernel.element_bytes, os,
                          [&](unsigned bytes) { os << bytes; });
    os << "},\n     /*n_min=*/" << kernel.n_min << ", /*n_max=*/";
    if (kernel.n_max == RowSizes::kNoBound)
      os << "INT64_MAX";
    else
      os << kernel.n_max;
    os << ",\n     /*next=*/";
    if (i + 1 < count)
      os << '&' << variant.name << "_instances[" << i + 1 << ']';
    else
      os << "NULL";
    os << ",\n     /*state=*/NULL},\n";
  }
  os << "};\n\n";
}

/// <name>_of, where there is a choice.
static void printChoice(llvm::raw_ostream &os, StringRef name,
                        ArrayRef<DeviceVariant> variants) {
  os << "/* The instances for a GPU of compute capability `arch`, such as 90. "
        "*/\nstatic inline struct normc_cuda_kernel *\n"
     << name << "_of(int32_t arch) {\n";
  for (const DeviceVariant &variant : llvm::reverse(llvm::drop_begin(variants)))
    os << "  if (arch >= " << getArchitectureNumber(variant.architecture)
       << ")\n    return " << variant.name << "_instances;\n";
  os << "  return " << variants.front().name << "_instances;\n}\n\n";
}

static void printFunctions(llvm::raw_ostream &os, StringRef name,
                           ArrayRef<DeviceVariant> variants) {
  bool hasChoice = variants.size() > 1;
  if (hasChoice)
    printChoice(os, name, variants);
  std::string first = variants.front().name + "_instances";
  os << "/* normc_cuda_prepare: loads all instances on GPU number `device`. "
        "*/\nstatic inline enum normc_status\n"
     << name << "_prepare(int device, char *message,\n    size_t capacity) {\n";
  if (hasChoice)
    os << "  struct normc_cuda_device_info info;\n"
          "  info.struct_size = sizeof(info);\n"
          "  enum normc_status status =\n"
          "      normc_cuda_get_device_info(device, &info, message, "
          "capacity);\n"
          "  if (status != NORMC_OK)\n    return status;\n";
  os << "  return normc_cuda_prepare("
     << (hasChoice ? (name + "_of(info.arch)").str() : first)
     << ",\n                            device, message, capacity);\n}\n\n"
     << "/* normc_cuda_launch, of the instance that fits the rows. */\n"
        "static inline enum normc_status\n"
     << name
     << "_launch(const struct normc_rows *args, int64_t begin,\n    int64_t "
        "end, "
        "void *stream, char *message, size_t capacity) {\n"
        "  struct normc_cuda_kernel *kernel =\n      "
     << first << ";\n";
  if (hasChoice)
    os << "  if (begin != end) {\n"
          "    int32_t arch = 0;\n"
          "    enum normc_status status =\n"
          "        normc_cuda_stream_arch(stream, &arch, message, capacity);\n"
          "    if (status != NORMC_OK)\n      return status;\n"
          "    kernel = "
       << name << "_of(arch);\n  }\n";
  os << "  return normc_cuda_launch(kernel, args, begin, end, stream, "
        "message,\n"
        "                           capacity);\n}\n\n";
}

std::string mlir::norm::makeDeviceHeader(const KernelRequest &request,
                                         StringRef name,
                                         ArrayRef<DeviceVariant> variants) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::string guard = name.upper() + "_H";
  auto architectures =
      llvm::map_range(variants, [](const DeviceVariant &variant) -> StringRef {
        return variant.architecture;
      });
  os << "/* " << name << ": " << getNormName(request.op) << " for "
     << llvm::join(architectures, ", ") << ", made by normc " << getVersion()
     << ".\n * Every file that includes it gets its own copy of "
     << "the images. */\n#ifndef " << guard << "\n#define " << guard
     << "\n\n#include \"norm/Runtime/normc_cuda.h\"\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n/* "
     << describeOperands(request)
     << "\n * Pointers are those of the GPU. */\n\n"
     << "/* Longer than C promises to take, which compilers do. */\n"
        "#pragma GCC diagnostic push\n"
        "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n";
  for (const DeviceVariant &variant : variants) {
    printImages(os, variant);
    printInstances(os, variant);
  }
  os << "#pragma GCC diagnostic pop\n\n";
  printFunctions(os, name, variants);
  os << "#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return text;
}
