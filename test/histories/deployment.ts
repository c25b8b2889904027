/** How the Worker is deployed in each mode, and what the deployment tells of modes before, as setup does it. */

export const names = { block: 'edgeban', challenge: 'edgeban_challenge' } as const;
export const hostname = 'edge.invalid';

/** How the edge enforces. */
export type Mode = 'list' | 'lists' | 'access-rules' | 'zones' | 'gate' | 'none';

export const varsOf: Readonly<Record<Mode, Readonly<Record<string, string>>>> = {
  list: { ENFORCEMENT: 'list', LIST_NAME: names.block },
  lists: { ENFORCEMENT: 'list', LIST_NAME: names.block, CHALLENGE_LIST_NAME: names.challenge },
  'access-rules': { ENFORCEMENT: 'access-rules', ACCESS_RULES_SCOPE: 'account' },
  zones: { ENFORCEMENT: 'access-rules', ACCESS_RULES_SCOPE: 'zones' },
  gate: { ENFORCEMENT: 'gate', API_HOSTNAME: hostname },
  none: { ENFORCEMENT: 'none' },
};

/** `left`: modes of before, of which the Worker may not have taken everything away yet. */
export function formerVars(left: ReadonlySet<Mode>): Readonly<Record<string, string>> {
  const some = (...modes: Mode[]) => modes.some((mode) => left.has(mode));
  const scopes = [...(some('access-rules') ? ['account'] : []), ...(some('zones') ? ['zones'] : [])];
  return {
    FORMER_LISTS: some('list', 'lists') ? names.block : '',
    FORMER_CHALLENGE_LISTS: some('lists') ? names.challenge : '',
    FORMER_ACCESS_RULES: scopes.join(' '),
  };
}
