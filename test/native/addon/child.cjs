// What sharing.cjs runs in a thread or in a process of its own.
'use strict';

const { isMainThread, parentPort } = require('node:worker_threads');
const { addon, groupNorm, library, tensor } = require('./support.cjs');

addon.load(library, []);
if (isMainThread) {
  groupNorm('host');
  addon.run('TfjsRmsNorm', 'cuda', [tensor([4, 6]), tensor([6]), tensor([0])], {});
} else {
  for (let i = 0; i < 50; i++) groupNorm(i % 2 ? 'cuda' : 'host');
  parentPort.postMessage(groupNorm('host'));
}
