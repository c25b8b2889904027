/** `edgeban edge teardown`: takes away what the record says that setup made, and leaves what belongs to others. */
import { rmSync } from 'node:fs';
import { z } from 'zod';
import { EdgebanError } from '../../../shared/errors.ts';
import { usage } from '../../cli/options.ts';
import { CloudflareApi } from '../cloudflare-api.ts';
import { CloudflareRefusal, isGone } from '../cloudflare-refusal.ts';
import { removeRules } from '../waf.ts';
import { confirm, parseWords, secretOf, tell } from '../words.ts';
import type { OperatorWorld } from '../world.ts';
import { emptyAccessRules, emptyForgottenRules, emptyList } from './emptying.ts';
import {
  readRecord,
  removeFolder,
  type SetupFiles,
  type SetupRecord,
  setupFiles,
  type Thing,
  writeRecord,
} from './record.ts';
import { removeRoutes } from './routes.ts';
import { removeOwnToken } from './runtime-token.ts';

const options = {
  'token-file': { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
} as const;

export interface Teardown {
  readonly api: CloudflareApi;
  readonly world: OperatorWorld;
  record: SetupRecord;
  /** Writes the record without this thing. */
  forget(changes: Partial<SetupRecord>): void;
  say(line: string): void;
}

export async function tearDown(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values } = parseWords(argv, options);
  const files = setupFiles(values['operator-file']);
  const record = readRecord(files.record);
  if (record === null)
    throw new EdgebanError('ERR_SETUP_RECORD', 'nothing was set up', {
      file: files.record,
      remedy: 'name the --operator-file that it was set up with',
    });
  const steps = plan(record, files);
  if (values['dry-run']) {
    tell(
      world,
      values,
      { steps, changed: false },
      ['This is what teardown would do:', ...steps, 'Nothing was changed (--dry-run).'].join('\n'),
    );
    return 0;
  }
  const api = new CloudflareApi(record.base, await setupToken(world, values['token-file']), world);
  if (!values.json) world.terminal.out(['This is what teardown does:', ...steps].join('\n'));
  await confirm(world, values, 'Take all this away?');
  const said: string[] = [];
  const say = (line: string) => {
    said.push(line.trim());
    if (!values.json) world.terminal.out(line);
  };
  const work: Teardown = {
    api,
    world,
    record,
    say,
    forget: (changes) => {
      work.record = { ...work.record, ...changes };
      writeRecord(files.record, work.record);
    },
  };
  await takeAway(work, files);
  tell(
    world,
    values,
    { changed: true, steps: said },
    'Done. Hosts keep their own bans; on each of them, rm /var/lib/edgeban/edge.json ends the link.',
  );
  return 0;
}

async function setupToken(world: OperatorWorld, file: string | undefined): Promise<string> {
  const variable = 'CLOUDFLARE_API_TOKEN';
  const secret = await secretOf(world, { file, variable, question: 'A token like the one of the set-up: ' });
  if (secret !== null) return secret;
  throw usage(
    'edgeban edge teardown needs a token',
    'give --token-file FILE, - for stdin, or CLOUDFLARE_API_TOKEN in the environment',
  );
}

function plan(record: SetupRecord, files: SetupFiles): string[] {
  const { worker, mode, left, zones, leftZones, namespace, token, spent } = record;
  const lists = listsOf(record);
  const modes = [mode, ...left];
  return [
    ...(modes.includes('gate') ? ['   the routes to the Worker go: visits go straight to the origin'] : []),
    ...(worker === null ? [] : [`   the Worker ${worker.name} goes, and its ledger with it`]),
    ...(lists.length > 0
      ? [...zones, ...leftZones].map(({ name }) => `   edgeban's WAF rule in the zone ${name} goes; all others stay`)
      : []),
    ...(modes.includes('access-rules') ? ["   edgeban's access rules go; all others stay"] : []),
    ...lists.map(
      ({ name, made }) =>
        `   edgeban's items go from the list ${name}; ${made ? 'the list goes if nobody else uses it' : 'the list was adopted, and stays'}`,
    ),
    ...(namespace === null
      ? []
      : [`   the KV namespace ${namespace.name} ${namespace.made ? 'goes' : 'was there before, and stays'}`]),
    ...(token === null
      ? []
      : [`   the run-time token ${token.made ? 'goes' : 'was pasted: delete it in the dashboard'}`]),
    ...spent.map(({ id, name }) => `   the former run-time token ${id ?? name} goes`),
    `   the files ${files.operator} and ${files.folder} go`,
  ];
}

/** Routes before the Worker that they lead to, and the Worker before the rest: it would put back what is taken from it. */
async function takeAway(work: Teardown, files: SetupFiles): Promise<void> {
  try {
    await removeAllRoutes(work);
    await removeWorker(work);
    await removeEnforcement(work);
    await removeNamespace(work);
    await removeRuntimeToken(work);
  } catch (error) {
    work.world.terminal.err(`Not finished; ${files.record} has what is left. The same command goes on from here.`);
    throw error;
  }
  rmSync(files.operator, { force: true });
  removeFolder(files);
  work.say(`   ${files.operator} and ${files.folder}: gone`);
}

async function removeAllRoutes(work: Teardown): Promise<void> {
  const { mode, left, worker, zones } = work.record;
  if (worker === null || ![mode, ...left].includes('gate')) return;
  await removeRoutes({ ...work, zones: zones.map(({ id }) => id), script: worker.name }, []);
}

async function removeWorker(work: Teardown): Promise<void> {
  const { worker, account } = work.record;
  if (worker === null) return;
  const gone = await remove(work.api, `/accounts/${account}/workers/scripts/${worker.name}?force=true`);
  work.forget({ worker: null });
  work.say(`   the Worker ${worker.name}: ${gone}`);
}

async function removeEnforcement(work: Teardown): Promise<void> {
  const { mode, left, zones, leftZones } = work.record;
  if ([mode, ...left].includes('access-rules')) await emptyAccessRules(work);
  else await emptyForgottenRules(work);
  const lists = listsOf(work.record);
  if (lists.length === 0) return;
  for (const { id, name } of [...zones, ...leftZones]) {
    const count = await removeRules(work.api, id);
    work.say(
      `   the WAF rule${count > 1 ? 's' : ''} in the zone ${name}: ${count === 0 ? 'was gone already' : 'gone'}`,
    );
  }
  for (const list of lists) await emptyList(work, list);
  work.forget({ list: null, challenge: null, former: [] });
}

function listsOf({ list, challenge, former }: SetupRecord): Thing[] {
  return [list, challenge, ...former].flatMap((each) => each ?? []);
}

async function removeNamespace(work: Teardown): Promise<void> {
  const { namespace, account } = work.record;
  if (namespace === null) return;
  const root = `/accounts/${account}/storage/kv/namespaces`;
  const id = namespace.id ?? (await namespaceTitled(work.api, root, namespace.name));
  const gone = namespace.made && id !== null ? await remove(work.api, `${root}/${id}`) : 'stays';
  work.forget({ namespace: null });
  work.say(`   the KV namespace ${namespace.name}: ${gone}`);
}

/** One whose id was in an answer that got lost. */
async function namespaceTitled(api: CloudflareApi, root: string, title: string): Promise<string | null> {
  const all = await api.all(`${root}?per_page=100`, z.object({ id: z.string(), title: z.string() }));
  return all.find((each) => each.title === title)?.id ?? null;
}

async function removeRuntimeToken(work: Teardown): Promise<void> {
  const { account, token, spent } = work.record;
  const ours = [...spent, ...(token?.made === true ? [token] : [])];
  for (const each of ours) {
    const isGone = await removeOwnToken(work.api, account, each);
    work.say(`   the run-time token ${each.id ?? each.name}: ${isGone ? 'gone' : 'was gone already'}`);
  }
  if (token?.made === false) work.say("   the run-time token: yours to delete, in Cloudflare's dashboard");
  work.forget({ token: null, spent: [] });
}

async function remove(api: CloudflareApi, path: string): Promise<string> {
  try {
    await api.call({ method: 'DELETE', path }, z.unknown());
    return 'gone';
  } catch (error) {
    // a Worker that is not there is no route: 404, too
    if (isGone(error)) return 'was gone already';
    if (error instanceof CloudflareRefusal && error.codes.includes(10_007)) return 'was gone already';
    throw error;
  }
}
