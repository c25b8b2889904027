/** What a compiled part may need of the C library, and what a build for another kind of machine needs of this one. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

it('a package for another kind of machine is refused, by name, where nothing compiles for it and nothing runs it', () => {
  const program = fileURLToPath(new URL('../../host-agent/debian/package.ts', import.meta.url));
  const other = process.arch === 'arm64' ? 'amd64' : 'arm64';
  const { status, stderr } = spawnSync(process.execPath, [program, '--arch', other], {
    env: { PATH: '' },
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/apt-get install g\+\+-\S+-linux-gnu qemu-user-static/);
});
