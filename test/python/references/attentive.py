"""Attentive norm: batch or group norm whose affine transform each sample's attention mixes from K."""

import numpy as np

NONE, BATCH, LAYER = range(3)  # attention_norm
HARD_SIGMOID, SIGMOID, SOFTMAX = range(3)  # attention_activation


def _activate(logits, activation):
    if activation == HARD_SIGMOID:
        return np.clip(logits + 3, 0, 6) / 6
    if activation == SIGMOID:
        return 1 / (1 + np.exp(-logits))
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _normalized_grad(g, normal, rho, axes):
    """The gradient of v from that of normal = (v - mean) * rho, with v's own statistics over `axes`."""
    mean = lambda a: a.mean(axes, keepdims=True)
    return rho * (g - mean(g) - normal * mean(g * normal))


def _float64(values):
    return np.asarray(values, np.float64)


class Attentive:
    """On `layout.rows`, a view [samples, positions, channels] or channels first.

    gamma and beta are [K, C], or None; bias, attention_gamma and attention_beta are empty where there is none.
    """

    def __init__(self, layout, x, gamma, beta, attributes, attention_kernel, attention_bias,
                 attention_gamma, attention_beta, moving_mean, moving_variance,
                 attention_moving_mean, attention_moving_variance):
        self.last = layout.positions == 1
        self.shape, self.rows = x.shape, layout.rows
        self.of = attributes
        x = self.x = self.arrange(x)
        self.gamma, self.beta, self.kernel = gamma, beta, _float64(attention_kernel)
        epsilon = float(np.float32(attributes['epsilon']))
        samples, positions, channels = x.shape

        self.factor = 1
        if attributes['unbiased_squeeze_variance'] and positions > 1:
            self.factor = positions / (positions - 1)
        self.mean = x.mean(1)
        squeeze_epsilon = float(np.float32(attributes['squeeze_epsilon']))
        self.scale = 1 / np.sqrt(self.factor * x.var(1) + squeeze_epsilon)
        if attributes['squeeze'] == 1:
            self.scale = np.ones_like(self.scale)
        self.squeezed = self.mean * self.scale

        logits = self.squeezed @ self.kernel.T + (_float64(attention_bias) if len(attention_bias) else 0)
        self.norm = attributes['attention_norm']
        self.old_logits = (_float64(attention_moving_mean), _float64(attention_moving_variance))
        self.of_batch = self.norm == BATCH and attributes['training']
        self.logits = (logits.mean(0), logits.var(0) * self.unbiased(samples))
        mean, variance = 0, 1 - epsilon
        if self.norm == BATCH:
            mean, variance = (logits.mean(0), logits.var(0)) if self.of_batch else self.old_logits
        elif self.norm == LAYER:
            mean, variance = logits.mean(1, keepdims=True), logits.var(1, keepdims=True)
        self.logit_rho = 1 / np.sqrt(variance + epsilon)
        self.h = (logits - mean) * self.logit_rho
        self.attention_gamma = _float64(attention_gamma) if self.norm != NONE else 1
        offset = _float64(attention_beta) if self.norm != NONE else 0
        self.weights = _activate(self.attention_gamma * self.h + offset,
                                 attributes['attention_activation'])

        self.old = (_float64(moving_mean), _float64(moving_variance))
        self.groups = channels if attributes['batch_backbone'] else attributes['groups']
        self.view = (samples, positions, self.groups, channels // self.groups)
        self.axes = (0, 1, 3) if attributes['batch_backbone'] else (1, 3)
        view = x.reshape(self.view)
        self.given = attributes['batch_backbone'] and not attributes['training']
        if self.given:
            mean, variance = (s.reshape(1, 1, -1, 1) for s in self.old)
        else:
            mean = view.mean(self.axes, keepdims=True)
            variance = ((view - mean)**2).mean(self.axes, keepdims=True)
        self.batch = (mean.reshape(-1), variance.reshape(-1) * self.unbiased(samples * positions))
        self.rho = 1 / np.sqrt(variance + epsilon)
        self.xhat = ((view - mean) * self.rho).reshape(x.shape)
        self.mixed = np.ones((samples, channels)) if gamma is None else self.weights @ gamma
        mixed_beta = np.zeros((samples, channels)) if beta is None else self.weights @ beta
        self.y = self.restore(self.mixed[:, None] * self.xhat + mixed_beta[:, None])

    def unbiased(self, count):
        return count / max(count - 1, 1) if self.of['unbiased'] else 1

    def arrange(self, x):
        x = _float64(x).reshape(self.rows)
        return x if self.last else x.transpose(0, 2, 1)

    def restore(self, x):
        return (x if self.last else x.transpose(0, 2, 1)).reshape(self.shape)

    def moved(self, rate):
        """The running statistics of x and of the logits after the step."""
        follow = lambda olds, news: tuple(old + rate * (new - old) for old, new in zip(olds, news))
        of_x = self.of['training'] and self.of['batch_backbone']
        return ((follow(self.old, self.batch) if of_x else self.old) +
                (follow(self.old_logits, self.logits) if self.of_batch else self.old_logits))

    def gradients(self, dy):
        """By the names of the gradient op's outputs."""
        dy = self.arrange(dy)
        positions = dy.shape[1]
        dmixed, dmixed_beta = (dy * self.xhat).sum(1), dy.sum(1)
        dweights = np.zeros_like(self.weights)
        if self.gamma is not None:
            dweights = dweights + dmixed @ self.gamma.T
        if self.beta is not None:
            dweights = dweights + dmixed_beta @ self.beta.T
        w = self.weights
        if self.of['attention_activation'] == HARD_SIGMOID:
            d = dweights / 6 * ((w > 0) & (w < 1))
        elif self.of['attention_activation'] == SIGMOID:
            d = dweights * w * (1 - w)
        else:
            d = w * (dweights - (w * dweights).sum(1, keepdims=True))
        dlogits = d * self.attention_gamma
        if self.norm == LAYER:
            dlogits = _normalized_grad(dlogits, self.h, self.logit_rho, 1)
        elif self.of_batch:
            dlogits = _normalized_grad(dlogits, self.h, self.logit_rho, 0)
        else:
            dlogits = dlogits * self.logit_rho
        dsqueezed = (dlogits @ self.kernel)[:, None]

        g = (self.mixed[:, None] * dy).reshape(self.view)
        normal = self.xhat.reshape(self.view)
        dx = g * self.rho if self.given else _normalized_grad(g, normal, self.rho, self.axes)
        dx = dx.reshape(dy.shape) + dsqueezed * self.scale[:, None] / positions
        if self.of['squeeze'] == 0:
            slope = -self.factor * self.mean * self.scale**3 / positions
            dx = dx + dsqueezed * slope[:, None] * (self.x - self.mean[:, None])
        return {
            'dx': self.restore(dx),
            'dgamma': w.T @ dmixed,
            'dbeta': w.T @ dmixed_beta,
            'dattention_kernel': dlogits.T @ self.squeezed,
            'dattention_bias': dlogits.sum(0),
            'dattention_gamma': (d * self.h).sum(0),
            'dattention_beta': d.sum(0)
        }
