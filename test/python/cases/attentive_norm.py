import numpy as np

import references as reference
from references.attentive import BATCH, LAYER, NONE, SIGMOID, SOFTMAX, Attentive

from .case import Call, Case

LEARNED = ('attention_kernel', 'attention_bias', 'attention_gamma', 'attention_beta')


class AttentiveNorm(Case):
    """`mixtures` is K."""
    layout_of = reference.instance_layout
    forward_op, backward_op = 'TfjsAttentiveNorm', 'TfjsAttentiveNormGrad'
    defaults = {
        **Case.defaults, 'axis': -1,
        'epsilon': 1e-5,
        'training': True,
        'batch_backbone': True,
        'groups': 32,
        'squeeze': 0,
        'squeeze_epsilon': 1e-3,
        'unbiased_squeeze_variance': True,
        'use_attention_bias': False,
        'attention_norm': BATCH,
        'attention_activation': 0,
        'update_rate': 0.1,
        'unbiased': True
    }
    forward_only = ('update_rate', 'unbiased')

    def __init__(self, name, shape, mixtures=5, **attributes):
        super().__init__(name, shape, **attributes)
        random = np.random.default_rng(3)
        matrix = (mixtures, *self.layout.parameter_shape)
        normal = lambda size, mean, deviation: random.normal(mean, deviation, size).astype(np.float32)
        self.gamma, self.beta = normal(matrix, 1, 0.3), normal(matrix, 0, 1)
        self.attention_kernel = normal(matrix, 0, 0.5)
        self.attention_bias = normal(mixtures, 0, 1)
        self.attention_gamma, self.attention_beta = normal(mixtures, 1, 0.3), normal(mixtures, 0, 1)
        self.attention_mean = normal(mixtures, 0, 1)
        self.attention_variance = random.uniform(0.5, 2, mixtures).astype(np.float32)

    def rest(self):
        """The inputs after x, gamma and beta."""
        some = lambda value, used: value if used else np.zeros([0], np.float32)
        norm, backbone = self.full['attention_norm'], self.full['batch_backbone']
        return {
            'attention_kernel': self.attention_kernel,
            'attention_bias': self.parameter(self.attention_bias, 'use_attention_bias'),
            'attention_gamma': some(self.attention_gamma, norm != NONE),
            'attention_beta': some(self.attention_beta, norm != NONE),
            'moving_mean': some(self.mean, backbone),
            'moving_variance': some(self.variance, backbone),
            'attention_moving_mean': some(self.attention_mean, norm == BATCH),
            'attention_moving_variance': some(self.attention_variance, norm == BATCH)
        }

    def result(self):
        gamma, beta = self.effective()
        return Attentive(self.layout, self.x, gamma if self.full['scale'] else None,
                         beta if self.full['center'] else None, self.full, **self.rest())

    def forward(self):
        result = self.result()
        moved = result.moved(float(np.float32(self.full['update_rate'])))
        names = ('moving_mean', 'moving_variance', 'attention_moving_mean',
                 'attention_moving_variance')
        return Call(
            self.forward_op, {
                'x': self.x,
                **self.parameters(),
                **self.rest()
            }, self.attributes, {
                'y': result.y,
                **{f'new_{name}': value for name, value in zip(names, moved)},
                'attention': result.weights,
                'moments': reference.moments(self.layout, self.x)
            })

    def backward(self, saved):
        gradients = self.result().gradients(self.dy)
        rest = self.rest()
        inputs = {'dy': self.dy, 'x': self.x, **self.parameters(), **rest, 'moments': saved}
        expected = {
            'dx': gradients['dx'],
            **self.parameter_gradients(gradients['dgamma'], gradients['dbeta'])
        }
        for name in LEARNED:
            expected[f'd{name}'] = gradients[f'd{name}'] if rest[name].size else np.zeros([0])
        return Call(self.backward_op, inputs, self.backward_attributes(), expected)


GROUPS = {'batch_backbone': False, 'groups': 3}

CASES = [
    AttentiveNorm('attentive_norm', (8, 5, 6, 7)),
    AttentiveNorm('attentive_norm_groups', (4, 4, 9), attention_norm=LAYER, **GROUPS),
    AttentiveNorm('attentive_norm_channels_first', (9, 6, 5, 4), axis=1, update_rate=0.25),
    AttentiveNorm('attentive_norm_plain', (3, 4, 5, 6),
                  attention_norm=NONE,
                  use_attention_bias=True,
                  attention_activation=SIGMOID,
                  **GROUPS),
    AttentiveNorm('attentive_norm_softmax', (9, 4, 5), attention_activation=SOFTMAX,
                  unbiased=False),
    AttentiveNorm('attentive_norm_inference', (3, 4, 5, 6), training=False),
    AttentiveNorm('attentive_norm_matrix', (12, 20), mixtures=10, scale=False),
    AttentiveNorm('attentive_norm_mean', (9, 8, 12),
                  squeeze=1,
                  unbiased_squeeze_variance=False,
                  center=False),
    AttentiveNorm('attentive_norm_far_mean', (8, 8, 8, 12), offset=1000.0),
    AttentiveNorm('attentive_norm_many_rows', (8, 64, 64, 4), mixtures=3),
]
