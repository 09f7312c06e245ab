import numpy as np

from references import element as reference

from .case import Call, Case


class DynamicTanh(Case):
    layout_of = reference.run_layout
    forward_op, backward_op = 'TfjsDynamicTanh', 'TfjsDynamicTanhGrad'
    saved = None
    defaults = {'begin_axis': -1, 'axes': 0, 'scale': True, 'center': True}

    def __init__(self, name, shape, alpha=0.5, **attributes):
        super().__init__(name, shape, **attributes)
        self.alpha = np.array([alpha], np.float32)

    def forward(self):
        gamma, beta = self.effective()
        y = reference.dynamic_tanh(self.layout, self.x, self.alpha, gamma, beta)
        inputs = {'x': self.x, 'alpha': self.alpha, **self.parameters()}
        return Call(self.forward_op, inputs, self.attributes, {'y': y})

    def backward(self, saved):
        gamma, _ = self.effective()
        dx, dalpha, dgamma, dbeta = reference.dynamic_tanh_grad(self.layout, self.dy, self.x,
                                                                self.alpha, gamma)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'alpha': self.alpha,
            'gamma': self.parameters()['gamma']
        }
        expected = {'dx': dx, 'dalpha': dalpha, **self.parameter_gradients(dgamma, dbeta)}
        return Call(self.backward_op, inputs, self.backward_attributes(), expected)


CASES = [
    DynamicTanh('dynamic_tanh', (6, 5, 96)),
    DynamicTanh('dynamic_tanh_image', (3, 4, 5, 6), begin_axis=1, alpha=-2),
    DynamicTanh('dynamic_tanh_channels_first', (3, 4, 5, 6), begin_axis=1, axes=1),
    DynamicTanh('dynamic_tanh_bare', (7, 31), scale=False, center=False),
    DynamicTanh('dynamic_tanh_saturated', (8, 257), offset=1000.0, alpha=1.5),
]
