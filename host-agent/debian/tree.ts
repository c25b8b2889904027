/** The files of a package, each at its place with its mode. */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export class Tree {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
    mkdirSync(root, { recursive: true, mode: 0o755 });
  }

  text(path: string, text: string, mode = 0o644): void {
    writeFileSync(this.#place(path), text);
    chmodSync(join(this.root, path), mode);
  }

  /** Packed without a name and a time in it: the same in every build. */
  packed(path: string, text: string | Uint8Array): void {
    writeFileSync(this.#place(`${path}.gz`), gzipSync(text, { level: 9 }));
  }

  copy(path: string, from: string, mode = 0o644): void {
    this.text(path, readFileSync(from, 'utf8'), mode);
  }

  copyAll(path: string, from: string): void {
    cpSync(from, this.#place(path), { recursive: true });
  }

  link(path: string, target: string): void {
    symlinkSync(target, this.#place(path));
  }

  folder(path: string): void {
    mkdirSync(join(this.root, path), { recursive: true });
  }

  /** Modes do not depend on the umask of who builds. */
  settle(folder = ''): void {
    const path = join(this.root, folder);
    chmodSync(path, 0o755);
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const inside = join(folder, entry.name);
      if (entry.isDirectory()) this.settle(inside);
      else if (entry.isFile())
        chmodSync(join(this.root, inside), statSync(join(this.root, inside)).mode & 0o111 ? 0o755 : 0o644);
    }
  }

  #place(path: string): string {
    const whole = join(this.root, path);
    mkdirSync(dirname(whole), { recursive: true });
    return whole;
  }
}
