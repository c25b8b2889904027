/** fail2ban's tags in a failregex (`<HOST>`, `<F-USER>`, …) and the Python regex that each stands for. */

const octets = String.raw`(?:\d{1,3}\.){3}\d{1,3}`;
const hextets = `(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)`;
const ip4 = `(?:::f{4,6}:)?(?P<ip4>${octets})`;
const ip6 = `(?P<ip6>${hextets})`;
const dns = String.raw`(?P<dns>[\w\-.^_]*\w)`;
const cidr = String.raw`(?P<cidr>\d+)`;
const address = String.raw`\[?(?:${ip4}|${ip6})\]?`;
const subnet = String.raw`\[?(?:${ip4}|${ip6})(?:/${cidr})?\]?`;

/** Tags that stand for themselves; each `<X>` of the first kind may also be written `<F-X/>`. */
const standing: Readonly<Record<string, string>> = {
  IP4: ip4,
  'F-IP4/': ip4,
  IP6: ip6,
  'F-IP6/': ip6,
  ADDR: address,
  'F-ADDR/': address,
  CIDR: cidr,
  'F-CIDR/': cidr,
  SUBNET: subnet,
  'F-SUBNET/': subnet,
  DNS: dns,
  'F-DNS/': dns,
  'F-ID/': String.raw`(?P<fid>\S+)`,
  'F-PORT/': String.raw`(?P<fport>\w+)`,
};

const renamed: Readonly<Record<string, string>> = { id: 'fid', port: 'fport' };

/** The group that a tag's name becomes: lower case, `ID` is `fid`, `PORT` is `fport`. */
export function groupOfTag(name: string): string {
  const lower = name.toLowerCase();
  return Object.hasOwn(renamed, lower) ? (renamed[lower] ?? lower) : lower;
}

/** Replaces every tag; what is none stays as it is. Without `names`, `<HOST>` takes addresses only (usedns = no). */
export function expandTags(regex: string, names: boolean): string {
  const opened = new Set<string>();
  let skipped = 0;
  return regex.replace(/<\/?[\p{L}\p{N}_-]+\/?>/gu, (tag) => {
    const name = tag.slice(1, -1);
    if (name === 'HOST') return names ? `(?:${address}|${dns})` : address;
    if (name === 'SKIPLINES') return String.raw`\n(?P<skiplines${skipped++}>(?:(?:.*\n)*?))`;
    if (Object.hasOwn(standing, name)) return standing[name] ?? tag;
    return ownTag(tag, opened);
  });
}

/** `<F-X>` opens a group, `</F-X>` closes one that was opened. */
function ownTag(tag: string, opened: Set<string>): string {
  const match = /^<(\/?)F-([A-Z0-9_-]+)>$/.exec(tag);
  const name = match?.[2];
  if (match === null || name === undefined) return tag;
  if (match[1] === '/') return opened.has(name) ? ')' : tag;
  opened.add(name);
  return `(?P<${groupOfTag(name)}>`;
}

/** `((?i)x)` and `(?:(?i)x)` mean `(?i:x)`: Python itself takes such flags at the very begin only. */
export function localFlags(regex: string): string {
  return regex.replace(/(?<!\\)\((?:\?:)?(\(\?[a-z]+)\)/g, '$1:');
}
