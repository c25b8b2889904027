/** A terminal that remembers, and ports without a host behind them. */
import type { HostPorts } from '../../host-agent/cli/ports.ts';
import type { Terminal } from '../../host-agent/cli/terminal.ts';

export interface FakeTerminal extends Terminal {
  readonly stdout: string[];
  readonly stderr: string[];
}

export function fakeTerminal(input = ''): FakeTerminal {
  const stdout: string[] = [];
  const stderr: string[] = [];
  return {
    stdout,
    stderr,
    out: (text) => void stdout.push(text),
    err: (text) => void stderr.push(text),
    now: () => new Date(2026, 10, 22, 15, 16, 40, 304),
    pid: 895,
    converse: async (prompt, body) => {
      for (const line of input.split('\n')) {
        stdout.push(prompt);
        if (!(await body(line))) return;
      }
    },
    readInput: (max) => Promise.resolve(input.slice(0, max)),
  };
}

export function fakePorts(dir: string, changes: Partial<HostPorts> = {}): HostPorts {
  return {
    version: '1.2.3',
    serverCommand: ['/bin/false'],
    serviceOf: () => Promise.resolve(null),
    restartService: () => Promise.resolve('no systemd here'),
    serverSettings: () =>
      Promise.resolve({
        socket: `${dir}/edgeban.sock`,
        pidfile: `${dir}/edgeban.pid`,
        logtarget: `${dir}/edgeban.log`,
        loglevel: 'INFO',
        syslogsocket: 'auto',
        dbfile: `${dir}/edgeban.sqlite3`,
      }),
    importFail2ban: () => Promise.reject(new Error('no import was expected')),
    testConfiguration: () => Promise.resolve([]),
    commandStream: () => Promise.resolve({ commands: [], findings: [] }),
    serve: () => Promise.reject(new Error('not to be called')),
    enroll: () => Promise.reject(new Error('not to be called')),
    withdraw: () => Promise.resolve([]),
    enrolment: () => Promise.resolve(null),
    operate: () => Promise.resolve(null),
    ...changes,
  };
}
