"""Switchable norm: learned mixtures of instance, layer and batch statistics."""

import numpy as np


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
