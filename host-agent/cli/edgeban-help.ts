/** What `edgeban --help` prints; the manual page and the completion are made of it. */
export const edgebanHelp = `Usage: edgeban edge setup [--zone NAME]... [--account ID] [--mode list|access-rules|gate|none]
                          [--challenge-list NAME] [--route PATTERN]... [--turnstile-key KEY]
                          [--turnstile-secret-file FILE|-]
                          [--allow ADDRESSES] [--var NAME=VALUE]... [--name NAME]
                          [--list NAME] [--adopt-list] [--take-over] [--url URL]
                          [--token-file FILE|-] [--runtime-token-file FILE|-]
                          [--wrangler FILE] [--worker FILE] [--dry-run]
       edgeban edge teardown [--token-file FILE|-] [--dry-run]
       edgeban edge doctor [--prove ADDRESS] [-c DIR] [-s SOCKET]
       edgeban edge token
       edgeban edge hosts [--all]
       edgeban edge revoke HOST
       edgeban edge ban ADDRESS [--bantime TIME]
       edgeban edge unban ADDRESS
       edgeban edge allow [ADDRESS [--note TEXT | --remove]]
       edgeban edge panic [--reason TEXT] [--direct] [--token-file FILE|-]
       edgeban edge resume [--direct] [--token-file FILE|-]
       edgeban edge enroll --url URL --token-file FILE|- [--name NAME] [-c DIR]
       edgeban edge rotate [-c DIR]
       edgeban edge status [-c DIR] [--json]
       edgeban import-fail2ban [--dry-run] [--from DIR] [--database FILE|None] [-c DIR] [--json]
       edgeban explain ADDRESS [-c DIR] [-s SOCKET] [--json]
       edgeban replay [OPTIONS]
       edgeban dashboard [--port PORT] [-c DIR] [-s SOCKET]
       edgeban withdraw
       edgeban top [--interval SECONDS] [--once] [-c DIR] [-s SOCKET] [--json]

For the operator of the edge (each takes --operator-file FILE, --json, and --yes where it would ask):
  setup          makes all that the edge needs at Cloudflare, and deploys the Worker
  teardown       takes away what setup made, and nothing else
  doctor         says whether bans work, and what to do where not; --prove bans an address of
                 documentation, watches it arrive everywhere, and lifts it; exit code 0: all is
                 well, 1: with warnings, 2: something is broken
  token          opens a one-time token with which one host may enrol
  hosts          who is enrolled, and who listens
  revoke         refuses a host's key from now on, and lifts its bans
  ban, unban     an address, at the edge and on all hosts
  allow          what is never banned: shows, adds, removes
  panic          lifts all blocks at the edge at once; also where the Worker does not answer
  resume         ends the panic

For a host:
  enroll         makes this host's key and enrols it at a Worker, with a one-time token from its operator
  rotate         gives this host a new key
  status         shows the link to the Worker
  import-fail2ban  takes over fail2ban's configuration, its bans and its place; --dry-run shows what it would do
  explain        the whole story of an address: lines, counts, bans, the firewall, what stands in the way
  replay         whom the jails would have banned in past logs (edgeban replay --help)
  dashboard      serves a page on loopback, for this host, and shows the link to it
  withdraw       takes bans, sets and rules that a stopped server has left out of nftables
  top            jails, failures and bans a second, newest events, again and again; q ends it`;

/** Is help asked for, wherever it stands? Then nothing else is done. */
export function asksHelp(words: readonly string[]): boolean {
  return words.includes('-h') || words.includes('--help');
}

/** Of one command (`edge setup`, `explain`), or of all of `edge`; null where there is none of the name. */
export function helpOf(command: string): string | null {
  const [usage = '', ...sections] = edgebanHelp.replace('Usage: ', '       ').split('\n\n');
  const usages = usage
    .split(/\n(?= {7}edgeban )/)
    .filter((each) => `${each} `.startsWith(`       edgeban ${command} `));
  if (usages.length === 0) return null;
  const verbs = usages.map((each) => /^ +edgeban (?:edge )?(\S+)/.exec(each)?.[1]);
  const told = sections
    .flatMap((section) => section.split(/\n(?= {2}\S)/).slice(1))
    .filter((each) => namesOf(each).some((name) => verbs.includes(name)));
  return `${usages.join('\n').replace('       ', 'Usage: ')}\n\n${told.join('\n')}`;
}

/** `  ban, unban     what they do`. */
function namesOf(entry: string): string[] {
  return /^ {2}(\S+(?:, \S+)*) {2}/.exec(entry)?.[1]?.split(', ') ?? [];
}
