import numpy as np

import references as reference
from references.online import CLAMP, LAYER_SCALING, NONE, Online

from .case import Call, Case


class OnlineNorm(Case):
    layout_of = reference.instance_layout
    forward_op, backward_op = 'TfjsOnlineNorm', 'TfjsOnlineNormGrad'
    defaults = {
        **Case.defaults, 'axis': -1,
        'epsilon': 1e-5,
        'training': True,
        'error_compensation': CLAMP,
        'clamp_value': 5.0,
        'scaling_epsilon': 1e-5,
        'update_rate': 0.001,
        'control_rate': 0.01
    }
    forward_only = ('epsilon', 'update_rate')

    def __init__(self, name, shape, **attributes):
        super().__init__(name, shape, **attributes)
        self.mean = (self.mean + attributes.get('offset', 0)).astype(np.float32)
        random = np.random.default_rng(3)
        self.u, self.v = (random.normal(size=self.mean.shape).astype(np.float32) for _ in range(2))

    @property
    def not_slopes(self):
        return ('dx', 'new_u', 'new_v') if self.full['training'] else ('new_u', 'new_v')

    def number(self, name):
        return float(np.float32(self.full[name]))

    def result(self):
        gamma, beta = self.effective()
        numbers = ('epsilon', 'clamp_value', 'scaling_epsilon')
        return Online(self.layout,
                      self.x,
                      gamma,
                      beta,
                      self.mean,
                      self.variance,
                      rate=self.number('update_rate'),
                      training=self.full['training'],
                      error_compensation=self.full['error_compensation'],
                      **{name: self.number(name) for name in numbers})

    def moments(self):
        if self.full['training'] or self.full['error_compensation'] == LAYER_SCALING:
            return reference.moments(self.layout, self.x)
        # The given mean serves as that of every pair.
        mean = np.tile(np.float64(self.mean), (self.shape[0], 1))
        return mean, np.zeros_like(mean)

    def forward(self):
        result = self.result()
        attributes = {k: v for k, v in self.attributes.items() if k != 'control_rate'}
        return Call(
            self.forward_op, {
                'x': self.x,
                **self.parameters(), 'moving_mean': self.mean,
                'moving_variance': self.variance
            }, attributes, {
                'y': result.y,
                'new_moving_mean': result.mean,
                'new_moving_variance': result.variance,
                'moments': self.moments()
            })

    def backward(self, saved):
        rate = self.number('control_rate')
        dx, dgamma, dbeta, u, v = self.result().gradients(self.dy, self.u, self.v, rate)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            **self.parameters(), 'u': self.u,
            'v': self.v,
            'moments': saved
        }
        expected = {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta), 'new_u': u,
            'new_v': v
        }
        return Call(self.backward_op, inputs, self.backward_attributes(), expected)


CASES = [
    OnlineNorm('online_norm', (4, 5, 6, 7)),
    OnlineNorm('online_norm_clamped', (4, 3, 5, 6), clamp_value=1.0, update_rate=0.25),
    OnlineNorm('online_norm_scaled', (3, 4, 9), error_compensation=LAYER_SCALING),
    OnlineNorm('online_norm_channels_first', (3, 7, 5, 6), axis=1, update_rate=0.1),
    OnlineNorm('online_norm_channels_first_scaled', (3, 7, 5, 6),
               axis=1,
               error_compensation=LAYER_SCALING,
               control_rate=0.25),
    OnlineNorm('online_norm_bare', (3, 4, 5, 6), error_compensation=NONE, scale=False,
               center=False),
    OnlineNorm('online_norm_inference', (3, 4, 5, 6), training=False, clamp_value=1.0),
    OnlineNorm('online_norm_inference_scaled', (3, 4, 5, 6),
               training=False,
               error_compensation=LAYER_SCALING),
    OnlineNorm('online_norm_matrix', (70, 20), update_rate=0.03, control_rate=0.1),
    OnlineNorm('online_norm_far_mean', (4, 8, 8, 12), offset=1000.0, error_compensation=NONE),
    OnlineNorm('online_norm_many_rows', (2, 64, 64, 4)),
]
