// A worker thread that loads the package and runs `workerData.calls` group norms.
'use strict';
require('./requireTypeScript.cjs');
const { parentPort, workerData } = require('node:worker_threads');
const { tf, norm } = require('../../src');

const { calls, value } = workerData;
const x = tf.tensor([1, 2, 3, value], [1, 4]);
let y;
for (let i = 0; i < calls; i++) {
  y?.dispose();
  y = norm.ops.groupNorm(x, { groups: 1, epsilon: 1e-3 });
}
const result = { device: norm.device().device, y: Array.from(y.dataSync()) };
tf.dispose([x, y]);
parentPort.postMessage({ ...result, tensors: tf.memory().numTensors });
