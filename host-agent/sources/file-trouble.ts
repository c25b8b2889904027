/** What can be wrong with a log file, in the operator's words. */
import { EdgebanError, messageOf } from '../../shared/errors.ts';

export function missing(file: string): EdgebanError {
  const remedy = 'it is read as soon as it appears; if it never will, change logpath or set backend = systemd';
  return new EdgebanError('ERR_SOURCE_MISSING', 'the log file is not there', { file, remedy });
}

export function positionLost(file: string): EdgebanError {
  const remedy = 'the file was replaced or compressed while edgeban was not running; it is read from its start';
  return new EdgebanError('ERR_SOURCE_POSITION_LOST', 'the place where reading stopped is not found', {
    file,
    remedy,
  });
}

export function unreadable(file: string, cause: unknown): EdgebanError {
  const why = messageOf(cause);
  const remedy = 'let edgeban read it (as root, or a member of its group, such as adm)';
  return new EdgebanError('ERR_SOURCE_UNREADABLE', `the log file cannot be read: ${why}`, {
    file,
    remedy,
    cause,
  });
}
