/** What setup makes at Cloudflare before the Worker comes: the KV namespace, and the list or the leave to share one. */
import { z } from 'zod';
import { EdgebanError } from '../../../shared/errors.ts';
import type { CloudflareApi } from '../cloudflare-api.ts';
import { CloudflareRefusal } from '../cloudflare-refusal.ts';
import { customRules, isOurs, namesList, type Rule } from '../waf.ts';
import type { Thing } from './record.ts';
import type { Setup } from './setup-run.ts';

const Namespace = z.object({ id: z.string(), title: z.string() });
const List = z.object({ id: z.string(), name: z.string(), kind: z.string(), num_items: z.number() });
type List = z.infer<typeof List>;

export async function makeNamespace(setup: Setup): Promise<string> {
  const { api, record } = setup;
  const path = `/accounts/${record.account}/storage/kv/namespaces`;
  const title = `${setup.given.name}-bans`;
  const all = () => api.all(`${path}?per_page=100`, Namespace);
  const there = await all();
  const known = there.find(({ id }) => id === record.namespace?.id) ?? there.find((each) => each.title === title);
  if (known !== undefined) {
    // begun by us, if a record of ours says so and an answer got lost
    setup.keep({ namespace: { name: title, id: known.id, made: record.namespace?.made ?? setup.given.takeOver } });
    setup.tell('KV namespace', title, 'same');
    return known.id;
  }
  setup.keep({ namespace: { name: title, id: null, made: true } });
  const made = await api.make(
    { path, body: { title } },
    Namespace,
    async () => (await all()).find((each) => each.title === title) ?? null,
  );
  setup.keep({ namespace: { name: title, id: made.id, made: true } });
  setup.tell('KV namespace', title, 'made');
  return made.id;
}

const description = 'Addresses banned by edgeban; items of others are left alone';

/** The list that the Worker fills. It would make one itself; only making it tells whether the plan has room for one. */
export async function makeList(setup: Setup): Promise<void> {
  const { record, given } = setup;
  if (record.mode !== 'list') return;
  const all = await allLists(setup);
  const known = all.find(({ name }) => name === (record.list?.name ?? given.list));
  if (known !== undefined) return await takeList(setup, known, 'list');
  const refusal = await newList(setup, given.list, 'list');
  if (refusal !== null) await shareList(setup, all, refusal);
}

/** The second list, if one is asked for: the free plan has no room for it. One of another name is left behind (former-lists.ts). */
export async function makeChallengeList(setup: Setup): Promise<void> {
  const { mode, challenge, former } = setup.record;
  const name = setup.given.challengeList;
  if (mode !== 'list') return;
  if (challenge !== null && challenge.name !== name) leaveList(setup, challenge, name);
  try {
    if (name !== '') await haveChallengeList(setup, name);
  } catch (error) {
    // there is no other one: what the Worker has stays
    if (error instanceof EdgebanError && error.code === 'ERR_SETUP_FOREIGN') setup.keep({ challenge, former });
    throw error;
  }
}

async function haveChallengeList(setup: Setup, name: string): Promise<void> {
  const known = (await allLists(setup)).find((each) => each.name === name);
  if (known !== undefined) return await takeList(setup, known, 'challenge');
  const refusal = await newList(setup, name, 'challenge');
  if (refusal !== null)
    throw foreign(
      `Cloudflare has no room for a second list (${refusal.message})`,
      'leave --challenge-list away: challenges are not enforced then, and status and doctor name them',
    );
}

/** One of before that is named again is a former one no more. */
function leaveList(setup: Setup, list: Thing, name: string): void {
  const { former } = setup.record;
  const again = former.find((each) => each.name === name) ?? null;
  setup.keep({ challenge: again, former: [...former.filter((each) => each !== again), list] });
}

/** Which part of the record. */
type Role = 'list' | 'challenge';
const called = { list: 'list', challenge: 'list for challenges' } as const;

async function allLists(setup: Setup): Promise<List[]> {
  return (await setup.api.call({ path: listsPath(setup) }, z.array(List).nullable())) ?? [];
}

function listsPath({ record }: Setup): string {
  return `/accounts/${record.account}/rules/lists`;
}

/** Null if it was made. */
async function newList(setup: Setup, name: string, role: Role): Promise<CloudflareRefusal | null> {
  setup.keep({ [role]: { name, id: null, made: true } });
  try {
    const made = await setup.api.make(
      { path: listsPath(setup), body: { name, kind: 'ip', description } },
      List,
      async () => (await allLists(setup)).find((each) => each.name === name) ?? null,
    );
    setup.keep({ [role]: { name, id: made.id, made: true } });
    setup.tell(called[role], name, 'made');
    return null;
  } catch (error) {
    if (!(error instanceof CloudflareRefusal) || error.code !== 'ERR_CLOUDFLARE_REFUSED') throw error;
    setup.keep({ [role]: null });
    return error;
  }
}

/** There is one of the name: ours already, begun by us, or somebody's. */
async function takeList(setup: Setup, list: List, role: Role): Promise<void> {
  const { record, given } = setup;
  if (list.kind !== 'ip')
    throw foreign(`the list ${list.name} is not one of addresses`, 'name another one: --list NAME');
  const before = record[role];
  if (before !== null) {
    setup.keep({ [role]: { ...before, id: list.id } });
    return setup.tell(called[role], list.name, 'same');
  }
  await consent(setup, list);
  setup.keep({ [role]: { name: list.name, id: list.id, made: given.takeOver } });
  setup.tell(called[role], list.name, 'adopted');
}

/** The free plan has one list in all: another tool's may be shared, if that is wanted. */
async function shareList(setup: Setup, all: readonly List[], refusal: CloudflareRefusal): Promise<void> {
  const fit = all.filter(({ kind }) => kind === 'ip');
  const names = fit.map(({ name, num_items }) => `${name} (${num_items} items)`).join(', ');
  if (fit.length === 0) throw refusal;
  const why = `Cloudflare has no room for another list (${refusal.message})`;
  if (!setup.world.prompt.isTerminal)
    throw foreign(`${why}; there is: ${names}`, 'share one: --list NAME --adopt-list');
  setup.say(`${why}. There is: ${names}.`);
  const name = await setup.world.prompt.ask('Which one shall edgeban share? ');
  const list = fit.find((each) => each.name === name);
  if (list === undefined) throw foreign(`there is no list '${name}'`, 'share one: --list NAME --adopt-list');
  setup.given = { ...setup.given, list: name };
  await takeList(setup, list, 'list');
}

/**
 * edgeban's rule blocks all that the list holds, also the items of others; and a rule that lets the list's addresses
 * through would let those through that we ban. The first is asked, the second refused.
 */
async function consent(setup: Setup, list: List): Promise<void> {
  const users = await rulesNaming(setup.api, setup.record.zones, list.name);
  const lenient = users.filter(({ action }) => action === undefined || !/^(block|.*challenge)$/.test(action));
  if (lenient.length > 0)
    throw foreign(
      `the list ${list.name} is used by a rule that does not block (${lenient.map(({ action, description }) => `${action}: ${description}`).join(', ')}): who is banned would be let through`,
      'name another list: --list NAME',
    );
  if ((list.num_items === 0 && users.length === 0) || setup.given.adoptList || setup.given.takeOver) return;
  const what = `The list ${list.name} has ${list.num_items} item(s) of others: they stay, and edgeban's rule will block them, too.`;
  if (!setup.world.prompt.isTerminal)
    throw foreign(what, 'say --adopt-list if that is meant, or --list with another name');
  if (/^y(es)?$/i.test(await setup.world.prompt.ask(`${what} Share it? [y/N] `))) return;
  throw foreign('the list is not to be shared', 'name another list: --list NAME');
}

async function rulesNaming(
  api: CloudflareApi,
  zones: readonly { readonly id: string }[],
  list: string,
): Promise<readonly Rule[]> {
  const rules: Rule[] = [];
  for (const { id } of zones) rules.push(...((await customRules(api, id))?.rules ?? []));
  return rules.filter((rule) => namesList(rule, list) && !isOurs(rule));
}

export function foreign(message: string, remedy: string): EdgebanError {
  return new EdgebanError('ERR_SETUP_FOREIGN', message, { remedy });
}
