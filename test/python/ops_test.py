"""Tests of the op library in Python's TensorFlow: `python ops_test.py LIBRARY [NAME...]`.

LIBRARY is libtfjs_cuda_norm.so, libtfjs_cuda_norm_host.so or libtfjs_cuda_norm_emulated.so; a NAME keeps the tests
whose name contains it. Ends with `N passed, N failed`; the exit status is 1 when any failed.
"""

import os
import sys
import unittest


class Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main(arguments):
    if not arguments or not os.path.isfile(arguments[0]):
        print(__doc__, file=sys.stderr)
        return 2
    # The tests and the processes they start load the library when they import support.
    os.environ['TFJS_CUDA_NORM_PYTHON_LIBRARY'] = os.path.abspath(arguments[0])
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f'*{name}*' for name in arguments[1:]] or None
    tests = loader.loadTestsFromNames(
        ['values_test', 'weights_test', 'graph_test', 'errors_test', 'threads_test', 'loading_test'])
    if tests.countTestCases() == 0:
        print(f'no test is called {" or ".join(arguments[1:])}', file=sys.stderr)
        return 2
    result = unittest.TextTestRunner(resultclass=Result).run(tests)
    failed = len(result.failures) + len(result.errors)
    print(f'{result.passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    sys.exit(main(sys.argv[1:]))
