"""Batch renormalization: batch norm, corrected by r and d, which are constants to the gradient."""

import numpy as np

import references as reference


class Renorm:

    def __init__(self, layout, x, mean, stddev, clipping, epsilon):
        """`mean` and `stddev` are the running ones that corrections are taken from."""
        own_mean, own_variance = self.statistics(layout, x)
        self.layout = layout
        self.epsilon = epsilon
        rmax, rmin, dmax = np.asarray(clipping, np.float64)
        scale = np.maximum(np.asarray(stddev, np.float64), np.sqrt(epsilon))
        self.r = np.clip(np.sqrt(own_variance + epsilon) / scale, rmin, rmax)
        self.d = np.clip((own_mean - mean) / scale, -dmax, dmax)

    @staticmethod
    def statistics(layout, x):
        view = np.asarray(x, np.float64).reshape(layout.view)
        return view.mean(layout.axes).reshape(-1), view.var(layout.axes).reshape(-1)

    def forward(self, x, gamma, beta):
        shift = gamma * self.d + beta
        return reference.normalize(self.layout, x, gamma * self.r, shift, self.epsilon)

    def gradients(self, dy, x, gamma):
        """dx, dgamma, dbeta."""
        dx, dgamma, dbeta = reference.normalize_grad(self.layout, dy, x, gamma * self.r,
                                                     self.epsilon)
        return dx, self.r * dgamma + self.d * dbeta, dbeta

    def moved(self, x, mean, stddev, rate):
        """Running mean and standard deviation after a step."""
        own_mean, own_variance = self.statistics(self.layout, x)
        return (mean + rate * (own_mean - mean),
                stddev + rate * (np.sqrt(own_variance + self.epsilon) - stddev))
