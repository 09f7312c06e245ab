// An NVTX tool for tests: NVTX_INJECTION64_PATH names this library, NORM_NVTX_LOG the file to which
// it appends "domain NAME", "push NAME: MESSAGE" and "pop NAME" lines. No profiler and no GPU
// needed.
#define NVTX_NO_IMPL
#include <nvtx3/nvToolsExt.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

FILE* Log() {
  static FILE* const log = [] {
    const char* const path = std::getenv("NORM_NVTX_LOG");
    return path == nullptr ? nullptr : std::fopen(path, "a");
  }();
  return log;
}

void Write(const std::string& line) {
  if (Log() == nullptr) return;
  std::fprintf(Log(), "%s\n", line.c_str());
  std::fflush(Log());
}

const std::string& NameOf(nvtxDomainHandle_t domain) {
  return *reinterpret_cast<const std::string*>(domain);
}

nvtxDomainHandle_t DomainCreate(const char* name) {
  Write(std::string("domain ") + name);
  return reinterpret_cast<nvtxDomainHandle_t>(new std::string(name));
}

int RangePush(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) {
  const char* const message =
      event->messageType == NVTX_MESSAGE_TYPE_ASCII ? event->message.ascii : "(not text)";
  Write("push " + NameOf(domain) + ": " + message);
  return 0;
}

int RangePop(nvtxDomainHandle_t domain) {
  Write("pop " + NameOf(domain));
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t get_export_table) {
  const auto* const callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_export_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks == nullptr ||
      !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) ||
      size <= NVTX_CBID_CORE2_DomainCreateA) {
    return 0;
  }
  *table[NVTX_CBID_CORE2_DomainCreateA] = reinterpret_cast<NvtxFunctionPointer>(DomainCreate);
  *table[NVTX_CBID_CORE2_DomainRangePushEx] = reinterpret_cast<NvtxFunctionPointer>(RangePush);
  *table[NVTX_CBID_CORE2_DomainRangePop] = reinterpret_cast<NvtxFunctionPointer>(RangePop);
  return 1;
}
