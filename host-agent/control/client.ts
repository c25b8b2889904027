/** The client's end of the control socket. */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { EdgebanError } from '../../shared/errors.ts';
import type { Reply } from './framing.ts';
import { formatRequest, framingLimits, lineEnd, MessageReader, parseReply } from './framing.ts';

/** Why no answer came; the programs choose fail2ban's words by it. */
export class ControlUnavailable extends EdgebanError {
  /** `missing`: no such path. `denied`: no permission. `dead`: nobody listens. `silent`: no answer in time, or cut off. */
  readonly reason: 'missing' | 'denied' | 'dead' | 'silent';
  /** As Python prints it: `[Errno 111] Connection refused`. */
  readonly detail: string;

  constructor(path: string, reason: ControlUnavailable['reason'], detail: string, cause?: unknown) {
    super('ERR_CONTROL_SOCKET', detail, { file: path, cause });
    this.reason = reason;
    this.detail = detail;
  }
}

export interface RequestOptions {
  /** Seconds to wait for the answer; 0 waits as long as the daemon works. */
  readonly timeout: number;
}

/** Sends one request and gives its answer. Throws ControlUnavailable, or ERR_CONTROL_PROTOCOL. */
export function request(path: string, words: readonly string[], options: RequestOptions): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const timer =
      options.timeout > 0 ? setTimeout(() => fail(silent(path, 'timed out')), options.timeout * 1000) : null;
    const settle = () => {
      if (timer !== null) clearTimeout(timer);
      socket.destroy();
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    socket.on('connect', () => socket.write(formatRequest(words)));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(unavailable(path, error)));
    socket.on('close', () => fail(silent(path, 'the connection was closed')));
    readReply(socket, fail, (reply) => {
      settle();
      resolve(reply);
    });
  });
}

function readReply(socket: Socket, fail: (error: unknown) => void, done: (reply: Reply) => void): void {
  const reader = new MessageReader(lineEnd, framingLimits.reply_bytes_max);
  socket.on('data', (chunk: Buffer) => {
    try {
      const [line] = reader.push(chunk);
      if (line !== undefined) done(parseReply(line.toString('utf8')));
    } catch (error) {
      fail(error);
    }
  });
}

function silent(path: string, detail: string): ControlUnavailable {
  return new ControlUnavailable(path, 'silent', detail);
}

/** The reasons and texts that Python gives for the same error numbers. */
function unavailable(path: string, error: NodeJS.ErrnoException): ControlUnavailable {
  switch (error.code) {
    case 'ENOENT':
      return new ControlUnavailable(path, 'missing', '[Errno 2] No such file or directory', error);
    case 'EACCES':
      return new ControlUnavailable(path, 'denied', '[Errno 13] Permission denied', error);
    case 'EPERM':
      return new ControlUnavailable(path, 'denied', '[Errno 1] Operation not permitted', error);
    case 'ECONNREFUSED':
      return new ControlUnavailable(path, 'dead', '[Errno 111] Connection refused', error);
    case 'EPIPE':
      return new ControlUnavailable(path, 'silent', '[Errno 32] Broken pipe', error);
    case 'ECONNRESET':
      return new ControlUnavailable(path, 'silent', '[Errno 104] Connection reset by peer', error);
    default:
      return new ControlUnavailable(path, 'dead', error.message, error);
  }
}
