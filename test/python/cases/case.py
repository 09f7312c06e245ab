"""A case makes float32 inputs from a fixed seed, and says what the ops must give for them."""

import dataclasses

import numpy as np

import references as reference


@dataclasses.dataclass(frozen=True)
class Call:
    op: str
    inputs: dict
    attributes: dict
    expected: dict  # by the output's name; `moments` is the pair of mean and variance


class Case:
    """`name` is unique; `shape` is x's; `attributes` are those of the forward op."""

    layout_of = None
    forward_op = None
    backward_op = None
    saved = 'moments'
    # Attributes with the defaults of the ops, of which the backward op has all but forward_only.
    defaults = {'epsilon': 1e-3, 'scale': True, 'center': True}
    forward_only = ()
    # What the backward op gives that is no derivative of y.
    not_slopes = ()

    def __init__(self, name, shape, seed=1, offset=0.0, **attributes):
        self.name = name
        self.shape = shape
        self.attributes = attributes
        self.full = {**self.defaults, **attributes}
        self.layout = type(self).layout_of(shape, **self.full)
        random = np.random.default_rng(seed)
        self.x = (random.normal(size=shape) * 1.5 + offset).astype(np.float32)
        self.dy = random.normal(size=shape).astype(np.float32)
        channels = self.layout.parameter_shape
        self.gamma = random.uniform(0.5, 1.5, channels).astype(np.float32)
        self.beta = random.normal(size=channels).astype(np.float32)
        self.mean = random.normal(size=channels).astype(np.float32)
        self.variance = random.uniform(0.5, 2, channels).astype(np.float32)

    @property
    def epsilon(self):
        return float(np.float32(self.full['epsilon']))

    def parameter(self, value, used):
        """A parameter as an op wants it: empty when it is not used."""
        return value if self.full[used] else np.zeros([0], np.float32)

    def effective(self):
        """Gamma and beta in float64; 1 and 0 where they are not used."""
        gamma = self.gamma if self.full['scale'] else np.ones_like(self.gamma)
        beta = self.beta if self.full['center'] else np.zeros_like(self.beta)
        return gamma.astype(np.float64), beta.astype(np.float64)

    def parameters(self):
        return {
            'gamma': self.parameter(self.gamma, 'scale'),
            'beta': self.parameter(self.beta, 'center')
        }

    def backward_attributes(self):
        return {k: v for k, v in self.attributes.items() if k not in self.forward_only}

    def parameter_gradients(self, dgamma, dbeta):
        empty = np.zeros([0])
        return {
            'dgamma': dgamma if self.full['scale'] else empty,
            'dbeta': dbeta if self.full['center'] else empty
        }

    def forward(self):
        gamma, beta = self.effective()
        y = reference.normalize(self.layout, self.x, gamma, beta, self.epsilon)
        expected = {'y': y, 'moments': reference.moments(self.layout, self.x)}
        return Call(self.forward_op, {'x': self.x, **self.parameters()}, self.attributes, expected)

    def backward(self, saved):
        """`saved` is the forward op's own output for this case."""
        gamma, _ = self.effective()
        dx, dgamma, dbeta = reference.normalize_grad(self.layout, self.dy, self.x, gamma,
                                                     self.epsilon)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            self.saved: saved
        }
        return Call(self.backward_op, inputs, self.backward_attributes(), {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta)
        })
