#include "core/nvtx.h"

#ifdef NORM_HAVE_NVTX

#include <nvtx3/nvToolsExt.h>

#include <string>

namespace tfjs_norm {
namespace {

// Null as long as no tool is attached; tools attach when the first NVTX call is made, not later.
nvtxDomainHandle_t Domain() {
  static const nvtxDomainHandle_t domain = nvtxDomainCreateA("tfjs-cuda-norm");
  return domain;
}

}  // namespace

NvtxRange::NvtxRange(const char* op, const char* argument, const Dims& shape) {
  if (Domain() == nullptr) return;
  const std::string message = std::string(op) + ' ' + argument + ToString(shape);
  nvtxEventAttributes_t event = {};
  event.version = NVTX_VERSION;
  event.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  event.messageType = NVTX_MESSAGE_TYPE_ASCII;
  event.message.ascii = message.c_str();
  nvtxDomainRangePushEx(Domain(), &event);
}

NvtxRange::~NvtxRange() {
  if (Domain() != nullptr) nvtxDomainRangePop(Domain());
}

}  // namespace tfjs_norm

#else

namespace tfjs_norm {

NvtxRange::NvtxRange(const char*, const char*, const Dims&) {}
NvtxRange::~NvtxRange() = default;

}  // namespace tfjs_norm

#endif
