/** The enforcement modes behind one interface: which one keeps Cloudflare equal to what the ledger wants. */
import { EdgebanError } from '../../shared/errors.ts';
import { createAccessRulesMode } from './access-rules/mode.ts';
import type { Enforcement, EnforcementParts, EnforcementSettings } from './contract.ts';
import { afterFormer, noMode } from './former/after.ts';
import { callsLeft, type FormerParts, openFormer } from './former/former.ts';
import { createListMode } from './list-mode.ts';

export type {
  ApiSettings,
  Enforcement,
  EnforcementParts,
  EnforcementSettings,
  EnforcementStatus,
  Fetch,
  FormerSettings,
  RuleStatus,
  Stance,
  Wanted,
} from './contract.ts';

/** Throws ERR_SETTINGS for settings that cannot be used; makes its tables if they are not there. */
export function createEnforcement(parts: EnforcementParts): Enforcement {
  const { settings, stance } = parts;
  checkSettings(settings);
  const calls = callsLeft(parts.sql);
  const former = openFormer({ ...parts, api: settings }, settings);
  const mode =
    settings.mode === 'list'
      ? createListMode({ ...parts, settings, calls })
      : createAccessRulesMode({ ...parts, settings, calls });
  return oneAtATime(afterFormer(mode, former, () => stance?.().panic === true));
}

/** For modes that change nothing at Cloudflare: takes away what former ones have left there. Null: there is nothing. */
export function createClearing(parts: FormerParts): Enforcement | null {
  const former = openFormer(parts, null);
  return former.due() === null ? null : oneAtATime(afterFormer(noMode, former, () => false));
}

/** While a step waits for Cloudflare, another one is put off for a second. */
function oneAtATime(mode: Enforcement): Enforcement {
  let running = false;
  async function alone<T>(run: () => Promise<T>, putOff: T): Promise<T> {
    if (running) return putOff;
    running = true;
    try {
      return await run();
    } finally {
      running = false;
    }
  }
  return {
    step: (wanted, now) => alone(() => mode.step(wanted, now), { again: now + 1 }),
    survey: (now) => alone(() => mode.survey(now), { found: null, again: now + 1 }),
    // not put off: who is in a panic does not wait for a step
    switch: (now, revive) => mode.switch(now, revive),
    waitsUntil: () => mode.waitsUntil(),
    status: (now) => mode.status(now),
    former: (now) => mode.former(now),
  };
}

const shapes = {
  apiBase: /^https?:\/\/[^\s?#]+[^\s/?#]$/,
  id: /^[A-Za-z0-9]{1,64}$/,
  listName: /^[a-z0-9_]{1,50}$/,
  token: /^[\x21-\x7e]{8,500}$/,
  instance: /^[a-z0-9-]{1,32}$/,
} as const;
const zones_max = 50;

function checkSettings(settings: EnforcementSettings): void {
  const { apiBase, accountId, token, instance = 'main', zoneIds } = settings;
  if (!shapes.apiBase.test(apiBase)) throw unusable('apiBase');
  if (!shapes.id.test(accountId)) throw unusable('accountId');
  if (!shapes.token.test(token)) throw unusable('token');
  if (!shapes.instance.test(instance)) throw unusable('instance');
  if (zoneIds !== null && (zoneIds.length > zones_max || !zoneIds.every((zone) => shapes.id.test(zone))))
    throw unusable('zoneIds');
  if (settings.mode !== 'list') return;
  const { listName, challengeListName = null } = settings;
  if (!shapes.listName.test(listName)) throw unusable('listName');
  if (challengeListName === null) return;
  if (!shapes.listName.test(challengeListName) || challengeListName === listName) throw unusable('challengeListName');
}

/** Names the setting, never its value: one of them is a secret. */
function unusable(name: string): EdgebanError {
  const remedy =
    'set CLOUDFLARE_API_BASE, CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_ZONE_IDS, LIST_NAME and CLOUDFLARE_API_TOKEN';
  return new EdgebanError('ERR_SETTINGS', `${name} of Cloudflare cannot be used`, { remedy });
}
