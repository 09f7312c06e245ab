"""Runs the functions of FOLDER/model on FOLDER/inputs.npz, in a process that has only the library and the model."""

import os
import sys

import numpy as np
import tensorflow as tf

import support  # loads the op library

folder = sys.argv[1]
assert support.ops is not None
inputs = np.load(os.path.join(folder, 'inputs.npz'))
model = tf.saved_model.load(os.path.join(folder, 'model'))
outputs = {}
for i, run in enumerate(model.functions):
    count = sum(name.startswith(f'{i}_') for name in inputs.files)
    for j, output in enumerate(run(*(tf.constant(inputs[f'{i}_{j}']) for j in range(count)))):
        outputs[f'{i}_{j}'] = output.numpy()
np.savez(os.path.join(folder, 'outputs.npz'), **outputs)
