import references as reference

from .case import Call, Case


class RmsNorm(Case):
    layout_of = reference.layer_layout
    forward_op, backward_op = 'TfjsRmsNorm', 'TfjsRmsNormGrad'
    saved = 'mean_square'
    defaults = {
        'begin_axis': -1,
        'epsilon': 1e-6,
        'epsilon_inside': True,
        'partial': 0,
        'scale': True,
        'center': False
    }

    def rms(self):
        return self.epsilon, self.full['epsilon_inside'], self.full['partial']

    def forward(self):
        gamma, beta = self.effective()
        y, mean_square = reference.rms_normalize(self.layout, self.x, gamma, beta, *self.rms())
        return Call(self.forward_op, {
            'x': self.x,
            **self.parameters()
        }, self.attributes, {
            'y': y,
            'mean_square': mean_square
        })

    def backward(self, saved):
        gamma, _ = self.effective()
        dx, dgamma, dbeta = reference.rms_grad(self.layout, self.dy, self.x, gamma, *self.rms())
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            'mean_square': saved
        }
        return Call(self.backward_op, inputs, self.attributes, {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta)
        })


CASES = [
    RmsNorm('rms_norm', (6, 5, 96)),
    RmsNorm('rms_norm_outside', (7, 33), epsilon_inside=False, epsilon=1e-3, center=True),
    RmsNorm('rms_norm_partial', (5, 160), partial=10),
    RmsNorm('rms_norm_image', (2, 3, 4, 5), begin_axis=1, scale=False, epsilon=0.25),
    RmsNorm('rms_norm_wide', (3, 5000), center=True),
]
