#include "addon/elf_file.h"

#include <elf.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

namespace tfjs_norm {
namespace addon {
namespace {

#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
constexpr char kMachineName[] = "x86-64";
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
constexpr char kMachineName[] = "AArch64";
#else
#error "expected x86-64 or AArch64"
#endif

bool Inside(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

std::string Truncated(uint64_t size) {
  return "the file is truncated, it has only " + std::to_string(size) + " bytes";
}

}  // namespace

std::string WhyNotLoadable(const std::string& path) {
  if (path.find('/') == std::string::npos) return "";
  errno = 0;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return std::strerror(errno);
  const std::streamoff end = file.tellg();
  if (end < 0 || !file.seekg(0)) return "the file cannot be read";
  const uint64_t size = static_cast<uint64_t>(end);

  Elf64_Ehdr header;
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header)) return Truncated(size);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN) {
    return "the file is not a shared library";
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine) {
    return std::string("the file is built for another machine than ") + kMachineName;
  }
  // Linkers write the section table last, so a file that was cut anywhere has lost a part of it.
  const uint64_t sections = uint64_t{header.e_shnum} * header.e_shentsize;
  const uint64_t segments = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (!Inside(header.e_shoff, sections, size) || !Inside(header.e_phoff, segments, size)) {
    return Truncated(size);
  }
  std::vector<Elf64_Phdr> loads(header.e_phnum);
  file.seekg(static_cast<std::streamoff>(header.e_phoff));
  if (!file.read(reinterpret_cast<char*>(loads.data()), static_cast<std::streamsize>(segments))) {
    return Truncated(size);
  }
  for (const Elf64_Phdr& load : loads) {
    if (load.p_type == PT_LOAD && !Inside(load.p_offset, load.p_filesz, size)) {
      return Truncated(size);
    }
  }
  return "";
}

}  // namespace addon
}  // namespace tfjs_norm
