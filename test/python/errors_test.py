"""Wrong calls: a clear tf.errors.InvalidArgumentError or an error when the graph is built, and the process lives."""

import unittest

import numpy as np
import tensorflow as tf

import support
from cases import CASES

BY_NAME = {case.name: case for case in CASES}


def zeros(*shape):
    return np.zeros(shape, np.float32)


# name: (case, inputs and attributes that differ, what the message says)
WRONG_FORWARD = {
    'groups_not_dividing': ('group_norm', {'groups': 7}, r'groups must divide the 64 channels, got 7'),
    'groups_zero': ('group_norm', {'groups': 0}, r'groups.*\b0\b.*minimum 1|groups must be .*got 0'),
    'groups_axis': ('group_norm', {'axis': 2}, r'axis must be .*got 2'),
    'axis_too_large': ('batch_norm', {'axis': 4}, r'axis must be .*got 4'),
    'axis_too_small': ('batch_norm', {'axis': -5}, r'axis must be .*got -5'),
    'begin_axis_too_large': ('layer_norm', {'begin_axis': 3}, r'begin_axis must be .*got 3'),
    'epsilon_zero': ('layer_norm', {'epsilon': 0.0}, r'epsilon must be .*got 0'),
    'epsilon_negative': ('group_norm', {'epsilon': -1e-3}, r'epsilon must be .*got -0\.001'),
    'epsilon_infinite': ('rms_norm', {'epsilon': float('inf')}, r'epsilon must be .*got inf'),
    'epsilon_nan': ('inference', {'epsilon': float('nan')}, r'epsilon must be .*got -?nan'),
    'update_rate_above_one': ('batch_norm', {'update_rate': 1.5}, r'update_rate must be .*got 1\.5'),
    'ghosts': ('batch_norm', {'virtual_batch_size': 3}, r'virtual_batch_size must divide .*got 3'),
    'partial_too_large': ('rms_norm', {'partial': 97}, r'partial must be .*got 97'),
    'x_rank': ('batch_norm', {'x': zeros(7)}, r'x must have rank >= 2, got shape \[7\]'),
    'gamma_length': ('group_norm', {'gamma': zeros(63)}, r'gamma must have shape \[64\].*got \[63\]'),
    'gamma_rank': ('layer_norm', {'gamma': zeros(1, 96)}, r'gamma must have shape \[96\].*got \[1,96\]'),
    'gamma_without_scale': ('layer_norm_bare', {'gamma': zeros(31)}, r'gamma must have shape \[0\].*got \[31\]'),
    'beta_missing': ('rms_norm_wide', {'beta': zeros(0)}, r'beta must have shape \[5000\].*got \[0\]'),
    'moving_mean': ('batch_norm', {'moving_mean': zeros(8)}, r'moving_mean must have shape \[7\], got \[8\]'),
    'variance': ('inference', {'variance': zeros(1)}, r'variance must have shape \[7\], got \[1\]'),
}
WRONG_BACKWARD = {
    'dy': ('layer_norm', {'dy': zeros(6, 96, 5)}, r'dy must have shape \[6,5,96\], got \[6,96,5\]'),
    'moments': ('group_norm', {'moments': zeros(3, 2, 63)}, r'moments must have shape \[3,2,64\], got'),
    'mean_square': ('rms_norm', {'mean_square': zeros(29)}, r'mean_square must have shape \[30\], got'),
    'moments_rank': ('batch_norm', {'moments': zeros(3, 7)}, r'moments must have rank 3, got shape \[3,7\]'),
    'groups_backward': ('group_norm', {'groups': 6}, r'groups must divide the 64 channels, got 6'),
}

# name: (case, input, its rank) that the declared ranks forbid before any value is known
WRONG_RANKS = {
    'x_vector': ('batch_norm', 'x', 1),
    'x_scalar': ('layer_norm', 'x', 0),
    'moving_variance_matrix': ('batch_norm', 'moving_variance', 2),
    'beta_matrix': ('group_norm', 'beta', 2),
}


def forward_call(case):
    return support.run_both(case)[0]


class ErrorsTest(unittest.TestCase):

    def check(self, call, good, changes, message):
        arguments = {**call.inputs, **call.attributes, **changes}
        wrong = lambda: support.function(call.op)(**arguments)
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message) as caught:
            wrong()
        self.assertIn(call.op, str(caught.exception))
        # In a graph the same call fails when it is built, where the ranks or the attribute's domain
        # tell, else when it runs.
        with self.assertRaises((tf.errors.InvalidArgumentError, ValueError)) as caught:
            tf.function(wrong, autograph=False)()
        self.assertIn(call.op, str(caught.exception))
        support.assert_same(support.run(call), good, f'{call.op} after an error')

    def check_calls(self, row, backward):
        case, changes, message = row
        self.check(*support.run_both(BY_NAME[case])[backward], changes, message)

    def check_rank(self, case, name, rank):
        call, _ = forward_call(BY_NAME[case])
        inputs = {**call.inputs, name: zeros(*[1] * rank)}
        build = tf.function(lambda: support.function(call.op)(**inputs, **call.attributes),
                            autograph=False)
        with self.assertRaisesRegex(ValueError,
                                    f'{call.op}: {name} must have rank .*, got rank {rank}'):
            build.get_concrete_function()

    def test_wrong_type(self):
        call, _ = forward_call(BY_NAME['layer_norm'])
        with self.assertRaises((tf.errors.InvalidArgumentError, TypeError)):
            support.function(call.op)(**{
                **call.inputs, 'x': tf.constant(call.inputs['x'], tf.float64)
            })
        with self.assertRaises(TypeError):
            support.function(call.op)(**call.inputs, begin_axis='last')


def _add(name, test):
    setattr(ErrorsTest, f'test_{name}', test)


for _name, _row in WRONG_FORWARD.items():
    _add(_name, lambda self, row=_row: self.check_calls(row, backward=False))
for _name, _row in WRONG_BACKWARD.items():
    _add(f'backward_{_name}', lambda self, row=_row: self.check_calls(row, backward=True))
for _name, _row in WRONG_RANKS.items():
    _add(f'graph_{_name}', lambda self, row=_row: self.check_rank(*row))
