/** `edgeban explain ADDRESS`: the whole story of an address on this host, or of any other id that a jail bans. */
import { parseArgs } from 'node:util';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { Story } from '../../shared/story.ts';
import { request } from '../control/client.ts';
import { usage } from './options.ts';
import type { HostPorts } from './ports.ts';
import { type ExitCode, exitCodes } from './program.ts';
import { storyText } from './render-story.ts';
import type { Terminal } from './terminal.ts';

/** A filter may have to be compiled for each jail, and nft be asked. */
const answer_s_max = 60;

export async function explain(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  const { id, configDir, socket, json } = parse(argv);
  const settings = await ports.serverSettings(configDir);
  const reply = await request(socket ?? settings.socket, ['explain', id], { timeout: answer_s_max });
  if ('error' in reply) throw new EdgebanError('ERR_CONTROL_PROTOCOL', `the server answers: ${reply.error.message}`);
  const story = Story.safeParse(reply.ok);
  if (!story.success) {
    const remedy = 'restart the server: it may be of another version';
    throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'the server tells it in an unknown form', { remedy });
  }
  if (json) terminal.out(JSON.stringify(story.data));
  else terminal.out(storyText(story.data).join('\n'));
  return exitCodes.ok;
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    conf: { ...text, short: 'c', default: '/etc/edgeban' },
    socket: { ...text, short: 's' },
    json: { type: 'boolean', default: false },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    const [id, ...more] = positionals;
    if (id === undefined || more.length > 0) throw new Error('edgeban explain needs one address (or what a jail bans)');
    return { id, configDir: values.conf, socket: values.socket, json: values.json };
  } catch (error) {
    throw usage(messageOf(error));
  }
}
