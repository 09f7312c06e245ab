"""Writes SavedModels with batch, layer, group and instance norm, and from them tfjs graph models, into a folder.

    export.py FOLDER

Python's `tensorflowjs` converter does not install beside current TensorFlow, so its steps are here: the variables become
constants, grappler runs with the converter's own lists of optimizers (or not at all: `plain`), and constants become
weights.
"""

import json
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer

SHAPE = (8, 8, 6)
OPTIMIZERS = (
    ['pruning', 'constfold', 'arithmetic', 'dependency'] * 2,
    ['remap', 'constfold', 'arithmetic', 'dependency'],
)


def keras_model():
    layers = keras.layers
    x = keras.Input(SHAPE)
    y = layers.Conv2D(12, 3, padding='same', name='convolution')(x)
    y = layers.Activation('relu')(y)
    y = layers.BatchNormalization(name='batch')(y)
    y = layers.GroupNormalization(4, name='group')(y)
    y = layers.LayerNormalization(name='layer')(y)
    y = layers.GroupNormalization(-1, name='instance')(y)
    y = layers.LayerNormalization(axis=[1, 2, 3], name='sample')(y)
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(y)))


def randomize(model):
    """Parameters and statistics as after training."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        low = 0.5 if 'variance' in weight.path or 'gamma' in weight.path else -0.5
        weight.assign(random.uniform(low, low + 1, weight.shape))


class Fused(tf.Module):
    """As tf.keras before Keras 3 runs batch normalization: FusedBatchNormV3."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(4)
        self.parameters = [
            tf.Variable(random.uniform(0.5, 1.5, 6).astype(np.float32)) for _ in range(4)
        ]

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE], tf.float32)])
    def serve(self, x):
        y, *_ = tf.compat.v1.nn.fused_batch_norm(
            tf.nn.relu(x), *self.parameters, epsilon=0.01, is_training=False)
        return {'y': tf.nn.relu(y)}


def optimized(frozen, graph_def):
    signature = meta_graph_pb2.SignatureDef()
    for key, tensors in (('inputs', frozen.inputs), ('outputs', frozen.outputs)):
        for tensor in tensors:
            if tensor.dtype != tf.resource:
                getattr(signature, key)[tensor.op.name].CopyFrom(meta_graph_pb2.TensorInfo(
                    name=tensor.name, dtype=tensor.dtype.as_datatype_enum,
                    tensor_shape=tensor.shape.as_proto()))
    for optimizers in OPTIMIZERS:
        config = config_pb2.ConfigProto()
        config.graph_options.rewrite_options.optimizers[:] = optimizers
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(graph_def, name='')
        meta = tf.compat.v1.train.export_meta_graph(graph_def=graph.as_graph_def(), graph=graph)
        meta.signature_def['serving_default'].CopyFrom(signature)
        graph_def = tf_optimizer.OptimizeGraph(config, meta)
    return graph_def


def write(folder, frozen, graph_def):
    """model.json and weights.bin as `tf.loadGraphModel` reads them."""
    os.makedirs(folder)
    weights, data = [], b''
    for node in graph_def.node:
        if node.op == 'Const':
            value = tf.make_ndarray(node.attr['value'].tensor)
            del node.attr['value']
            value = value.astype(np.int32) if value.dtype == np.int64 else value
            weights.append({'name': node.name, 'shape': value.shape, 'dtype': str(value.dtype)})
            data += value.tobytes()
    names = lambda tensors: {tensor.op.name: {'name': tensor.name} for tensor in tensors}
    inputs = [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]
    model = {
        'format': 'graph-model',
        'modelTopology': json_format.MessageToDict(graph_def),
        'signature': {'inputs': names(inputs), 'outputs': names(frozen.outputs)},
        'weightsManifest': [{'paths': ['weights.bin'], 'weights': weights}],
    }
    with open(os.path.join(folder, 'weights.bin'), 'wb') as file:
        file.write(data)
    with open(os.path.join(folder, 'model.json'), 'w') as file:
        json.dump(model, file)


def convert(name, saved, folder, x):
    loaded = tf.saved_model.load(saved)
    serve = loaded.signatures['serving_default']
    (expected,) = serve(x).values()
    frozen = convert_variables_to_constants_v2(serve)
    plain = frozen.graph.as_graph_def()
    write(os.path.join(folder, f'{name}-optimized'), frozen, optimized(frozen, plain))
    write(os.path.join(folder, f'{name}-plain'), frozen, plain)
    with open(os.path.join(folder, f'{name}.json'), 'w') as file:
        json.dump({'shape': x.shape.as_list(), 'x': x.numpy().ravel().tolist(),
                   'y': expected.numpy().ravel().tolist()}, file)


def main(folder):
    x = tf.constant(np.random.default_rng(5).normal(2, 3, (3, *SHAPE)).astype(np.float32))
    model = keras_model()
    randomize(model)
    model.export(os.path.join(folder, 'keras.saved'), verbose=False)
    fused = Fused()
    tf.saved_model.save(fused, os.path.join(folder, 'fused.saved'), signatures=fused.serve)
    for name in ('keras', 'fused'):
        convert(name, os.path.join(folder, f'{name}.saved'), folder, x)


main(sys.argv[1])
