/** Each logencoding beside Python's codec of the same name, and names as Python takes them. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { decoderFor, decoderOf } from '../../host-agent/agent/decoder.ts';
import { codePages } from '../../shared/config/code-pages.ts';

const single = [
  ...['ascii', 'latin_1', 'cp866', 'cp874', 'tis_620', 'koi8_r', 'koi8_u', 'mac_roman'],
  ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16].map((part) => `iso8859_${part}`),
  ...[1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => `cp${page}`),
  ...Object.keys(codePages),
];

const answers = z.array(z.object({ texts: z.array(z.string()).nullable() }));

/** What Python makes of these bytes under each name; null: it does not know the name. */
function python(names: readonly string[], lines: readonly Uint8Array[]) {
  const program = `
import codecs, json, sys
names, lines = json.load(sys.stdin)
def texts(name):
    try: codecs.lookup(name)
    except LookupError: return None
    return [bytes.fromhex(line).decode(name, 'replace') for line in lines]
print(json.dumps([{'texts': texts(name)} for name in names]))
`;
  const input = JSON.stringify([names, lines.map((line) => Buffer.from(line).toString('hex'))]);
  const run = spawnSync('python3', ['-c', program], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  return run.error === undefined ? answers.parse(JSON.parse(run.stdout)) : null;
}

test('every byte of every one-byte encoding', (context) => {
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(0x41, byte, 0x42));
  const theirs = python(single, bytes) ?? context.skip('needs python3');
  const ours = single.map((name) => ({ texts: bytes.map(decoderOf(name)) }));
  expect(ours).toEqual(theirs);
});

test('UTF-8, broken too; and text of the multibyte encodings', (context) => {
  const broken = ['c3a9', 'c3', 'e282', 'e28241', 'f09f98', 'eda080', 'c0af', 'ff', 'f4908080', 'efbbbf41', 'f09f9880'];
  const lines = broken.map((hex) => Buffer.from(hex, 'hex'));
  const theirs = python(['auto', 'utf-8', 'utf-8-sig'], lines) ?? context.skip('needs python3');
  expect([{ texts: null }, ...['auto', 'utf-8-sig'].map((name) => ({ texts: lines.map(decoderOf(name)) }))]).toEqual(
    theirs,
  );
  const words = { gbk: 'd6d0b9fa', gb18030: '8130813061', big5: 'a4a4a4e5', euc_jp: 'c6fccbdc', euc_kr: 'c7d1b1db' };
  const more = { ...words, shift_jis: '93fa967b', cp932: '8740', gb2312: 'd6d022b9fa' };
  for (const [name, hex] of Object.entries(more)) {
    const line = Buffer.from(`22${hex}22`, 'hex');
    expect([{ texts: [decoderOf(name)(line)] }]).toEqual(python([name], [line]));
  }
});

test('the journal is UTF-8, and in the logencoding only what is not', () => {
  const lines = ['c3a9', 'e9'].map((hex) => Buffer.from(hex, 'hex'));
  const texts = (backend: string) => lines.map(decoderFor({ backend, logencoding: 'latin1' }));
  expect(texts('systemd')).toEqual(['é', 'é']);
  expect(texts('polling')).toEqual(['Ã©', 'é']);
});

test('names as Python takes them', (context) => {
  const names = ['UTF-8', 'utf8', 'Latin-1', 'l1', 'ISO-8859-15', 'iso8859-15', 'windows-1252', 'Windows 1252', '1252'];
  const more = [
    'us-ascii',
    'ANSI_X3.4-1968',
    'sjis',
    'KOI8-R',
    'eucJP',
    'cp-1252',
    'utf9',
    'windows-874',
    'x-user-defined',
    ...[
      'utf-16',
      'UTF-16LE',
      'utf16le',
      'u32',
      'utf_32_be',
      'utf-8-sig',
      'utf8-sig',
      'ibm850',
      '437',
      'cp_850',
      'maccyrillic',
    ],
  ];
  const all = [...names, ...more];
  const isKnown = (name: string) => {
    try {
      return typeof decoderOf(name) === 'function';
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_FILTER_ENCODING' });
      return false;
    }
  };
  const theirs = python(all, []) ?? context.skip('needs python3');
  expect(all.map(isKnown)).toEqual(theirs.map(({ texts }) => texts !== null));
});
