// The setup command as a process: node setup-child.mjs '{"options": ..., "more": ...}'
import { setupCommand } from '../../scripts/setup/command.mjs';

const { options, more } = JSON.parse(process.argv[2]);
process.exitCode = await setupCommand(options, { ...more, ask: async () => undefined });
