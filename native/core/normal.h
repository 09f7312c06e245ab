// Normal random numbers from words of core/philox.h, in double precision and to the bit the same on
// host, CUDA and in TypeScript (src/core/normal.ts): only operations that IEEE 754 rounds
// correctly, in a fixed order, no product contracted with a sum.
//
//   u = ((word >> 8) + 1) * 2^-24,  in (0, 1]
//   r = sqrt(-2 log u of word 0),  t = 2 pi (word 1 >> 8) * 2^-24:  r cos t,  r sin t
#pragma once

#include <cmath>

#include "core/philox.h"

namespace tfjs_norm {
namespace normal {

// What nvcc, or a compiler for processors with fused products, might contract otherwise.
#ifdef __CUDA_ARCH__
NORM_PHILOX double Times(double a, double b) { return __dmul_rn(a, b); }
NORM_PHILOX double Plus(double a, double b) { return __dadd_rn(a, b); }
#else
NORM_PHILOX double Times(double a, double b) { return a * b; }
NORM_PHILOX double Plus(double a, double b) { return a + b; }
#endif

NORM_PHILOX double Uniform(uint32_t word) { return static_cast<double>((word >> 8) + 1) * 0x1p-24; }

// c + x * p
NORM_PHILOX double Step(double c, double x, double p) { return Plus(c, Times(x, p)); }

// log x, 0 < x <= 1, as FreeBSD's e_log.c has it: x = 2^exponent * (1 + f), s = f / (2 + f).
NORM_PHILOX double Log(double x) {
  double exponent = 0;
  while (x < 0.70710678118654752) {
    x *= 2;
    exponent -= 1;
  }
  const double f = Plus(x, -1);
  const double s = f / Plus(2, f);
  const double z = Times(s, s);
  double p = 1.479819860511658591e-01;
  p = Step(1.531383769920937332e-01, z, p);
  p = Step(1.818357216161805012e-01, z, p);
  p = Step(2.222219843214978396e-01, z, p);
  p = Step(2.857142874366239149e-01, z, p);
  p = Step(3.999999999940941908e-01, z, p);
  p = Step(6.666666666666735130e-01, z, p);
  const double half_square = Times(Times(0.5, f), f);
  const double low =
      Step(Times(exponent, 1.90821492927058770002e-10), s, Plus(half_square, Times(z, p)));
  return Plus(Times(exponent, 6.93147180369123816490e-01), Plus(f, Plus(low, -half_square)));
}

struct Pair {
  double first;
  double second;
};

// cos and sin of 2 pi t * 2^-24, t < 2^24: of the rest after whole quarters, by FreeBSD's k_cos.c
// and k_sin.c.
NORM_PHILOX Pair CosSin(uint32_t t) {
  const uint32_t quarter = (t + (1u << 21)) >> 22;
  const double rest =
      static_cast<double>(static_cast<int32_t>(t) - static_cast<int32_t>(quarter << 22));
  const double x = Times(rest, 6.283185307179586477 * 0x1p-24);
  const double z = Times(x, x);
  double p = 1.58969099521155010221e-10;
  p = Step(-2.50507602534068634195e-08, z, p);
  p = Step(2.75573137070700676789e-06, z, p);
  p = Step(-1.98412698298579493134e-04, z, p);
  p = Step(8.33333333332248946124e-03, z, p);
  p = Step(-1.66666666666666324348e-01, z, p);
  const double sin = Step(x, Times(z, x), p);
  double q = -1.13596475577881948265e-11;
  q = Step(2.08757232129817482790e-09, z, q);
  q = Step(-2.75573143513906633035e-07, z, q);
  q = Step(2.48015872894767294178e-05, z, q);
  q = Step(-1.38888888888741095749e-03, z, q);
  q = Step(4.16666666666666019037e-02, z, q);
  const double cos = Plus(1, Step(Times(-0.5, z), Times(z, z), q));
  const double a = (quarter & 1) != 0 ? sin : cos;
  const double b = (quarter & 1) != 0 ? cos : sin;
  return {((quarter + 1) & 2) != 0 ? -a : a, (quarter & 2) != 0 ? -b : b};
}

NORM_PHILOX Pair BoxMuller(uint32_t word0, uint32_t word1) {
  const double radius = sqrt(Times(-2, Log(Uniform(word0))));
  const Pair direction = CosSin(word1 >> 8);
  return {Times(radius, direction.first), Times(radius, direction.second)};
}

}  // namespace normal
}  // namespace tfjs_norm
