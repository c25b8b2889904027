/** After a deployment: until the Worker answers in its new mode, has its rules, and nothing of a former mode is left. */
import { EdgebanError } from '../../../shared/errors.ts';
import type { OperatorFile } from '../operator-file.ts';
import { type Status, WorkerApi } from '../worker-api.ts';
import type { Mode } from './record.ts';
import type { Setup } from './setup-run.ts';

const wait_seconds_max = 180;
const cleared_seconds_max = 60;
const wait_ms = 1000;

/** Until the Worker knows its operator and, where it enforces, has its list and a rule in each zone. */
export async function awaitWorker(setup: Setup, operator: OperatorFile): Promise<Status> {
  const worker = new WorkerApi(operator, null);
  const end = setup.world.now() + wait_seconds_max;
  for (;;) {
    const { status, why } = await look(worker, setup.record.mode);
    if (status !== null && why === null) return status;
    if (setup.world.now() > end)
      throw new EdgebanError('ERR_SETUP_WAIT', `${operator.url}: ${why}`, {
        remedy: 'all is deployed: look again with edgeban edge doctor, or run this again',
      });
    await setup.world.sleep(wait_ms);
  }
}

async function look(worker: WorkerApi, mode: Mode): Promise<{ status: Status | null; why: string | null }> {
  try {
    await worker.health();
    const status = await worker.status();
    return { status, why: lacking(status, mode) };
  } catch (error) {
    if (error instanceof EdgebanError) return { status: null, why: error.message };
    throw error;
  }
}

function lacking({ enforcement: { mode, detail } }: Status, wanted: Mode): string | null {
  if (mode !== wanted) return `the Worker is still in the mode ${mode}`;
  if (mode === 'none' || mode === 'gate') return null;
  if (detail === null) return 'the Worker cannot enforce: its settings are wrong';
  const error = detail.error ?? detail.rules?.find((rule) => rule.error !== null)?.error;
  if (detail.rules?.some((rule) => rule.rule === null) === true || detail.list?.id === null)
    return `the Worker has not yet made its rules${error === null || error === undefined ? '' : `: ${error.message}`}`;
  return null;
}

/** Has the Worker taken away what a former mode had left? False if that takes longer than a person likes to wait. */
export async function awaitCleared(setup: Setup, operator: OperatorFile): Promise<boolean> {
  const worker = new WorkerApi(operator, null);
  for (const end = setup.world.now() + cleared_seconds_max; setup.world.now() < end; ) {
    const { status } = await look(worker, setup.record.mode);
    // a ledger that was lost does not know yet what is left
    if (status !== null && !status.recovery.due && status.enforcement.former.length === 0) return true;
    await setup.world.sleep(wait_ms);
  }
  return false;
}
