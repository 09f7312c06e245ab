"""The library under test as TensorFlow loads it, and how its outputs are compared."""

import ctypes
import functools
import json
import os
import re
import subprocess
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ.setdefault('TF_FORCE_GPU_ALLOW_GROWTH', 'true')

import numpy as np
import tensorflow as tf

LIBRARY = os.environ.get('TFJS_CUDA_NORM_PYTHON_LIBRARY', '')
ops = tf.load_op_library(LIBRARY) if LIBRARY else None

FORWARD_TOLERANCE = 4e-6
BACKWARD_TOLERANCE = 1e-5


def library():
    """The C face of the library."""
    face = ctypes.CDLL(LIBRARY)
    face.norm_describe.restype = ctypes.c_char_p
    face.norm_tensorflow.restype = ctypes.c_char_p
    return face


def describe():
    return json.loads(library().norm_describe())


def devices():
    """The devices that have a kernel: every library serves the CPU, all but the host library the GPU."""
    gpus = [] if describe()['kind'] == 'host' else tf.config.list_logical_devices('GPU')
    return ['/CPU:0'] + [gpu.name for gpu in gpus[:1]]


def function(op):
    """TfjsGroupNorm -> the generated wrapper tfjs_group_norm."""
    return getattr(ops, re.sub(r'(?<!^)([A-Z])', r'_\1', op).lower())


def as_tuple(outputs):
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return tuple(tensor for output in outputs
                 for tensor in (output if isinstance(output, list) else [output]))


@functools.lru_cache(maxsize=None)
def lists_of(op):
    """The inputs and outputs of an op that are lists."""
    return {described['name']: described['lists'] for described in describe()['ops']}[op]


def invoke(call, inputs=None):
    """The output tensors of a call; `inputs` replaces its own. A list has the one tensor that the call names."""
    inputs = {
        name: tf.constant(value) for name, value in call.inputs.items()
    } if inputs is None else inputs
    inputs = {
        name: [value] if name in lists_of(call.op) else value for name, value in inputs.items()
    }
    return as_tuple(function(call.op)(**inputs, **call.attributes))


def run(call):
    """The outputs of an eager call by their names."""
    return dict(zip(call.expected, (output.numpy() for output in invoke(call)), strict=True))


def run_both(case):
    """Forward, then backward with what forward saved: two (call, outputs)."""
    forward = case.forward()
    outputs = run(forward)
    backward = case.backward(outputs[case.saved] if case.saved else None)
    return (forward, outputs), (backward, run(backward))


def assert_close(got, want, tolerance, what):
    want = np.asarray(want)
    assert got.shape == want.shape, f'{what}: expected shape {want.shape}, got {got.shape}'
    if not want.size:
        return
    error = np.max(np.abs(got - want))
    bound = tolerance * (1 + np.max(np.abs(want)))
    # A NaN is not within any bound.
    assert error <= bound, f'{what}: off by {error:.3g}, allowed {bound:.3g}'


def assert_expected(call, outputs, tolerance):
    assert list(outputs) == list(call.expected), f'{call.op}: outputs {list(outputs)}'
    for name, want in call.expected.items():
        got = outputs[name].astype(np.float64)
        if name == 'moments':
            mean, variance = want
            assert_close(got[0] + got[1], mean, tolerance, f'{call.op} mean')
            assert_close(got[2], variance, tolerance, f'{call.op} variance')
        else:
            assert_close(got, want, tolerance, f'{call.op} {name}')


def assert_same(got, want, what):
    """The same bits."""
    for name in want:
        assert got[name].tobytes() == want[name].tobytes(), f'{what}: {name} differs in its bits'


def run_child(arguments, **environment):
    """Python in a new process; its standard output. A crash is a failure with everything it wrote."""
    child = subprocess.run([sys.executable, *arguments],
                           capture_output=True,
                           text=True,
                           timeout=180,
                           cwd=os.path.dirname(os.path.abspath(__file__)),
                           env={
                               **os.environ,
                               **environment
                           },
                           check=False)
    assert child.returncode == 0, f'exit status {child.returncode}\n{child.stdout}\n{child.stderr}'
    return child.stdout
