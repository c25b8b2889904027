/** Whom a ban must not lock out: administrators at work, as logind or a real sshd shows them, and the gateway. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Lockout, type LockoutPorts } from '../../host-agent/agent/lockout.ts';
import { loginsOverSsh } from '../../host-agent/agent/logins.ts';
import { parsePrefix } from '../../shared/address.ts';
import { Netns, whyNot } from '../actions/netns.ts';
import { until } from '../world/wait.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgeban-lockout-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function lockout(ports: Partial<LockoutPorts>, admins: readonly string[] = ['root', '@sudo']): Lockout {
  const made = new Lockout({ logins: () => [], change: () => 0, read: () => '', clock: () => 0, ...ports });
  made.setAdmins(admins);
  return made;
}

function codeOf(guard: Lockout, address: string): string | null {
  const prefix = parsePrefix(address);
  return prefix === null ? 'no address' : (guard.refusal(prefix)?.code ?? null);
}

describe('logind', () => {
  function session(name: string, values: Readonly<Record<string, string>>): void {
    const all = { UID: '0', USER: 'root', ACTIVE: '1', STATE: 'active', REMOTE: '1', SERVICE: 'sshd', ...values };
    const lines = Object.entries(all).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(folder, name), `# This is private data. Do not parse.\n${lines.join('')}`);
  }

  it('tells the logins that are alive, and nobody else', () => {
    session('1', { REMOTE_HOST: '198.51.100.1' });
    session('c2', { REMOTE_HOST: '2001:db8::1', USER: 'ada' });
    session('3', { REMOTE_HOST: '198.51.100.3', STATE: 'closing' });
    session('4', { REMOTE_HOST: '198.51.100.4', SERVICE: 'vsftpd' });
    session('5', { REMOTE: '0', REMOTE_HOST: '198.51.100.5' });
    session('6', { REMOTE_HOST: 'a-name.example' });
    writeFileSync(join(folder, '1.ref'), '');
    expect(loginsOverSsh({ sessions: folder, proc: '/nowhere' })).toEqual([
      { user: 'root', address: '198.51.100.1' },
      { user: 'ada', address: '2001:db8::1' },
    ]);
  });

  it('a host without it and without processes has no logins', () => {
    expect(loginsOverSsh({ sessions: '/nowhere', proc: '/nowhere' })).toEqual([]);
  });
});

describe('the lockout guard', () => {
  const logins = () => ['root', 'ada', 'bob', 'eve'].map((user, i) => ({ user, address: `198.51.100.${i}` }));
  const files: Readonly<Record<string, string>> = {
    '/etc/group': 'root:x:0:\nsudo:x:27:ada\nadm:x:4:eve\n',
    '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nbob:x:1000:27::/:/bin/sh\neve:x:1001:1001::/:/bin/sh\n',
  };
  const read = (file: string) => files[file] ?? '';

  it('spares administrators, by name, by group, by their first group', () => {
    const guard = lockout({ logins, read });
    expect(['198.51.100.0', '198.51.100.1', '198.51.100.2', '198.51.100.3'].map((at) => codeOf(guard, at))).toEqual([
      ...Array(3).fill('ERR_GUARD_ADMIN'),
      null,
    ]);
    expect(codeOf(guard, '198.51.100.0/30')).toBe('ERR_GUARD_ADMIN');
    expect(codeOf(lockout({ logins, read }, ['*']), '198.51.100.3')).toBe('ERR_GUARD_ADMIN');
    expect(codeOf(lockout({ logins, read }, []), '198.51.100.0')).toBeNull();
  });

  it('knows of a login at once where something tells that somebody has come', () => {
    let [clock, change] = [0, 7];
    let now: readonly { user: string; address: string }[] = [];
    const guard = lockout({ logins: () => now, change: () => change, clock: () => clock });
    expect(codeOf(guard, '198.51.100.1')).toBeNull();
    now = [{ user: 'root', address: '198.51.100.1' }];
    clock += 21;
    expect(codeOf(guard, '198.51.100.1')).toBeNull();
    change += 1;
    clock += 21;
    expect(codeOf(guard, '198.51.100.1')).toBe('ERR_GUARD_ADMIN');
  });

  it('knows of a login, or of its end, two seconds later', () => {
    let clock = 0;
    let now: readonly { user: string; address: string }[] = [];
    const guard = lockout({ logins: () => now, clock: () => clock });
    expect(codeOf(guard, '198.51.100.1')).toBeNull();
    now = [{ user: 'root', address: '198.51.100.1' }];
    clock += 2_001;
    expect(codeOf(guard, '198.51.100.1')).toBe('ERR_GUARD_ADMIN');
    now = [];
    clock += 2_001;
    expect(codeOf(guard, '198.51.100.1')).toBeNull();
  });

  it('spares the default gateways of both families', (ctx) => {
    if (whyNot() !== null) ctx.skip(whyNot() ?? '');
    const netns = new Netns();
    onTestFinished(() => netns.remove());
    netns.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
    netns.run('ip', 'addr', 'add', '203.0.113.2/24', 'dev', 'eth0');
    netns.run('ip', 'addr', 'add', '2001:db8::2/64', 'dev', 'eth0', 'nodad');
    netns.run('ip', 'link', 'set', 'eth0', 'up');
    netns.run('ip', 'route', 'add', 'default', 'via', '203.0.113.1');
    netns.run('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8::1');
    const guard = lockout({ read: (file) => (file.startsWith('/proc') ? netns.run('cat', file) : '') });
    expect(['203.0.113.1', '2001:db8::1'].map((at) => codeOf(guard, at))).toEqual(Array(2).fill('ERR_GUARD_GATEWAY'));
    expect(['203.0.113.2', '2001:db8::2', '0.0.0.0'].map((at) => codeOf(guard, at))).toEqual([null, null, null]);
  });
});

describe('a real sshd without logind', () => {
  const program = `
    const { loginsOverSsh } = await import(process.argv[1]);
    console.log(JSON.stringify(loginsOverSsh({ sessions: '/nowhere', proc: '/proc' })));`;
  const logins = join(import.meta.dirname, '../../host-agent/agent/logins.ts');

  it('shows who has logged in, and not who only holds a connection open', { timeout: 180_000 }, async (ctx) => {
    const reason = whyNot() ?? missingSshd();
    if (reason !== null) ctx.skip(reason);
    const netns = new Netns(['192.0.2.1/24', '192.0.2.2/24', '192.0.2.3/24']);
    const children = [startSshd(netns)];
    onTestFinished(() => {
      for (const child of children) child.kill('SIGKILL');
      netns.remove();
    });
    const show = (): unknown => JSON.parse(netns.run(process.execPath, '--input-type=module', '-e', program, logins));
    await until('sshd', () => netns.run('ss', '-Hltn').includes(':22 '));
    const [file, ...args] = netns.prefix;
    const idle = `const s = require('net').connect({ host: '192.0.2.1', port: 22, localAddress: '192.0.2.3' }); s.once('data', () => s.write('SSH-2.0-x\\r\\n')).resume()`;
    children.push(spawn(file, [...args, process.execPath, '-e', idle], { stdio: 'ignore' }));
    await until('the connection', () => netns.run('ss', '-Htn').includes('192.0.2.3'));
    expect(show()).toEqual([]);
    const ssh = ['ssh', '-F', 'none', '-i', join(folder, 'key'), '-b', '192.0.2.2', '-o', 'StrictHostKeyChecking=no'];
    const quiet = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes', 'root@192.0.2.1', 'sleep 300'];
    children.push(spawn(file, [...args, ...ssh, ...quiet], { stdio: 'ignore' }));
    await until('the login', () => JSON.stringify(show()).includes('192.0.2.2'));
    expect(show()).toEqual([{ user: 'root', address: '192.0.2.2' }]);
  });

  function missingSshd(): string | null {
    try {
      execFileSync('sh', ['-c', 'test -x /usr/sbin/sshd && command -v ssh ssh-keygen ss'], { stdio: 'ignore' });
      return null;
    } catch {
      return 'needs sshd, ssh and ss';
    }
  }

  function startSshd(netns: Netns) {
    for (const name of ['host', 'key'])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
    execFileSync('cp', [join(folder, 'key.pub'), join(folder, 'authorized')]);
    mkdirSync('/run/sshd', { recursive: true });
    const conf = [
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${join(folder, 'authorized')}`,
      'PidFile none',
    ];
    writeFileSync(join(folder, 'conf'), [...conf, 'UsePAM no', 'StrictModes no', 'PermitRootLogin yes', ''].join('\n'));
    const [file, ...args] = netns.prefix;
    return spawn(file, [...args, '/usr/sbin/sshd', '-D', '-f', join(folder, 'conf')], { stdio: 'ignore' });
  }
});
