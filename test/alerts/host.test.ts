/** A host tells people what is wrong with itself, and passes on what the Worker tells: a clock of the test's, real mail program, real HTTP. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type PostSettings, post, targetsOf } from '../../host-agent/alerts/post.ts';
import { hostSymptoms } from '../../host-agent/alerts/symptoms.ts';
import { HostAlerts, type HostAlertsParts } from '../../host-agent/alerts/watch.ts';
import { Log } from '../../host-agent/log/log.ts';
import type { AlertsPage } from '../../shared/alerts.ts';
import { readServerConf } from '../../shared/config/server-conf.ts';
import type { Symptom } from '../../shared/incidents.ts';
import { startAgent, webJail } from '../agent/bench.ts';
import { filesIn } from '../config/files.ts';
import { twoJails } from '../control/fake-agent.ts';
import { openReceiver } from './receiver.ts';

const broken: Symptom = { kind: 'enforcement', about: 'sshd', text: '3 not in force', hold_s: 300 };

async function scene(changes: Partial<PostSettings> = {}, relay: HostAlertsParts['relay'] = null) {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-alerts-'));
  const log = new Log({ target: join(folder, 'log'), level: 'INFO' });
  onTestFinished(() => {
    log.close();
    rmSync(folder, { recursive: true });
  });
  const mails = join(folder, 'mails');
  const sendmail = join(folder, 'sendmail');
  writeFileSync(sendmail, `#!/bin/sh\necho "ARGUMENTS $*" >>'${mails}'; cat >>'${mails}'; echo END >>'${mails}'\n`);
  chmodSync(sendmail, 0o755);
  const people = await openReceiver();
  const settings = { mail: ['root', 'ops@example.org'], webhook: `${people.url}/hook`, ntfy: '', ...changes };
  const world = { now: 1_800_000_000, symptoms: [] as readonly Symptom[], memory: null as string | null };
  const open = () =>
    new HostAlerts({
      name: 'web1',
      relay,
      targets: targetsOf(settings),
      log: log.logger('server'),
      now: () => world.now,
      symptoms: () => world.symptoms,
      post: (target, alert) => post(target, alert, settings, sendmail),
      memory: { get: () => world.memory, set: (text) => void Object.assign(world, { memory: text }) },
    });
  let alerts = open();
  const pass = async (seconds: number) => {
    for (const end = world.now + seconds; world.now < end; world.now += 30) await alerts.look();
  };
  const restart = () => {
    alerts = open();
  };
  return {
    people,
    world,
    pass,
    restart,
    mails: () => (existsSync(mails) ? readFileSync(mails, 'utf8') : ''),
    sendmail,
  };
}

test('an incident is mailed and sent once, over a restart, and once when it is over', async () => {
  const { people, world, pass, restart, mails } = await scene();
  world.symptoms = [broken];
  await pass(240);
  expect(people.told).toEqual([]);
  await pass(120);
  restart();
  await pass(1_200);
  expect(people.told).toEqual(['began enforcement sshd']);
  world.symptoms = [];
  restart();
  await pass(900);
  expect(people.told).toEqual(['began enforcement sshd', 'ended enforcement sshd']);
  const [began = '', ended = ''] = mails().split('END\n');
  expect(began).toMatch(
    /^ARGUMENTS -t -i\nSubject: \[edgeban\] bans are not in force in the firewall: sshd\nTo: root, ops@example\.org\n/,
  );
  expect(began).toContain('\n\n3 not in force\n\nSince 20');
  expect(ended).toContain('Subject: [edgeban] over: bans are not in force in the firewall: sshd\n');
});

test('nothing that a name holds becomes a header, or an argument', async () => {
  const { world, pass, mails } = await scene({ webhook: '' });
  world.symptoms = [{ ...broken, hold_s: 0, about: 'x\nBcc: evil@example.org\n\n-oQ/tmp' }];
  await pass(60);
  const [head = ''] = mails().split('\n\n');
  expect(head).toContain('Subject: [edgeban] bans are not in force in the firewall: x Bcc: evil@example.org -oQ/tmp');
  expect(head).not.toMatch(/^Bcc:/m);
});

test('what cannot be delivered is tried again, and given up in the end', async () => {
  const { people, world, pass } = await scene({ mail: [] });
  people.status = 503;
  world.symptoms = [{ ...broken, hold_s: 0 }];
  await pass(600);
  people.status = 200;
  await pass(1_200);
  expect(people.told).toEqual(['began enforcement sshd']);
});

test('what the Worker tells is passed on once, in our words; another ledger is asked anew', async () => {
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  const asked: (number | null)[] = [];
  let page: AlertsPage = { ledger: one, last: 7, alerts: [] };
  const { people, pass } = await scene({ mail: [] }, async (after) => {
    asked.push(after);
    return { ...page, alerts: page.alerts.filter(({ n }) => after === null || n > after) };
  });
  const alert = { phase: 'began', kind: 'token', about: '', since: 1, ended: null } as const;
  page = { ledger: one, last: 8, alerts: [{ n: 8, ...alert }] };
  await pass(300);
  expect(people.told).toEqual(['began token']);
  expect(JSON.parse(people.received[0]?.body ?? '')).toMatchObject({ source: 'worker', id: `${one}/8` });
  page = {
    ledger: one,
    last: 9,
    alerts: [
      { n: 9, ...alert, phase: 'ended', ended: 2 },
      { n: 10, ...alert, kind: 'new-kind', about: 'x\ny' },
    ],
  };
  page = { ...page, last: 10 };
  await pass(120);
  expect(people.told).toEqual(['began token', 'ended token', 'began new-kind x y']);
  page = { ledger: two, last: 1, alerts: [{ n: 1, ...alert, kind: 'lost' }] };
  await pass(240);
  expect(people.told.slice(3)).toEqual(['began lost']);
  expect(asked.slice(0, 2)).toEqual([null, 8]);
  expect(asked).toContain(10);
  expect(asked.filter((after) => after === null)).toHaveLength(2);
});

test('a real agent: a jail without a log file, and a link that is down, are seen', async () => {
  const { agent, write } = await startAgent(webJail('action ='));
  expect(hostSymptoms(agent)).toMatchObject([{ kind: 'source', about: 'web' }]);
  write('web.log', '');
  expect(hostSymptoms(agent)).toEqual([]);
  const edge = {
    url: '',
    host: '',
    feed: 'down',
    answeredAt: null,
    waiting: 4,
    trouble: 'ERR_EDGE_UNREACHABLE',
  } as const;
  const other = { ...twoJails(), jails: () => [], edge: () => edge };
  expect(hostSymptoms(other)).toMatchObject([{ kind: 'unreachable', text: 'ERR_EDGE_UNREACHABLE; 4 events wait' }]);
  expect(hostSymptoms({ ...other, edge: () => ({ ...edge, feed: 'polling' }) })).toEqual([]);
});

test('[Alerts] is read, and what is wrong in it is refused by name', () => {
  const read = (text: string) => readServerConf(filesIn({ '/c/edgeban.conf': `[Alerts]\n${text}\n` }), '/c');
  const { server, findings } = read(
    'mail = root ops@example.org\nwebhook = https://example.org/x\nntfy = https://ntfy.sh/ops\nedge = true',
  );
  expect(findings).toEqual([]);
  expect(server.alerts).toEqual({
    mail: ['root', 'ops@example.org'],
    webhook: 'https://example.org/x',
    ntfy: 'https://ntfy.sh/ops',
    edge: true,
  });
  for (const wrong of [
    'mail = -oQ/tmp',
    'webhook = http://example.org/',
    'webhook = https://u:p@example.org/',
    'ntfy = https://ntfy.sh/',
    'mial = root',
  ]) {
    const { findings: found, server: its } = read(wrong);
    expect(found.length, wrong).toBe(1);
    expect(its.alerts, wrong).toEqual({ mail: [], webhook: '', ntfy: '', edge: false });
  }
});
