"""The ops in Python's TensorFlow on its GPUs, over the stand-in driver: `python python_test.py LIBRARY`.

Every case of test/python on the GPU, and ops on the device of their inputs. Ends with `N passed, N failed`.
"""

import ctypes
import json
import os
import pathlib
import sys
import unittest

os.environ['TFJS_CUDA_NORM_PYTHON_LIBRARY'] = os.path.abspath(sys.argv[1])
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'python'))

import support  # noqa: E402  pylint: disable=wrong-import-position
import tensorflow as tf  # noqa: E402  pylint: disable=wrong-import-position
from ops_test import Result  # noqa: E402  pylint: disable=wrong-import-position

driver = ctypes.CDLL('libcuda.so.1')
driver.norm_driver_counters.restype = ctypes.c_char_p


def counters():
    return json.loads(driver.norm_driver_counters())


def devices_that_ran():
    return [stream['device'] for stream in counters()['streams'] if stream['launches']]


class DevicesTest(unittest.TestCase):

    def test_two_devices(self):
        self.assertEqual(len(tf.config.list_logical_devices('GPU')), 2)

    def test_ops_follow_the_device(self):
        for device in (0, 1):
            with self.subTest(device=device), tf.device(f'/GPU:{device}'):
                x = tf.constant([[1., 2., 3., 4.]] * 2)
                driver.norm_driver_reset()
                arguments = {'gamma': [], 'beta': [], 'scale': False, 'center': False}
                y, _ = support.ops.tfjs_rms_norm(x=x, **arguments)
                z, _ = support.ops.tfjs_rms_norm(x=y, **arguments)
                self.assertTrue(z.device.endswith(f'GPU:{device}'), z.device)
                self.assertEqual(devices_that_ran(), [device])
                self.assertEqual(counters()['copies']['betweenDevices']['count'], 0)
                support.assert_close(z.numpy()[0], [0.365148, 0.730297, 1.095445, 1.460593], 1e-5, 'z')

    def test_the_default_stream_stays_empty(self):
        with tf.device('/GPU:0'):
            driver.norm_driver_reset()
            support.ops.tfjs_rms_norm(x=tf.ones([2, 4]), gamma=[], beta=[], scale=False, center=False)
        default = next(s for s in counters()['streams'] if s['stream'] == 0)
        self.assertEqual((default['launches'], default['copies']), ({}, 0))


if __name__ == '__main__':
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite(
        [loader.loadTestsFromName('values_test'),
         loader.loadTestsFromTestCase(DevicesTest)])
    result = unittest.TextTestRunner(resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f'{result.passed} passed, {failed} failed')
    sys.exit(1 if failed else 0)
