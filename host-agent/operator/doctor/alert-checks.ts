/** Do alerts reach anybody? Whom the Worker tells, and, where that is asked for, whether a message of trial arrives. */
import { z } from 'zod';
import { EdgeRefusal } from '../../edge/refusal.ts';
import type { WorkerApi } from '../worker-api.ts';
import { broken, type Finding, ok } from './finding.ts';

const how = 'edgeban edge setup --ntfy-file FILE or --webhook-file FILE; or [Alerts] of a host, docs/alerts.md';
const Targets = z.object({ targets: z.array(z.string()) });
const Test = z.object({ sent: z.array(z.object({ target: z.string(), error: z.string().nullable() })) });

export async function alertFindings(worker: WorkerApi, isTried: boolean): Promise<Finding[]> {
  const targets = await targetsOf(worker);
  if (targets === null) return [];
  // a choice, and no fault: whoever looks at a dashboard or at Prometheus may want none
  if (targets.length === 0) return [ok('alerts', `the Worker itself tells nobody when the edge is broken (${how})`)];
  if (!isTried) return [ok('alerts', `by ${targets.join(' and ')}; --test-alert sends a message of trial`)];
  const { sent } = await worker.call('POST', '/v1/alert-test', Test);
  return sent.map(({ target, error }) =>
    error === null
      ? ok('alerts', `a message of trial has been taken by ${target}`)
      : broken('alerts', `${target}: ${error}`, 'correct its address: edgeban edge setup with another file'),
  );
}

/** Null: an older Worker does not know the question. */
async function targetsOf(worker: WorkerApi): Promise<readonly string[] | null> {
  try {
    return (await worker.call('GET', '/v1/alert-targets', Targets)).targets;
  } catch (error) {
    if (error instanceof EdgeRefusal && error.httpStatus === 404) return null;
    throw error;
  }
}
