"""The normalizers that map elements: dynamic tanh, and EvoNorm-S0, whose gate does."""

import math

import numpy as np

from . import Layout


def run_layout(shape, begin_axis=-1, axes=0, **_):
    """Parameters over a run of adjacent axes; no statistics."""
    begin = begin_axis % len(shape)
    end = begin + axes if axes else len(shape)
    view = (math.prod(shape[:begin]), math.prod(shape[begin:end]), math.prod(shape[end:]))
    return Layout(view, (), (1, view[1], 1), tuple(shape[begin:end]), view, 2)


def dynamic_tanh(layout, x, alpha, gamma, beta):
    view = np.asarray(x, np.float64).reshape(layout.view)
    th = np.tanh(float(alpha[0]) * view)
    y = gamma.reshape(layout.parameters) * th + beta.reshape(layout.parameters)
    return y.reshape(x.shape)


def dynamic_tanh_grad(layout, dy, x, alpha, gamma):
    """dx, dalpha, dgamma, dbeta."""
    view = np.asarray(x, np.float64).reshape(layout.view)
    dy = np.asarray(dy, np.float64).reshape(layout.view)
    alpha = float(alpha[0])
    along = dy * gamma.reshape(layout.parameters) / np.cosh(np.clip(alpha * view, -300, 300))**2
    to_parameter = lambda terms: terms.sum((0, 2)).reshape(layout.parameter_shape)
    return ((alpha * along).reshape(x.shape), np.array([np.sum(along * view)]),
            to_parameter(dy * np.tanh(alpha * view)), to_parameter(dy))


class EvoNorm:
    """EvoNorm-S0 on the view of the groups; the affine map alone where `v` is None."""

    def __init__(self, layout, x, gamma, beta, v, epsilon):
        self.layout, self.shape, self.v = layout, x.shape, v
        to = layout.parameters
        self.x = np.asarray(x, np.float64).reshape(layout.view)
        self.gamma = gamma.reshape(to)
        if v is None:
            self.normalized = self.x
        else:
            self.slope = np.asarray(v, np.float64).reshape(to)
            self.mean = self.x.mean(layout.axes, keepdims=True)
            variance = ((self.x - self.mean)**2).mean(layout.axes, keepdims=True)
            self.rho = 1 / np.sqrt(variance + epsilon)
            self.sigmoid = 1 / (1 + np.exp(-self.slope * self.x))
            self.normalized = self.x * self.sigmoid * self.rho
        self.y = (self.gamma * self.normalized + beta.reshape(to)).reshape(x.shape)

    def _to_parameter(self, terms):
        axes = tuple(a for a, extent in enumerate(self.layout.parameters) if extent == 1)
        return terms.sum(axes).reshape(self.layout.parameter_shape)

    def gradients(self, dy):
        """dx, dgamma, dbeta, dv."""
        dy = np.asarray(dy, np.float64).reshape(self.layout.view)
        gh = self.gamma * dy
        dgamma, dbeta = self._to_parameter(dy * self.normalized), self._to_parameter(dy)
        if self.v is None:
            return gh.reshape(self.shape), dgamma, dbeta, np.zeros([0])
        bend = self.sigmoid * (1 - self.sigmoid)
        through = (gh * self.normalized).mean(self.layout.axes, keepdims=True)
        dx = self.rho * (gh * (self.sigmoid + self.slope * self.x * bend) - self.rho *
                         (self.x - self.mean) * through)
        dv = self._to_parameter(gh * self.rho * self.x**2 * bend)
        return dx.reshape(self.shape), dgamma, dbeta, dv
