/** The token that the Worker works with: made with only what the mode needs, or asked for where we may not make one. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { EdgebanError } from '../../../shared/errors.ts';
import { CloudflareApi } from '../cloudflare-api.ts';
import { CloudflareRefusal, isGone } from '../cloudflare-refusal.ts';
import { secretOf } from '../words.ts';
import type { SetupRecord, TokenRecord } from './record.ts';
import type { Setup } from './setup-run.ts';
import {
  missingPermissions,
  permissionError,
  runtimeNeeds,
  surplusPermissions,
  type VerifiedToken,
  verifyToken,
} from './token.ts';

const Group = z.object({ id: z.string(), name: z.string() });
const Listed = z.object({ id: z.string(), name: z.string() });
const Made = z.object({ id: z.string(), value: z.string().min(8) });

/** Cloudflare's names of a permission, the newer first. */
const groupNames = {
  lists: ['Account Rule Lists Write', 'Account Filter Lists Edit'],
  waf: ['Zone WAF Write'],
  access: ['Account Firewall Access Rules Write'],
} as const;

/** Gives the token's secret; it is checked by trying whatever the mode needs. */
export async function runtimeToken(setup: Setup, known: string | null): Promise<string | null> {
  const { mode } = setup.record;
  // with the token of before the Worker takes away what the former mode has left
  if (mode === 'none' || mode === 'gate') return known;
  const good = known === null ? null : await goodToken(() => check(setup, known));
  if (good !== null) {
    setup.tell('run-time token', good.id, 'same');
    return known;
  }
  const made = setup.given.runtimeTokenFile === undefined ? await makeToken(setup) : null;
  const secret = made ?? (await askForToken(setup));
  await check(setup, secret);
  setup.tell('run-time token', idOf(setup), made === null ? 'taken' : 'made');
  return secret;
}

/**
 * The token as it should be once nothing of a former mode is left: `known`, or another one that may less, or null where the
 * mode needs none. One that was pasted is a person's to replace: it is told, and stays.
 */
export async function narrowedToken(setup: Setup, known: string | null): Promise<string | null> {
  const { record } = setup;
  if (known === null || record.left.length + record.leftZones.length > 0) return known;
  const needsNone = record.mode === 'none' || record.mode === 'gate';
  const surplus = await surplusPermissions(new CloudflareApi(record.base, known, setup.world), record);
  if (surplus.length === 0) return known;
  if (record.token?.made !== true) {
    setup.say(
      `   run-time token: it may more than the mode needs (${surplus.join('; ')}): replace it (--runtime-token-file)`,
    );
    return known;
  }
  if (!needsNone) return await runtimeToken(setup, null);
  setup.keep({ token: null, spent: spentBy(record) });
  return null;
}

/** What is to go when a token comes that takes the place of the present one. */
function spentBy({ token, spent }: SetupRecord): TokenRecord[] {
  return token?.made === true ? [...spent, token] : spent;
}

/**
 * Takes away the tokens that the Worker has no more; `current` is the one that it has. One that this set-up token may not
 * remove is told, and stays.
 */
export async function dropSpentTokens(setup: Setup, current: string | null): Promise<void> {
  if (setup.record.spent.length === 0) return;
  if (current !== null) await keepCurrent(setup, current);
  const { api, record } = setup;
  for (const token of record.spent) {
    const name = token.id ?? token.name;
    const gone = await allowed(() => removeOwnToken(api, record.account, token));
    if (gone === null) {
      setup.say(
        `   run-time token ${name}: replaced, but this set-up token may not remove it: delete it in the dashboard`,
      );
      continue;
    }
    setup.keep({ spent: setup.record.spent.filter((each) => each !== token) });
    setup.tell('run-time token', name, 'removed');
  }
}

/** An earlier run may have ended after another token was made and before it was deployed: then the Worker has one of before. */
async function keepCurrent(setup: Setup, secret: string): Promise<void> {
  const { base, account, token, spent } = setup.record;
  const verified = await goodToken(() => verifyToken(new CloudflareApi(base, secret, setup.world), account));
  const its = verified === null ? undefined : spent.find(({ id }) => id === verified.id);
  if (its === undefined) return;
  const others = spent.filter((each) => each !== its);
  setup.keep({ token: its, spent: token?.made === true ? [...others, token] : others });
}

function idOf({ record: { token } }: Setup): string {
  return token?.id ?? '(of unknown id)';
}

async function goodToken(look: () => Promise<VerifiedToken>): Promise<VerifiedToken | null> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof EdgebanError && /^ERR_SETUP_(TOKEN|PERMISSION)$/.test(error.code)) return null;
    throw error;
  }
}

async function check(setup: Setup, secret: string): Promise<VerifiedToken> {
  const api = new CloudflareApi(setup.record.base, secret, setup.world);
  const verified = await verifyToken(api, setup.record.account);
  const missing = await missingPermissions(api, runtimeNeeds(setup.record));
  if (missing.length > 0) throw permissionError('the run-time token', missing);
  return verified;
}

/**
 * Null where the set-up token may not make tokens. The one of before, which the Worker works with until it is deployed anew,
 * or which an earlier try made and whose secret got lost, goes at the end of the run.
 */
async function makeToken(setup: Setup): Promise<string | null> {
  const { record, api } = setup;
  const kind = setup.token.kind;
  const root = tokensPath(kind, record.account);
  const groups = await groupsOf(api, root);
  if (groups === null) return null;
  // of this try alone: should its answer get lost, the token is found by it
  const name = `edgeban ${setup.given.name}: run time ${randomBytes(4).toString('hex')}`;
  const begun: TokenRecord = { name, id: null, made: true, kind };
  setup.keep({ token: begun, spent: spentBy(record) });
  const body = { name, policies: policiesOf(record, groups) };
  const made = await allowed(() => api.make({ path: root, body }, Made, () => forgetLost(setup, begun)));
  if (made === null) {
    setup.keep({ token: record.token, spent: record.spent });
    return null;
  }
  setup.keep({ token: { ...begun, id: made.id } });
  return made.value;
}

/** A token tells its secret once, in the answer that was lost: what it may have made goes, and another is made. */
async function forgetLost({ api, record }: Setup, begun: TokenRecord): Promise<null> {
  await removeOwnToken(api, record.account, begun);
  return null;
}

function tokensPath(kind: VerifiedToken['kind'], account: string): string {
  return kind === 'user' ? '/user/tokens' : `/accounts/${account}/tokens`;
}

/** Takes away what we made, also where the answer with its id was lost; false if there is nothing (any more). */
export async function removeOwnToken(api: CloudflareApi, account: string, token: TokenRecord): Promise<boolean> {
  const root = tokensPath(token.kind, account);
  if (token.id !== null) return await removeToken(api, root, token.id);
  const all = await allowed(() => api.all(`${root}?per_page=50`, Listed));
  const ours = all?.filter(({ name }) => name === token.name) ?? [];
  for (const { id } of ours) await removeToken(api, root, id);
  return ours.length > 0;
}

async function removeToken(api: CloudflareApi, root: string, id: string): Promise<boolean> {
  try {
    await api.call({ method: 'DELETE', path: `${root}/${id}` }, z.unknown());
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

async function groupsOf(api: CloudflareApi, root: string): Promise<z.infer<typeof Group>[] | null> {
  return await allowed(() => api.call({ path: `${root}/permission_groups` }, z.array(Group)));
}

async function allowed<T>(body: () => Promise<T>): Promise<T | null> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof CloudflareRefusal && error.isForbidden) return null;
    throw error;
  }
}

/** Of the mode, and of those before of which something may be left. */
function policiesOf({ mode, left, account, zones }: SetupRecord, groups: readonly z.infer<typeof Group>[]) {
  const modes = [mode, ...left];
  const policy = (names: readonly string[], resources: Readonly<Record<string, string>>) => {
    const group = groups.find(({ name }) => names.includes(name));
    if (group === undefined) throw permissionError('the account', [names[0] ?? '']);
    return { effect: 'allow', permission_groups: [{ id: group.id }], resources };
  };
  const ofAccount = { [`com.cloudflare.api.account.${account}`]: '*' };
  const ofZones = Object.fromEntries(zones.map(({ id }) => [`com.cloudflare.api.account.zone.${id}`, '*']));
  return [
    ...(modes.includes('list') ? [policy(groupNames.lists, ofAccount), policy(groupNames.waf, ofZones)] : []),
    ...(modes.includes('access-rules') ? [policy(groupNames.access, ofAccount)] : []),
  ];
}

async function askForToken(setup: Setup): Promise<string> {
  const { record, world, given } = setup;
  const clicks = clicksFor(record);
  if (given.runtimeTokenFile === undefined) for (const line of clicks) setup.say(line);
  const secret = await secretOf(world, {
    file: given.runtimeTokenFile,
    variable: 'EDGEBAN_RUNTIME_TOKEN',
    question: 'Paste that token here: ',
  });
  if (secret === null)
    throw new EdgebanError('ERR_SETUP_TOKEN', 'the set-up token may not make tokens, and the Worker needs one', {
      remedy:
        'make it as told above, and run this again with --runtime-token-file FILE, or EDGEBAN_RUNTIME_TOKEN in the environment',
    });
  const { kind, id } = await check(setup, secret);
  setup.keep({ token: { name: 'pasted', id, made: false, kind }, spent: spentBy(setup.record) });
  return secret;
}

function clicksFor(record: SetupRecord): string[] {
  const permissions = runtimeNeeds(record).map(({ permission }) => `      ${permission}`);
  return [
    'The set-up token may not make the token that the Worker works with. Make it by hand:',
    "   1. Cloudflare's dashboard: Manage Account, Account API Tokens, Create Token, Create Custom Token",
    '   2. Name it edgeban, and give it these permissions and no others:',
    ...permissions,
    `   3. Account Resources: this account only. Zone Resources: ${record.zones.map(({ name }) => name).join(', ') || 'none'}`,
    '   4. Continue to summary, Create Token, copy it',
  ];
}
