// `npm run pack`: the package as it is installed, with libraries that need no compiler, in output/.
//   npm run pack                 with what this checkout has built, to try it
//   npm run pack -- --release    with libraries for every architecture: what is published
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assemble } from './pack/assemble.mjs';
import { buildRelease } from './pack/release.mjs';
import { setup } from './setup/index.mjs';
import { megabytes } from './setup/log.mjs';

const { values } = parseArgs({ options: { release: { type: 'boolean', default: false } } });
const { problems, context, tfjsNode, cuda } = await setup({ cuda: 'yes' });
if (problems.length > 0) {
  process.exit(1);
}
const { release } = values;
const destination = join(context.root, 'output');
mkdirSync(destination, { recursive: true });
const libraries = release
  ? await buildRelease(context, cuda, tfjsNode)
  : join(context.root, 'build/Release');
const { tarball, packed, unpacked, facts } = await assemble(context, destination, {
  libraries,
  tfjsNode,
  release,
});
process.stdout.write(
  `${tarball}\n${megabytes(packed)} packed, ${megabytes(unpacked)} unpacked\n` +
    `needs glibc ${facts.glibc}; CUDA code ${facts.architectures.join(', ')}\n` +
    (release ? '' : 'not for publishing: npm run pack -- --release builds every architecture\n'),
);
