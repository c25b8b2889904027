/** Who reads the documents: his account and zone at Cloudflare, his tokens, and what the documents think he has. */
import type { FakeOptionsInput } from '../fakes/cloudflare/options.ts';

export const account = '0123456789abcdef0123456789abcdef';
export const zone = { id: 'fedcba9876543210fedcba9876543210', name: 'example.org' } as const;
export const subdomain = 'example';
export const workerName = 'edgeban';
export const workerHost = `${workerName}.${subdomain}.workers.dev`;
export const apiPort = 8788;

const setupToken = 'cfut_the-readers-set-up-token-0123456789';

export const tokens: FakeOptionsInput['tokens'] = [{ name: 'set-up', secret: setupToken, kind: 'user' }];

/** By the names that the documents give them. */
export const given: Readonly<Record<string, { readonly path?: string; readonly text: string }>> = {
  'the set-up token, in /root/setup-token': { path: '/root/setup-token', text: `${setupToken}\n` },
  "yesterday's /var/log/auth.log": {
    path: '/var/log/auth.log',
    text: 'Nov 22 10:00:00 web1 sshd[101]: Failed password for invalid user admin from 192.0.2.99 port 50000 ssh2\n',
  },
  'the set-up token': { text: `${setupToken}\n` },
};
