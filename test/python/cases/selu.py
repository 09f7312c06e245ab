"""SELU, alpha dropout and both at once: of each element alone, so no layouts and parameters."""

import numpy as np

from references import philox

from .case import Call


class Selu:
    forward_op, backward_op, saved = 'TfjsSelu', 'TfjsSeluGrad', 'y'
    defaults = {'positive': 1.0507009873554805, 'negative': 1.7580993408473766}

    def __init__(self, name, shape, **attributes):
        self.name = name
        self.shape = shape
        self.attributes = attributes
        self.full = {
            name: float(np.float32(value)) for name, value in {**self.defaults, **attributes}.items()
        }
        random = np.random.default_rng(1)
        self.x = (random.normal(size=shape) * 1.5).astype(np.float32)
        self.dy = random.normal(size=shape).astype(np.float32)

    def inputs(self, **named):
        return named

    def kept(self):
        return np.ones(self.shape, bool)

    def values(self):
        positive, negative = self.full['positive'], self.full['negative']
        return np.where(self.x > 0, positive * self.x, negative * np.expm1(np.minimum(self.x, 0)))

    def slopes(self):
        positive, negative = self.full['positive'], self.full['negative']
        return np.where(self.x > 0, positive, negative * np.exp(np.minimum(self.x, 0)))

    def dropped(self):
        return self.full.get('offset', 0) - self.full['negative']

    def forward(self):
        self.x = np.asarray(self.x)
        y = np.where(self.kept(), self.values() + self.full.get('offset', 0), self.dropped())
        return Call(self.forward_op, self.inputs(x=self.x), self.attributes, {'y': y})

    def backward(self, saved):
        dx = np.where(self.kept(), self.dy * self.slopes(), 0)
        return Call(self.backward_op, {'dy': self.dy, 'y': saved}, self.backward_attributes(), {'dx': dx})

    def backward_attributes(self):
        names = ('positive', 'negative', 'offset')
        return {name: value for name, value in self.attributes.items() if name in names}


class SeluAlphaDropout(Selu):
    forward_op, backward_op = 'TfjsSeluAlphaDropout', 'TfjsSeluAlphaDropoutGrad'
    defaults = {**Selu.defaults, 'offset': 0, 'threshold': 0, 'shared_axes': 0}
    seed, stream = 0x1234567890ABCDEF, 7

    def inputs(self, **named):
        return {**named, 'seed': philox.digits(self.seed, self.stream)}

    def kept(self):
        threshold, shared_axes = int(self.full['threshold']), int(self.full['shared_axes'])
        return philox.kept(self.shape, threshold, shared_axes, self.seed, self.stream)


class AlphaDropout(SeluAlphaDropout):
    forward_op, backward_op, saved = 'TfjsAlphaDropout', 'TfjsAlphaDropoutGrad', None
    defaults = {
        'slope': 1,
        'offset': 0,
        'dropped': -1.7580993408473766,
        'threshold': 0,
        'shared_axes': 0
    }

    def values(self):
        return self.full['slope'] * self.x.astype(np.float64)

    def slopes(self):
        return self.full['slope']

    def dropped(self):
        return self.full['dropped']

    def backward(self, saved):
        dx = np.where(self.kept(), self.dy * self.slopes(), 0)
        return Call(self.backward_op, self.inputs(dy=self.dy), self.backward_attributes(), {'dx': dx})

    def backward_attributes(self):
        names = ('slope', 'threshold', 'shared_axes')
        return {name: value for name, value in self.attributes.items() if name in names}


HALF = {'threshold': 2**23}
CASES = [
    Selu('selu', (5, 7, 11)),
    Selu('selu_parameters', (300,), positive=0.5, negative=2.5),
    SeluAlphaDropout('selu_alpha_dropout', (6, 33), offset=0.16, threshold=1677722),
    SeluAlphaDropout('selu_alpha_dropout_channels', (3, 4, 5, 8), offset=-0.25, shared_axes=6, **HALF),
    AlphaDropout('alpha_dropout', (6, 33), slope=0.92, offset=0.16, dropped=-1.45, threshold=1677722),
    AlphaDropout('alpha_dropout_samples', (40, 9), shared_axes=2, **HALF),
    AlphaDropout('alpha_dropout_many', (70001,), **HALF),
]
