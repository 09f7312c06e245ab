"""Concurrent calls, from Python threads and within one graph, give the bits of calls one after the other."""

import concurrent.futures
import unittest

import tensorflow as tf

import support
from cases import CASES

THREADS = 8
ROUNDS = 4


class ThreadsTest(unittest.TestCase):

    def test_python_threads(self):
        alone = {case.name: support.run_both(case) for case in CASES}

        def work(case):
            return case.name, support.run_both(case)

        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for name, both in pool.map(work, CASES * ROUNDS):
                for (call, got), (_, want) in zip(both, alone[name], strict=True):
                    support.assert_same(got, want, f'{name} {call.op}')

    def test_errors_among_good_calls(self):
        case = next(c for c in CASES if c.name == 'group_norm')
        call, want = support.run_both(case)[0]

        def work(i):
            if i % 2:
                return support.run(call)
            try:
                support.function(case.forward_op)(**call.inputs, groups=7)
            except tf.errors.InvalidArgumentError:
                return None
            raise AssertionError('7 groups of 64 channels passed')

        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for got in pool.map(work, range(64)):
                if got is not None:
                    support.assert_same(got, want, call.op)

    def test_independent_ops_of_one_graph(self):
        pairs = [support.run_both(case)[0] for case in CASES if case.name.startswith('layer_norm')]

        @tf.function
        def together():
            return [support.invoke(call) for _ in range(ROUNDS) for call, _ in pairs]

        for outputs, (call, want) in zip(together(), pairs * ROUNDS, strict=True):
            got = dict(zip(call.expected, (output.numpy() for output in outputs)))
            support.assert_same(got, want, call.op)
