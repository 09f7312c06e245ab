"""The epilogue of generalized Hamming layers: taps for all or by place, thresholds and outputs."""

import numpy as np

from .case import Call

OUTPUTS = ('distance', 'similarity', 'centered', 'raw')
THRESHOLDS = ('none', 'relu', 'double', 'soft')


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class HammingEpilogue:
    forward_op, backward_op, saved = 'TfjsHammingEpilogue', 'TfjsHammingEpilogueGrad', None

    def __init__(self, name, shape, output, threshold, by_place=False, alpha=1.0):
        self.name = name
        self.shape = shape
        self.output, self.threshold = output, threshold
        self.alpha = float(np.float32(alpha))
        self.attributes = {
            'output': OUTPUTS.index(output),
            'threshold': THRESHOLDS.index(threshold),
            'alpha': alpha
        }
        random = np.random.default_rng(1)
        self.acc = (random.normal(size=shape) * 4).astype(np.float32)
        self.dy = random.normal(size=shape).astype(np.float32)
        places = int(np.prod(shape[1:-1]))
        self.taps = (random.integers(4, 10, places) if by_place else np.array([9])).astype(np.float32)
        used = shape[-1] if threshold in ('double', 'soft') else 0
        self.r = random.uniform(0.1, 1, used).astype(np.float32)

    def inputs(self):
        return {'acc': np.asarray(self.acc), 'taps': self.taps, 'r': self.r}

    def parts(self):
        """c, t, dt/dc, dt/dr; and taps as they broadcast."""
        taps = self.taps.astype(np.float64)
        if taps.size > 1:
            taps = taps.reshape((1,) + self.shape[1:-1] + (1,))
        r = self.r.astype(np.float64)
        c = 2 / taps * np.asarray(self.acc).astype(np.float64)
        if self.threshold == 'soft':
            below, above = sigmoid(self.alpha * (-c - r)), sigmoid(self.alpha * (c - r))
            slopes = below * (1 - below), above * (1 - above)
            by_c = below + above + self.alpha * c * (slopes[1] - slopes[0])
            return taps, c * (below + above), by_c, -self.alpha * c * (slopes[0] + slopes[1])
        passed = {'none': c == c, 'relu': c > 0, 'double': np.abs(c) > (r if r.size else 0)}[self.threshold]
        return taps, np.where(passed, c, 0), passed.astype(np.float64), np.zeros_like(c)

    def forward(self):
        taps, t, _, _ = self.parts()
        y = {'distance': 0.5 - t, 'similarity': t - 0.5, 'centered': t, 'raw': taps / 2 * (t - 0.5)}[self.output]
        return Call(self.forward_op, self.inputs(), self.attributes, {'y': y})

    def backward(self, saved):
        taps, _, by_c, by_r = self.parts()
        factor = {'distance': -1, 'similarity': 1, 'centered': 1, 'raw': taps / 2}[self.output]
        g = self.dy * factor
        dr = (g * by_r).reshape(-1, self.shape[-1]).sum(0)
        expected = {'dacc': g * by_c * 2 / taps, 'dr': dr if self.threshold == 'soft' else np.zeros([0])}
        return Call(self.backward_op, {'dy': self.dy, **self.inputs()}, self.attributes, expected)


CASES = [
    HammingEpilogue('hamming_distance', (7, 33), 'distance', 'none'),
    HammingEpilogue('hamming_relu', (3, 5, 4, 8), 'similarity', 'relu'),
    HammingEpilogue('hamming_relu_places', (3, 5, 4, 6), 'raw', 'relu', by_place=True),
    HammingEpilogue('hamming_double', (6, 5, 9), 'centered', 'double'),
    HammingEpilogue('hamming_double_places', (4, 3, 3, 7), 'raw', 'double', by_place=True),
    HammingEpilogue('hamming_soft', (40, 24), 'distance', 'soft', alpha=3.0),
    HammingEpilogue('hamming_soft_places', (5, 4, 4, 6), 'raw', 'soft', by_place=True, alpha=8.0),
]
