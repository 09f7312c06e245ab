// functions.h over arrays, for the tests of every instruction set.
#include "core/simd/functions.h"

#include "core/host_simd.h"

namespace tfjs_norm {
namespace host {
namespace NORM_SIMD {
namespace {

template <Float kFunction(Float)>
void Evaluate(int64_t count, const float* x, float* y) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(y + i, kFunction(Load(x + i)));
  if (i < count) StorePart(y + i, kFunction(LoadPart(x + i, count - i)), count - i);
}

Float SigmoidValue(Float x) { return SigmoidWithSlope(x).value; }
Float SigmoidSlope(Float x) { return SigmoidWithSlope(x).slope; }
Float TanhValue(Float x) { return TanhWithSlope(x).value; }
Float TanhSlope(Float x) { return TanhWithSlope(x).slope; }

}  // namespace

void RegisterFunctions(SimdKernels* kernels) {
  kernels->functions = {Evaluate<Exp>,     Evaluate<Expm1>,        Evaluate<NegativeExpm1>,
                        Evaluate<Sigmoid>, Evaluate<SigmoidValue>, Evaluate<SigmoidSlope>,
                        Evaluate<Tanh>,    Evaluate<TanhValue>,    Evaluate<TanhSlope>};
}

}  // namespace NORM_SIMD
}  // namespace host
}  // namespace tfjs_norm
