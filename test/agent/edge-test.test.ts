/** What the configuration test says where the edge cannot do what jails leave to it. */
import { expect, test } from 'vitest';
import { edgeFindings } from '../../host-agent/daemon/edge-test.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { EdgeAction } from '../../shared/ticket.ts';

const jail = (name: string, edge: EdgeAction, own = true) => ({ name, planes: { edge, own, hosts: own } });
const why = 'there is no second list';
const said = async (...jails: ReturnType<typeof jail>[]) => {
  const found = await edgeFindings(jails, async () => ({ block: true, challenge: false, why }));
  return found.map(({ severity, code, jail: of, message }) => `${of} ${severity} ${code}: ${message}`);
};

test('a challenge that the edge cannot raise is a warning of its jail, and says who enforces', async () => {
  expect(await said(jail('web', 'challenge'), jail('shop', 'challenge', false), jail('sshd', 'block'))).toEqual([
    `web warning ERR_CONFIG_PLANE: edge = challenge, but the edge cannot do that (${why}): its bans hold on hosts alone`,
    `shop warning ERR_CONFIG_PLANE: edge = challenge, but the edge cannot do that (${why}): this host enforces its bans meanwhile`,
  ]);
});

test('blocks that the edge enforces are none', async () => {
  expect(await said(jail('web', 'block', false), jail('sshd', 'off'))).toEqual([]);
});

test('nobody is asked where no jail leaves anything to the edge', async () => {
  const ask = () => Promise.reject(new Error('asked'));
  expect(await edgeFindings([jail('sshd', 'block'), jail('ftp', 'off')], ask)).toEqual([]);
});

test('a Worker that does not answer is a warning of the jails that need it', async () => {
  const ask = () => Promise.reject(new EdgebanError('ERR_EDGE_TIMEOUT', 'did not answer in time'));
  expect(await edgeFindings([jail('web', 'block', false), jail('sshd', 'block')], ask)).toMatchObject([
    { severity: 'warning', jail: 'web', message: expect.stringContaining('did not answer in time') },
  ]);
});
