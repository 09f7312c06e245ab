// One run of tfjs-core's specs in this process: node suite.cjs <bundle> <with|without> <out.json>
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const vm = require('node:vm');

const [bundlePath, mode, out] = process.argv.slice(2);
const root = join(__dirname, '..', '..');

/** tfjs-node's own list of tfjs-core specs that its backend does not pass. */
function skipped() {
  const source = readFileSync(require.resolve('@tensorflow/tfjs-node/dist/run_tests.js'), 'utf8');
  const list = /IGNORE_LIST = (\[[\s\S]*?\n\]);/.exec(source);
  if (!list) throw new Error('no IGNORE_LIST in @tensorflow/tfjs-node/dist/run_tests.js');
  return vm.runInNewContext(list[1]);
}

let device = 'none';
if (mode === 'with') {
  require(join(root, 'test', 'support', 'requireTypeScript.cjs'));
  const { norm } = require(join(root, 'src'));
  ({ device } = norm.device());
  const asked = process.env.TFJS_CUDA_NORM_DEVICE;
  if (asked && asked !== 'auto' && asked !== device) {
    throw new Error(`asked for device ${asked}, got ${device}: ${norm.device().reason}`);
  }
} else {
  require('@tensorflow/tfjs-node');
}

const Jasmine = require('jasmine');
const runner = new Jasmine();
runner.loadConfig({ random: false });
runner.exitOnCompletion = false;
const ignored = skipped();
jasmine.getEnv().configure({
  specFilter: (spec) => !ignored.some((name) => spec.getFullName().includes(name)),
});

const specs = {};
runner.clearReporters();
runner.addReporter({
  specDone({ fullName, status, failedExpectations }) {
    let name = fullName;
    for (let copy = 2; name in specs; copy++) name = `${fullName} (${copy})`;
    specs[name] = { status, message: failedExpectations[0]?.message };
  },
});
// The bundle has a tfjs-core of its own; all copies in a process share one engine, kernel and gradient registry.
require(bundlePath).registerSpecs({
  name: 'test-tensorflow',
  backendName: 'tensorflow',
  flags: {},
  isDataSync: true,
});
runner.execute().then(() => writeFileSync(out, JSON.stringify({ device, specs })));
