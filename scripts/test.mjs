// `npm test`: brings everything into place, then runs every stage. The last line is `N passed, N failed`.
//   npm test -- --only jest:host,native     some stages only (a group name such as jest takes all of its stages)
//   npm test -- --list                      the stages
import { parseArgs } from 'node:util';
import { makeContext } from './setup/context.mjs';
import { setup } from './setup/index.mjs';
import { makeLog } from './setup/log.mjs';
import { counted, isAsked, runStages } from './stages/run.mjs';
import { makeStages } from './stages/stages.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
  },
});
const context = makeContext({ log: makeLog() });
const stages = makeStages(context);
if (values.list) {
  for (const { name } of stages) {
    process.stdout.write(`${name}\n`);
  }
} else {
  const only = values.only.flatMap((list) => list.split(','));
  const needsBuild = stages.some(({ name, built }) => built && isAsked(name, only));
  const { problems } = await setup({ cuda: 'yes', packagesOnly: !needsBuild });
  // Each step that setup could not do is a failure of its own: stages that lack its result may not notice.
  const broken = problems.map((problem) => ({
    name: `bootstrap: ${problem.step}`,
    run: () => counted(0, 1, problem.why),
  }));
  process.exitCode = await runStages(
    [...broken, ...stages],
    only.length > 0 ? [...only, ...broken.map(({ name }) => name)] : [],
  );
}
