"""Weight normalization and standardization from their definition, in float64 NumPy."""

import dataclasses
import math

import numpy as np


def view_of(shape, axis, kept_axes):
    """[outer, kept, inner], and the extents of the kept axes."""
    first = axis % len(shape) if kept_axes else 0
    kept = tuple(shape[first:first + kept_axes])
    return (math.prod(shape[:first]), math.prod(kept), math.prod(shape[first + kept_axes:])), kept


@dataclasses.dataclass(frozen=True)
class Weight:
    view: tuple
    divisor: int
    center: bool
    epsilon: float

    def parts(self, x):
        """u = x - center, the center, the mean square of u, s, and twice the slope of s."""
        x = np.asarray(x, np.float64).reshape(self.view)
        fan = self.view[0] * self.view[2]
        center = x.mean((0, 2), keepdims=True) * self.center
        u = x - center
        q = (u**2).sum((0, 2), keepdims=True)
        if self.divisor == 0:
            s = 1 / np.sqrt(np.maximum(q, self.epsilon))
            slope = np.where(q > self.epsilon, -s**3, 0)
        elif self.divisor == 3:
            s = 1 / np.sqrt(q / fan + self.epsilon)
            slope = -s**3 / fan
        else:
            k = fan if self.divisor == 1 else max(fan - 1, 1)
            deviation = np.sqrt(q / k)
            s = 1 / (deviation + self.epsilon)
            slope = -s**2 / (deviation * k)
        return u, center, q / fan, s, slope

    def normalize(self, x, gamma):
        """y, and the moments: mean and mean square of each kept entry."""
        u, center, square, s, _ = self.parts(x)
        y = gamma.reshape(1, -1, 1) * s * u
        return y.reshape(x.shape), (center.reshape(-1), square.reshape(-1))

    def gradients(self, dy, x, gamma):
        """dx, dgamma."""
        u, _, _, s, slope = self.parts(x)
        g = np.asarray(dy, np.float64).reshape(self.view)
        along = (g * u).sum((0, 2), keepdims=True)
        du = gamma.reshape(1, -1, 1) * (s * g + slope * along * u)
        dx = du - du.mean((0, 2), keepdims=True) * self.center
        return dx.reshape(x.shape), (s * along).reshape(gamma.shape)
