// Dynamic tanh, and the set norm with a gate, against the double-precision reference, for the host
// tests.
#pragma once

#include "test/element_reference.h"
#include "test/host_cases.h"

namespace tfjs_norm::test {

inline void CheckTanh(const View& view, const Data& data, float alpha, bool affine) {
  const std::string name = "dynamic tanh [" + std::to_string(view.rows) + "," +
                           std::to_string(view.positions) + "," + std::to_string(view.channels) +
                           "] " + (view.channels_last ? "last " : "first ") + data.name +
                           " alpha " + std::to_string(alpha) + " on " + host::Simd().name;
  const Array x = Random(view.size(), data.mean, data.deviation);
  const Array dy = Random(view.size());
  const Array gamma = Random(view.channels, 1, 0.5);
  const Array beta = Random(view.channels);
  Array y(view.size(), Uniform(0, 3)), dx(view.size(), Uniform(0, 3));
  Array dalpha(1), dgamma(view.channels), dbeta(view.channels);
  const DynamicTanhForward forward = {
      view,    x.data(), &alpha, affine ? gamma.data() : nullptr, affine ? beta.data() : nullptr,
      y.data()};
  const DynamicTanhBackward backward = {view,          dy.data(),     x.data(),
                                        &alpha,        forward.gamma, dx.data(),
                                        dalpha.data(), dgamma.data(), dbeta.data()};
  RunOn(forward);
  RunOn(backward);
  ExpectNear(y, reference::Run(forward), name + " y");
  const reference::TanhGradients want = reference::Run(backward);
  ExpectNear(dx, want.dx, name + " dx");
  ExpectNear(dalpha, {want.dalpha}, name + " dalpha", std::max(1.0, want.alpha_terms));
  ExpectNear(dgamma, want.dgamma, name + " dgamma");
  ExpectNear(dbeta, want.dbeta, name + " dbeta");
}

// The sets of the case; its running statistics play no part.
inline void CheckGate(const SetCase& c) {
  const std::string name = "gated " + c.name();
  SetRun run(c);
  const Array gate = Random(c.view.channels, 1, 0.75);
  Array dgate(c.view.channels);
  run.forward.moving = {};
  run.forward.gate = run.backward.gate = gate.data();
  run.backward.dgate = dgate.data();
  run.Go();
  ExpectNear(run.y, reference::RunGated(run.forward), name + " y");
  const reference::GateGradients want = reference::RunGated(run.backward);
  ExpectNear(run.dx, want.dx, name + " dx", want.largest_rho);
  ExpectNear(run.dgamma, want.dgamma, name + " dgamma");
  ExpectNear(run.dbeta, want.dbeta, name + " dbeta");
  ExpectNear(dgate, want.dgate, name + " dgate");
}

}  // namespace tfjs_norm::test
