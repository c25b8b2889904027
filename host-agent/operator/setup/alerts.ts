/** Whom the Worker is to tell when the edge is broken: an address is a secret often enough, so it comes as one. */
import { usage } from '../../cli/options.ts';
import type { OperatorFile } from '../operator-file.ts';
import { secretOf } from '../words.ts';
import type { Setup } from './setup-run.ts';

export type AlertAddresses = OperatorFile['alerts'];

const kinds = {
  ntfy: { variable: 'EDGEBAN_ALERT_NTFY', what: 'an ntfy topic, such as https://ntfy.sh/your-topic' },
  webhook: { variable: 'EDGEBAN_ALERT_WEBHOOK', what: 'a webhook, such as https://example.org/path' },
} as const;

/** As given, or as before; a person at the terminal is asked where nothing is known. Throws ERR_USAGE. */
export async function alertAddresses(setup: Setup, known: OperatorFile | null): Promise<AlertAddresses> {
  const before = known?.alerts ?? { ntfy: '', webhook: '' };
  const isAsked = known === null;
  return {
    ntfy: await addressOf(setup, 'ntfy', before.ntfy, isAsked),
    webhook: await addressOf(setup, 'webhook', before.webhook, isAsked),
  };
}

async function addressOf(setup: Setup, kind: keyof typeof kinds, before: string, isAsked: boolean): Promise<string> {
  const { world, given } = setup;
  const { variable, what } = kinds[kind];
  const file = given.alertFiles[kind];
  const question = `Who is told when the edge is broken: ${what} (Enter: none): `;
  const isGiven = file !== undefined || (world.env[variable] ?? '') !== '';
  if (!isGiven && (!isAsked || setup.given.yes)) return before;
  const text = (await secretOf(world, { file, variable, question })) ?? before;
  if (text === '' || (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))) return text;
  throw usage(`what was given for ${kind} is not an address`, `write ${what}`);
}
