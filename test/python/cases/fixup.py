"""The element-wise steps of networks without normalization: scalars, so no layouts and channels."""

import numpy as np

from .case import Call

SCALARS = {'scale': 1.25, 'bias': -0.375, 'shift': 0.5}
NONE = np.zeros([0], np.float32)


class Fixup:
    forward_op, backward_op, saved = 'TfjsFixup', 'TfjsFixupGrad', None
    # The kernels are compared with these; beside a kink a difference quotient is none.
    not_slopes = ('dx', 'dz', 'dscale', 'dbias', 'dshift')
    # [0] where attributes, which a shape function does not see, say so.
    optional = ('dx', 'dz')

    def __init__(self, name, shape, *used, relu=False):
        self.name = name
        self.shape = shape
        self.used = used
        self.relu = relu
        self.attributes = {'relu': relu, **{f'use_{part}': True for part in used}}
        random = np.random.default_rng(1)
        # Multiples of 1/16, with which z is exact in float32.
        exact = lambda: (np.round(random.normal(size=shape) * 24) / 16).astype(np.float32)
        self.x = exact()
        self.dy = random.normal(size=shape).astype(np.float32)
        self.residual = exact()

    def scalar(self, name):
        return np.full([1], SCALARS[name], np.float32) if name in self.used else NONE

    def value(self, name, missing):
        return SCALARS[name] if name in self.used else missing

    def z(self):
        z = self.value('scale', 1) * self.x.astype(np.float64) + self.value('bias', 0)
        return z + self.residual if 'residual' in self.used else z

    def forward(self):
        z = self.z()
        y = (np.maximum(z, 0) if self.relu else z) + self.value('shift', 0)
        residual = self.residual if 'residual' in self.used else NONE
        inputs = {'x': self.x, **{name: self.scalar(name) for name in SCALARS}, 'residual': residual}
        return Call(self.forward_op, inputs, self.attributes, {'y': y})

    def backward(self, saved):
        dz = self.dy * (self.z() > 0 if self.relu else 1.0)
        reads_x = self.relu or 'scale' in self.used
        reads_residual = self.relu and 'residual' in self.used
        inputs = {
            'dy': self.dy,
            'x': self.x if reads_x else NONE,
            'scale': self.scalar('scale'),
            'bias': self.scalar('bias'),
            'residual': self.residual if reads_residual else NONE
        }
        sums = {'scale': (dz * self.x).sum(), 'bias': dz.sum(), 'shift': self.dy.astype(np.float64).sum()}
        expected = {
            'dx': self.value('scale', 1) * dz if reads_x else NONE,
            'dz': dz if reads_residual and 'scale' in self.used else NONE,
            **{f'd{name}': np.array([total]) if name in self.used else NONE for name, total in sums.items()}
        }
        return Call(self.backward_op, inputs, self.attributes, expected)


CASES = [
    Fixup('fixup_bias', (5, 7, 11), 'bias'),
    Fixup('fixup_bias_relu_bias', (3, 4, 5, 6), 'bias', 'shift', relu=True),
    Fixup('fixup_scale_bias_residual', (6, 33), 'scale', 'bias', 'residual', relu=True),
    Fixup('fixup_everything', (300,), 'scale', 'bias', 'shift', 'residual', relu=True),
    Fixup('skip_init', (1001,), 'scale', 'residual'),
]
