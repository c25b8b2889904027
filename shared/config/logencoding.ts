/** Python's names of text encodings (logencoding), and how each is decoded by what the web platform has. */
import { EdgebanError } from '../errors.ts';
import { codePages } from './code-pages.ts';

/** How Python reads the bytes where the decoder of the web platform (TextDecoder, by its label) reads something else. */
export type Fix =
  /** 0x80 to 0x9f are control characters of the same numbers. */
  | 'c1-as-is'
  /** 0x80 to 0x9f that stand for nothing are U+FFFD instead of control characters. */
  | 'no-c1'
  /** No byte above 0x7f stands for anything. */
  | 'ascii';

/** Each character, a line end too, takes several bytes. */
export interface Wide {
  readonly name: string;
  /** Bytes of the shortest character. */
  readonly unit: 2 | 4;
  /** `mark`: as the file's byte order mark says, little-endian without one; such marks are no text. */
  readonly order: 'little' | 'big' | 'mark';
}

export interface Codec {
  readonly label: string;
  readonly fix?: Fix;
  /** Single bytes that stand for something else, as characters. */
  readonly bytes?: Readonly<Record<number, string>>;
  /** What the bytes from 0x80 on stand for; then the label tells nothing of them. */
  readonly page?: string;
  /** A byte order mark before a line is no text. */
  readonly dropsMark?: true;
  /** Of such a log, lines are made UTF-8 when they are cut. */
  readonly wide?: Wide;
}

const thai = { label: 'windows-874', fix: 'c1-as-is' } as const;

/** By Python's name. The multibyte ones hold a few more characters than Python's, and end a broken sequence as the web does. */
const codecs: Readonly<Record<string, Codec>> = {
  utf_8: { label: 'utf-8' },
  utf_8_sig: { label: 'utf-8', dropsMark: true },
  ...Object.fromEntries(([2, 4] as const).flatMap((unit) => (['little', 'big', 'mark'] as const).map(wide(unit)))),
  ascii: { label: 'windows-1252', fix: 'ascii' },
  latin_1: { label: 'windows-1252', fix: 'c1-as-is' },
  ...Object.fromEntries([2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16].map(plain('iso8859_', 'iso-8859-'))),
  iso8859_9: { label: 'windows-1254', fix: 'c1-as-is' },
  iso8859_11: thai,
  tis_620: { ...thai, bytes: { 160: '\ufffd' } },
  cp874: { label: 'windows-874', fix: 'no-c1' },
  ...Object.fromEntries([1250, 1251, 1252, 1253, 1254, 1257, 1258].map(unassigned)),
  cp1255: { label: 'windows-1255', fix: 'no-c1', bytes: { 202: '\ufffd' } },
  cp1256: { label: 'windows-1256' },
  cp866: { label: 'ibm866' },
  koi8_r: { label: 'koi8-r' },
  koi8_u: { label: 'koi8-u', bytes: { 174: '\u255d', 190: '\u256c' } },
  mac_roman: { label: 'macintosh' },
  big5: { label: 'big5' },
  gb2312: { label: 'gbk' },
  gbk: { label: 'gbk' },
  gb18030: { label: 'gb18030' },
  euc_jp: { label: 'euc-jp' },
  euc_kr: { label: 'euc-kr' },
  shift_jis: { label: 'shift_jis' },
  cp932: { label: 'shift_jis' },
  ...Object.fromEntries(Object.entries(codePages).map(([name, page]) => [name, { label: 'windows-1252', page }])),
};

function wide(unit: Wide['unit']) {
  return (order: Wide['order']): [string, Codec] => {
    const name = `utf-${8 * unit}${{ little: '-le', big: '-be', mark: '' }[order]}`;
    return [name.replaceAll('-', '_'), { label: 'utf-8', wide: { name, unit, order } }];
  };
}

function plain(python: string, web: string) {
  return (part: number): [string, Codec] => [python + part, { label: web + part }];
}

function unassigned(page: number): [string, Codec] {
  return [`cp${page}`, { label: `windows-${page}`, fix: 'no-c1' }];
}

/** Further names of the same, as in Python's encodings.aliases. */
const aliases: Readonly<Record<string, string>> = {
  utf_8: 'cp65001 u8 utf utf8 utf8_ucs2 utf8_ucs4',
  utf_16: 'u16 utf16',
  utf_16_le: 'unicodelittleunmarked utf_16le',
  utf_16_be: 'unicodebigunmarked utf_16be',
  utf_32: 'u32 utf32',
  utf_32_le: 'utf_32le',
  utf_32_be: 'utf_32be',
  ascii: '646 ansi_x3_4_1968 ansi_x3_4_1986 cp367 csascii ibm367 iso646_us iso_646_irv_1991 iso_ir_6 us us_ascii',
  latin_1: '8859 cp819 csisolatin1 ibm819 iso8859 iso8859_1 iso_8859_1 iso_8859_1_1987 iso_ir_100 l1 latin latin1',
  iso8859_2: 'csisolatin2 iso_8859_2 iso_8859_2_1987 iso_ir_101 l2 latin2',
  iso8859_3: 'csisolatin3 iso_8859_3 iso_8859_3_1988 iso_ir_109 l3 latin3',
  iso8859_4: 'csisolatin4 iso_8859_4 iso_8859_4_1988 iso_ir_110 l4 latin4',
  iso8859_5: 'csisolatincyrillic cyrillic iso_8859_5 iso_8859_5_1988 iso_ir_144',
  iso8859_6: 'arabic asmo_708 csisolatinarabic ecma_114 iso_8859_6 iso_8859_6_1987 iso_ir_127',
  iso8859_7: 'csisolatingreek ecma_118 elot_928 greek greek8 iso_8859_7 iso_8859_7_1987 iso_ir_126',
  iso8859_8: 'csisolatinhebrew hebrew iso_8859_8 iso_8859_8_1988 iso_ir_138',
  iso8859_9: 'csisolatin5 iso_8859_9 iso_8859_9_1989 iso_ir_148 l5 latin5',
  iso8859_10: 'csisolatin6 iso_8859_10 iso_8859_10_1992 iso_ir_157 l6 latin6',
  iso8859_11: 'iso_8859_11 iso_8859_11_2001 thai',
  iso8859_13: 'iso_8859_13 l7 latin7',
  iso8859_14: 'iso_8859_14 iso_8859_14_1998 iso_celtic iso_ir_199 l8 latin8',
  iso8859_15: 'iso_8859_15 l9 latin9',
  iso8859_16: 'iso_8859_16 iso_8859_16_2001 iso_ir_226 l10 latin10',
  cp1250: '1250 windows_1250',
  cp1251: '1251 windows_1251',
  cp1252: '1252 windows_1252',
  cp1253: '1253 windows_1253',
  cp1254: '1254 windows_1254',
  cp1255: '1255 windows_1255',
  cp1256: '1256 windows_1256',
  cp1257: '1257 windows_1257',
  cp1258: '1258 windows_1258',
  cp866: '866 csibm866 ibm866',
  tis_620: 'iso_ir_166 tis620 tis_620_0 tis_620_2529_0 tis_620_2529_1',
  koi8_r: 'cskoi8r',
  mac_roman: 'macintosh macroman',
  big5: 'big5_tw csbig5 x_mac_trad_chinese',
  gb2312: 'chinese csiso58gb231280 euc_cn euccn eucgb2312_cn gb2312_1980 gb2312_80 iso_ir_58 x_mac_simp_chinese',
  gbk: '936 cp936 ms936',
  gb18030: 'gb18030_2000',
  euc_jp: 'eucjp u_jis ujis',
  euc_kr: 'euckr korean ks_c_5601 ks_c_5601_1987 ks_x_1001 ksc5601 ksx1001 x_mac_korean',
  shift_jis: 'csshiftjis s_jis shiftjis sjis x_mac_japanese',
  cp932: '932 ms932 ms_kanji mskanji',
  cp437: '437 cspc8codepage437 ibm437',
  cp775: '775 cspc775baltic ibm775',
  cp850: '850 cspc850multilingual ibm850',
  cp852: '852 cspcp852 ibm852',
  cp855: '855 csibm855 ibm855',
  cp857: '857 csibm857 ibm857',
  cp858: '858 csibm858 ibm858',
  cp860: '860 csibm860 ibm860',
  cp861: '861 cp_is csibm861 ibm861',
  cp862: '862 cspc862latinhebrew ibm862',
  cp863: '863 csibm863 ibm863',
  cp865: '865 csibm865 ibm865',
  cp869: '869 cp_gr csibm869 ibm869',
  cp1125: '1125 cp866u ibm1125 ruscii',
  hp_roman8: 'cp1051 cshproman8 ibm1051 r8 roman8',
  kz1048: 'kz_1048 rk1048 strk1048_2002',
  mac_cyrillic: 'maccyrillic',
  mac_greek: 'macgreek',
  mac_iceland: 'maciceland',
  mac_latin2: 'mac_centeuro maccentraleurope maclatin2',
  mac_turkish: 'macturkish',
  ptcp154: 'cp154 csptcp154 cyrillic_asian pt154',
};

const byName: ReadonlyMap<string, Codec> = new Map(
  Object.entries(codecs).flatMap(([name, codec]) =>
    [name, ...(aliases[name] ?? '').split(' ')].map((each) => [each, codec] as const),
  ),
);

/** `auto` is UTF-8. Throws ERR_FILTER_ENCODING for a name that stands for nothing, or for what edgeban does not decode. */
export function codecOf(logencoding: string): Codec {
  const name = logencoding
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '');
  const codec = byName.get(name === '' || name === 'auto' ? 'utf_8' : name);
  if (codec !== undefined) return codec;
  throw new EdgebanError('ERR_FILTER_ENCODING', `unknown logencoding ${JSON.stringify(logencoding)}`, {
    remedy:
      'use auto, utf-8, iso-8859-1, cp1252 or another encoding by its name in Python, or have the log written in UTF-8',
  });
}
