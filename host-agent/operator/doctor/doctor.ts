/** `edgeban edge doctor`: one screen that says whether bans work, each finding with its remedy; its exit code tells, too. */
import { describeError, EdgebanError } from '../../../shared/errors.ts';
import { CloudflareApi } from '../cloudflare-api.ts';
import type { OperatorFile } from '../operator-file.ts';
import { readRecord, type SetupRecord, setupFiles } from '../setup/record.ts';
import { operatorOf, parseWords, secretOf } from '../words.ts';
import type { WorkerApi } from '../worker-api.ts';
import type { OperatorWorld } from '../world.ts';
import { alertFindings } from './alert-checks.ts';
import { cloudflareFindings } from './cloudflare-checks.ts';
import { driftFindings } from './drift.ts';
import { broken, exitCodeOf, type Finding, screen } from './finding.ts';
import { cloudflarePlace, hostPlaces, ledgerPlace, type Place, snapshotPlace } from './places.ts';
import { momentLine, proofAddress, prove } from './prove.ts';
import { realIpFindings } from './real-ip.ts';
import { routeFindings } from './route-checks.ts';
import { ownFindings, type ThisHost, thisHost } from './this-host.ts';
import { askWorker, hostFindings, statusFindings } from './worker-checks.ts';

const options = {
  prove: { type: 'string' },
  'token-file': { type: 'string' },
  'test-alert': { type: 'boolean', default: false },
  conf: { type: 'string', short: 'c', default: '/etc/edgeban' },
  socket: { type: 'string', short: 's' },
  root: { type: 'string', default: '/' },
} as const;

interface Patient {
  readonly world: OperatorWorld;
  readonly worker: WorkerApi;
  readonly api: CloudflareApi | null;
  readonly access: OperatorFile['cloudflare'];
  readonly host: ThisHost;
  readonly root: string;
  readonly isAlertTried: boolean;
  readonly record: SetupRecord | null;
  /** With a token that the operator gives for this look alone. */
  readonly given: CloudflareApi | null;
}

export async function runDoctor(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values } = parseWords(argv, options);
  const { file, worker } = operatorOf(values, world);
  const { cloudflare: access } = file;
  const api = access === null ? null : new CloudflareApi(access.base, access.token, world);
  const host = await thisHost(world, values, worker.url);
  const record = readRecord(setupFiles(values['operator-file']).record);
  const given = await givenApi(world, record, values['token-file']);
  const patient = {
    world,
    worker,
    api,
    access,
    host,
    root: values.root,
    record,
    given,
    isAlertTried: values['test-alert'],
  };
  if (values.prove !== undefined) return await runProof(patient, values.prove, values.json);
  const findings = await examine(patient);
  world.terminal.out(values.json ? JSON.stringify({ findings }) : screen(findings));
  return exitCodeOf(findings);
}

async function givenApi(world: OperatorWorld, record: SetupRecord | null, file: string | undefined) {
  if (record === null || file === undefined) return null;
  const question = 'A token that may read Workers Routes: ';
  const secret = await secretOf(world, { file, variable: 'CLOUDFLARE_API_TOKEN', question });
  return secret === null ? null : new CloudflareApi(record.base, secret, world);
}

/** A part that fails is a finding, and keeps nothing from the others. */
async function examine(patient: Patient): Promise<Finding[]> {
  const { world, worker, api, access, host, root, record, given } = patient;
  const { status, findings } = await askWorker(worker, world);
  const parts = [
    ...(status === null
      ? []
      : [
          part('Worker', () => statusFindings(status, world.now())),
          part('alerts', () => alertFindings(worker, patient.isAlertTried)),
          part('hosts', () => hostFindings(worker, status, world.now())),
          part('drift', () => driftFindings({ worker, api, access, sleep: world.sleep, now: world.now }, status)),
        ]),
    ...(api === null || access === null
      ? []
      : [part('Cloudflare', () => cloudflareFindings(api, access, world.now()))]),
    part('routes', () => routeFindings(record, given)),
    part('this host', () => ownFindings(host, world.now())),
    part('web server', () => realIpFindings(root)),
  ];
  return [...findings, ...(await Promise.all(parts)).flat()];
}

async function part(about: string, body: () => readonly Finding[] | Promise<readonly Finding[]>) {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof EdgebanError) || error.code === 'ERR_INTERRUPTED') throw error;
    return [broken(about, `could not be looked at: ${describeError(error)}`, 'mend that, and look again')];
  }
}

async function runProof(patient: Patient, text: string, json: boolean): Promise<number> {
  const { world, worker } = patient;
  const address = await proofAddress(worker, text);
  const places = await placesOf(patient);
  if (!json) world.terminal.out(`${address} is banned, and watched in: ${places.map(({ name }) => name).join(', ')}`);
  for (const line of json ? [] : unwatched(patient, places)) world.terminal.out(line);
  const moments = await prove(world, worker, places, address, (moment) => {
    if (!json) world.terminal.out(momentLine(moment));
  });
  const isProven = moments.every(({ ms }) => ms !== null);
  if (json) world.terminal.out(JSON.stringify({ address, proven: isProven, moments }));
  else
    world.terminal.out(
      isProven
        ? 'Proven: it came everywhere, and went everywhere.'
        : 'Not proven; edgeban edge doctor looks for the reason.',
    );
  return isProven ? 0 : 2;
}

function unwatched({ host }: Patient, places: readonly Place[]): string[] {
  const isWatched = places.some(({ name }) => name.startsWith('this host'));
  if (host.id === null) return ['   (this host is not enrolled, and not watched)'];
  return isWatched ? [] : ["   (this host's daemon does not answer, and is not watched)"];
}

async function placesOf({ worker, api, access, host }: Patient): Promise<Place[]> {
  const edge = api === null || access === null || access.mode === 'none' ? [] : [cloudflarePlace(api, access)];
  return [ledgerPlace(worker), snapshotPlace(worker), ...edge, ...(await hostPlaces(host))];
}
