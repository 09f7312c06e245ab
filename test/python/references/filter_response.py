"""Filter response norm from its definition, in float64 NumPy."""

import math

import numpy as np


class FilterResponse:
    """Of samples and their channels; tau and the learned epsilon are empty where there is none."""

    def __init__(self, x, axis, gamma, beta, tau, learned_epsilon, epsilon):
        self.x_shape = x.shape
        self.first = axis % x.ndim != x.ndim - 1
        self.x = self.view(x)
        self.gamma, self.learned = gamma, learned_epsilon.astype(np.float64)
        self.mean_square = (self.x**2).mean(1, keepdims=True)
        root = np.sqrt(self.mean_square + epsilon + (np.abs(self.learned) if self.learned.size else 0))
        self.rho = np.divide(1, root, out=np.zeros_like(root), where=root > 0)
        self.a = gamma * self.rho
        self.b = np.broadcast_to(beta, self.a.shape)
        self.z = self.a * self.x + self.b
        self.tau = tau.astype(np.float64) if tau.size else np.full(gamma.shape, -np.inf)

    def view(self, x):
        """[samples, positions, channels]"""
        x = np.asarray(x, np.float64)
        if self.first:
            x = np.moveaxis(x, 1, -1)
        return x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])

    def tensor(self, view):
        if not self.first:
            return view.reshape(self.x_shape)
        samples, channels, *positions = self.x_shape
        return np.moveaxis(view.reshape(samples, *positions, channels), -1, 1)

    def result(self):
        responses = np.stack([self.mean_square, self.a, self.b])[:, :, 0]
        return self.tensor(np.maximum(self.z, self.tau)), responses

    def gradients(self, dy):
        """Of x, gamma, beta, tau and the learned epsilon."""
        dy = self.view(dy)
        within = np.where(self.z >= self.tau, dy, 0)
        product = (within * self.x).sum(1, keepdims=True)
        of_square = -0.5 * self.gamma * self.rho**3 * product
        dx = self.a * within + 2 / self.x.shape[1] * of_square * self.x
        channels = lambda terms: terms.sum((0, 1))
        return (self.tensor(dx), channels(self.rho * product), channels(within),
                channels(dy - within), self.of_epsilon(of_square))

    def of_epsilon(self, of_square):
        if not self.learned.size:
            return self.learned
        terms = np.sign(self.learned) * of_square
        return terms.sum().reshape(1) if self.learned.size == 1 else terms.sum((0, 1))
