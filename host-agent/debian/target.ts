/** The machines that a package can be built for. */

export interface Target {
  /** Debian's name of the architecture. */
  readonly debian: 'amd64' | 'arm64';
  /** Node's. */
  readonly node: 'x64' | 'arm64';
  /** GNU's: of the compiler and of the library folders. */
  readonly triplet: string;
  /** Runs its programs on a machine of another kind. */
  readonly emulator: string;
}

export const targets: readonly Target[] = [
  { debian: 'amd64', node: 'x64', triplet: 'x86_64-linux-gnu', emulator: 'qemu-x86_64-static' },
  { debian: 'arm64', node: 'arm64', triplet: 'aarch64-linux-gnu', emulator: 'qemu-aarch64-static' },
];

/** Is it for machines of another kind than this one? */
export function isForeign(target: Target): boolean {
  return target.node !== process.arch;
}

/** The oldest C library that a package must run with: Debian 11's. */
export const oldest = { release: 'bullseye', glibc: [2, 31] } as const;
