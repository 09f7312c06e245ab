import numpy as np

from references.weights import Weight, view_of

from .case import Call


class WeightNorm:
    """One weight; lists of several are in weights_test.py."""

    forward_op, backward_op = 'TfjsWeightNorm', 'TfjsWeightNormGrad'
    saved = 'moments'
    defaults = {
        'axis': -1,
        'kept_axes': 1,
        'divisor': 0,
        'center': False,
        'epsilon': 1e-12,
        'scale': True
    }

    def __init__(self, name, shape, seed=1, offset=0.0, **attributes):
        self.name, self.shape, self.attributes = name, shape, attributes
        full = {**self.defaults, **attributes}
        view, kept = view_of(shape, full['axis'], full['kept_axes'])
        self.weight = Weight(view, full['divisor'], full['center'],
                             float(np.float32(full['epsilon'])))
        self.scale = full['scale']
        random = np.random.default_rng(seed)
        self.x = (random.normal(size=shape) * 1.5 + offset).astype(np.float32)
        self.dy = random.normal(size=shape).astype(np.float32)
        self.gamma = np.asarray(random.uniform(0.5, 1.5, kept), np.float32)

    def gain(self):
        return self.gamma.astype(np.float64) if self.scale else np.ones_like(self.gamma, np.float64)

    def inputs(self):
        return {'x': self.x, 'gamma': self.gamma if self.scale else np.zeros([0], np.float32)}

    def forward(self):
        y, moments = self.weight.normalize(self.x, self.gain())
        return Call(self.forward_op, self.inputs(), self.attributes, {'y': y, 'moments': moments})

    def backward(self, saved):
        """`saved` is the forward op's own output for this case."""
        dx, dgamma = self.weight.gradients(self.dy, self.x, self.gain())
        return Call(self.backward_op, {
            'dy': self.dy,
            **self.inputs(), 'moments': saved
        }, self.attributes, {
            'dx': dx,
            'dgamma': dgamma if self.scale else np.zeros([0])
        })


CASES = [
    WeightNorm('weight_norm', (3, 3, 16, 24)),
    WeightNorm('weight_norm_dense', (100, 10), center=True, epsilon=1e-4),
    WeightNorm('weight_norm_transposed', (3, 3, 12, 8), axis=-2),
    WeightNorm('weight_norm_depthwise', (3, 3, 6, 2), axis=2, kept_axes=2, center=True),
    WeightNorm('weight_norm_whole', (7, 9), kept_axes=0),
    WeightNorm('weight_norm_long', (70000, 3), center=True, offset=100.0),
    WeightNorm('weight_standardization', (3, 3, 16, 24), divisor=1, center=True, epsilon=1e-5),
    WeightNorm('weight_standardization_unbiased', (5, 7), divisor=2, center=True, epsilon=1e-5,
               scale=False),
    WeightNorm('weight_standardization_inside', (3, 4, 5), divisor=3, center=True, epsilon=1e-5),
]
