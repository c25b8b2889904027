/** `edgeban edge setup`: from a set-up token to a Worker that enforces, in steps that can all be run again. */
import { EdgebanError } from '../../../shared/errors.ts';
import { usage } from '../../cli/options.ts';
import { CloudflareApi, defaultApiBase } from '../cloudflare-api.ts';
import type { OperatorFile } from '../operator-file.ts';
import { confirm, parseWords, secretOf, tell } from '../words.ts';
import type { OperatorWorld } from '../world.ts';
import { alertAddresses } from './alerts.ts';
import { bringUp, keepOperator, knownOperator, refuseForeign, workerUrl } from './deploy.ts';
import { dropFormerLists } from './former-lists.ts';
import { givenOf, modeOf, options, type Values, varsOf } from './given.ts';
import { choosePlace } from './place.ts';
import { type Mode, readRecord, type SetupRecord, setupFiles } from './record.ts';
import { checkRoutes, dropRoutes, routesOf } from './routes.ts';
import { dropSpentTokens, narrowedToken, runtimeToken } from './runtime-token.ts';
import { type Given, Setup } from './setup-run.ts';
import { makeChallengeList, makeList, makeNamespace } from './things.ts';
import { missingPermissions, permissionError, setupNeeds, verifyToken, withRemedy } from './token.ts';
import { awaitCleared, awaitWorker } from './waiting.ts';
import { formerVars, isWorkersDev } from './wrangler.ts';

export async function setUp(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values } = parseWords(argv, options);
  const files = setupFiles(values['operator-file']);
  const known = readRecord(files.record);
  const setup = await begin(world, values, known);
  setup.say(`Account ${setup.record.account}, ${zonesText(setup.record)}, mode ${setup.record.mode}`);
  setup.say(tokenText(setup));
  const operator = knownOperator(setup);
  await refuseForeign(setup);
  await checkRoutes(setup);
  const url = await workerUrl(setup);
  for (const line of plan(setup, url)) setup.say(line);
  if (values['dry-run']) return end(setup, url, 'Nothing was changed (--dry-run).');
  if (known === null) await confirm(world, values, 'Go on?');
  await standing(setup, () => make(setup, operator, url, known?.zones ?? []));
  return end(setup, url, setup.changed ? undo(setup) : 'Nothing was changed.');
}

const nothing = { worker: null, namespace: null, list: null, challenge: null, former: [], token: null, spent: [] };

/** Verifies the token and each permission, and changes nothing. */
async function begin(world: OperatorWorld, values: Values, known: SetupRecord | null): Promise<Setup> {
  const mode = modeOf(values.mode ?? known?.mode ?? 'list');
  const secret = await setupToken(world, values['token-file']);
  const base = known?.base ?? world.env['CLOUDFLARE_API_BASE_URL'] ?? defaultApiBase;
  const api = new CloudflareApi(base, secret, world);
  // a token of an account can be verified only when the account is known, and a zone tells it
  const zones = values.zone ?? known?.zones.map(({ id }) => id) ?? [];
  const account = values.account ?? known?.account;
  const place = await choosePlace(api, world, { account, zones, mode }).catch((error: unknown) =>
    wrongToken(api, account, error),
  );
  const token = await verifyToken(api, place.account);
  const left = known === null ? [] : [...new Set([...known.left, known.mode])].filter((each) => each !== mode);
  const leftZones = [...(known?.leftZones ?? []), ...(known?.zones ?? [])].filter(
    ({ id }, at, all) => !place.zones.some((zone) => zone.id === id) && all.findIndex((zone) => zone.id === id) === at,
  );
  const missing = await missingPermissions(api, setupNeeds({ ...place, mode, left })).catch((error: unknown) => {
    throw withRemedy(error, place.zones);
  });
  if (missing.length > 0) throw permissionError('the set-up token', missing);
  if (known !== null && known.account !== place.account)
    throw usage('the record of this set-up is of another account', 'set that one up with another --operator-file');
  const things = known ?? nothing;
  const given = givenOf(values, known);
  const { allow } = given;
  const vars = { ...known?.vars, ...varsOf(values.var ?? []) };
  const record: SetupRecord = {
    ...things,
    version: 1,
    base,
    allow,
    vars,
    account: place.account,
    zones: [...place.zones],
    mode,
    left,
    leftZones,
    routes: mode === 'gate' ? routesOf([...place.zones], values.route ?? [], known?.routes ?? []) : [],
    turnstile: values['turnstile-key'] ?? known?.turnstile ?? '',
  };
  return new Setup({
    world,
    files: setupFiles(values['operator-file']),
    api,
    token,
    secret,
    given,
    record,
  });
}

/** Where nothing can be read it may be the token itself: that is the better answer. */
async function wrongToken(api: CloudflareApi, account: string | undefined, error: unknown): Promise<never> {
  if (error instanceof EdgebanError && error.code === 'ERR_SETUP_PERMISSION') await verifyToken(api, account ?? null);
  throw error;
}

async function setupToken(world: OperatorWorld, file: string | undefined): Promise<string> {
  const secret = await secretOf(world, {
    file,
    variable: 'CLOUDFLARE_API_TOKEN',
    question: 'Set-up token (an API token of Cloudflare; it is not kept): ',
  });
  if (secret !== null) return secret;
  throw usage(
    'edgeban edge setup needs a token',
    'give --token-file FILE, - for stdin, or CLOUDFLARE_API_TOKEN in the environment',
  );
}

async function make(
  setup: Setup,
  known: OperatorFile | null,
  url: string,
  before: SetupRecord['zones'],
): Promise<void> {
  await makeNamespace(setup);
  await makeList(setup);
  await makeChallengeList(setup);
  const token = await runtimeToken(setup, known?.cloudflare?.token ?? null);
  const kept = { turnstile: await turnstileSecret(setup, known), alerts: await alertAddresses(setup, known) };
  const operator = keepOperator(setup, known, url, { token, ...kept });
  // visits go on to the origin before the Worker is another one
  if (setup.record.mode !== 'gate') await dropRoutes(setup, before, []);
  const told = toldOf(setup);
  await bringUp(setup, operator);
  await dropRoutes(setup, before, setup.record.routes);
  const status = await awaitWorker(setup, operator);
  for (const { zone, rule, action } of status.enforcement.detail?.rules ?? [])
    setup.say(`   WAF rule ${rule} in the zone ${zoneName(setup, zone)}: seen to by the Worker (${action})`);
  for (const line of await clearedText(setup, operator)) setup.say(line);
  await dropFormerLists(setup);
  const narrowed = await narrowedToken(setup, token);
  if (narrowed !== token || toldOf(setup) !== told) {
    const next = narrowed === token ? operator : keepOperator(setup, operator, url, { token: narrowed, ...kept });
    await bringUp(setup, next);
    await awaitWorker(setup, next);
  }
  await dropSpentTokens(setup, narrowed);
}

/** What the Worker is told of former modes and lists. */
function toldOf({ record }: Setup): string {
  return JSON.stringify(formerVars(record));
}

/** What a change of mode has left is the Worker's to take away; until then the record knows of it. */
async function clearedText(setup: Setup, operator: OperatorFile): Promise<string[]> {
  const { left, leftZones } = setup.record;
  if (left.length + leftZones.length === 0) return [];
  const former = [...left.map((mode) => `mode ${mode}`), ...leftZones.map(({ name }) => `zone ${name}`)].join(', the ');
  if (!(await awaitCleared(setup, operator)))
    return [
      `   what the ${former} has left is still being taken away: run this again later (edgeban edge doctor tells how far it is)`,
    ];
  setup.keep({ left: [], leftZones: [] });
  return [`   what the ${former} had left: taken away by the Worker`];
}

async function turnstileSecret({ world, record, given }: Setup, known: OperatorFile | null): Promise<string | null> {
  if (record.turnstile === '') return null;
  const file = given.turnstileSecretFile;
  if (known?.turnstile && file === undefined) return known.turnstile;
  const question = "The Turnstile widget's secret key: ";
  const secret = await secretOf(world, { file, variable: 'EDGEBAN_TURNSTILE_SECRET', question });
  if (secret !== null) return secret;
  throw usage('a Turnstile widget has a secret, too', 'give --turnstile-secret-file FILE, or - for stdin');
}

function zoneName({ record }: Setup, id: string): string {
  return record.zones.find((zone) => zone.id === id)?.name ?? id;
}

/** A failure in the middle is told with what stands and how to go on. */
async function standing(setup: Setup, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    const { namespace, list, challenge, token, worker } = setup.record;
    const names = Object.entries({ namespace, list, 'second list': challenge, token, worker }).flatMap(
      ([what, thing]) => (thing === null ? [] : [`${what} ${thing.name}`]),
    );
    setup.world.terminal.err(
      `Not finished. What stands: ${names.join(', ') || 'nothing'} (${setup.files.record}). The same command goes on from here; edgeban edge teardown undoes it.`,
    );
    throw error;
  }
}

function zonesText({ zones }: SetupRecord): string {
  return zones.length === 0 ? 'no zone' : `zones ${zones.map(({ name }) => name).join(', ')}`;
}

function tokenText({ token: { kind, expiresAt }, world }: Setup): string {
  const end =
    expiresAt === null ? 'without an end' : `good for ${Math.max(0, Math.round((expiresAt - world.now()) / 3600))} h`;
  return `The set-up token is one of ${kind === 'user' ? 'a user' : 'the account'}, ${end}; all permissions that the mode needs are there`;
}

function plan({ record, given, files }: Setup, url: string): string[] {
  const { mode } = record;
  return [
    'This is what there will be:',
    `   the KV namespace ${given.name}-bans${listsText(mode, given)}, made by setup where they are not there`,
    ...(mode === 'none' || mode === 'gate' ? [] : ['   a token for the Worker, with only what the mode needs']),
    `   the Worker ${given.name}, deployed through wrangler, at ${url}`,
    ...movedPlan(record, url),
    ...(mode === 'list' ? [`   one WAF rule in each zone for each list, made and kept in order by the Worker`] : []),
    ...gatePlan(record),
    ...(mode === 'access-rules' ? ['   an IP access rule for each ban, made by the Worker'] : []),
    `   the operator's tokens in ${files.operator} (mode 0600), the record of all this in ${files.record}`,
  ];
}

function movedPlan({ worker }: SetupRecord, url: string): string[] {
  if (worker === null || !isWorkersDev(worker.url) || isWorkersDev(url)) return [];
  return [
    `   ${worker.url} is closed: hosts that were enrolled there are to be enrolled again (edgeban edge enroll --url ${url})`,
  ];
}

function listsText(mode: Mode, { list, challengeList }: Given): string {
  if (mode !== 'list') return '';
  return ` and the list ${list}${challengeList === '' ? '' : `, and ${challengeList} for challenges`}`;
}

/** The free plan's Worker answers 100,000 requests a day, and who is not answered sees an error, unless the route fails open. */
function gatePlan({ mode, routes, turnstile }: SetupRecord): string[] {
  if (mode !== 'gate') return [];
  return [
    `   every visit to ${routes.map(({ pattern }) => pattern).join(', ')} goes through the Worker, which refuses who is banned`,
    `   challenges: ${turnstile === '' ? 'none, they block (--turnstile-key KEY makes challenges of them)' : 'by a Turnstile widget'}`,
    '   Set each route to "Fail open" in the dashboard (Workers Routes, Edit): beyond the plan\'s requests a day visits then go on to your site, unguarded',
  ];
}

function undo({ files }: Setup): string {
  return [
    'Done. To enrol a host: edgeban edge token; to see whether all works: edgeban edge doctor.',
    `To undo it: edgeban edge teardown${files.operator === '/etc/edgeban/operator.json' ? '' : ` --operator-file ${files.operator}`}, with a token like this one.`,
    'The set-up token was not kept: delete it in the dashboard if it is not needed any more.',
  ].join('\n');
}

function end(setup: Setup, url: string, text: string): number {
  const { record, files, steps, changed } = setup;
  tell(setup.world, setup.given, { url, changed, steps, operator_file: files.operator, record: { ...record } }, text);
  return 0;
}
