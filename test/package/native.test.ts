/** What a compiled part may need of the C library. */
import { describe, expect, it } from 'vitest';
import { newSymbols } from '../../host-agent/debian/native.ts';

const line = (name: string, version: string, flag = ' ') =>
  `0000000000000000 ${flag}    D  *UND*\t0000000000000000  ${version} ${name}`;

describe('a symbol', () => {
  it('of a newer C library than Debian 11 has is found', () => {
    const table = [line('stat', '(GLIBC_2.33)'), line('memcpy', '(GLIBC_2.14)'), line('fcntl64', '(GLIBC_2.28)')];
    expect(newSymbols(table.join('\n'))).toEqual(['stat']);
  });

  it('that no library has is found, but for weak ones and those of Node and of the compiler', () => {
    const table = [
      line('arc4random', 'Base'),
      line('__gmon_start__', 'Base', 'w'),
      line('napi_create_function', 'Base'),
      line('_ZN2v85Value', 'Base'),
      line('_Unwind_Resume', '(GCC_3.0)'),
    ];
    expect(newSymbols(table.join('\n'))).toEqual(['arc4random']);
  });
});
