/** The operator's verbs about addresses: ban, unban, and what is never banned. */
import { parseSeconds } from '../../shared/config/arithmetic.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { usage } from '../cli/options.ts';
import { addressOf, operatorOf, parseWords, tell, wordOf } from './words.ts';
import type { AllowedEntry } from './worker-api.ts';
import type { OperatorWorld } from './world.ts';

export async function banAddress(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values, words } = parseWords(argv, { bantime: { type: 'string', default: '1h' } }, 1);
  const address = addressOf(wordOf(words, 'ban', 'an address'));
  const bantime = secondsOf(values.bantime);
  const { until } = await operatorOf(values, world).worker.ban(address, bantime);
  const end = until === null ? 'for ever' : `until ${new Date(until * 1000).toISOString()}`;
  tell(world, values, { address, until }, `Banned ${address} ${end}, at the edge and on all hosts`);
  return 0;
}

/** As jails write it: seconds, `10m`, `1d 12h`; -1: for ever. */
function secondsOf(text: string): number {
  try {
    const seconds = parseSeconds(text);
    if (Number.isFinite(seconds) && seconds !== 0) return seconds < 0 ? -1 : seconds;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
  }
  throw usage(`option --bantime: '${text}' is not a length of time`);
}

/** Lifts it for all who hold it, hosts included. */
export async function unbanAddress(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values, words } = parseWords(argv, {}, 1);
  const address = addressOf(wordOf(words, 'unban', 'an address'));
  const lifted = await operatorOf(values, world).worker.lift(address);
  if (lifted === 0) throw new EdgebanError('ERR_NOT_BANNED', `${address} is not banned`);
  tell(world, values, { address, lifted }, `Lifted ${address}; ${lifted} held it`);
  return 0;
}

/** Without an address: what is on the list. */
export async function allowAddress(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const options = { note: { type: 'string', default: '' }, remove: { type: 'boolean', default: false } } as const;
  const { values, words } = parseWords(argv, options, 1);
  const { worker } = operatorOf(values, world);
  if (words.length === 0) {
    if (values.remove) throw usage('edgeban edge allow --remove needs an address');
    const allowed = await worker.allowed();
    tell(world, values, { allowed }, allowed.map(entryLine).join('\n') || 'Nothing is on the allow list');
    return 0;
  }
  const address = addressOf(wordOf(words, 'allow', 'an address'));
  if (values.remove) {
    await worker.disallow(address);
    tell(world, values, { address }, `${address} may be banned again`);
    return 0;
  }
  const lifted = await worker.allow(address, values.note);
  tell(world, values, { address, lifted }, `${address} is never banned from now on; ${lifted} ban(s) lifted`);
  return 0;
}

function entryLine({ address, note, source }: AllowedEntry): string {
  const from = source === 'ALLOW' ? "(the Worker's settings)" : '';
  return [address, note, from].filter((part) => part !== '').join('  ');
}
