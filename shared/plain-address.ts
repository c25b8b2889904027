/** Whether a text is an IPv6 address in its one spelling already (RFC 5952): nearly all in logs are, and to read them takes long. */

const colon = 58;

/** What has been read of an IPv6 address. */
class Groups {
  count = 0;
  /** Groups before the `::`; -1 as long as there is none. */
  gap = -1;
  /** The longest rows of zeros, before the `::` and behind it. */
  before = 0;
  behind = 0;
  #zeros = 0;

  end(value: number): void {
    this.count += 1;
    this.#zeros = value === 0 ? this.#zeros + 1 : 0;
    if (this.gap < 0) this.before = Math.max(this.before, this.#zeros);
    else this.behind = Math.max(this.behind, this.#zeros);
  }

  /** False if the zeros that are left out have others beside them, or it is the second time. */
  leaveOut(): boolean {
    if (this.gap >= 0 || this.#zeros > 0) return false;
    this.gap = this.count;
    return true;
  }

  /** All eight, and the first of the longest rows of zeros is what is left out. */
  get arePlain(): boolean {
    const missing = 8 - this.count;
    if (this.gap < 0) return missing === 0 && this.before < 2;
    return missing >= 2 && this.before < missing && this.behind <= missing;
  }
}

/** False also for some that are: those that begin with `::`, and may be IPv4 addresses in another form. */
export function isPlainIPv6(text: string): boolean {
  if (text.length > 39 || text.charCodeAt(0) === colon) return false;
  const groups = new Groups();
  let value = -1;
  let digits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== colon) {
      const digit = hexDigit(code);
      if (digit < 0 || digits === 4 || value === 0) return false;
      if (digits === 0 && digit === 0 && groups.gap === groups.count) return false;
      value = digits === 0 ? digit : 16 * value + digit;
      digits += 1;
    } else if (digits > 0) {
      groups.end(value);
      digits = 0;
      value = -1;
    } else if (!groups.leaveOut()) return false;
  }
  if (digits > 0) groups.end(value);
  else if (groups.gap !== groups.count) return false;
  return groups.arePlain;
}

/** -1 for what is none, or a capital letter. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
