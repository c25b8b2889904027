/** `edge panic` and `edge resume`: all enforcement at the edge off or on, through the Worker, or past it where it does not answer. */
import { EdgebanError } from '../../shared/errors.ts';
import { EdgeRefusal } from '../edge/refusal.ts';
import { CloudflareApi } from './cloudflare-api.ts';
import type { OperatorFile } from './operator-file.ts';
import { switchRules } from './waf.ts';
import { confirm, operatorOf, parseWords, secretOf, tell } from './words.ts';
import type { OperatorWorld } from './world.ts';

type Word = 'panic' | 'resume';

export async function switchEdge(word: Word, argv: readonly string[], world: OperatorWorld): Promise<number> {
  const options = {
    reason: { type: 'string', default: '' },
    'token-file': { type: 'string' },
    direct: { type: 'boolean', default: false },
  } as const;
  const { values } = parseWords(argv, options);
  // where the Worker does not answer there is another way: no time is lost with it
  const { file, worker } = operatorOf(values, null);
  if (word === 'panic') await confirm(world, values, 'Lift all blocks at the edge, for everybody?');
  const trouble = values.direct ? 'not asked (--direct)' : await attempt(() => worker.switch(word, values.reason));
  if (typeof trouble !== 'string') {
    const text = `${trouble.done ? said(word) : begun(word)} (through the Worker). ${trouble.detail}`;
    tell(world, values, { by: 'worker', ...trouble }, text.trim());
    return trouble.done ? 0 : 255;
  }
  const rules = await switchDirectly(word, file, values['token-file'], world, trouble);
  const note =
    word === 'panic'
      ? "The Worker leaves rules alone that were switched off by hand; 'edgeban edge resume' switches them on."
      : 'If the Worker knows of a panic, it lasts: run edgeban edge resume again when it answers.';
  tell(world, values, { by: 'cloudflare', rules, worker: trouble }, directText(word, rules, trouble, note));
  return 0;
}

function said(word: Word): string {
  return word === 'panic' ? 'All blocks at the edge are lifted' : 'The edge blocks again';
}

/** Not all of it has been done when the Worker answers. */
function begun(word: Word): string {
  return word === 'panic' ? 'The blocks at the edge are being lifted' : 'The edge begins to block again';
}

function directText(word: Word, rules: readonly { zone: string; changed: number }[], trouble: string, note: string) {
  return [
    `${said(word)} (directly at Cloudflare; the Worker: ${trouble}).`,
    ...rules.map(({ zone, changed }) => `   ${zone}: ${changed} rule(s) switched`),
    note,
  ].join('\n');
}

/** What the Worker answered, or in words why it did not. A refusal of our token is an answer: no way past it. */
async function attempt<T>(body: () => Promise<T>): Promise<T | string> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    if (error instanceof EdgeRefusal && error.problem === 'ERR_AUTH_OPERATOR') throw error;
    return error.message;
  }
}

async function switchDirectly(
  word: Word,
  file: OperatorFile,
  tokenFile: string | undefined,
  world: OperatorWorld,
  trouble: string,
): Promise<readonly { zone: string; changed: number }[]> {
  const { cloudflare } = file;
  if (cloudflare?.mode === 'access-rules') throw noWay(trouble, 'the mode access-rules has no rule to switch');
  if (cloudflare?.mode === 'gate') throw noWay(trouble, 'the mode gate has no rule to switch');
  if (cloudflare === null || cloudflare.zones.length === 0) throw noWay(trouble, 'the operator file names no zone');
  const given = tokenFile === undefined ? null : await secretOf(world, tokenSource(tokenFile));
  const api = new CloudflareApi(cloudflare.base, given ?? cloudflare.token, world);
  const done: { zone: string; changed: number }[] = [];
  for (const { id, name } of cloudflare.zones) {
    done.push({ zone: name, changed: await switchRules(api, id, word === 'resume') });
  }
  return done;
}

function tokenSource(file: string) {
  return { file, variable: 'CLOUDFLARE_API_TOKEN', question: "Cloudflare's API token: " };
}

function noWay(trouble: string, why: string): EdgebanError {
  return new EdgebanError('ERR_EDGE_UNREACHABLE', `the Worker did not do it (${trouble}), and ${why}`, {
    remedy:
      "switch edgeban's rules off in Cloudflare's dashboard: Security, WAF, Custom rules; in the mode gate take its routes away: Workers Routes",
  });
}
