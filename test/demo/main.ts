/** `npm run demo [-- --json] [-- --keep]`: the main job end to end, on real parts, in namespaces of its own. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.ts';
import { runInWorld, unshareOptions } from '../world/enter.ts';
import type { World } from '../world/world.ts';
import { forPeople, forPrograms, type Screen, type Step } from './screen.ts';
import { acts, setTheStage } from './story.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
  },
});

/** From outside: gets namespaces and runs itself there. */
async function enter(): Promise<number> {
  const found = unshareOptions();
  if ('reason' in found) {
    console.error(`demo: needs namespaces of its own (run it as root, or allow user namespaces): ${found.reason}`);
    return 1;
  }
  const flags = [...(values.json ? ['--json'] : []), ...(values.keep ? ['--keep'] : []), '--inside'];
  return await runInWorld([process.execPath, fileURLToPath(import.meta.url), ...flags]);
}

async function step(screen: Screen, name: string, play: () => Promise<unknown>): Promise<Step> {
  screen.begin(name);
  const started = performance.now();
  const took = () => Math.round(performance.now() - started);
  try {
    const evidence = await play();
    return { name, ok: true, took_ms: took(), evidence };
  } catch (error) {
    return { name, ok: false, took_ms: took(), evidence: messageOf(error) };
  }
}

/** What comes after a failed step would fail for its reason: it ends the story. */
async function tell(screen: Screen): Promise<{ steps: Step[]; world: World | null }> {
  const steps: Step[] = [];
  let world: World | null = null;
  const record = (done: Step) => {
    steps.push(done);
    screen.end(done);
    return done.ok;
  };
  const stage = 'the stage: sshd on two hosts, the Worker in workerd, a fake Cloudflare API';
  const isSet = record(
    await step(screen, stage, async () => {
      world = await setTheStage();
      return `Worker at ${world.edge.url}; host-a and host-b are enrolled`;
    }),
  );
  if (!isSet || world === null) return { steps, world };
  for (const { name, play } of acts) {
    const stageSet: World = world;
    if (!record(await step(screen, name, () => play(stageSet)))) break;
  }
  return { steps, world };
}

/** A shell inside, with a command for each place; without a terminal, waits to be interrupted. */
async function keep(world: World): Promise<void> {
  const places = { 'host-a': world.hostA.place, 'host-b': world.hostB.place, attacker: world.attacker.place };
  const commands = join(world.folder, 'bin');
  mkdirSync(commands);
  for (const [name, place] of Object.entries(places))
    writeFileSync(join(commands, name), `#!/bin/sh\n${place.shellPrefix} "$@"\n`, { mode: 0o755 });
  const { hostA, edge } = world;
  const bin = fileURLToPath(new URL('../../host-agent/bin', import.meta.url));
  console.error(`
Everything runs on. In here:  host-a COMMAND   host-b COMMAND   attacker COMMAND
  host-a edgeban-client -s ${hostA.socket} status sshd
  host-a nft list ruleset
  curl -H "Authorization: Bearer ${'$'}OPERATOR_TOKEN" ${edge.url}/v1/status`);
  const env = {
    ...process.env,
    PATH: `${commands}:${bin}:${process.env['PATH']}`,
    OPERATOR_TOKEN: edge.operatorToken,
  };
  if (process.stdin.isTTY) {
    console.error('Leave with exit or Ctrl-D.\n');
    spawnSync('sh', ['-i'], { stdio: 'inherit', env });
    return;
  }
  const inside = `nsenter -t "$(pgrep -nf 'demo/main.ts --keep --inside')" -a`;
  console.error(`From another terminal: ${inside} env PATH="${commands}:${bin}:$PATH" sh\nEnd it with Ctrl-C.\n`);
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
}

async function main(): Promise<number> {
  if (!values.inside) return await enter();
  const screen = values.json ? forPrograms : forPeople;
  const started = performance.now();
  screen.title('edgeban: a log line goes in, the address is refused by the kernel and listed at the edge');
  const { steps, world } = await tell(screen);
  screen.close(steps, performance.now() - started);
  if (values.keep && world !== null) await keep(world);
  return steps.every(({ ok }) => ok) ? 0 : 1;
}

// what was started dies with the namespaces, whose first process this is
process.exit(await main());
