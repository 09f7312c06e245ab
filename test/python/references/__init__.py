"""The normalizers from their definitions, in float64 NumPy.

A `Layout` splits a tensor into a view whose `axes` share one mean and variance; gamma and beta broadcast over the
view with shape `parameters`. Layer, group, instance, batch and ghost batch norm differ in nothing else. A module of
this package has what is more than that.
"""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Layout:
    view: tuple  # the shape x is reshaped to
    axes: tuple  # of the view: those that share statistics
    parameters: tuple  # the shape of gamma and beta in the view
    parameter_shape: tuple  # their own shape
    rows: tuple  # the shape x is reshaped to for the saved moments
    positions: int  # the axis of `rows` that the moments are over


def batch_layout(shape, axis=-1, virtual_batch_size=0, **_):
    channel = axis % len(shape)
    ghosts = shape[0] // virtual_batch_size if virtual_batch_size else 1
    view = (ghosts, shape[0] // ghosts) + tuple(shape[1:])
    parameters = [1] * len(view)
    parameters[channel + 1] = shape[channel]
    axes = tuple(a for a in range(1, len(view)) if a != channel + 1)
    if channel == len(shape) - 1:
        rows, positions = (ghosts, math.prod(shape[:-1]) // ghosts, shape[-1]), 1
    else:
        rows, positions = (math.prod(shape[:channel]), shape[channel],
                           math.prod(shape[channel + 1:])), 2
    return Layout(view, axes, tuple(parameters), (shape[channel],), rows, positions)


def group_layout(shape, axis=-1, groups=32, **_):
    samples = shape[0]
    channels = shape[axis]
    split = (groups, channels // groups)
    if axis % len(shape) == len(shape) - 1:
        pixels = math.prod(shape[1:-1])
        return Layout((samples, pixels) + split, (1, 3), (1, 1) + split, (channels,),
                      (samples, pixels, channels), 1)
    pixels = math.prod(shape[2:])
    return Layout((samples,) + split + (pixels,), (2, 3), (1,) + split + (1,), (channels,),
                  (samples, channels, pixels), 2)


def layer_layout(shape, begin_axis=-1, **_):
    begin = begin_axis % len(shape)
    rows, columns = math.prod(shape[:begin]), math.prod(shape[begin:])
    return Layout((rows, columns), (1,), (1, columns), tuple(shape[begin:]), (rows, columns), 1)


def _normalized(layout, x, epsilon):
    view = np.asarray(x, np.float64).reshape(layout.view)
    mean = view.mean(layout.axes, keepdims=True)
    rho = 1 / np.sqrt(((view - mean)**2).mean(layout.axes, keepdims=True) + epsilon)
    return rho * (view - mean), rho


def _to_parameter(layout, view):
    """The sum over every axis along which gamma and beta are broadcast."""
    axes = tuple(a for a, extent in enumerate(layout.parameters) if extent == 1)
    return view.sum(axes).reshape(layout.parameter_shape)


def normalize(layout, x, gamma, beta, epsilon):
    xhat, _ = _normalized(layout, x, epsilon)
    y = xhat * gamma.reshape(layout.parameters) + beta.reshape(layout.parameters)
    return y.reshape(x.shape)


def normalize_grad(layout, dy, x, gamma, epsilon):
    """dx, dgamma, dbeta."""
    xhat, rho = _normalized(layout, x, epsilon)
    dy = np.asarray(dy, np.float64).reshape(layout.view)
    gh = dy * gamma.reshape(layout.parameters)
    mean = lambda a: a.mean(layout.axes, keepdims=True)
    dx = rho * (gh - mean(gh) - xhat * mean(gh * xhat))
    return dx.reshape(x.shape), _to_parameter(layout, dy * xhat), _to_parameter(layout, dy)


def moments(layout, x):
    """Mean and biased variance of every (row, channel), as saved for backward."""
    rows = np.asarray(x, np.float64).reshape(layout.rows)
    return rows.mean(layout.positions), rows.var(layout.positions)


def running_statistics(layout, x, moving_mean, moving_variance, update_rate, unbiased):
    """One update for each ghost batch, in order."""
    view = np.asarray(x, np.float64).reshape(layout.view)
    count = math.prod(layout.view[a] for a in layout.axes)
    scale = count / max(count - 1, 1) if unbiased else 1
    mean, variance = (np.asarray(s, np.float64) for s in (moving_mean, moving_variance))
    for ghost in view:
        axes = tuple(a - 1 for a in layout.axes)
        mean = mean + update_rate * (ghost.mean(axes) - mean)
        variance = variance + update_rate * (ghost.var(axes) * scale - variance)
    return mean, variance


def subtract_mean(layout, x, beta):
    """y and the mean of each channel, of mean-only batch norm."""
    view = np.asarray(x, np.float64).reshape(layout.view)
    mean = view.mean(layout.axes, keepdims=True)
    y = view - mean + beta.reshape(layout.parameters)
    return y.reshape(x.shape), mean.reshape(layout.parameter_shape)


def subtract_mean_grad(layout, dy):
    """dx, dbeta."""
    view = np.asarray(dy, np.float64).reshape(layout.view)
    dx = view - view.mean(layout.axes, keepdims=True)
    return dx.reshape(dy.shape), _to_parameter(layout, view)


def inference(layout, x, gamma, beta, mean, variance, epsilon):
    view, to = np.asarray(x, np.float64).reshape(layout.view), layout.parameters
    y = gamma.reshape(to) * (view - mean.reshape(to)) / np.sqrt(variance.reshape(to) +
                                                                epsilon) + beta.reshape(to)
    return y.reshape(x.shape)


def inference_grad(layout, dy, x, gamma, mean, variance, epsilon):
    """dx, dgamma, dbeta, dmean, dvariance."""
    view, to = np.asarray(x, np.float64).reshape(layout.view), layout.parameters
    dy = np.asarray(dy, np.float64).reshape(layout.view)
    rho = 1 / np.sqrt(variance + epsilon)
    dbeta = _to_parameter(layout, dy)
    dgamma = rho * _to_parameter(layout, dy * (view - mean.reshape(to)))
    dx = (dy * (gamma * rho).reshape(to)).reshape(x.shape)
    return dx, dgamma, dbeta, -gamma * rho * dbeta, -0.5 * gamma * rho**2 * dgamma


def _rms(layout, x, epsilon, epsilon_inside, partial):
    view = np.asarray(x, np.float64).reshape(layout.view)
    k = partial or view.shape[1]
    mean_square = (view[:, :k]**2).mean(1, keepdims=True)
    rho = 1 / np.sqrt(mean_square + epsilon) if epsilon_inside else 1 / (np.sqrt(mean_square) +
                                                                         epsilon)
    return view, k, mean_square, rho


def rms_normalize(layout, x, gamma, beta, epsilon, epsilon_inside, partial):
    """y, mean_square."""
    view, _, mean_square, rho = _rms(layout, x, epsilon, epsilon_inside, partial)
    y = view * rho * gamma.reshape(layout.parameters) + beta.reshape(layout.parameters)
    return y.reshape(x.shape), mean_square[:, 0]


def rms_grad(layout, dy, x, gamma, epsilon, epsilon_inside, partial):
    view, k, mean_square, rho = _rms(layout, x, epsilon, epsilon_inside, partial)
    dy = np.asarray(dy, np.float64).reshape(layout.view)
    gh = dy * gamma.reshape(layout.parameters)
    # d rho / d mean_square times 2 x / k, in the columns that enter the mean square.
    drho = -0.5 * rho**3 if epsilon_inside else -0.5 * rho**2 / np.sqrt(mean_square)
    dx = rho * gh
    dx[:, :k] += 2 / k * view[:, :k] * drho * (gh * view).sum(1, keepdims=True)
    return dx.reshape(x.shape), _to_parameter(layout, dy * view * rho), _to_parameter(layout, dy)


def instance_layout(shape, axis=-1, **_):
    return group_layout(shape, axis, shape[axis])
