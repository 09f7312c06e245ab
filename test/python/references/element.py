"""The normalizers that map elements: dynamic tanh."""

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
