/** The two languages of the control socket: our own JSON lines, and the pickles of fail2ban's clients. */
import { EdgebanError } from '../../shared/errors.ts';
import { formatReply, framingLimits, lineEnd, parseRequest, type Reply } from './framing.ts';
import { type PickleValue, readPickle } from './pickle-reader.ts';
import { writeReply } from './pickle-writer.ts';

export interface Request {
  readonly words: readonly string[];
  /** fail2ban's client sends its whole configuration along with `reload`, as it reads it; the daemon reads its own. */
  readonly hasStream: boolean;
}

export interface Dialect {
  /** What ends each message. */
  readonly terminator: Buffer;
  /** Null: the client says goodbye. Throws ERR_CONTROL_PROTOCOL. */
  parse(message: Buffer): Request | null;
  /** An answer with its terminator. */
  format(reply: Reply): Buffer;
}

const json: Dialect = {
  terminator: lineEnd,
  parse: (message) => ({ words: parseRequest(message.toString('utf8')), hasStream: false }),
  format: (reply) => Buffer.from(formatReply(reply)),
};

const end = Buffer.from('<F2B_END_COMMAND>');
const goodbye = Buffer.from('<F2B_CLOSE_COMMAND>');

const pickle: Dialect = {
  terminator: end,
  parse: (message) => (message.equals(goodbye) ? null : requestOf(readPickle(message))),
  format: (reply) => Buffer.concat([writeReply(reply), end]),
};

/** By the first byte: `[` begins JSON; a pickle begins with its protocol, or (0 and 1) with a list or tuple; `<` is a goodbye. */
export function dialectOf(first: number): Dialect {
  if (first === 0x5b) return json;
  if (first === 0x80 || first === 0x28 || first === 0x5d || first === 0x3c) return pickle;
  throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'a request begins with [, or is a pickle', {
    remedy: 'use edgeban-client or fail2ban-client',
  });
}

/** Before the first byte is known. */
export const firstDialect = json;

function requestOf(request: PickleValue): Request {
  if (!Array.isArray(request) || request.length === 0 || request.length > framingLimits.request_words_max)
    throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'a request is a list of 1 to 200000 words');
  const [name, jail, options, stream, ...more] = request;
  if (name === 'reload' && Array.isArray(options) && Array.isArray(stream) && more.length === 0)
    return { words: ['reload', ...options.map(wordOf), wordOf(jail ?? '--all')], hasStream: true };
  return { words: request.map(wordOf), hasStream: false };
}

/** As Python's str() writes it. */
function wordOf(value: PickleValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value === null) return 'None';
  throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'each word of a request is a text or a number');
}
