"""How the library meets TensorFlow: before it or after it, twice, beside a second copy, across fork, unloaded.

Each in a process of its own: TensorFlow ends a process that defines an op twice, so a mistake here is a crash.
"""

import os
import shutil
import tempfile
import textwrap
import unittest

import support

PRELUDE = '''
import ctypes, json, os, sys
LIBRARY, COPY = sys.argv[1:]
def face(path):
    library = ctypes.CDLL(path)
    library.norm_tensorflow.restype = ctypes.c_char_p
    return library
def report(library):
    return json.loads(library.norm_tensorflow())
def expect(condition, *what):
    if not condition:
        print(*what, file=sys.stderr)
        sys.exit(1)
def expect_use(layer_norm):
    import tensorflow as tf
    y = layer_norm(tf.constant([[1.0, 3.0]]), tf.ones([2]), tf.zeros([2]))[0]
    expect(abs(float(y[0, 1]) - 1) < 1e-3, 'wrong result', y)
def by_name(*inputs):
    import tensorflow as tf
    # A graph may name any registered op; only tf.load_op_library makes wrappers.
    def build():
        graph = tf.compat.v1.get_default_graph()
        return graph.create_op('TfjsLayerNorm', list(inputs), [tf.float32] * 2).outputs
    return tf.function(build, autograph=False)()
'''


class LoadingTest(unittest.TestCase):

    def child(self, code):
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, 'libtfjs_cuda_norm_copy.so')
            shutil.copy(support.LIBRARY, copy)
            support.run_child(['-c', PRELUDE + textwrap.dedent(code), support.LIBRARY, copy])

    def test_before_tensorflow(self):
        self.child('''
            library = face(LIBRARY)
            said = report(library)
            expect(not said['registered'] and 'no TensorFlow' in said['message'], said)
            expect(library.norm_register_tensorflow() == 9)
            import tensorflow as tf
            said = report(library)
            expect(not said['registered'] and 'norm_register_tensorflow' in said['message'], said)
            expect(library.norm_register_tensorflow() == 0)
            expect(library.norm_register_tensorflow() == 0)
            said = report(library)
            expect(said['registered'] and said['version'] == tf.__version__ and not said['message'], said)
            expect(os.path.samefile(said['library'], LIBRARY), said)
            expect_use(by_name)
            ''')

    def test_after_tensorflow(self):
        self.child('''
            import tensorflow as tf
            library = face(LIBRARY)
            said = report(library)
            expect(said['registered'] and 'libtensorflow' in said['path'], said)
            expect(library.norm_register_tensorflow() == 0)
            expect_use(by_name)
            ''')

    def test_twice(self):
        self.child('''
            import tensorflow as tf
            first, second = tf.load_op_library(LIBRARY), tf.load_op_library(LIBRARY)
            expect_use(first.tfjs_layer_norm)
            expect_use(second.tfjs_layer_norm)
            expect(face(LIBRARY).norm_register_tensorflow() == 0)
            ''')

    def test_second_library_does_not_register(self):
        self.child('''
            import tensorflow as tf
            ops = tf.load_op_library(LIBRARY)
            tf.load_op_library(COPY)
            copy = face(COPY)
            expect(copy.norm_register_tensorflow() == 0)
            said = report(copy)
            expect(os.path.samefile(said['library'], LIBRARY), said)
            expect(LIBRARY in said['message'] and COPY in said['message'], said)
            expect_use(ops.tfjs_layer_norm)
            ''')

    def test_two_libraries_before_tensorflow(self):
        self.child('''
            library, copy = face(LIBRARY), face(COPY)
            import tensorflow as tf
            expect(copy.norm_register_tensorflow() == 0)
            expect(library.norm_register_tensorflow() == 0)
            expect(os.path.samefile(report(library)['library'], COPY), report(library))
            expect_use(by_name)
            ''')

    def test_second_library_after_fork(self):
        self.child('''
            import tensorflow as tf
            tf.load_op_library(LIBRARY)
            child = os.fork()
            if child == 0:
                os._exit(face(COPY).norm_register_tensorflow())
            expect(os.waitpid(child, 0)[1] == 0, 'the forked process failed')
            ''')

    def test_unloading_leaves_the_ops(self):
        self.child('''
            import _ctypes
            import tensorflow as tf
            handle = ctypes.CDLL(LIBRARY)._handle
            for _ in range(3):
                _ctypes.dlclose(handle)
            expect_use(by_name)
            ''')

    def test_threads_register_once(self):
        self.child('''
            import threading
            library = face(LIBRARY)
            import tensorflow as tf
            codes = []
            threads = [threading.Thread(target=lambda: codes.append(library.norm_register_tensorflow()))
                       for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            expect(codes == [0] * 8, codes)
            expect_use(by_name)
            ''')
