// `npm run build`: all that `npm start` and `npm test` do before they run. Needs no package, unlike the cli.
import { setup } from './setup/index.mjs';

const { problems } = await setup();
process.exitCode = problems.length > 0 ? 1 : 0;
