/** The process behind server.test.ts: answers on the socket that -s names, until it is told to stop. */
import { runCommand } from '../../host-agent/control/commands.ts';
import { openControlServer } from '../../host-agent/control/server.ts';
import { twoJails } from '../control/fake-agent.ts';

const path = process.argv[process.argv.indexOf('-s') + 1] ?? '';
const agent = twoJails();
const server = await openControlServer({
  path,
  answer: async (words) => {
    const value = await runCommand(agent, words);
    if (words[0] === 'stop') setImmediate(() => void server.close().then(() => process.exit(0)));
    return value;
  },
});
// However a test ends, nothing is left behind.
setTimeout(() => process.exit(1), 60_000).unref();
