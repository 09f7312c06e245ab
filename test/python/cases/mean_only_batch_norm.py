import numpy as np

import references as reference

from .case import Call, Case


class MeanOnlyBatchNorm(Case):
    layout_of = reference.batch_layout
    forward_op, backward_op = 'TfjsMeanOnlyBatchNorm', 'TfjsMeanOnlyBatchNormGrad'
    defaults = {'axis': -1, 'center': True, 'update_rate': 0.1}
    forward_only = ('update_rate',)

    def offset(self):
        return self.parameter(self.beta, 'center')

    def forward(self):
        beta = self.beta if self.full['center'] else np.zeros_like(self.beta)
        y, mean = reference.subtract_mean(self.layout, self.x, beta)
        rate = float(np.float32(self.full['update_rate']))
        return Call(
            self.forward_op, {
                'x': self.x,
                'beta': self.offset(),
                'moving_mean': self.mean
            }, self.attributes, {
                'y': y,
                'new_moving_mean': self.mean + rate * (mean - self.mean),
                'moments': reference.moments(self.layout, self.x)
            })

    def backward(self, saved):
        """`saved` is the forward op's own output for this case."""
        dx, dbeta = reference.subtract_mean_grad(self.layout, self.dy)
        return Call(self.backward_op, {
            'dy': self.dy,
            'x': self.x,
            'moments': saved
        }, self.backward_attributes(), {
            'dx': dx,
            'dbeta': dbeta if self.full['center'] else np.zeros([0])
        })


CASES = [
    MeanOnlyBatchNorm('mean_only_batch_norm', (4, 5, 6, 7)),
    MeanOnlyBatchNorm('mean_only_batch_norm_matrix', (33, 20), update_rate=0.25, center=False),
    MeanOnlyBatchNorm('mean_only_batch_norm_channels_first', (4, 7, 5, 6), axis=1),
    MeanOnlyBatchNorm('mean_only_batch_norm_far_mean', (16, 8, 8, 12), offset=1000.0),
    MeanOnlyBatchNorm('mean_only_batch_norm_one_value', (1, 9)),
]
