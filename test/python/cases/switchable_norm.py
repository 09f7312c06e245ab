import numpy as np

import references as reference
from references.switchable import Switchable

from .case import Call, Case


class SwitchableNorm(Case):
    layout_of = reference.instance_layout
    forward_op, backward_op = 'TfjsSwitchableNorm', 'TfjsSwitchableNormGrad'
    defaults = {
        **Case.defaults, 'axis': -1,
        'epsilon': 1e-5,
        'training': True,
        'use_batch': True,
        'unbiased_spatial_variance': False,
        'update_rate': 0.1
    }
    forward_only = ('update_rate',)

    def __init__(self, name, shape, **attributes):
        super().__init__(name, shape, **attributes)
        logits = np.array([0.25, 1.5, -0.75], np.float32)[:3 if self.full['use_batch'] else 2]
        self.mean_logits, self.variance_logits = logits, (1 - 2 * logits).astype(np.float32)

    def state(self):
        return {
            'mean_logits': self.mean_logits,
            'variance_logits': self.variance_logits,
            'moving_mean': self.parameter(self.mean, 'use_batch'),
            'moving_variance': self.parameter(self.variance, 'use_batch')
        }

    def result(self):
        gamma, beta = self.effective()
        flags = ('training', 'use_batch', 'unbiased_spatial_variance')
        return Switchable(self.layout, self.x, gamma, beta, self.epsilon, **self.state(),
                          **{flag: self.full[flag] for flag in flags})

    def forward(self):
        result = self.result()
        rate = float(np.float32(self.full['update_rate']))
        mean, variance = result.moved(rate)
        return Call(
            self.forward_op, {
                'x': self.x,
                **self.parameters(),
                **self.state()
            }, self.attributes, {
                'y': result.y,
                'new_moving_mean': mean,
                'new_moving_variance': variance,
                'moments': reference.moments(self.layout, self.x)
            })

    def backward(self, saved):
        dx, dgamma, dbeta, dmean_logits, dvariance_logits = self.result().gradients(self.dy)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            **self.state(), 'moments': saved
        }
        expected = {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta), 'dmean_logits': dmean_logits,
            'dvariance_logits': dvariance_logits
        }
        return Call(self.backward_op, inputs, self.backward_attributes(), expected)


CASES = [
    SwitchableNorm('switchable_norm', (4, 5, 6, 7)),
    SwitchableNorm('switchable_norm_unbiased', (3, 4, 9), unbiased_spatial_variance=True),
    SwitchableNorm('switchable_norm_channels_first', (3, 7, 5, 6), axis=1, update_rate=0.25),
    SwitchableNorm('switchable_norm_no_batch', (3, 4, 5, 6), use_batch=False),
    SwitchableNorm('switchable_norm_inference', (3, 4, 5, 6), training=False),
    SwitchableNorm('switchable_norm_matrix', (6, 20), scale=False),
    SwitchableNorm('switchable_norm_far_mean', (4, 8, 8, 12), offset=1000.0, center=False),
    SwitchableNorm('switchable_norm_many_rows', (2, 64, 64, 4)),
]
