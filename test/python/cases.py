"""What is tested of every op: shapes and attributes, inputs, and the outputs they must give.

A case makes float32 inputs from a fixed seed. `forward` and `backward` say which op to call, with which inputs and
attributes, and what float64 NumPy gives for the same inputs.
"""

import dataclasses

import numpy as np

import references as reference


@dataclasses.dataclass(frozen=True)
class Call:
    op: str
    inputs: dict
    attributes: dict
    expected: dict  # by the output's name; `moments` is the pair of mean and variance


class Case:
    """`name` is unique; `shape` is x's; `attributes` are those of the forward op."""

    layout_of = None
    forward_op = None
    backward_op = None
    saved = 'moments'
    # Attributes with the defaults of the ops, of which the backward op has all but forward_only.
    defaults = {'epsilon': 1e-3, 'scale': True, 'center': True}
    forward_only = ()

    def __init__(self, name, shape, seed=1, offset=0.0, **attributes):
        self.name = name
        self.shape = shape
        self.attributes = attributes
        self.full = {**self.defaults, **attributes}
        self.layout = type(self).layout_of(shape, **self.full)
        random = np.random.default_rng(seed)
        self.x = (random.normal(size=shape) * 1.5 + offset).astype(np.float32)
        self.dy = random.normal(size=shape).astype(np.float32)
        channels = self.layout.parameter_shape
        self.gamma = random.uniform(0.5, 1.5, channels).astype(np.float32)
        self.beta = random.normal(size=channels).astype(np.float32)
        self.mean = random.normal(size=channels).astype(np.float32)
        self.variance = random.uniform(0.5, 2, channels).astype(np.float32)

    @property
    def epsilon(self):
        return float(np.float32(self.full['epsilon']))

    def parameter(self, value, used):
        """A parameter as an op wants it: empty when it is not used."""
        return value if self.full[used] else np.zeros([0], np.float32)

    def effective(self):
        """Gamma and beta in float64; 1 and 0 where they are not used."""
        gamma = self.gamma if self.full['scale'] else np.ones_like(self.gamma)
        beta = self.beta if self.full['center'] else np.zeros_like(self.beta)
        return gamma.astype(np.float64), beta.astype(np.float64)

    def parameters(self):
        return {
            'gamma': self.parameter(self.gamma, 'scale'),
            'beta': self.parameter(self.beta, 'center')
        }

    def backward_attributes(self):
        return {k: v for k, v in self.attributes.items() if k not in self.forward_only}

    def parameter_gradients(self, dgamma, dbeta):
        empty = np.zeros([0])
        return {
            'dgamma': dgamma if self.full['scale'] else empty,
            'dbeta': dbeta if self.full['center'] else empty
        }

    def forward(self):
        gamma, beta = self.effective()
        y = reference.normalize(self.layout, self.x, gamma, beta, self.epsilon)
        expected = {'y': y, 'moments': reference.moments(self.layout, self.x)}
        return Call(self.forward_op, {'x': self.x, **self.parameters()}, self.attributes, expected)

    def backward(self, saved):
        """`saved` is the forward op's own output for this case."""
        gamma, _ = self.effective()
        dx, dgamma, dbeta = reference.normalize_grad(self.layout, self.dy, self.x, gamma,
                                                     self.epsilon)
        inputs = {
            'dy': self.dy,
            'x': self.x,
            'gamma': self.parameters()['gamma'],
            self.saved: saved
        }
        return Call(self.backward_op, inputs, self.backward_attributes(), {
            'dx': dx,
            **self.parameter_gradients(dgamma, dbeta)
        })


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


class GroupNorm(Case):
    layout_of = reference.group_layout
    forward_op, backward_op = 'TfjsGroupNorm', 'TfjsGroupNormGrad'
    defaults = {**Case.defaults, 'axis': -1, 'groups': 32}


class LayerNorm(Case):
    layout_of = reference.layer_layout
    forward_op, backward_op = 'TfjsLayerNorm', 'TfjsLayerNormGrad'
    defaults = {**Case.defaults, 'begin_axis': -1}


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
        return reference.Switchable(self.layout, self.x, gamma, beta, self.epsilon, **self.state(),
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
    GroupNorm('group_norm', (2, 6, 6, 64)),
    GroupNorm('group_norm_odd', (3, 5, 5, 30), groups=6, epsilon=1e-5),
    GroupNorm('group_norm_channels_first', (2, 12, 7, 5), axis=1, groups=4),
    GroupNorm('group_norm_instance', (3, 6, 6, 10), groups=10),
    GroupNorm('group_norm_matrix', (4, 32), groups=8, scale=False),
    GroupNorm('group_norm_layer', (2, 9, 8), groups=1, center=False),
    GroupNorm('group_norm_one_value', (3, 8), groups=8),
    LayerNorm('layer_norm', (6, 5, 96)),
    LayerNorm('layer_norm_image', (3, 4, 5, 6), begin_axis=1, epsilon=1e-5),
    LayerNorm('layer_norm_wide', (5, 3000)),
    LayerNorm('layer_norm_bare', (7, 31), scale=False, center=False),
    LayerNorm('layer_norm_far_mean', (8, 257), offset=1000.0),
    LayerNorm('layer_norm_one_column', (9, 1)),
    RmsNorm('rms_norm', (6, 5, 96)),
    RmsNorm('rms_norm_outside', (7, 33), epsilon_inside=False, epsilon=1e-3, center=True),
    RmsNorm('rms_norm_partial', (5, 160), partial=10),
    RmsNorm('rms_norm_image', (2, 3, 4, 5), begin_axis=1, scale=False, epsilon=0.25),
    RmsNorm('rms_norm_wide', (3, 5000), center=True),
    SwitchableNorm('switchable_norm', (4, 5, 6, 7)),
    SwitchableNorm('switchable_norm_unbiased', (3, 4, 9), unbiased_spatial_variance=True),
    SwitchableNorm('switchable_norm_channels_first', (3, 7, 5, 6), axis=1, update_rate=0.25),
    SwitchableNorm('switchable_norm_no_batch', (3, 4, 5, 6), use_batch=False),
    SwitchableNorm('switchable_norm_inference', (3, 4, 5, 6), training=False),
    SwitchableNorm('switchable_norm_matrix', (6, 20), scale=False),
    SwitchableNorm('switchable_norm_far_mean', (4, 8, 8, 12), offset=1000.0, center=False),
    SwitchableNorm('switchable_norm_many_rows', (2, 64, 64, 4)),
]
