/** One client's connection to the control socket: requests one after the other, each bounded in size and time. */
import type { Socket } from 'node:net';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { type Dialect, dialectOf, firstDialect, type Request } from './dialects.ts';
import type { Reply } from './framing.ts';
import { framingLimits, MessageReader } from './framing.ts';

export interface SessionLimits {
  readonly request_bytes_max: number;
  /** From the first byte of a request to its last. */
  readonly request_seconds_max: number;
  /** A connection on which nothing moves, also one that does not read its answer, is ended. */
  readonly idle_seconds_max: number;
  /** Requests sent ahead of their answers. */
  readonly requests_ahead_max: number;
}

export const sessionLimits: SessionLimits = {
  request_bytes_max: framingLimits.request_bytes_max,
  request_seconds_max: 10,
  idle_seconds_max: 120,
  requests_ahead_max: 64,
};

/** Never rejects: an error is a Reply. */
export type Answer = (request: Request) => Promise<Reply>;

export class Session {
  readonly #socket: Socket;
  readonly #answer: Answer;
  readonly #limits: SessionLimits;
  readonly #waiting: Buffer[] = [];
  #reader: MessageReader | null = null;
  #dialect: Dialect = firstDialect;
  #deadline: NodeJS.Timeout | null = null;
  #busy = false;
  #ending = false;

  constructor(socket: Socket, answer: Answer, limits: SessionLimits) {
    this.#socket = socket;
    this.#answer = answer;
    this.#limits = limits;
    socket.setTimeout(limits.idle_seconds_max * 1000, () => this.#idle());
    socket.on('error', () => socket.destroy());
    socket.on('end', () => this.finish());
    socket.on('close', () => this.#disarm());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Takes no more requests; the answers on their way still go out. */
  finish(): void {
    this.#ending = true;
    this.#disarm();
    if (!this.#busy) this.#socket.end();
  }

  #idle(): void {
    // A long reload is not idleness of the client.
    if (this.#busy && this.#socket.writableLength === 0) return;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#ending) return;
    try {
      this.#reader ??= this.#listenTo(chunk[0] ?? 0);
      const messages = this.#reader.push(chunk);
      if (messages.length > 0) this.#disarm();
      if (this.#reader.pending > 0) this.#arm();
      this.#waiting.push(...messages);
      if (this.#waiting.length > this.#limits.requests_ahead_max) throw tooManyAhead();
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (!this.#busy) void this.#work();
  }

  /** The first byte tells the client's language. */
  #listenTo(first: number): MessageReader {
    this.#dialect = dialectOf(first);
    return new MessageReader(this.#dialect.terminator, this.#limits.request_bytes_max);
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      const reply = await this.#replyTo(message);
      if (this.#socket.destroyed) return;
      if (reply === null) this.finish();
      else if (!this.#socket.write(this.#dialect.format(reply))) await this.#drained();
    }
    this.#busy = false;
    if (this.#ending) this.#socket.end();
  }

  /** Null: the client has said goodbye. */
  async #replyTo(message: Buffer): Promise<Reply | null> {
    try {
      const request = this.#dialect.parse(message);
      return request === null ? null : await this.#answer(request);
    } catch (error) {
      return { error: protocolError(error) };
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  /** After a fault of framing nothing that follows can be trusted: say so and hang up. */
  #refuse(error: unknown): void {
    this.#ending = true;
    this.#waiting.length = 0;
    this.#disarm();
    this.#socket.end(this.#dialect.format({ error: protocolError(error) }));
    this.#socket.resume();
  }

  #arm(): void {
    this.#deadline ??= setTimeout(() => this.#socket.destroy(), this.#limits.request_seconds_max * 1000);
  }

  #disarm(): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = null;
  }
}

function tooManyAhead(): EdgebanError {
  return new EdgebanError('ERR_CONTROL_PROTOCOL', 'too many requests without reading their answers');
}

function protocolError(error: unknown): { code: string; message: string; args: readonly string[] } {
  const message = messageOf(error);
  return { code: error instanceof EdgebanError ? error.code : 'ERR_INTERNAL', message, args: [message] };
}
