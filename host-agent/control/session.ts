/** One client's connection to the control socket: requests one after the other, each bounded in size and time. */
import type { Socket } from 'node:net';
import { EdgebanError } from '../../shared/errors.ts';
import type { Reply } from './framing.ts';
import { formatReply, framingLimits, LineReader, parseRequest } from './framing.ts';

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
export type Answer = (words: readonly string[]) => Promise<Reply>;

const jsonArrayStart = 0x5b;

export class Session {
  readonly #socket: Socket;
  readonly #answer: Answer;
  readonly #limits: SessionLimits;
  readonly #reader: LineReader;
  readonly #waiting: string[] = [];
  #deadline: NodeJS.Timeout | null = null;
  #first = true;
  #busy = false;
  #ending = false;

  constructor(socket: Socket, answer: Answer, limits: SessionLimits) {
    this.#socket = socket;
    this.#answer = answer;
    this.#limits = limits;
    this.#reader = new LineReader(limits.request_bytes_max);
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
      if (this.#first && chunk[0] !== jsonArrayStart) throw unknownProtocol();
      this.#first = false;
      const lines = this.#reader.push(chunk);
      if (lines.length > 0) this.#disarm();
      if (this.#reader.pending > 0) this.#arm();
      this.#waiting.push(...lines);
      if (this.#waiting.length > this.#limits.requests_ahead_max) throw tooManyAhead();
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      const reply = await this.#replyTo(line);
      if (this.#socket.destroyed) return;
      if (!this.#socket.write(formatReply(reply))) await this.#drained();
    }
    this.#busy = false;
    if (this.#ending) this.#socket.end();
  }

  async #replyTo(line: string): Promise<Reply> {
    try {
      return await this.#answer(parseRequest(line));
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
    this.#socket.end(formatReply({ error: protocolError(error) }));
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

function unknownProtocol(): EdgebanError {
  return new EdgebanError('ERR_CONTROL_PROTOCOL', 'a request begins with [', {
    remedy: "use edgeban-client; fail2ban's own protocol is not spoken here yet",
  });
}

function tooManyAhead(): EdgebanError {
  return new EdgebanError('ERR_CONTROL_PROTOCOL', 'too many requests without reading their answers');
}

function protocolError(error: unknown): { code: string; message: string; args: readonly string[] } {
  const message = error instanceof Error ? error.message : String(error);
  return { code: error instanceof EdgebanError ? error.code : 'ERR_INTERNAL', message, args: [message] };
}
