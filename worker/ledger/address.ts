/** An address as somebody wrote it: the one place where the Worker refuses what is none. */
import { type Prefix, parsePrefix } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';

/** Throws ERR_ADDRESS_INVALID. */
export function readAddress(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new EdgebanError('ERR_ADDRESS_INVALID', 'not an IP address or network');
  return prefix;
}
