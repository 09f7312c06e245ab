"""Every case, eager, forward and backward, on every device with a kernel, against float64."""

import copy
import unittest

import numpy as np
import tensorflow as tf

import support
from cases import CASES
from cases.group_norm import GroupNorm
from cases.layer_norm import LayerNorm


class ValuesTest(unittest.TestCase):

    def test_every_op_has_a_case(self):
        described = {op['name'] for op in support.describe()['ops']}
        tested = {op for case in CASES for op in (case.forward_op, case.backward_op)}
        self.assertEqual(described, tested)

    def test_reference_gradients(self):
        """The references' own gradients are the slopes of their forward."""
        step = 1e-5
        for case in CASES:
            expected = case.backward(None).expected
            for name, gradient in expected.items():
                variable = name[1:]
                if not gradient.size or name in getattr(case, 'not_slopes', ()):
                    continue
                direction = np.random.default_rng(2).normal(size=gradient.shape)

                def loss(sign):
                    moved = copy.copy(case)
                    setattr(moved, variable, getattr(case, variable) + sign * step * direction)
                    return np.sum(moved.forward().expected['y'] * case.dy)

                slope = (loss(1) - loss(-1)) / (2 * step)
                terms = gradient * direction
                with self.subTest(case=case.name, of=variable):
                    self.assertAlmostEqual(slope,
                                           np.sum(terms),
                                           delta=1e-6 * (1 + np.sum(np.abs(terms))))

    def test_empty_batch(self):
        for case in (GroupNorm('', (0, 4, 4, 8), groups=2), LayerNorm('', (0, 16))):
            x = np.zeros(case.shape, np.float32)
            y, saved = support.function(case.forward_op)(x, case.gamma, case.beta,
                                                         **case.attributes)
            dx, dgamma, dbeta = support.function(case.backward_op)(x, x, case.gamma, saved,
                                                                   **case.attributes)
            self.assertEqual((y.shape, dx.shape), (x.shape, x.shape))
            for gradient in (dgamma, dbeta):
                np.testing.assert_array_equal(gradient, np.zeros(case.layout.parameter_shape))

    def test_one_value_gives_beta_and_no_gradient(self):
        for case in (c for c in CASES if c.name.endswith(('one_value', 'one_column'))):
            (_, forward), (_, backward) = support.run_both(case)
            beta = np.broadcast_to(case.beta, case.shape)
            np.testing.assert_array_equal(forward['y'], beta, case.name)
            np.testing.assert_array_equal(backward['dx'], np.zeros(case.shape), case.name)

    def test_registered_gradient_trains(self):
        """As a user would: tf.RegisterGradient, then GradientTape through a function."""
        case = next(c for c in CASES if c.name == 'group_norm_odd')

        @tf.RegisterGradient(case.forward_op)
        def gradient(op, dy, _):  # pylint: disable=unused-variable
            attributes = {
                name: op.get_attr(name) for name in ('axis', 'groups', 'epsilon', 'scale', 'center')
            }
            return support.function(case.backward_op)(dy, op.inputs[0], op.inputs[1], op.outputs[1],
                                                      **attributes)

        with tf.device('/CPU:0'):
            variables = [tf.Variable(value) for value in (case.x, case.gamma, case.beta)]

        # On the CPU, for TensorFlow's own arithmetic around the ops is not on trial.
        @tf.function
        def gradients():
            with tf.device('/CPU:0'), tf.GradientTape() as tape:
                y, _ = support.function(case.forward_op)(*variables, **case.attributes)
                loss = tf.reduce_sum(y * case.dy)
            return tape.gradient(loss, variables)

        _, (call, _) = support.run_both(case)
        got = dict(zip(('dx', 'dgamma', 'dbeta'), (g.numpy() for g in gradients())))
        support.assert_expected(call, got, support.BACKWARD_TOLERANCE)


def _add(case):

    def test(self):
        for device in support.devices():
            with self.subTest(device=device), tf.device(device):
                (forward, y), (backward, dx) = support.run_both(case)
                # TensorFlow quietly takes another device where this one has no kernel.
                ran_on = support.invoke(forward)[0].device
                self.assertTrue(ran_on.endswith(device.removeprefix('/device:').lstrip('/')), ran_on)
                support.assert_expected(forward, y, support.FORWARD_TOLERANCE)
                support.assert_expected(backward, dx, support.BACKWARD_TOLERANCE)

    setattr(ValuesTest, f'test_{case.name}', test)


for _case in CASES:
    _add(_case)
