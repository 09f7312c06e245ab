"""Online norm, sample by sample: no closed form over per-sample sums."""

import numpy as np

NONE, CLAMP, LAYER_SCALING = range(3)


def _state(state):
    """[C], or [2, C] of high and low parts, in float64."""
    return np.atleast_2d(np.asarray(state, np.float64)).sum(0)


class Online:
    """Online norm on `layout.rows`, a view [samples, positions, channels] or channels first."""

    def __init__(self, layout, x, gamma, beta, mean, variance, epsilon, rate, training,
                 error_compensation, clamp_value, scaling_epsilon):
        # Channels last: [samples, positions, channels].
        self.last = layout.positions == 1
        self.shape, self.rows = x.shape, layout.rows
        x = self.arrange(x)
        self.gamma, self.training = gamma, training
        self.compensation, self.clamp = error_compensation, clamp_value
        self.mean, self.variance = _state(mean), _state(variance)
        self.deviations, self.xhats, self.outs, self.zetas, ys = [], [], [], [], []
        for sample in x:
            self.deviations.append(np.sqrt(self.variance + epsilon))
            self.xhats.append((sample - self.mean) / self.deviations[-1])
            out = gamma * self.xhats[-1] + beta
            self.outs.append(out)
            self.zetas.append(np.sqrt((out**2).mean() + scaling_epsilon))
            ys.append({NONE: out, CLAMP: out.clip(-clamp_value, clamp_value)}.get(
                error_compensation, out / self.zetas[-1]))
            if training:
                d = sample.mean(0) - self.mean
                self.variance = ((1 - rate) * self.variance + rate * sample.var(0) +
                                 rate * (1 - rate) * d**2)
                self.mean = self.mean + rate * d
        self.ys = np.array(ys)
        self.y = self.restore(self.ys)

    def arrange(self, x):
        x = np.asarray(x, np.float64).reshape(self.rows)
        return x if self.last else x.transpose(0, 2, 1)

    def restore(self, x):
        return (x if self.last else x.transpose(0, 2, 1)).reshape(self.shape)

    def through(self, dy, n):
        """The gradient of `out` of sample n."""
        if self.compensation == CLAMP:
            return np.where(np.abs(self.outs[n]) <= self.clamp, dy, 0)
        if self.compensation == LAYER_SCALING:
            return (dy - self.ys[n] * (dy * self.ys[n]).mean()) / self.zetas[n]
        return dy

    def gradients(self, dy, u, v, rate):
        """dx, which is controlled, dgamma, dbeta, and the control states after it."""
        u, v, rate = _state(u), _state(v), rate * self.training
        dxs, dgamma, dbeta = [], 0, 0
        for n, dout in enumerate(self.through(dy, n) for n, dy in enumerate(self.arrange(dy))):
            h = self.gamma * dout - rate * v * self.xhats[n]
            dxs.append(h / self.deviations[n] - rate * u)
            dgamma, dbeta = dgamma + (dout * self.xhats[n]).sum(0), dbeta + dout.sum(0)
            if self.training:
                u, v = u + dxs[-1].mean(0), v + (h * self.xhats[n]).mean(0)
        return self.restore(np.array(dxs)), dgamma, dbeta, u, v
