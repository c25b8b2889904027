/** What the configuration test asks the Worker: whether the edge enforces what jails leave to it. */
import { configError, type Finding, mildFinding } from '../../shared/config/finding.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { EdgeAbility } from '../../shared/wire.ts';
import type { JailPlan } from '../agent/plan.ts';

type Asking = Pick<JailPlan, 'name' | 'planes'>;

/** `ask` is called only where a jail wants more of the edge than a copy of its blocks. */
export async function edgeFindings(jails: readonly Asking[], ask: () => Promise<EdgeAbility>): Promise<Finding[]> {
  const wanting = jails.filter(({ planes }) => planes.edge === 'challenge' || !planes.own);
  if (wanting.length === 0) return [];
  try {
    const ability = await ask();
    return wanting.flatMap((jail) => findingFor(jail, ability) ?? []);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    const message = `whether the edge enforces what is left to it is not known: ${describeError(error)}`;
    return wanting.map(({ name }) => warning(name, message, 'edgeban edge doctor tells more'));
  }
}

function findingFor({ name, planes }: Asking, ability: EdgeAbility): Finding | null {
  if (planes.edge === 'off' || ability[planes.edge]) return null;
  const meanwhile = planes.own ? 'its bans hold on hosts alone' : 'this host enforces its bans meanwhile';
  const message = `edge = ${planes.edge}, but the edge cannot do that (${ability.why ?? 'it does not say why'}): ${meanwhile}`;
  return warning(name, message, 'write edge = block, or see docs/modes.md for what each mode can do');
}

function warning(jail: string, message: string, remedy: string): Finding {
  return mildFinding('warning', configError('ERR_CONFIG_PLANE', message, null, remedy), jail);
}
