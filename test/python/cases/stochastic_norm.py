"""Affine maps with random scale and offset, of batch norm's form and learned; noise given and drawn."""

import numpy as np

from references import philox, stochastic

from .case import Call

EMPTY = np.zeros([0], np.float32)


class Stochastic:
    saved = None
    seed, stream = 0x1234567890ABCDEF, 7
    names = ()
    noise_names = ()

    def __init__(self, name, shape, axis=-1, per_sample=False, given=False, **attributes):
        self.name = name
        self.shape = shape
        self.attributes = {'axis': axis, 'per_sample': per_sample, 'given': given, **attributes}
        self.axis, self.per_sample, self.given = axis % len(shape), per_sample, given
        self.full = {'effective_n': 32, 'scale': True, 'center': True, **attributes}
        random = np.random.default_rng(1)
        self.channels = shape[self.axis]
        self.pairs = (shape[0], self.channels) if per_sample else (self.channels,)
        self.x = random.normal(size=shape).astype(np.float32)
        self.dy = random.normal(size=shape).astype(np.float32)
        # Each under its own name.
        for name, value in zip(self.names, self.make_parameters(random)):
            setattr(self, name, value)
        for name, mean in zip(self.noise_names, (0, self.noise_mean)):
            setattr(self, name, (random.normal(size=self.pairs) * 0.2 + mean).astype(np.float32))

    @property
    def parameters(self):
        return {name: getattr(self, name) for name in self.names}

    def random(self):
        """The two numbers of each pair, in float64."""
        if self.given:
            return [getattr(self, name).astype(np.float64) for name in self.noise_names]
        count = int(np.prod(self.pairs))
        return [values.reshape(self.pairs) for values in self.drawn(count)]

    def spread(self, values):
        """A number of each channel, or of each pair, as it broadcasts against x."""
        shape = [1] * len(self.shape)
        shape[self.axis] = self.channels
        if values.ndim == 2:
            shape[0] = self.shape[0]
        return values.reshape(shape)

    def of_channels(self, terms):
        return terms.sum(tuple(i for i in range(terms.ndim) if i != self.axis))

    def of_pairs(self, terms):
        kept = (0, self.axis) if self.per_sample else (self.axis,)
        return terms.sum(tuple(i for i in range(terms.ndim) if i not in kept))

    def noise_inputs(self):
        given = [getattr(self, name) if self.given else EMPTY for name in self.noise_names]
        seed = EMPTY if self.given else philox.digits(self.seed, self.stream)
        return {**dict(zip(self.noise_names, given)), 'seed': seed}

    def forward(self):
        x = np.asarray(self.x).astype(np.float64)
        factor, shift, offset = self.affine()
        y = factor * (x - shift) + offset
        return Call(self.op, {'x': np.asarray(self.x), **self.parameters, **self.noise_inputs()}, self.attributes, {'y': y})


class StochasticAffine(Stochastic):
    op = forward_op = 'TfjsStochasticAffine'
    backward_op = 'TfjsStochasticAffineGrad'
    names = ('gamma', 'beta')
    noise_names = ('u', 'v')
    noise_mean = 1

    def make_parameters(self, random):
        gamma = random.uniform(0.5, 1.5, self.channels).astype(np.float32)
        beta = random.normal(size=self.channels).astype(np.float32)
        return gamma if self.full['scale'] else EMPTY, beta if self.full['center'] else EMPTY

    def drawn(self, count):
        return stochastic.batch_noise(count, self.full['effective_n'], self.seed, self.stream)

    def numbers(self):
        u, v = (self.spread(noise) for noise in self.random())
        gamma = self.spread(self.parameters['gamma'].astype(np.float64)) if self.full['scale'] else 1.0
        return u, v, gamma

    def affine(self):
        u, v, gamma = self.numbers()
        return gamma * v, u, self.spread(self.parameters['beta']) if self.full['center'] else 0

    def backward(self, saved):
        u, v, gamma = self.numbers()
        dy = self.dy.astype(np.float64)
        by_scale = dy * (self.x.astype(np.float64) - u)
        inputs = {'dy': self.dy, 'x': self.x, 'gamma': self.parameters['gamma'], **self.noise_inputs()}
        return Call(
            self.backward_op, inputs, self.attributes, {
                'dx': gamma * v * dy,
                'dgamma': self.of_channels(v * by_scale) if self.full['scale'] else EMPTY,
                'dbeta': self.of_channels(dy) if self.full['center'] else EMPTY,
                'du': self.of_pairs(-gamma * v * dy) if self.given else EMPTY,
                'dv': self.of_pairs(gamma * by_scale) if self.given else EMPTY,
            })


class BayesianAffine(Stochastic):
    op = forward_op = 'TfjsBayesianAffine'
    backward_op = 'TfjsBayesianAffineGrad'
    names = ('log_scale', 'rho_scale', 'bias', 'rho_bias')
    noise_names = ('scale_noise', 'bias_noise')
    noise_mean = 0

    def make_parameters(self, random):
        normal = lambda mean, deviation: (random.normal(size=self.channels) * deviation + mean).astype(np.float32)
        return normal(0, 0.3), normal(-1, 0.5), normal(0, 1), normal(-2, 0.5)

    def drawn(self, count):
        return stochastic.normal_pairs(count, self.seed, self.stream)

    def numbers(self):
        first, second = (self.spread(noise) for noise in self.random())
        m, rho, bias, tau = (self.spread(value.astype(np.float64)) for value in self.parameters.values())
        by_scale, by_bias = np.exp(rho) * first, np.exp(tau) * second
        return np.exp(m + by_scale), by_scale, bias, by_bias

    def affine(self):
        scale, _, bias, by_bias = self.numbers()
        return scale, 0, bias + by_bias

    def backward(self, saved):
        scale, by_scale, _, by_bias = self.numbers()
        dy = self.dy.astype(np.float64)
        by_log = scale * self.x.astype(np.float64) * dy
        parameters = {name: value for name, value in self.parameters.items() if name != 'bias'}
        inputs = {'dy': self.dy, 'x': self.x, **parameters, **self.noise_inputs()}
        return Call(
            self.backward_op, inputs, self.attributes, {
                'dx': scale * dy,
                'dlog_scale': self.of_channels(by_log),
                'drho_scale': self.of_channels(by_log * by_scale),
                'dbias': self.of_channels(dy),
                'drho_bias': self.of_channels(by_bias * dy),
            })


CASES = [
    StochasticAffine('stochastic', (6, 33), effective_n=32),
    StochasticAffine('stochastic_few', (3, 5, 4, 8), effective_n=7),
    StochasticAffine('stochastic_channels_first', (3, 8, 4, 5), axis=1, effective_n=4, center=False),
    StochasticAffine('stochastic_samples', (5, 4, 9), per_sample=True, effective_n=100.5, scale=False),
    StochasticAffine('stochastic_given', (3, 4, 5, 6), given=True),
    StochasticAffine('stochastic_given_samples', (4, 6, 5), axis=1, per_sample=True, given=True),
    BayesianAffine('bayesian', (6, 33)),
    BayesianAffine('bayesian_channels_first', (3, 8, 4, 5), axis=1),
    BayesianAffine('bayesian_samples', (5, 4, 9), per_sample=True),
    BayesianAffine('bayesian_given', (4, 3, 5, 6), per_sample=True, given=True),
]
