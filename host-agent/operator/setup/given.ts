/** The options of `edgeban edge setup`, and what is taken from them or, where they are not given, from the run before. */
import { usage } from '../../cli/options.ts';
import type { parseWords } from '../words.ts';
import { Mode, type SetupRecord } from './record.ts';
import type { Given } from './setup-run.ts';

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;
export const options = {
  zone: { ...text, multiple: true },
  account: text,
  mode: text,
  name: text,
  list: text,
  'challenge-list': text,
  route: { ...text, multiple: true },
  'turnstile-key': text,
  'turnstile-secret-file': text,
  allow: text,
  var: { ...text, multiple: true },
  url: text,
  'token-file': text,
  'runtime-token-file': text,
  'ntfy-file': text,
  'webhook-file': text,
  wrangler: text,
  worker: text,
  'adopt-list': flag,
  'take-over': flag,
  'dry-run': flag,
} as const;

export type Values = ReturnType<typeof parseWords<typeof options>>['values'];

/** What may be set beside what setup sets itself; none of these is a secret. */
const settable = ['MAX_BANTIME', 'ROWS_PER_DAY', 'FLEET_MAXRETRY', 'FLEET_FINDTIME', 'FLEET_BANTIME'];

/** `NAME=VALUE`. Throws ERR_USAGE for a name that is none of those. */
export function varsOf(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map((text) => {
    const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/.exec(text) ?? [];
    if (settable.includes(name)) return [name, value] as const;
    throw usage(`--var does not take '${text.split('=')[0]}'`, `it takes NAME=VALUE for ${settable.join(', ')}`);
  });
  return Object.fromEntries(pairs);
}

export function modeOf(text: string): Mode {
  const parsed = Mode.safeParse(text);
  if (parsed.success) return parsed.data;
  throw usage(`'${text}' is not a mode`, `--mode takes ${Mode.options.join(', ')}`);
}

export function givenOf(values: Values, known: SetupRecord | null): Given {
  const name = values.name ?? known?.worker?.name ?? 'edgeban';
  if (!/^[a-z0-9][a-z0-9-]{0,53}$/.test(name)) throw usage(`'${name}' is not a name for a Worker`, 'a-z, 0-9 and -');
  const list = values.list ?? known?.list?.name ?? 'edgeban';
  if (!/^[a-z0-9_]{1,50}$/.test(list)) throw usage(`'${list}' is not a name for a list`, 'a-z, 0-9 and _');
  if (known?.list !== null && known?.list !== undefined && known.list.name !== list)
    throw usage(`this set-up's list is ${known.list.name}, and stays it`, again(`--list ${list}`));
  const challengeList = values['challenge-list'] ?? known?.challenge?.name ?? '';
  if (!/^[a-z0-9_]{0,50}$/.test(challengeList) || challengeList === list)
    throw usage(`'${challengeList}' is not a name for a second list`, 'a-z, 0-9 and _, and not that of the first');
  if (known?.worker !== null && known?.worker !== undefined && known.worker.name !== name)
    throw usage(`this set-up's Worker is ${known.worker.name}, and stays it`, again(`--name ${name}`));
  return {
    'operator-file': values['operator-file'],
    json: values.json,
    yes: values.yes,
    wrangler: values.wrangler,
    worker: values.worker,
    name,
    list,
    challengeList,
    turnstileSecretFile: values['turnstile-secret-file'],
    allow: values.allow ?? known?.allow ?? '',
    url: values.url ?? known?.worker?.url,
    runtimeTokenFile: values['runtime-token-file'],
    alertFiles: { ntfy: values['ntfy-file'], webhook: values['webhook-file'] },
    adoptList: values['adopt-list'],
    takeOver: values['take-over'],
  };
}

function again(option: string): string {
  return `leave ${option} away; or edgeban edge teardown, then edgeban edge setup with ${option}, and edgeban edge enroll on each host`;
}
