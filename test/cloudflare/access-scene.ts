/** What the tests of the mode `access-rules` share: its scenes, and what the fake then has. */
import { canonical } from '../../shared/address.ts';
import type { EnforcementStatus } from '../../worker/cloudflare/enforcement.ts';
import type { FakeOptionsInput } from '../fakes/cloudflare/options.ts';
import type { AccessRule } from '../fakes/cloudflare/state.ts';
import { account, openScene, type Scene, want, zoneIds } from './scene.ts';

export function openAccount(options: Partial<FakeOptionsInput> = {}): Promise<Scene> {
  return openScene(options, { mode: 'access-rules', zoneIds: null });
}

export function openZones(options: Partial<FakeOptionsInput> = {}): Promise<Scene> {
  return openScene(options, { mode: 'access-rules', zoneIds });
}

/** Single steps, whether or not they come to an end. */
export async function steps(scene: Scene, count: number, wanted = [want('203.0.113.9')]): Promise<void> {
  for (let step = 0; step < count; step++) await scene.step(wanted);
}

export function statusOf(scene: Scene): EnforcementStatus {
  return scene.enforcement.status(scene.clock.now);
}

/** The addresses of our rules in the account or a zone, sorted. */
export function ruled(scene: Scene, scope: string = account): string[] {
  return rulesOf(scene, scope, true)
    .map(({ configuration: { value = '' } }) => canonical(value) ?? value)
    .sort();
}

/** Rules of others there, as `mode value notes`. */
export function others(scene: Scene, scope: string = account): string[] {
  return rulesOf(scene, scope, false).map(
    ({ mode, configuration, notes }) => `${mode} ${configuration.value} ${notes}`,
  );
}

function rulesOf(scene: Scene, scope: string, ours: boolean): AccessRule[] {
  const isOurs = ({ notes, mode }: AccessRule) =>
    notes.startsWith('edgeban:main:') && ['block', 'managed_challenge'].includes(mode);
  return scene.fake.control.accessRules(scope).filter((rule) => isOurs(rule) === ours);
}
