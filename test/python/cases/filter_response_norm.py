import numpy as np

import references as reference
from references.filter_response import FilterResponse

from .case import Call, Case


class FilterResponseNorm(Case):
    layout_of = reference.instance_layout
    forward_op, backward_op = 'TfjsFilterResponseNorm', 'TfjsFilterResponseNormGrad'
    saved = 'responses'
    defaults = {
        **Case.defaults, 'axis': -1,
        'epsilon': 1e-6,
        'tlu': False,
        'learn_epsilon': False
    }

    def __init__(self, name, shape, one_epsilon=False, **attributes):
        super().__init__(name, shape, **attributes)
        channels = len(self.gamma)
        self.tau = np.linspace(-1.5, 0.75, channels, dtype=np.float32)
        self.learned_epsilon = np.linspace(-0.3, 0.2, 1 if one_epsilon else channels,
                                           dtype=np.float32)
        # A slope needs some distance from the kink.
        result = self.result()
        near = np.abs(result.z - result.tau) < 1e-3
        self.dy[result.tensor(near)] = 0

    def own(self):
        return {
            'tau': self.parameter(self.tau, 'tlu'),
            'learned_epsilon': self.parameter(self.learned_epsilon, 'learn_epsilon')
        }

    def result(self):
        gamma, beta = self.effective()
        return FilterResponse(self.x,
                              self.full['axis'],
                              gamma,
                              beta,
                              **self.own(),
                              epsilon=self.epsilon)

    def forward(self):
        y, responses = self.result().result()
        return Call(self.forward_op, {
            'x': self.x,
            **self.parameters(),
            **self.own()
        }, self.attributes, {
            'y': y,
            'responses': responses
        })

    def backward(self, saved):
        dx, dgamma, dbeta, dtau, dlearned_epsilon = self.result().gradients(self.dy)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            **self.own(), 'responses': saved
        }
        expected = {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta), 'dtau': self.parameter(dtau, 'tlu'),
            'dlearned_epsilon': self.parameter(dlearned_epsilon, 'learn_epsilon')
        }
        return Call(self.backward_op, inputs, self.backward_attributes(), expected)


CASES = [
    FilterResponseNorm('filter_response_norm', (4, 5, 6, 7)),
    FilterResponseNorm('filter_response_norm_tlu', (3, 4, 9), tlu=True),
    FilterResponseNorm('filter_response_norm_epsilon', (3, 4, 5, 6), learn_epsilon=True,
                       one_epsilon=True),
    FilterResponseNorm('filter_response_norm_channels_first', (3, 7, 5, 6), axis=1, tlu=True,
                       learn_epsilon=True, epsilon=0.0),
    FilterResponseNorm('filter_response_norm_matrix', (6, 20), tlu=True, learn_epsilon=True,
                       epsilon=0.0625, scale=False),
    FilterResponseNorm('filter_response_norm_far_mean', (4, 8, 8, 12), offset=1000.0, tlu=True,
                       center=False),
    FilterResponseNorm('filter_response_norm_many_rows', (2, 64, 64, 4), tlu=True,
                       learn_epsilon=True, one_epsilon=True),
]
