import references as reference
from references.global_response import GlobalResponse

from .case import Call, Case


class GlobalResponseNorm(Case):
    layout_of = reference.instance_layout
    forward_op, backward_op = 'TfjsGlobalResponseNorm', 'TfjsGlobalResponseNormGrad'
    defaults = {**Case.defaults, 'axis': -1, 'epsilon': 1e-6}
    saved = 'responses'

    def result(self):
        gamma, beta = self.effective()
        return GlobalResponse(self.layout, self.x, gamma, self.epsilon), beta

    def forward(self):
        result, beta = self.result()
        return Call(self.forward_op, {
            'x': self.x,
            **self.parameters()
        }, self.attributes, {
            'y': result.forward(beta),
            'responses': result.responses()
        })

    def backward(self, saved):
        dx, dgamma, dbeta = self.result()[0].gradients(self.dy)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            'responses': saved
        }
        return Call(self.backward_op, inputs, self.backward_attributes(), {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta)
        })


CASES = [
    GlobalResponseNorm('global_response_norm', (4, 5, 6, 7)),
    GlobalResponseNorm('global_response_norm_channels_first', (3, 7, 5, 6), axis=1, epsilon=0.25),
    GlobalResponseNorm('global_response_norm_matrix', (6, 20), scale=False),
    GlobalResponseNorm('global_response_norm_far_mean', (4, 8, 8, 12), offset=1000.0, center=False),
    GlobalResponseNorm('global_response_norm_many_rows', (2, 64, 64, 4)),
]
