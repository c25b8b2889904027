/** Brings the Worker up: secrets, configuration, wrangler, and the wait until it answers and enforces. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { workerOrigin } from '../../edge/settings.ts';
import { isGone } from '../cloudflare-refusal.ts';
import { type OperatorFile, readOperatorFile, writeOperatorFile, writePrivate } from '../operator-file.ts';
import { customRules, ourRules } from '../waf.ts';
import type { Setup } from './setup-run.ts';
import { foreign } from './things.ts';
import { deploy, findWorkerCode, findWrangler, type WorkerCode, wranglerConfig } from './wrangler.ts';

const Script = z.object({ id: z.string(), etag: z.string().nullish() });
const Subdomain = z.object({ subdomain: z.string() });

/** What was set up before, and by whom. Throws ERR_SETUP_FOREIGN. */
export function knownOperator(setup: Setup): OperatorFile | null {
  const { files, record } = setup;
  if (!existsSync(files.operator)) return null;
  const known = readOperatorFile(files.operator);
  if (record.worker !== null || setup.given.takeOver) return known;
  throw foreign(
    `${files.operator} holds the tokens of ${known.url}, which this set-up has not made`,
    'name another one: --operator-file FILE',
  );
}

/** Throws ERR_SETUP_FOREIGN for a Worker or a rule of our name that this set-up has not made. */
export async function refuseForeign(setup: Setup): Promise<void> {
  const { record, api, given } = setup;
  if (record.worker !== null || given.takeOver) return;
  if ((await findScript(setup)) !== null)
    throw foreign(
      `there is a Worker named ${given.name} that this set-up has not made`,
      'choose another name (--name), or --take-over if it is yours and its record was lost',
    );
  if (record.mode !== 'list') return;
  for (const { id, name } of record.zones)
    if (ourRules(await customRules(api, id)).length > 0)
      throw foreign(
        `the zone ${name} has edgeban's rule already: another edgeban serves it`,
        'tear that one down first, or --take-over if its record was lost',
      );
}

async function findScript(setup: Pick<Setup, 'api' | 'record' | 'given'>): Promise<z.infer<typeof Script> | null> {
  const all = await setup.api.call({ path: `/accounts/${setup.record.account}/workers/scripts` }, z.array(Script));
  return all.find(({ id }) => id === setup.given.name) ?? null;
}

/** Where the Worker will answer. Throws ERR_EDGE_URL, and ERR_SETUP_FOREIGN if the account has no workers.dev. */
export async function workerUrl(setup: Setup): Promise<string> {
  const { given, record, api } = setup;
  if (given.url !== undefined) return workerOrigin(given.url);
  try {
    const { subdomain } = await api.call({ path: `/accounts/${record.account}/workers/subdomain` }, Subdomain);
    return `https://${given.name}.${subdomain}.workers.dev`;
  } catch (error) {
    if (!isGone(error)) throw error;
    throw foreign(
      'the account has no workers.dev subdomain yet',
      "open Workers & Pages once in Cloudflare's dashboard, which makes one, or say --url for a domain of your own",
    );
  }
}

/** Uploads code, settings and secrets, if any of them is not what was last uploaded. */
export async function bringUp(setup: Setup, operator: OperatorFile): Promise<void> {
  const { given, record, files, world } = setup;
  const code = findWorkerCode(given.worker);
  const config = wranglerConfig(record, given.name, operator.url, code);
  const secrets = secretsOf(operator);
  const hash = hashOf(config, code, secrets);
  const there = await findScript(setup);
  const { etag = null } = there ?? {};
  if (there !== null && record.worker?.hash === hash && record.worker.etag === etag)
    return setup.tell('Worker', given.name, 'same');
  const isNew = there === null;
  setup.keep({ worker: { name: given.name, url: operator.url, etag: null, hash: null } });
  if (!existsSync(files.wrangler) || readFileSync(files.wrangler, 'utf8') !== config)
    writePrivate(files.wrangler, config);
  setup.say(`   Worker ${given.name}: being deployed through wrangler`);
  const wrangler = findWrangler(given.wrangler, world.env['PATH']);
  const { base, account } = record;
  await deploy(world, { wrangler, config: files.wrangler, base, account, token: setup.secret, secrets });
  const after = await findScript(setup);
  setup.keep({ worker: { name: given.name, url: operator.url, etag: after?.etag ?? null, hash } });
  setup.tell('Worker', given.name, isNew ? 'made' : 'changed');
}

function secretsOf(operator: OperatorFile): Record<string, string> {
  const token = operator.cloudflare?.token;
  const { turnstile, alerts } = operator;
  return {
    OPERATOR_TOKEN: operator.token,
    ...(token === undefined ? {} : { CLOUDFLARE_API_TOKEN: token }),
    ...(turnstile === null ? {} : { TURNSTILE_SECRET: turnstile }),
    ...(alerts.ntfy === '' ? {} : { ALERT_NTFY: alerts.ntfy }),
    ...(alerts.webhook === '' ? {} : { ALERT_WEBHOOK: alerts.webhook }),
  };
}

/** Of all that the Worker is deployed from. */
function hashOf(config: string, { main, isBundled }: WorkerCode, secrets: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256').update(config).update(JSON.stringify(secrets));
  const root = dirname(dirname(main));
  const sources = isBundled
    ? [main]
    : ['worker', 'shared', 'dashboard'].flatMap((folder) => sourcesIn(join(root, folder)));
  for (const file of sources) hash.update(`${file}\n`).update(readFileSync(file));
  return hash.digest('hex');
}

function sourcesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => /\.(tsx?|css|html)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** The operator's file, with a new token for a new Worker; written before the Worker learns of it. */
export function keepOperator(
  setup: Setup,
  known: OperatorFile | null,
  url: string,
  { token, turnstile, alerts }: { readonly token: string | null } & Pick<OperatorFile, 'turnstile' | 'alerts'>,
): OperatorFile {
  const { record, files } = setup;
  const { base, account, zones, mode } = record;
  const isList = mode === 'list';
  const lists = {
    list: isList ? (record.list?.name ?? '') : '',
    challenge_list: isList ? (record.challenge?.name ?? '') : '',
  };
  const operator: OperatorFile = {
    url,
    token: known?.token ?? randomBytes(32).toString('base64url'),
    cloudflare: token === null ? null : { base, account, zones, mode, ...lists, token },
    turnstile,
    alerts,
  };
  const isSame = known !== null && JSON.stringify(known) === JSON.stringify(operator);
  // a file that no record owns would be taken for somebody else's the next time
  if (record.worker === null) setup.keep({ worker: { name: setup.given.name, url, etag: null, hash: null } });
  if (!isSame) writeOperatorFile(files.operator, operator);
  setup.tell("operator's file", files.operator, isSame ? 'same' : known === null ? 'made' : 'changed');
  return operator;
}
