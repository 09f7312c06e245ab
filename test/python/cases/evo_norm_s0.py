import numpy as np

import references as reference
from references.element import EvoNorm

from .case import Call, Case


def layout_of(shape, groups, nonlinearity, **attributes):
    """The affine map alone has no groups."""
    return reference.group_layout(shape, groups=groups if nonlinearity else 1, **attributes)


class EvoNormS0(Case):
    layout_of = layout_of
    forward_op, backward_op = 'TfjsEvoNormS0', 'TfjsEvoNormS0Grad'
    defaults = {**Case.defaults, 'axis': -1, 'groups': 32, 'epsilon': 1e-5, 'nonlinearity': True}

    def __init__(self, name, shape, **attributes):
        super().__init__(name, shape, **attributes)
        self.v = np.linspace(-0.5, 2, shape[self.full['axis']]).astype(np.float32)

    def result(self):
        gamma, beta = self.effective()
        v = self.v if self.full['nonlinearity'] else None
        return EvoNorm(self.layout, self.x, gamma, beta, v, self.epsilon)

    def forward(self):
        moments = reference.moments(self.layout, self.x)
        if not self.full['nonlinearity']:
            moments = (np.zeros([0, 0]), np.zeros([0, 0]))
        inputs = {
            'x': self.x,
            **self.parameters(), 'v': self.parameter(self.v, 'nonlinearity')
        }
        return Call(self.forward_op, inputs, self.attributes, {
            'y': self.result().y,
            'moments': moments
        })

    def backward(self, saved):
        dx, dgamma, dbeta, dv = self.result().gradients(self.dy)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            'v': self.parameter(self.v, 'nonlinearity'),
            'moments': saved
        }
        expected = {'dx': dx, **self.parameter_gradients(dgamma, dbeta), 'dv': dv}
        return Call(self.backward_op, inputs, self.backward_attributes(), expected)


CASES = [
    EvoNormS0('evo_norm_s0', (2, 6, 6, 64)),
    EvoNormS0('evo_norm_s0_odd', (3, 5, 5, 30), groups=6, epsilon=1e-3),
    EvoNormS0('evo_norm_s0_channels_first', (2, 12, 7, 5), axis=1, groups=4),
    EvoNormS0('evo_norm_s0_matrix', (4, 32), groups=8, scale=False),
    EvoNormS0('evo_norm_s0_affine', (3, 4, 10), nonlinearity=False),
    EvoNormS0('evo_norm_s0_affine_bare',
              (3, 10, 4),
              axis=1,
              nonlinearity=False,
              scale=False,
              center=False),
]
