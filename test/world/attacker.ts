/** Who tries passwords: a real ssh client, and bare connections that show whether the door is shut. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Place, timedOut } from './place.ts';

/**
 * `denied`: sshd took the password and refused it. `refused`: the connection itself was rejected, as by a firewall.
 * `cut`: the ban came while the connection stood, and nothing comes through it any more.
 */
export type Login = 'denied' | 'refused' | 'closed' | 'timeout' | 'cut' | 'open';

const answers: readonly (readonly [string, Login])[] = [
  ['Permission denied', 'denied'],
  ['Connection refused', 'refused'],
  ['timed out', 'timeout'],
  ['Connection closed', 'closed'],
  ['Connection reset', 'closed'],
];

/** No login takes longer on a machine that is not overloaded. */
const login_ms_max = 4_000;

export interface Attacker {
  readonly place: Place;
  /** A program that says the wrong password, for ssh asks for it on a terminal otherwise. */
  readonly askpass: string;
  /** The address that it comes from, where its place has several. */
  readonly source?: string;
}

export function makeAttacker(place: Place, folder: string): Attacker {
  const askpass = join(folder, 'askpass');
  writeFileSync(askpass, '#!/bin/sh\necho wrong\n');
  chmodSync(askpass, 0o755);
  return { place, askpass };
}

/** One login with one password; a server with PAM takes two seconds to say no. */
export async function login(
  attacker: Attacker,
  target: string,
  user: string,
  within_ms = login_ms_max,
): Promise<Login> {
  const options = {
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    PreferredAuthentications: 'password',
    PubkeyAuthentication: 'no',
    NumberOfPasswordPrompts: '1',
    ConnectTimeout: String(Math.ceil(within_ms / 1000)),
    LogLevel: 'ERROR',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const env = { SSH_ASKPASS: attacker.askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':none' };
  const from = attacker.source === undefined ? [] : ['-b', attacker.source];
  const ran = await attacker.place.run(['ssh', '-F', 'none', ...flags, ...from, `${user}@${target}`, 'true'], {
    env,
    timeout_ms: within_ms,
  });
  if (ran.code === timedOut) return 'cut';
  if (ran.code === 0) return 'open';
  const found = answers.find(([text]) => ran.stderr.includes(text));
  if (found === undefined) throw new Error(`ssh said: ${ran.stderr}`);
  return found[1];
}

const connector = `
const [, host, port, localAddress] = process.argv;
const socket = require('node:net').connect({ host, port: Number(port), localAddress, timeout: 3000 });
const say = (word) => { console.log(word); process.exit(0); };
socket.on('connect', () => say('open'));
socket.on('timeout', () => say('timeout'));
socket.on('error', (error) => say(error.code === 'ECONNREFUSED' ? 'refused' : error.code));
`;

/** A bare TCP connection: `open`, `refused` (rejected by the firewall or nobody there), `timeout`, or the error's code. */
export async function connect(attacker: Attacker, target: string, port: number): Promise<string> {
  const from = attacker.source === undefined ? [] : [attacker.source];
  return (await attacker.place.must([process.execPath, '-e', connector, target, String(port), ...from])).trim();
}
