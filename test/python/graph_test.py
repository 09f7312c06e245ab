"""The ops in tf.function and in SavedModels: the bits of an eager call, and the shapes a graph knows."""

import os
import tempfile
import unittest

import numpy as np
import tensorflow as tf

import support
from cases import CASES

# One case for each op, the first unless named, and two where the axis is not the last.
NAMES = ('batch_norm_ghosts', 'batch_norm_channels_first', 'group_norm_odd', 'layer_norm_image',
         'rms_norm_partial')
NAMED = [case for case in CASES if case.name in NAMES]
FIRST = {type(case): case for case in reversed(CASES)}
OTHERS = [case for op, case in FIRST.items() if op not in map(type, NAMED)]
CALLS = [
    call for case in NAMED + OTHERS
    for call in (lambda both: [(case, *both[0]), (case, *both[1])])(support.run_both(case))
]


def traced(call, shape_of):
    """The call as a tf.function of its inputs, whose shapes are known as far as `shape_of` tells."""
    signature = [tf.TensorSpec(shape_of(value), name=name) for name, value in call.inputs.items()]
    return tf.function(lambda *inputs: support.invoke(call, dict(zip(call.inputs, inputs))),
                       input_signature=signature,
                       autograph=False)


def outputs_of(call, concrete):
    outputs = concrete(*(tf.constant(value) for value in call.inputs.values()))
    return dict(zip(call.expected, (output.numpy() for output in outputs)))


class GraphTest(unittest.TestCase):

    def check(self, shape_of):
        for case, call, eager in CALLS:
            with self.subTest(case=case.name, op=call.op):
                support.assert_same(outputs_of(call, traced(call, shape_of)), eager, call.op)

    def test_function_with_known_shapes(self):
        self.check(np.shape)

    def test_function_with_unknown_extents(self):
        self.check(lambda value: [None] * np.ndim(value))

    def test_function_with_unknown_ranks(self):
        self.check(lambda _: None)

    def test_shapes_known_to_a_graph(self):
        for case, call, _ in CALLS:
            concrete = traced(call, np.shape).get_concrete_function()
            shapes = dict(zip(call.expected, (output.shape for output in concrete.outputs)))
            first = next(iter(shapes))
            with self.subTest(case=case.name, op=call.op):
                if first in getattr(case, 'optional', ()):
                    self.assertIsNone(shapes[first].rank)
                else:
                    self.assertEqual(shapes[first], case.shape)
                if 'dgamma' in shapes:
                    self.assertEqual(shapes['dgamma'], call.inputs['gamma'].shape)
                if 'moments' in shapes:
                    self.assertEqual(shapes['moments'].rank, call.expected['moments'][0].ndim + 1)

    def test_unknown_batch_stays_unknown(self):
        case, call, _ = CALLS[0]
        concrete = traced(call, lambda value: (None,) + np.shape(value)[1:]).get_concrete_function()
        self.assertEqual(concrete.outputs[0].shape.as_list(), [None, *case.shape[1:]])

    def test_saved_model(self):
        with tempfile.TemporaryDirectory() as folder:
            model = tf.Module()
            model.functions = [
                traced(call, lambda value: (None,) + np.shape(value)[1:]) for _, call, _ in CALLS
            ]
            tf.saved_model.save(model, os.path.join(folder, 'model'))

            loaded = tf.saved_model.load(os.path.join(folder, 'model'))
            for (case, call, eager), concrete in zip(CALLS, loaded.functions, strict=True):
                with self.subTest(case=case.name, op=call.op):
                    support.assert_same(outputs_of(call, concrete), eager, call.op)

            # Another process knows only the files: the model, the library and these inputs.
            inputs = {
                f'{i}_{j}': value for i, (_, call, _) in enumerate(CALLS)
                for j, value in enumerate(call.inputs.values())
            }
            np.savez(os.path.join(folder, 'inputs.npz'), **inputs)
            support.run_child(['saved_model_child.py', folder])
            results = np.load(os.path.join(folder, 'outputs.npz'))
            for i, (case, call, eager) in enumerate(CALLS):
                with self.subTest(case=case.name, op=call.op, process='new'):
                    got = {name: results[f'{i}_{j}'] for j, name in enumerate(call.expected)}
                    support.assert_same(got, eager, call.op)
