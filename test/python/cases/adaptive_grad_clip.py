"""Adaptive gradient clipping of one gradient, and of what came out, which it leaves as it is but for a rounding."""

import numpy as np

from .case import Call


class AdaptiveGradClip:
    forward_op = backward_op = 'TfjsAdaptiveGradClip'
    saved = 'y'
    not_slopes = ('y',)

    def __init__(self, name, shape, axis=-1, kept_axes=1, clipping=0.1, epsilon=1e-3):
        self.name, self.shape = name, shape
        self.attributes = {'axis': axis, 'kept_axes': kept_axes, 'clipping': clipping, 'epsilon': epsilon}
        first = len(shape) if kept_axes == 0 else axis % len(shape)
        kept = range(first, first + kept_axes)
        self.over = tuple(i for i in range(len(shape)) if i not in kept)
        random = np.random.default_rng(1)
        self.weight = random.normal(size=shape).astype(np.float32)
        # Some units' gradients are longer than allowed, some are not.
        lengths = np.exp(random.normal(-2, 2, [n if i in kept else 1 for i, n in enumerate(shape)]))
        self.x = (random.normal(size=shape) * lengths).astype(np.float32)
        self.dy = self.x

    def length(self, of):
        return np.sqrt((of.astype(np.float64)**2).sum(self.over, keepdims=True))

    def call(self, gradient):
        most = self.attributes['clipping'] * np.maximum(self.length(self.weight), self.attributes['epsilon'])
        length = self.length(gradient)
        factor = np.where(length >= most, most / np.maximum(length, 1e-6), 1)
        inputs = {'gradients': gradient, 'weights': self.weight}
        return Call(self.forward_op, inputs, self.attributes, {'y': gradient * factor})

    def forward(self):
        return self.call(self.x)

    def backward(self, saved):
        return self.call(self.x if saved is None else saved)


CASES = [
    AdaptiveGradClip('adaptive_grad_clip', (3, 3, 16, 24)),
    AdaptiveGradClip('adaptive_grad_clip_dense', (100, 10), clipping=0.01),
    AdaptiveGradClip('adaptive_grad_clip_depthwise', (3, 3, 6, 2), axis=-2, kept_axes=2),
    AdaptiveGradClip('adaptive_grad_clip_transposed', (3, 3, 12, 8), axis=2),
    AdaptiveGradClip('adaptive_grad_clip_bias', (40,), axis=0, kept_axes=0),
]
