"""Lists of weights in one call: the bits of calls with one, and TensorFlow's own attribute of their length."""

import unittest

import numpy as np
import tensorflow as tf

import support
from cases.weight_norm import CASES


class WeightsTest(unittest.TestCase):

    def setUp(self):
        self.cases = [case for case in CASES if not case.attributes]
        self.cases += [
            type(case)(case.name, shape, seed=2) for case in self.cases for shape in ((5, 6), (1, 3))
        ]

    def test_list_has_the_bits_of_single_calls(self):
        weights = [tf.constant(case.x) for case in self.cases]
        gains = [tf.constant(case.gamma) for case in self.cases]
        y, moments = support.ops.tfjs_weight_norm(x=weights, gamma=gains)
        dx, dgamma = support.ops.tfjs_weight_norm_grad(dy=[case.dy for case in self.cases],
                                                       x=weights, gamma=gains, moments=moments)
        first = 0
        for i, case in enumerate(self.cases):
            (_, forward), (_, backward) = support.run_both(case)
            columns = slice(first, first + case.gamma.size)
            first = columns.stop
            support.assert_same({'y': y[i].numpy(), 'moments': moments.numpy()[:, columns].copy()},
                                forward, case.name)
            support.assert_same({'dx': dx[i].numpy(), 'dgamma': dgamma[i].numpy()}, backward,
                                case.name)

    def test_graph_knows_the_shapes(self):
        def call(a, b):
            return support.ops.tfjs_weight_norm(x=[a, b], gamma=[tf.ones([3]), tf.ones([4])]).y

        concrete = tf.function(call).get_concrete_function(tf.TensorSpec([None, 3]),
                                                           tf.TensorSpec([5, 4]))
        self.assertEqual([o.shape.as_list() for o in concrete.outputs], [[None, 3], [5, 4]])

    def test_refusals(self):
        x = [np.ones([3, 2], np.float32), np.ones([4, 2], np.float32)]
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'gamma must have shape'):
            support.ops.tfjs_weight_norm(x=x, gamma=[np.ones([2], np.float32)] + x[:1])
        with self.assertRaises((ValueError, tf.errors.InvalidArgumentError)):
            support.ops.tfjs_weight_norm(x=x, gamma=[np.ones([2], np.float32)])
        with self.assertRaises((ValueError, tf.errors.InvalidArgumentError)):
            support.ops.tfjs_weight_norm(x=[], gamma=[])
