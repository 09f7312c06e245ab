import dataclasses

import numpy as np

import references as reference

from .case import Call, Case


class BatchNorm(Case):
    layout_of = reference.batch_layout
    forward_op, backward_op = 'TfjsBatchNorm', 'TfjsBatchNormGrad'
    defaults = {
        **Case.defaults, 'axis': -1,
        'update_rate': 0.01,
        'unbiased': False,
        'virtual_batch_size': 0
    }
    forward_only = ('update_rate', 'unbiased')

    def forward(self):
        call = super().forward()
        rate = float(np.float32(self.full['update_rate']))
        mean, variance = reference.running_statistics(self.layout, self.x, self.mean, self.variance,
                                                      rate, self.full['unbiased'])
        inputs = {**call.inputs, 'moving_mean': self.mean, 'moving_variance': self.variance}
        expected = {
            'y': call.expected['y'],
            'new_moving_mean': mean,
            'new_moving_variance': variance,
            'moments': call.expected['moments']
        }
        return dataclasses.replace(call, inputs=inputs, expected=expected)


class BatchNormInference(Case):
    layout_of = reference.batch_layout
    forward_op, backward_op = 'TfjsBatchNormInference', 'TfjsBatchNormInferenceGrad'
    defaults = {**Case.defaults, 'axis': -1}
    saved = None

    def statistics(self):
        return {'mean': self.mean, 'variance': self.variance}

    def forward(self):
        gamma, beta = self.effective()
        y = reference.inference(self.layout,
                                self.x,
                                gamma,
                                beta,
                                epsilon=self.epsilon,
                                **self.statistics())
        inputs = {'x': self.x, **self.parameters(), **self.statistics()}
        return Call(self.forward_op, inputs, self.attributes, {'y': y})

    def backward(self, saved):
        gamma, _ = self.effective()
        dx, dgamma, dbeta, dmean, dvariance = reference.inference_grad(
            self.layout, self.dy, self.x, gamma, self.mean.astype(np.float64),
            self.variance.astype(np.float64), self.epsilon)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            **self.statistics()
        }
        expected = {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta), 'dmean': dmean,
            'dvariance': dvariance
        }
        return Call(self.backward_op, inputs, self.attributes, expected)


CASES = [
    BatchNorm('batch_norm', (4, 5, 6, 7)),
    BatchNorm('batch_norm_matrix', (33, 20), update_rate=0.1, unbiased=True),
    BatchNorm('batch_norm_channels_first', (4, 7, 5, 6), axis=1, epsilon=1e-5),
    BatchNorm('batch_norm_first_axis', (5, 12), axis=0),
    BatchNorm('batch_norm_ghosts', (8, 3, 3, 16), virtual_batch_size=2, update_rate=0.25),
    BatchNorm('batch_norm_ghosts_channels_first', (6, 4, 9), axis=1, virtual_batch_size=3),
    BatchNorm('batch_norm_bare', (3, 4, 65), scale=False, center=False),
    BatchNorm('batch_norm_far_mean', (16, 8, 8, 12), offset=1000.0),
    BatchNorm('batch_norm_one_value', (1, 9)),
    BatchNorm('batch_norm_many_rows', (8, 32, 32, 4)),
    BatchNormInference('inference', (4, 5, 6, 7)),
    BatchNormInference('inference_channels_first', (4, 7, 5, 6), axis=1, epsilon=1e-5),
    BatchNormInference('inference_bare', (6, 33), scale=False, center=False),
]
