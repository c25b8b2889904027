/** The daemon as the dashboard asks it: through its control socket, and with the name of who asks for what changes something. */
import { EdgebanError, type ErrorCode, errorCodes } from '../../shared/errors.ts';
import { Story } from '../../shared/story.ts';
import { request } from '../control/client.ts';
import type { ReplyValue } from '../control/framing.ts';
import { Watch } from '../control/watch.ts';

const answer_s_max = 30;

export class Daemon {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** What was decided after a cursor of the same daemon. */
  async watch(cursor = 0, started = 0): Promise<Watch> {
    return Watch.parse(await this.ask('watch', String(cursor), String(started)));
  }

  async explain(id: string): Promise<Story> {
    return Story.parse(await this.ask('explain', id));
  }

  /** Throws what the daemon answers, as an error of ours. */
  async ask(...words: readonly string[]): Promise<ReplyValue> {
    const reply = await request(this.#socket, words, { timeout: answer_s_max });
    if ('ok' in reply) return reply.ok;
    const { code, message, remedy } = reply.error;
    const known: ErrorCode = isErrorCode(code) ? code : 'ERR_INTERNAL';
    throw new EdgebanError(known, message, remedy === undefined ? {} : { remedy });
  }

  /** The same, with a line in the daemon's log that says who it was. */
  askAs(who: string, ...words: readonly string[]): Promise<ReplyValue> {
    return this.ask('as', who, ...words);
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}
