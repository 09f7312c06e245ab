"""The normalizers from their definitions, in float64 NumPy.

A `Layout` splits a tensor into a view whose `axes` share one mean and variance; gamma and beta broadcast over the
view with shape `parameters`. Layer, group, instance, batch and ghost batch norm differ in nothing else.
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


def _softmax(logits):
    powers = np.exp(np.asarray(logits, np.float64) - np.max(logits))
    return powers / powers.sum()


class Switchable:
    """Switchable norm on `layout.rows`, a view [samples, positions, channels] or channels first."""

    def __init__(self, layout, x, gamma, beta, epsilon, mean_logits, variance_logits, moving_mean,
                 moving_variance, training, use_batch, unbiased_spatial_variance):
        # Channels last: [samples, positions, channels].
        self.last = layout.positions == 1
        self.shape, self.rows = x.shape, layout.rows
        x = self.arrange(x)
        count = x.shape[1]
        self.factor = count / (count - 1) if unbiased_spatial_variance and count > 1 else 1
        self.gamma, self.x = gamma, x
        self.own_mean = x.mean(1, keepdims=True)
        self.centred = x - self.own_mean
        own_variance = self.factor * (self.centred**2).mean(1, keepdims=True)
        self.means, self.variances = [self.own_mean], [own_variance]
        # The axes that a statistic is merged over; None where it is given.
        self.merged = [(), (2,)] + [(0,)] * use_batch
        for axes in self.merged[1:]:
            mean = self.own_mean.mean(axes, keepdims=True)
            self.means.append(mean)
            self.variances.append((own_variance + (self.own_mean - mean)**2).mean(axes,
                                                                                  keepdims=True))
        self.old = (np.asarray(moving_mean, np.float64), np.asarray(moving_variance, np.float64))
        self.moving = training and use_batch
        if use_batch and not training:
            self.merged[2] = None
            self.means[2], self.variances[2] = (s.reshape(1, 1, -1) for s in self.old)
        self.w, self.u = _softmax(mean_logits), _softmax(variance_logits)
        mean = sum(w * m for w, m in zip(self.w, self.means))
        self.rho = 1 / np.sqrt(sum(u * v for u, v in zip(self.u, self.variances)) + epsilon)
        self.xhat = self.rho * (x - mean)
        self.y = self.restore(gamma * self.xhat + beta)

    def arrange(self, x):
        x = np.asarray(x, np.float64).reshape(self.rows)
        return x if self.last else x.transpose(0, 2, 1)

    def restore(self, x):
        return (x if self.last else x.transpose(0, 2, 1)).reshape(self.shape)

    def moved(self, rate):
        """The running statistics after the step."""
        if not self.moving:
            return self.old
        now = (self.means[2].reshape(-1), self.variances[2].reshape(-1))
        return tuple(old + rate * (value - old) for old, value in zip(self.old, now))

    def gradients(self, dy):
        """dx, dgamma, dbeta, dmean_logits, dvariance_logits."""
        dy = self.arrange(dy)
        g = dy * self.gamma
        dmixed_mean = -self.rho * g.sum(1, keepdims=True)
        dmixed_variance = -0.5 * self.rho**2 * (g * self.xhat).sum(1, keepdims=True)
        dmean, dvariance = 0, 0
        for k, axes in enumerate(self.merged):
            if axes is None:
                continue
            from_mean = self.w[k] * dmixed_mean.mean(axes, keepdims=True)
            from_variance = self.u[k] * dmixed_variance.mean(axes, keepdims=True)
            dmean = dmean + from_mean + 2 * from_variance * (self.own_mean - self.means[k])
            dvariance = dvariance + from_variance
        count = self.x.shape[1]
        dx = self.rho * g + dmean / count + 2 * self.factor * dvariance * self.centred / count
        dw = np.array([(dmixed_mean * m).sum() for m in self.means])
        du = np.array([(dmixed_variance * v).sum() for v in self.variances])
        return (self.restore(dx), (dy * self.xhat).sum((0, 1)), dy.sum((0, 1)),
                self.w * (dw - self.w @ dw), self.u * (du - self.u @ du))
