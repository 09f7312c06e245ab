"""Global response normalization: x, plus x scaled by its channels' relative strength in the sample."""

import numpy as np


class GlobalResponse:

    def __init__(self, layout, x, gamma, epsilon):
        self.axes = layout.axes
        self.parameters = layout.parameters
        self.view = np.asarray(x, np.float64).reshape(layout.view)
        self.shape = x.shape
        self.gamma = gamma.reshape(layout.parameters)
        self.response = np.sqrt((self.view**2).sum(layout.axes, keepdims=True))
        self.scale = self._over_channels(self.response) + epsilon
        self.relative = self.response / self.scale

    def _over_channels(self, pairs):
        """The mean over a sample's channels."""
        return pairs.mean(tuple(range(1, pairs.ndim)), keepdims=True)

    def forward(self, beta):
        y = self.gamma * self.view * self.relative + beta.reshape(self.parameters) + self.view
        return y.reshape(self.shape)

    def responses(self):
        return self.response.reshape(self.shape[0], -1)

    def gradients(self, dy):
        """dx, dgamma, dbeta."""
        dy = np.asarray(dy, np.float64).reshape(self.view.shape)
        product = (dy * self.view).sum(self.axes, keepdims=True)
        of_relative = self.gamma * product
        of_scale = -self._over_channels(of_relative * self.relative) / self.scale
        of_response = of_relative / self.scale + of_scale
        slope = np.divide(of_response,
                          self.response,
                          out=np.zeros_like(of_response),
                          where=self.response > 0)
        dx = dy * (self.gamma * self.relative + 1) + slope * self.view
        dgamma = (product * self.relative).sum(0).reshape(-1)
        dbeta = dy.sum(self.axes, keepdims=True).sum(0).reshape(-1)
        return dx.reshape(self.shape), dgamma, dbeta
