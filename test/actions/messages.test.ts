/** Mail, webhook and ntfy: what arrives, where secrets stay, what happens when nobody answers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { checkTicketAction } from '../../host-agent/actions/ticket-actions.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { soon } from '../world/wait.ts';
import { actionConf, banOf } from './action-conf.ts';
import { ticketBench } from './ticket-bench.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-messages-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('sendmail-whois-lines: a mail with whois, the lines that counted, and those of the log', async () => {
  const dir = folder();
  const sendmail = join(dir, 'sendmail');
  writeFileSync(sendmail, `#!/bin/sh\n{ printf '%s|' "$@"; echo; cat; } >> ${dir}/mails\n`, { mode: 0o755 });
  writeFileSync(join(dir, 'whois'), '#!/bin/sh\necho "whois says: $2"\n', { mode: 0o755 });
  writeFileSync(join(dir, 'auth.log'), 'one 203.0.113.7 fails\nanother 203.0.113.70 fails\n');
  const bench = ticketBench({ inside: ['env', `PATH=${dir}:/usr/bin:/bin`] });
  const options = `dest="root", sender="f@example.org", logpath="${dir}/auth.log ${dir}/gone.log"`;
  const conf = actionConf(`sendmail-whois-lines[${options}, mailcmd="${sendmail} -f '<sender>' '<dest>'"]`);
  const earlier = banOf('203.0.113.6');
  bench.held.set(earlier.id, earlier);
  await bench.start(conf);
  await bench.ban(banOf('203.0.113.7', { matches: ['$(id) "quoted"', "it's"], failures: 4 }));
  await bench.stop();
  const mails = readFileSync(join(dir, 'mails'), 'utf8').split('-f|f@example.org|root|\n').slice(1);
  expect(mails.map((mail) => mail.split('\n')[0])).toEqual([
    'Subject: [edgeban] web: started on host.example',
    'Subject: [edgeban] web: banned 203.0.113.7 on host.example',
    'Subject: [edgeban] web: stopped on host.example',
  ]);
  const body = mails[1]?.split('\n\n').slice(1).join('\n\n');
  expect(body).toContain('203.0.113.7 has been banned after 4 failures against web, for 600 seconds.');
  expect(body).toContain('whois says: 203.0.113.7\n');
  expect(body).toContain('The lines that counted:\n\n$(id) "quoted"\nit\'s\n');
  expect(body).toContain('one 203.0.113.7 fails\n');
  expect(body).not.toContain('another');
});

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** A server on this host; `status` is what it answers. */
async function receiver(status: () => number | null) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    received.push({ headers: request.headers, body: JSON.parse(text) });
    const code = status();
    if (code !== null) response.writeHead(code, { location: 'http://127.0.0.1:1/' }).end('x'.repeat(100_000));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  onTestFinished(() => server.closeAllConnections());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { received, url: `http://127.0.0.1:${address.port}/hook` };
}

test('webhook: JSON, a token from a file, again after an error, and nothing of the token in the log', async () => {
  const answers = [500, 302, 204, 204];
  const { received, url } = await receiver(() => answers.shift() ?? 204);
  const tokenfile = join(folder(), 'token');
  writeFileSync(tokenfile, 'se-cr-et\n', { mode: 0o600 });
  const bench = ticketBench();
  await bench.start(actionConf(`webhook[url="${url}", tokenfile=${tokenfile}, events="ban,unban", matches=yes]`));
  const ban = banOf('user "x"\n', { ip: null, matches: ['one', '"two"\n'] });
  await bench.ban(ban);
  await vi.waitFor(() => expect(received).toHaveLength(3), soon);
  await vi.waitFor(() => expect(bench.log.at(-1)).toContain('works again'), soon);
  await bench.unban(ban.id);
  expect(received.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill('Bearer se-cr-et'));
  expect(received[2]?.body).toEqual({
    event: 'ban',
    jail: 'web',
    id: ban.id,
    ip: null,
    family: null,
    failures: 3,
    time: ban.at,
    until: ban.until,
    restored: false,
    host: 'host.example',
    matches: 'one\n"two"\n',
  });
  expect(received[3]?.body).toMatchObject({ event: 'unban', id: ban.id });
  expect(bench.log.join()).not.toContain('se-cr-et');
  expect(bench.ran).toEqual([]);
});

test('ntfy: a message in its form; one that does not answer is given up in time', async () => {
  const { received, url } = await receiver(() => (received.length > 1 ? 200 : null));
  const bench = ticketBench();
  await bench.start(actionConf(`ntfy[url="${url}", topic=bans, timeout=1, tags="skull,web"]`));
  await bench.ban(banOf('203.0.113.7'));
  expect(bench.actions[0]?.failing()[0]?.error.code).toBe('ERR_ACTION_TIMEOUT');
  await vi.waitFor(() => expect(bench.actions[0]?.failing()).toEqual([]), soon);
  expect(received[1]?.body).toEqual({
    topic: 'bans',
    priority: 3,
    tags: ['skull', 'web'],
    title: 'web on host.example: ban',
    message: '203.0.113.7 is banned after 3 failures',
  });
});

test('parameters that cannot be used are refused before anything runs', () => {
  const code = (asked: string) => {
    try {
      checkTicketAction(actionConf(asked));
      return null;
    } catch (error) {
      return error instanceof EdgebanError ? error.code : error;
    }
  };
  const url = 'url="https://example.org/"';
  expect(code(`webhook[${url}]`)).toBeNull();
  const wrong = [
    ...['webhook', 'webhook[url="http://example.org"]', 'webhook[url="https://u:p@example.org"]'],
    ...[`webhook[${url}, events=start]`, `webhook[${url}, tokenfile=token]`, `webhook[${url}, timeout=-1]`],
    ...['ntfy', 'ntfy[topic="a/b"]', 'ntfy[topic=a, priority=9]', 'iptables[timeout=never]'],
  ];
  for (const asked of wrong) expect([asked, code(asked)]).toEqual([asked, 'ERR_ACTION_PARAMETER']);
});

test('a file of the same name that has commands runs them', async () => {
  const bench = ticketBench({ run: async () => ({ kind: 'code', code: 0, said: '' }) });
  await bench.start(actionConf('ntfy', undefined, { 'ntfy.conf': '[Definition]\nactionban = tell <ip>\n' }));
  await bench.ban(banOf('203.0.113.7'));
  expect(bench.ran.map(({ script }) => script)).toEqual(['tell 203.0.113.7']);
});
