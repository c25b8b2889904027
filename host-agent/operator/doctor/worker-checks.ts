/** The Worker as the doctor sees it: does it answer, whose clock is off, how far KV and Cloudflare have followed, who listens. */
import { EdgebanError } from '../../../shared/errors.ts';
import { EdgeRefusal } from '../../edge/refusal.ts';
import { ago } from '../fleet.ts';
import type { Host, Status, WorkerApi } from '../worker-api.ts';
import type { OperatorWorld } from '../world.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

const skew_seconds_warn = 10;
/** Beyond this the Worker refuses what a host signs. */
const skew_seconds_max = 120;
const hosts_max = 1000;
const silence_seconds_warn = 300;
const operation_seconds_warn = 300;
const ranges_seconds_warn = 3 * 86_400;
/** A ban is at Cloudflare within seconds: so long the doctor looks again before it says that one is under way. */
const settling_looks_max = 15;
const settling_pause_ms = 1000;

/** Null for the status where there is none to be had. What is merely under way is given some seconds. */
export async function askWorker(
  worker: WorkerApi,
  { now, sleep }: Pick<OperatorWorld, 'now' | 'sleep'>,
): Promise<{ status: Status | null; findings: Finding[] }> {
  try {
    const sent = now();
    const { date } = await worker.health();
    const answered = now();
    const ms = Math.round((answered - sent) * 1000);
    const status = await settled(worker, sleep);
    return { status, findings: [ok('Worker', `${worker.url} answers in ${ms} ms`), ...clock(date, answered)] };
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    const remedy =
      error instanceof EdgeRefusal && error.httpStatus === 401
        ? 'the token in the operator file is not its OPERATOR_TOKEN: run edgeban edge setup again'
        : (error.remedy ?? 'see whether it is deployed (edgeban edge setup), and what wrangler tail says');
    return { status: null, findings: [broken('Worker', `${worker.url}: ${error.message}`, remedy)] };
  }
}

async function settled(worker: WorkerApi, sleep: OperatorWorld['sleep']): Promise<Status> {
  let status = await worker.status();
  for (let looks = 1; looks < settling_looks_max && isUnderWay(status); looks++) {
    await sleep(settling_pause_ms);
    status = await worker.status();
  }
  return status;
}

/** Waiting helps against neither an error nor a panic. */
function isUnderWay({ enforcement: { current, detail, mode }, snapshot, panic }: Status): boolean {
  if (panic !== null || snapshot.error !== null || (detail !== null && detail.error !== null)) return false;
  const isEnforcing = mode === 'gate' || detail !== null;
  return (isEnforcing && !current) || !snapshot.current;
}

/** The Date header counts whole seconds. */
function clock(date: number | null, now: number): Finding[] {
  if (date === null) return [];
  const off = now - date - 0.5;
  const text = `this machine's is ${Math.abs(off).toFixed(1)} s ${off < 0 ? 'behind' : 'ahead of'} the Worker's`;
  const remedy = 'timedatectl set-ntp true';
  if (Math.abs(off) > skew_seconds_max) return [broken('clock', `${text}: signed requests are refused`, remedy)];
  return [Math.abs(off) > skew_seconds_warn ? warning('clock', text, remedy) : ok('clock', text)];
}

export function statusFindings(status: Status, now: number): Finding[] {
  return [
    ...switches(status),
    ...recovery(status),
    ...snapshot(status, now),
    ...enforcement(status, now),
    ...ranges(status, now),
  ];
}

function recovery({ recovery: { due } }: Status): Finding[] {
  if (!due) return [];
  const text = 'the ledger was lost; it is reading what Cloudflare and KV have, and takes that over all at once';
  return [warning('recovery', text, 'wait until it has, then enrol the hosts again: their keys were lost with it')];
}

/** The Worker asks for Cloudflare's ranges each day. */
function ranges({ ranges: { known, at, error } }: Status, now: number): Finding[] {
  const isOld = at !== null && now - at > ranges_seconds_warn;
  if (error === null && !isOld) return [];
  const text = `the Worker guards ${known} ranges of Cloudflare's, last told ${at === null ? 'never' : `${ago(now - at)} ago`}`;
  return [
    warning(
      "Cloudflare's ranges",
      `${text}${error === null ? '' : `: ${error}`}`,
      'it asks again each day; new ranges go on with edgeban edge allow',
    ),
  ];
}

function switches({ panic, brake }: Status): Finding[] {
  return [
    ...(panic === null
      ? []
      : [
          broken(
            'panic',
            `all blocks at the edge are lifted since ${new Date(panic.since * 1000).toISOString()} (by ${panic.by}: ${panic.reason || 'no reason given'})`,
            'edgeban edge resume',
          ),
        ]),
    ...(brake === null
      ? []
      : [
          warning(
            'brake',
            `${brake.rate} new bans in a minute, ${brake.usual} usually: blocks are challenges`,
            'look at edgeban edge hosts for one that bans the world; edgeban edge resume ends it',
          ),
        ]),
  ];
}

function snapshot({ snapshot: { current, written_at, error }, bans }: Status, now: number): Finding[] {
  const text = `${bans} ban(s) in the ledger; KV ${written_at === null ? 'has no snapshot yet' : `was written ${ago(now - written_at)} ago`}`;
  if (error !== null)
    return [
      broken(
        'ledger and KV',
        `${text}: ${error}`,
        'it is tried again every 10 s; KV’s free plan has 1,000 writes a day',
      ),
    ];
  return [
    current || bans === 0
      ? ok('ledger and KV', text)
      : warning('ledger and KV', `${text}, and lags behind`, 'wait: it is written at most once in a second'),
  ];
}

function enforcement({ enforcement: { mode, current, detail, gate, former } }: Status, now: number): Finding[] {
  const left = formerFindings(former);
  if (mode === 'gate') return [gateFinding(current, gate?.challenge ?? 'block'), ...left];
  if (mode === 'none')
    return [
      warning(
        'enforcement',
        'mode none: bans are shared with all hosts, nothing is blocked at Cloudflare',
        'edgeban edge setup --mode list',
      ),
      ...left,
    ];
  if (detail === null)
    return [broken('enforcement', 'the Worker cannot enforce', 'its settings are wrong: run edgeban edge setup again')];
  if (detail.error !== null)
    return [
      broken(
        'enforcement',
        `${detail.error.message} (since ${ago(now - detail.error.since)})`,
        remedyOf(detail.error.code),
      ),
    ];
  const { operation, missing, surplus, wanted } = detail;
  const text = `mode ${mode}: ${wanted} wanted, ${missing} missing, ${surplus} too many`;
  const stuck = operation !== null && operation !== undefined && now - operation.since > operation_seconds_warn;
  const pending =
    operation === null || operation === undefined
      ? ''
      : `; an operation on ${operation.items} item(s) is under way since ${ago(now - operation.since)}`;
  return [
    stuck
      ? warning(
          'enforcement',
          text + pending,
          "Cloudflare does not end it: another tool's may be before it; it is given up and read again by itself",
        )
      : current
        ? ok('enforcement', text + pending)
        : warning('enforcement', `${text}${pending}; under way`, 'wait, and look again'),
    ...leftOver(detail),
    ...unchallenged(detail),
    ...left,
  ];
}

function gateFinding(current: boolean, challenge: 'turnstile' | 'block'): Finding {
  const text = `mode gate: visits on the routes are refused by what KV holds; challenges ${challenge === 'block' ? 'block (no Turnstile widget)' : 'by Turnstile'}`;
  return current ? ok('enforcement', text) : warning('enforcement', `${text}; KV lags behind`, 'wait, and look again');
}

/** What a former mode, list or zone has left. */
function formerFindings(former: Status['enforcement']['former']): Finding[] {
  return former.map(({ mode, name, left, error }) => {
    const text = `of the former ${mode}${name === null ? '' : ` ${name}`} ${left ?? 'some'} ban(s) are left at Cloudflare`;
    return error === null
      ? warning('former mode', text, 'wait: they are taken away')
      : warning('former mode', `${text}: ${error.message}`, remedyOf(error.code));
  });
}

/** Challenges in the mode list without a second list. */
function unchallenged({ challenged, challengeList }: NonNullable<Status['enforcement']['detail']>): Finding[] {
  const why = challengeList?.error;
  const lacks = why ? `: ${why.message}` : '';
  const count = challenged?.count ?? 0;
  if (count === 0 && !why) return [];
  return [
    warning(
      'challenges',
      `${count} ban(s) that ask for a challenge are not enforced at Cloudflare, there is no second list${lacks}`,
      'edgeban edge setup --challenge-list edgeban_challenge (not on the free plan), or edge = block in those jails',
    ),
  ];
}

function leftOver({ leftOut, foreign, refused }: NonNullable<Status['enforcement']['detail']>): Finding[] {
  const first = ({ addresses }: { readonly addresses: readonly string[] }) => addresses.slice(0, 3).join(', ');
  return [
    ...(leftOut.count === 0
      ? []
      : [
          warning(
            'list',
            `${leftOut.count} ban(s) find no room (${first(leftOut)}, …)`,
            'ban longer and fewer, or networks; recidivists and the newest come first',
          ),
        ]),
    ...(foreign.count === 0
      ? []
      : [
          warning(
            'list',
            `${foreign.count} banned address(es) stand there as others' (${first(foreign)})`,
            'nothing: they are blocked by them; they will not be lifted by us',
          ),
        ]),
    ...(refused.count === 0
      ? []
      : [
          warning(
            'list',
            `Cloudflare refuses ${refused.count} address(es) (${first(refused)})`,
            'look at the Worker’s log; it is tried again every 15 minutes',
          ),
        ]),
  ];
}

function remedyOf(code: string): string {
  if (code === 'ERR_CLOUDFLARE_AUTH')
    return 'the run-time token is revoked, expired or too narrow: run edgeban edge setup again';
  if (code === 'ERR_CLOUDFLARE_RATE')
    return 'other tools spend the API calls of this user or account; it goes on by itself';
  return 'it is tried again by itself; see docs/errors.md';
}

export async function hostFindings(worker: WorkerApi, status: Status, now: number): Promise<Finding[]> {
  const hosts = (await worker.hosts()).filter(({ revoked_at }) => revoked_at === null);
  if (hosts.length === 0)
    return [warning('hosts', 'no host is enrolled', 'edgeban edge token, and edgeban edge enroll on the host')];
  const silent = hosts.filter((host) => !isHeard(host, now));
  const over = status.over_share.map(({ name, refused, code }) =>
    warning(
      `host ${name}`,
      `${refused} of its bans were refused (${code})`,
      'a host that bans so many is attacked or in wrong hands: look at it, or edgeban edge revoke',
    ),
  );
  const full =
    hosts.length > hosts_max * 0.9
      ? [warning('hosts', `${hosts.length} of ${hosts_max}`, 'revoke those that are gone')]
      : [];
  const text = `${hosts.length} enrolled, ${hosts.filter(({ live }) => live).length} on the live feed`;
  return [ok('hosts', text), ...silent.map((host) => silentFinding(host, now)), ...over, ...full];
}

/** On the live feed it hears within a second; one that polls is seen to the minute. */
function isHeard({ live, seen_at }: Host, now: number): boolean {
  return live || now - seen_at < silence_seconds_warn;
}

function silentFinding({ name, seen_at }: Host, now: number): Finding {
  return warning(
    `host ${name}`,
    `not heard of for ${ago(now - seen_at)}: it enforces no new bans of others`,
    'see edgeban edge status and the log there; revoke it if it is gone',
  );
}
