import numpy as np

import references as reference
from references.renorm import Renorm

from .case import Call, Case


class BatchRenorm(Case):
    layout_of = reference.batch_layout
    forward_op, backward_op = 'TfjsBatchRenorm', 'TfjsBatchRenormGrad'
    defaults = {
        **Case.defaults, 'axis': -1,
        'update_rate': 0.01,
        'renorm_update_rate': 0.01
    }
    forward_only = ('update_rate', 'renorm_update_rate')

    def __init__(self, name, shape, clipping=(np.inf, 0, np.inf), offset=0.0, **attributes):
        super().__init__(name, shape, offset=offset, **attributes)
        self.clipping = np.array(clipping, np.float32)
        self.renorm_mean = (self.mean[::-1] + offset).astype(np.float32)
        self.renorm_stddev = np.sqrt(self.variance[::-1])
        # Taken here, so that they are constants where a test moves x.
        self.renorm = Renorm(self.layout, self.x, self.renorm_mean.astype(np.float64),
                             self.renorm_stddev, self.clipping, self.epsilon)

    def forward(self):
        gamma, beta = self.effective()
        pairs = ((self.mean, self.variance, 'update_rate'),
                 (self.renorm_mean, self.renorm_stddev, 'renorm_update_rate'))
        moving, renorm = (self.renorm.moved(self.x, mean.astype(np.float64), stddev,
                                            float(np.float32(self.full[rate])))
                          for mean, stddev, rate in pairs)
        inputs = {
            'x': self.x,
            **self.parameters(), 'moving_mean': self.mean,
            'moving_stddev': self.variance,
            'renorm_mean': self.renorm_mean,
            'renorm_stddev': self.renorm_stddev,
            'clipping': self.clipping
        }
        return Call(
            self.forward_op, inputs, self.attributes, {
                'y': self.renorm.forward(self.x, gamma, beta),
                'new_moving_mean': moving[0],
                'new_moving_stddev': moving[1],
                'new_renorm_mean': renorm[0],
                'new_renorm_stddev': renorm[1],
                'corrections': np.stack([self.renorm.r, self.renorm.d]),
                'moments': reference.moments(self.layout, self.x)
            })

    def backward(self, saved):
        gamma, _ = self.effective()
        dx, dgamma, dbeta = self.renorm.gradients(self.dy, self.x, gamma)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            'moments': saved,
            'corrections': np.stack([self.renorm.r, self.renorm.d]).astype(np.float32)
        }
        return Call(self.backward_op, inputs, self.backward_attributes(), {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta)
        })


CLIPPING = (1.25, 0.75, 0.5)

CASES = [
    BatchRenorm('batch_renorm', (4, 5, 6, 7), CLIPPING),
    BatchRenorm('batch_renorm_unbounded', (33, 20), update_rate=0.1, renorm_update_rate=0.5),
    BatchRenorm('batch_renorm_channels_first', (4, 7, 5, 6), CLIPPING, axis=1, epsilon=1e-5),
    BatchRenorm('batch_renorm_bare', (3, 4, 65), CLIPPING, scale=False, center=False),
    BatchRenorm('batch_renorm_far_mean', (16, 8, 8, 12), offset=1000.0),
    BatchRenorm('batch_renorm_many_rows', (8, 32, 32, 4), CLIPPING),
]
