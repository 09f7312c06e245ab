"""Equi-normalization of one weight: a step and the one after it; the scaling and the one that takes it back."""

import numpy as np

from .case import Call


class EquiNormScale:
    forward_op = backward_op = 'TfjsEquiNormScale'
    saved = 'y'
    not_slopes = ('y',)

    def __init__(self, name, shape, entries, power=1, p=2.0):
        self.name, self.shape, self.entries, self.power, self.p = name, shape, entries, power, p
        self.attributes = {'power': power}
        random = np.random.default_rng(1)
        self.x = (random.normal(size=shape) * 2).astype(np.float32)
        self.dy = self.x
        self.factors = random.uniform(0.5, 2, entries).astype(np.float32)
        # Each row and column is of an entry, of its other side where the sign says so, or of none.
        rows = shape[-2] if len(shape) > 1 else 1
        numbers = lambda count: random.integers(-entries, entries + 1, count).astype(np.float32)
        self.rows, self.columns = numbers(rows), numbers(shape[-1])

    def scale_of(self, factors, numbers):
        at = np.abs(numbers).astype(int)
        factor = np.where(at > 0, factors.astype(np.float64)[np.maximum(at, 1) - 1], 1)
        return np.where(numbers < 0, 1 / factor, factor)

    def scaled(self, x, factors, power):
        rows, columns = (self.scale_of(factors, numbers)**power for numbers in (self.rows, self.columns))
        by = rows[:, None] * columns if x.ndim > 1 else rows * columns
        return x.astype(np.float64) * by

    def call(self, x, power):
        inputs = {'x': x, 'rows': self.rows, 'columns': self.columns, 'factors': self.factors}
        return Call(self.forward_op, inputs, {'power': power}, {'y': self.scaled(x, self.factors, power)})

    def forward(self):
        return self.call(self.x, self.power)

    def backward(self, saved):
        return self.call(self.x if saved is None else saved, -self.power)


class EquiNorm(EquiNormScale):
    forward_op = backward_op = 'TfjsEquiNorm'
    saved = 'new_factors'
    not_slopes = ('new_factors',)

    def __init__(self, name, weight, entries, **given):
        super().__init__(name, weight, entries, **given)
        # What the first output is like.
        self.shape = (entries,)
        self.attributes = {'p': self.p}
        random = np.random.default_rng(2)
        numbers = np.concatenate([self.rows, self.columns]).astype(int)
        sides = [np.flatnonzero(numbers == sign * entry) for entry in range(1, entries + 1) for sign in (1, -1)]
        self.starts = np.cumsum([0] + [len(side) for side in sides]).astype(np.float32)
        order = np.concatenate(sides)
        self.order = np.pad(order, (0, numbers.size - order.size)).astype(np.float32)
        self.shares = random.uniform(0.5, 1, numbers.size).astype(np.float32)
        self.exponents = np.full(entries, 1 / (2 * self.p), np.float32)
        self.exponents[entries // 2] = 0

    def step(self, factors):
        power = np.abs(self.scaled(self.x, factors, 1))**self.p
        power = power.reshape(-1, self.rows.size, self.columns.size)
        sums = np.concatenate([power.sum((0, 2)), power.sum((0, 1))])[self.order.astype(int)] * self.shares
        starts = self.starts.astype(int)
        both = np.array([sums[a:b].sum() for a, b in zip(starts, starts[1:])]).reshape(-1, 2)
        alive = (both > 0).all(1)
        ratio = np.where(alive, both[:, 1] / np.where(alive, both[:, 0], 1), 1)
        inputs = {
            'factors': factors,
            'weights': self.x,
            'rows': self.rows,
            'columns': self.columns,
            'order': self.order,
            'starts': self.starts,
            'shares': self.shares,
            'exponents': self.exponents
        }
        expected = {'new_factors': factors * ratio**self.exponents}
        return Call(self.forward_op, inputs, self.attributes, expected)

    def forward(self):
        return self.step(self.factors)

    def backward(self, saved):
        return self.step(self.factors if saved is None else saved)


CASES = [
    EquiNorm('equi_norm', (3, 3, 12, 20), 6),
    EquiNorm('equi_norm_dense', (70, 90), 15, p=1.0),
    EquiNorm('equi_norm_bias', (40,), 4, p=1.5),
    EquiNormScale('equi_norm_scale', (3, 3, 12, 20), 6),
    EquiNormScale('equi_norm_scale_squares', (70, 90), 15, power=-2),
    EquiNormScale('equi_norm_scale_bias', (40,), 4, power=-1),
]
