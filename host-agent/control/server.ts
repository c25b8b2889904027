/** The control socket: made private, never stolen from a living daemon, bounded in what it lets in. */
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import type { Request } from './dialects.ts';
import { CommandError } from './errors.ts';
import type { Reply, ReplyError, ReplyValue } from './framing.ts';
import { formatReply } from './framing.ts';
import type { SessionLimits } from './session.ts';
import { Session, sessionLimits } from './session.ts';

export const controlLimits = {
  connections_max: 64,
  /** How long `close` waits for answers that are on their way. */
  closing_seconds_max: 5,
} as const;

export interface ControlServerOptions {
  /** Path of the unix socket. Its folder is made if only the last level is missing, as fail2ban does. */
  readonly path: string;
  /** Answers one request. What it throws is the answer too; see `CommandError` for fail2ban's exceptions. */
  readonly answer: (words: readonly string[]) => Promise<ReplyValue> | ReplyValue;
  /** Called with each configuration that fail2ban's client has sent along, which is left aside. */
  readonly streamed?: () => void;
  /** Called with our own bugs (no EdgebanError) that came out of `answer`. */
  readonly fault?: (error: unknown) => void;
  readonly limits?: Partial<SessionLimits & { readonly [name in keyof typeof controlLimits]: number }>;
}

export interface ControlServer {
  readonly path: string;
  /** Takes no more connections, lets answers on their way go out, removes the socket. */
  close(): Promise<void>;
}

/**
 * Listens on `path`, mode 0600. A socket that nobody answers is replaced; throws ERR_CONTROL_RUNNING if somebody does,
 * ERR_CONTROL_SOCKET if the path is something else or cannot be had.
 */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const limits = { ...sessionLimits, ...controlLimits, ...options.limits };
  await makeRoom(options.path);
  const sessions = new Map<Socket, Session>();
  // Half open: a client may end its side and still read its answers.
  const server = createServer({ allowHalfOpen: true }, (socket) => admit(socket, sessions, options, limits));
  await listen(server, options.path);
  return { path: options.path, close: () => close(server, sessions, limits.closing_seconds_max) };
}

/** Does a process listen on this socket? False also if there is no such path. Throws ERR_CONTROL_SOCKET if it cannot be told. */
function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(socketError(path, error));
    });
  });
}

async function makeRoom(path: string): Promise<void> {
  const before = socketInode(path);
  if (before === null) return makeFolder(path);
  if (await isAnswering(path)) {
    throw new EdgebanError('ERR_CONTROL_RUNNING', 'Server already running', {
      file: path,
      remedy: 'stop it first, or give this one a socket of its own with -s',
    });
  }
  // Only what was found dead is removed: another daemon may have taken the path in the meantime.
  if (socketInode(path) === before) unlinkSync(path);
}

/** The inode of the socket at `path`, null if there is nothing. Throws if there is something else. */
function socketInode(path: string): number | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if (stat.isSocket()) return stat.ino;
  throw new EdgebanError('ERR_CONTROL_SOCKET', 'this is not a socket, so it is left alone', {
    file: path,
    remedy: 'move it away, or set another socket with -s',
  });
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { mode: 0o755 });
  } catch (error) {
    if (!isErrno(error) || error.code !== 'EEXIST') throw socketError(path, error);
  }
}

/** The socket is born with mode 0600: `listen` binds before it returns, so the umask holds for it and nothing else. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(socketError(path, error)));
    const umask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(umask);
    }
  });
}

function admit(
  socket: Socket,
  sessions: Map<Socket, Session>,
  options: ControlServerOptions,
  limits: SessionLimits & { readonly connections_max: number },
): void {
  if (sessions.size >= limits.connections_max) {
    const message = `more than ${limits.connections_max} connections`;
    socket.on('error', () => socket.destroy());
    socket.setTimeout(limits.request_seconds_max * 1000, () => socket.destroy());
    socket.resume();
    socket.end(formatReply({ error: { code: 'ERR_CONTROL_SOCKET', message, args: [message] } }));
    return;
  }
  sessions.set(socket, new Session(socket, (request) => answer(request, options), limits));
  socket.on('close', () => sessions.delete(socket));
}

async function answer({ words, hasStream }: Request, options: ControlServerOptions): Promise<Reply> {
  if (hasStream) options.streamed?.();
  try {
    return { ok: await options.answer(words) };
  } catch (error) {
    if (!(error instanceof EdgebanError)) options.fault?.(error);
    return { error: replyError(error) };
  }
}

function replyError(error: unknown): ReplyError {
  if (!(error instanceof EdgebanError)) {
    const message = 'internal error, see the log';
    return { code: 'ERR_INTERNAL', message, args: [message] };
  }
  const { code, message, file, line, remedy } = error;
  return {
    code,
    message,
    ...(error instanceof CommandError ? { args: error.args, exception: error.exception } : { args: [message] }),
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function close(server: Server, sessions: Map<Socket, Session>, seconds: number): Promise<void> {
  return new Promise((resolve) => {
    const hurry = setTimeout(() => {
      for (const socket of sessions.keys()) socket.destroy();
    }, seconds * 1000);
    server.close(() => {
      clearTimeout(hurry);
      resolve();
    });
    for (const session of sessions.values()) session.finish();
  });
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

function socketError(path: string, cause: unknown): EdgebanError {
  const reason = messageOf(cause);
  return new EdgebanError('ERR_CONTROL_SOCKET', `the control socket cannot be used: ${reason}`, {
    file: path,
    remedy: 'run as root, make its folder, or set another socket with -s',
    cause,
  });
}
