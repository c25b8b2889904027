/** Apache and Nginx with a locked room each, and who tries its door. */
import { strict as assert } from 'node:assert';
import { until } from '../world/wait.ts';
import { addresses, attackerAt, type Machine, sh, write } from './machine.ts';
import { blocked, client, knock, logged, withDropIn } from './service.ts';
import type { Step, Walk } from './step.ts';

const ports = { apache: 80, nginx: 8080 };

const apacheSite = `<VirtualHost *:${ports.apache}>
  DocumentRoot /var/www/html
  ErrorLog /var/log/apache2/error.log
  CustomLog /var/log/apache2/access.log combined
  <Location /locked>
    AuthType Basic
    AuthName "locked"
    AuthBasicProvider file
    AuthUserFile /var/www/users
    Require valid-user
  </Location>
</VirtualHost>
`;

const nginxSite = `server {
  listen ${ports.nginx};
  listen [::]:${ports.nginx};
  root /var/www/html;
  location /locked { auth_basic "locked"; auth_basic_user_file /var/www/users; }
}
`;

const guesser = `
const [, host, port, path, localAddress] = process.argv;
const headers = { Authorization: 'Basic ' + Buffer.from('nobody:guess').toString('base64') };
const request = require('node:http').get({ host, port, path, localAddress, headers, agent: false, timeout: 20000 });
const say = (word) => { console.log(word); process.exit(0); };
request.on('response', (response) => say(response.statusCode));
request.on('timeout', () => say('timeout'));
request.on('error', (error) => say(error.code));
`;

/** What a GET with a wrong password meets: the status code, or the error's. */
async function guess(machine: Machine, source: string, port: number, path: string): Promise<string> {
  const attacker = await attackerAt(machine, source);
  const target = source.includes(':') ? addresses.v6 : addresses.v4;
  const words = [process.execPath, '-e', guesser, target, String(port), path, source];
  return (await attacker.place.must(words)).trim();
}

/** Guesses until the door is shut. */
async function guessUntilShut(machine: Machine, source: string, port: number, path: string): Promise<string[]> {
  const met: string[] = [];
  await until(
    `${source} refused at port ${port}`,
    async () => {
      met.push(await guess(machine, source, port, path));
      return met.at(-1) === 'ECONNREFUSED';
    },
    { every_ms: 100 },
  );
  return met;
}

const sites = {
  '/etc/apache2/sites-available/000-default.conf': apacheSite,
  '/etc/nginx/sites-available/default': nginxSite,
};

interface Room {
  readonly jail: string;
  readonly server: 'apache2' | 'nginx';
  readonly port: number;
  readonly path: string;
  readonly log: string;
  readonly sources: readonly string[];
}

const nginx = { server: 'nginx', port: ports.nginx, log: '/var/log/nginx/access.log' } as const;

const rooms: readonly Room[] = [
  {
    jail: 'apache-auth',
    server: 'apache2',
    port: ports.apache,
    path: '/locked',
    log: '/var/log/apache2/error.log',
    sources: ['203.0.113.80', '2001:db8:bad::80'],
  },
  { ...nginx, jail: 'nginx-http-auth', path: '/locked', sources: ['203.0.113.81', '2001:db8:bad::81'] },
  { ...nginx, jail: 'nginx-botsearch', path: '/phpmyadmin/index.php', sources: ['203.0.113.82', '2001:db8:bad::82'] },
];

const neighbour = '203.0.113.83';

/** Under the baseline's `backend = systemd`, which makes fail2ban deaf to these logs. */
const jailOf = (name: string, port: number): string => `[${name}]
enabled = true
port = ${port}
maxretry = 3
`;

async function attackWeb(machine: Machine, { jail, port, path, log, sources }: Room): Promise<string[]> {
  const told: string[] = [];
  await withDropIn(machine, jailOf(jail, port), async () => {
    const status = await client(machine, `status ${jail}`);
    assert.ok(/File list:\t.*/.exec(status)?.[0].includes(log), status);
    for (const source of sources) {
      const met = await guessUntilShut(machine, source, port, path);
      const set = await blocked(machine, source);
      assert.equal(set, `${source.includes(':') ? 'addr6' : 'addr'}-set-${jail}`);
      assert.equal(await knock(machine, neighbour, port), 'open', 'a neighbour');
      told.push(`${met.join(', ')}: in ${set}`, ...(await logged(machine, `[${jail}] Ban ${source}`)));
    }
  });
  return told;
}

/** The server runs while `play` does. */
async function withServer<T>(machine: Machine, server: string, play: () => Promise<T>): Promise<T> {
  await write(machine, '/var/www/users', '');
  await sh(machine, `mkdir -p /var/www/html/locked && systemctl start ${server}`);
  try {
    return await play();
  } finally {
    await sh(machine, `systemctl stop ${server}`);
  }
}

export const web: readonly Step[] = rooms.map((room) => ({
  name: `${room.jail} bans who guesses at a real ${room.server}`,
  async play({ machine }: Walk) {
    for (const [file, text] of Object.entries(sites)) await write(machine, file, text);
    return await withServer(machine, room.server, () => attackWeb(machine, room));
  },
}));
