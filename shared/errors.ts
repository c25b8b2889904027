/** Every error that an operator can meet, by code. docs/errors.md is held to this table by a test. */

interface CodeInfo {
  /** HTTP status, where the Worker's API answers with it. */
  readonly status: number;
  /** One line: what happened, in the operator's words. */
  readonly title: string;
}

const table = {
  ERR_INTERNAL: { status: 500, title: 'edgeban itself is at fault' },
  // addresses and guards
  ERR_ADDRESS_INVALID: { status: 400, title: 'not an IP address or network' },
  ERR_GUARD_RESERVED: { status: 422, title: 'private, local or reserved addresses are never banned' },
  ERR_GUARD_CLOUDFLARE: { status: 422, title: "Cloudflare's own addresses are never banned" },
  ERR_GUARD_OWN: { status: 422, title: 'an address of the host itself is never banned' },
  ERR_GUARD_HOST: { status: 422, title: 'an address of an enrolled host is never banned' },
  ERR_GUARD_ALLOWED: { status: 422, title: 'an address on the allow list is never banned' },
  ERR_GUARD_ADMIN: { status: 422, title: 'an administrator is logged in from there' },
  ERR_GUARD_GATEWAY: { status: 422, title: 'the default gateway is never banned' },
  ERR_GUARD_WIDE: { status: 422, title: 'the network is wider than may be banned' },
  // the database
  ERR_STORE_OPEN: { status: 500, title: 'the database cannot be opened' },
  ERR_STORE_CORRUPT: { status: 500, title: 'the database is damaged' },
  ERR_STORE_NEWER: { status: 500, title: 'the database was made by a newer edgeban' },
  // configuration
  ERR_CONFIG_MISSING: { status: 400, title: 'a configuration file is not there' },
  ERR_CONFIG_UNREADABLE: { status: 500, title: 'a configuration file cannot be read, or is not UTF-8' },
  ERR_CONFIG_SYNTAX: { status: 400, title: 'a line of the configuration that cannot be understood' },
  ERR_CONFIG_DUPLICATE: { status: 400, title: 'a section or option stands twice in one file' },
  ERR_CONFIG_INTERPOLATION: { status: 400, title: 'a %(…)s in the configuration that cannot be resolved' },
  ERR_CONFIG_TAG: { status: 400, title: 'a <tag> that refers to itself' },
  ERR_CONFIG_LIMIT: { status: 400, title: 'the configuration is larger than any real one' },
  ERR_CONFIG_OPTION: { status: 400, title: 'an option that nothing knows' },
  ERR_CONFIG_VALUE: { status: 400, title: 'a value that its option does not take' },
  ERR_CONFIG_TIME: { status: 400, title: 'a length of time that cannot be understood' },
  ERR_CONFIG_EXPRESSION: { status: 400, title: 'an arithmetic expression that cannot be evaluated' },
  ERR_CONFIG_JAIL: { status: 400, title: 'a jail that cannot do what is asked of it' },
  ERR_CONFIG_FILTER: { status: 400, title: 'the filter of a jail is not there or says nothing' },
  ERR_CONFIG_ACTION: { status: 400, title: 'an action of a jail is not there or is named wrongly' },
  ERR_CONFIG_ACTION_PYTHON: { status: 400, title: 'actions written in Python are not run' },
  ERR_CONFIG_UNSUPPORTED: { status: 400, title: 'an option of fail2ban that edgeban does not have' },
  ERR_CONFIG_PLANE: { status: 400, title: 'a jail relies on an edge that is not there or does nothing' },
  ERR_CONFIG_BACKEND: { status: 400, title: 'the backend of a jail is unknown' },
  ERR_CONFIG_NEIGHBOUR: { status: 409, title: 'fail2ban, or another edgeban, guards this host, too' },
  ERR_CONFIG_LOGPATH: { status: 400, title: 'a log file that a jail names is not there' },
  // command line, control socket, log
  ERR_USAGE: { status: 400, title: 'the command line cannot be understood' },
  ERR_COMMAND_INVALID: { status: 400, title: 'the daemon does not know this command' },
  ERR_COMMAND_INCOMPLETE: { status: 400, title: 'the command lacks an argument' },
  ERR_JAIL_UNKNOWN: { status: 404, title: 'there is no such jail' },
  ERR_JAIL_EXISTS: { status: 409, title: 'there is a jail of this name already' },
  ERR_NOT_BANNED: { status: 404, title: 'the address is not banned' },
  ERR_CONTROL_RUNNING: { status: 409, title: 'a daemon already answers on this socket' },
  ERR_CONTROL_SOCKET: { status: 503, title: 'the control socket cannot be used' },
  ERR_CONTROL_PROTOCOL: { status: 400, title: 'the other end of the control socket speaks another protocol' },
  ERR_PID_FILE: { status: 500, title: 'the pid file cannot be written' },
  ERR_METRICS: { status: 500, title: 'the figures cannot be shown there' },
  ERR_DASHBOARD_PAGE: { status: 500, title: "the dashboard's page is not there" },
  ERR_DASHBOARD_PORT: { status: 500, title: 'the dashboard cannot listen at this port' },
  ERR_LOG_TARGET: { status: 400, title: 'the log cannot be written there' },
  ERR_LOG_LEVEL: { status: 400, title: 'not a log level' },
  // the link between host and Worker
  ERR_EDGE_KEY: { status: 500, title: "the host's key cannot be used" },
  ERR_EDGE_SETTINGS: { status: 500, title: "the host's enrolment cannot be read" },
  ERR_EDGE_URL: { status: 400, title: 'not the address of a Worker' },
  ERR_EDGE_UNREACHABLE: { status: 503, title: 'the Worker cannot be reached' },
  ERR_EDGE_TIMEOUT: { status: 504, title: 'the Worker did not answer in time' },
  ERR_EDGE_REPLY: { status: 502, title: "the Worker's answer cannot be understood" },
  ERR_EDGE_TWIN: { status: 409, title: 'another daemon uses the key of this host' },
  ERR_EDGE_REFUSED: { status: 502, title: 'the Worker refused the request' },
  // the operator of the edge
  ERR_OPERATOR_FILE: { status: 500, title: "the operator's file cannot be used" },
  ERR_INTERRUPTED: { status: 500, title: 'it was stopped before its end' },
  ERR_SETUP_TOKEN: { status: 400, title: 'not a token that can be used for this' },
  ERR_SETUP_PERMISSION: { status: 403, title: 'the token lacks a permission' },
  ERR_SETUP_FOREIGN: { status: 409, title: 'what is there already was not made by this set-up' },
  ERR_SETUP_RECORD: { status: 500, title: 'the record of the set-up cannot be used' },
  ERR_SETUP_WRANGLER: { status: 500, title: 'wrangler cannot be run, or has failed' },
  ERR_SETUP_WAIT: { status: 504, title: 'what was set up does not come to work' },
  ERR_PROVE: { status: 400, title: 'no proof can be made with this' },
  // taking over from fail2ban
  ERR_IMPORT_MISSING: { status: 404, title: 'there is no fail2ban configuration' },
  ERR_IMPORT_DATABASE: { status: 500, title: "fail2ban's database cannot be read" },
  ERR_IMPORT_SERVICE: { status: 500, title: 'a service cannot be stopped or started' },
  ERR_IMPORT_INCOMPLETE: { status: 500, title: 'not all bans of fail2ban are in the firewall' },
  // sources of lines
  ERR_SOURCE_UNREADABLE: { status: 500, title: 'a log file cannot be read' },
  ERR_SOURCE_MISSING: { status: 500, title: 'a log file is not there' },
  ERR_SOURCE_POSITION_LOST: {
    status: 500,
    title: 'the place where reading stopped is gone: lines may have been missed',
  },
  ERR_JOURNAL_MATCH: { status: 400, title: 'a journalmatch that cannot be understood' },
  ERR_JOURNAL_OPTION: { status: 400, title: 'an option of the systemd backend that cannot be used' },
  ERR_JOURNAL_FAILED: { status: 500, title: 'journalctl cannot be run or has ended' },
  // actions
  ERR_ACTION_PARAMETER: { status: 400, title: 'a parameter of an action that cannot be used' },
  ERR_ACTION_GONE: { status: 500, title: 'somebody else took away what the action had made' },
  ERR_ACTION_SANDBOX: { status: 500, title: "the service's sandbox keeps an action from its work" },
  ERR_ACTION_PROGRAM: { status: 500, title: 'a program that an action runs is not installed' },
  ERR_ACTION_COMMAND: { status: 500, title: 'a command of an action failed' },
  ERR_ACTION_TIMEOUT: { status: 500, title: 'a command of an action did not end in time' },
  ERR_ACTION_WAITS: { status: 503, title: 'an action is not tried now, because it has failed again and again' },
  ERR_NFT_MISSING: { status: 500, title: 'nft cannot be run' },
  ERR_NFT_REFUSED: { status: 500, title: 'nft refused a command' },
  ERR_NFT_TIMEOUT: { status: 500, title: 'nft did not end in time' },
  ERR_NFT_OUTPUT: { status: 500, title: 'nft answered what cannot be understood, or too much' },
  ERR_NFT_BUSY: { status: 503, title: 'too many changes wait for nft' },
  ERR_CONNTRACK_REFUSED: { status: 500, title: 'connections of a banned address could not be ended' },
  ERR_NFT_SET_FOREIGN: { status: 500, title: 'a set of the same name was made by another program' },
  // filters
  ERR_FILTER_NO_ID: { status: 400, title: 'a failregex does not say whom to ban: it has no <HOST>, <ADDR> or <F-ID>' },
  ERR_FILTER_EMPTY: { status: 400, title: 'an empty regular expression in a filter' },
  ERR_FILTER_REGEX: { status: 400, title: 'a regular expression of a filter cannot be used' },
  ERR_FILTER_DATEPATTERN: { status: 400, title: 'a datepattern that cannot be understood' },
  ERR_FILTER_TIMEZONE: { status: 400, title: 'a logtimezone that cannot be understood' },
  ERR_FILTER_ENCODING: { status: 400, title: 'a logencoding that nobody knows' },
  ERR_FILTER_MAXLINES: { status: 400, title: 'maxlines is not a number of lines that can be kept' },
  // the Worker: who speaks
  ERR_AUTH_MISSING: { status: 401, title: 'the request is not signed as it must be' },
  ERR_AUTH_HOST: { status: 401, title: 'no host of this name is enrolled' },
  ERR_AUTH_REVOKED: { status: 403, title: 'the host has been revoked' },
  ERR_AUTH_SIGNATURE: { status: 401, title: 'the signature is wrong' },
  ERR_AUTH_STALE: { status: 401, title: "the host's clock and the Worker's differ too much" },
  ERR_AUTH_REPLAY: { status: 401, title: 'the request has been sent before' },
  ERR_AUTH_AGAIN: {
    status: 503,
    title: 'the ledger has just woken, and cannot tell whether the request has come before',
  },
  ERR_AUTH_OPERATOR: { status: 401, title: "the operator's token is missing or wrong" },
  ERR_AUTH_SESSION: { status: 401, title: 'the session of the dashboard is over' },
  ERR_AUTH_CSRF: { status: 403, title: 'the request does not come from the dashboard itself' },
  ERR_AUTH_KEY_TAKEN: { status: 409, title: 'the new key has been used before' },
  ERR_ENROLL_TOKEN: { status: 403, title: 'the enrolment token is unknown, used or too old' },
  ERR_ENROLL_TAKEN: { status: 409, title: 'a host of this name or key is enrolled already' },
  // the Worker: requests, events, limits
  ERR_SETTINGS: { status: 500, title: "the Worker's settings are wrong" },
  ERR_ROUTE: { status: 404, title: 'there is no such route' },
  ERR_REQUEST_INVALID: { status: 400, title: 'the request cannot be understood' },
  ERR_BODY_TOO_LARGE: { status: 413, title: 'the request body is too large' },
  ERR_EVENTS_GAP: { status: 409, title: 'events are missing before this batch' },
  ERR_EVENT_INVALID: { status: 400, title: 'an event that cannot be understood' },
  ERR_CAP_BANS: { status: 422, title: 'the host takes up more bans than its share allows' },
  ERR_CAP_ROWS: { status: 429, title: 'the host has cost as much today as it may' },
  ERR_CAP_EVENTS: { status: 429, title: 'the host sends events faster than it may' },
  ERR_CAP_ENROLMENTS: { status: 429, title: 'too many enrolments fail from one address' },
  ERR_CAP_LOGINS: { status: 429, title: 'too many logins fail from one address' },
  ERR_CAP_HOLDERS: { status: 422, title: 'the host holds as many bans as it may' },
  ERR_CAP_HOSTS: { status: 409, title: 'as many hosts are enrolled as may be' },
  ERR_CAP_ALLOWED: { status: 409, title: "the ledger's allow list is full" },
  ERR_ALLOWED_UNKNOWN: { status: 404, title: "the address is not on the ledger's allow list" },
  ERR_HOST_UNKNOWN: { status: 404, title: 'there is no such host' },
  ERR_SNAPSHOT_WRITE: { status: 503, title: 'the snapshot could not be written to KV' },
  ERR_ALERT_DELIVERY: { status: 502, title: 'an alert could not be delivered' },
  // regular expressions
  ERR_REGEX_SYNTAX: { status: 400, title: 'not a regular expression that Python would take' },
  ERR_REGEX_UNSUPPORTED: { status: 400, title: 'a regular expression that cannot be matched safely' },
  ERR_REGEX_STEPS: { status: 422, title: 'matching a regular expression took too many steps' },
  // Cloudflare's API
  ERR_CLOUDFLARE_AUTH: { status: 502, title: 'Cloudflare refuses the API token, or it lacks a permission' },
  ERR_CLOUDFLARE_RATE: { status: 503, title: 'Cloudflare limits the rate of our requests' },
  ERR_CLOUDFLARE_BUSY: { status: 503, title: 'another list operation is under way in the Cloudflare account' },
  ERR_CLOUDFLARE_UNREACHABLE: { status: 503, title: 'the Cloudflare API cannot be reached or is at fault itself' },
  ERR_CLOUDFLARE_REFUSED: { status: 502, title: 'Cloudflare refused a request' },
  ERR_CLOUDFLARE_GONE: { status: 502, title: 'what was asked of Cloudflare is not there' },
  ERR_CLOUDFLARE_ANSWER: { status: 502, title: "Cloudflare's answer cannot be understood" },
  ERR_CLOUDFLARE_LIST: { status: 502, title: 'the list named in LIST_NAME cannot be used' },
  ERR_CLOUDFLARE_WIDTH: { status: 422, title: 'the network has a width that the enforcement mode cannot take' },
  ERR_CLOUDFLARE_OPERATION: { status: 502, title: 'a list operation failed or got lost at Cloudflare' },
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof table;

export const errorCodes: Readonly<Record<ErrorCode, CodeInfo>> = table;

/** Where an error stands and what to do about it; never a secret. */
export interface ErrorPlace {
  readonly file?: string;
  readonly line?: number;
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** An error of the operator's world: bad configuration, input, network, Cloudflare. Our own bugs are plain Errors. */
export class EdgebanError extends Error {
  override readonly name = 'EdgebanError';
  readonly code: ErrorCode;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.file = place.file;
    this.line = place.line;
    this.remedy = place.remedy;
  }

  /** HTTP status for the Worker's API. */
  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** What was thrown, in words: anything can be. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `file:line: message; remedy`: the form in which the programs print an error. */
export function describeError(error: unknown): string {
  if (!(error instanceof EdgebanError)) return messageOf(error);
  const place = error.file === undefined ? '' : `${error.file}${error.line === undefined ? '' : `:${error.line}`}: `;
  return `${place}${error.message}${error.remedy === undefined ? '' : `; ${error.remedy}`}`;
}
