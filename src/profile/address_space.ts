/**
 * The address spaces of processes.
 *
 * Records are added in order of time, and a lookup returns the state after the last one. A
 * process has an immutable tree of ranges (a treap): a mapping copies the path to it, and a
 * fork shares the tree. A fork is therefore almost free, and memory grows with the mappings
 * that differ.
 *
 * Addresses are signed numbers; kernel addresses are negative (see `src/symbols/address.ts`).
 *
 * @module
 */

import { type Address, isKernelAddress } from "../symbols/address.ts";

/** Process id of the kernel's own mappings in a recording. */
export const KERNEL_PID = -1;

/** Identity of a mapped file. Equal identities are the same object. */
export interface MappedFile {
  /** Path in the process's view, or a name such as `[vdso]` and `//anon`. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  /** Inode; 0 if it is not recorded. */
  readonly inode: number;
  /** Build-id in hexadecimal; undefined if it is not recorded. */
  readonly buildId?: string;
}

/** A mapping of one file, or of anonymous memory. */
export interface Mapping {
  readonly file: MappedFile;
  readonly start: Address;
  /** First address after the mapping. */
  readonly end: Address;
  /** Offset in the file of the byte at `start`. */
  readonly pageOffset: number;
  readonly time: bigint;
  /** The process that mapped it: an ancestor, if it was inherited. */
  readonly pid: number;
}

/** Fields of a PERF_RECORD_MMAP or MMAP2. */
export interface MappingRecord {
  readonly pid: number;
  readonly start: Address;
  readonly length: number;
  readonly pageOffset: number;
  readonly path: string;
  readonly time: bigint;
  readonly major?: number;
  readonly minor?: number;
  readonly inode?: number;
  readonly buildId?: string;
}

/** A part of a mapping that still exists. */
interface Node {
  readonly start: Address;
  readonly end: Address;
  readonly mapping: Mapping;
  readonly priority: number;
  readonly left: Tree;
  readonly right: Tree;
}

type Tree = Node | undefined;

/** The address spaces of all processes of a recording. */
export class AddressSpaces {
  readonly #spaces = new Map<number, Tree>();
  readonly #files = new Map<string, MappedFile>();

  /**
   * Adds a mapping, which replaces the parts of others that it overlaps: unmapping is not
   * recorded.
   *
   * @returns `undefined` if its range is empty or invalid.
   */
  map(record: MappingRecord): Mapping | undefined {
    const { pid, start, length, pageOffset, time } = record;
    const end = start + length;
    if (!(end > start)) return undefined;
    const file = this.#file(record);
    const mapping = { file, start, end, pageOffset, time, pid };
    const [before, rest] = split(this.#spaces.get(pid), start);
    const [, after] = split(rest, end);
    const node = {
      start,
      end,
      mapping,
      priority: Math.random(),
      left: undefined,
      right: undefined,
    };
    this.#spaces.set(pid, join(join(before, node), after));
    return mapping;
  }

  /** Clears a process's address space, as `exec` does (a COMM record with the exec bit). */
  exec(pid: number): void {
    this.#spaces.delete(pid);
  }

  /** Copies the parent's address space. Has no effect for a thread, which shares it. */
  fork(pid: number, parentPid: number): void {
    if (pid === parentPid) return;
    const parent = this.#spaces.get(parentPid);
    // A reused process id gets a new address space.
    if (parent === undefined) this.#spaces.delete(pid);
    else this.#spaces.set(pid, parent);
  }

  /** Finds the mapping at an address of a process, or of the kernel. */
  lookup(pid: number, address: Address): Mapping | undefined {
    let node = this.#spaces.get(isKernelAddress(address) ? KERNEL_PID : pid);
    while (node !== undefined) {
      if (address < node.start) node = node.left;
      else if (address >= node.end) node = node.right;
      else return node.mapping;
    }
    return undefined;
  }

  /** Returns the mappings of a process, in the order of addresses. */
  mappings(pid: number): Mapping[] {
    const found: Mapping[] = [];
    const visit = (node: Tree) => {
      if (node === undefined) return;
      visit(node.left);
      if (found.at(-1) !== node.mapping) found.push(node.mapping);
      visit(node.right);
    };
    visit(this.#spaces.get(pid));
    return found;
  }

  #file(record: MappingRecord): MappedFile {
    const { path, major = 0, minor = 0, inode = 0, buildId } = record;
    const key = `${major}:${minor}:${inode}:${buildId ?? ""}:${path}`;
    let file = this.#files.get(key);
    if (file === undefined) {
      file = { path, major, minor, inode, buildId };
      this.#files.set(key, file);
    }
    return file;
  }
}

/** Splits a tree at an address; a range that contains the address is split too. */
function split(tree: Tree, at: Address): [before: Tree, after: Tree] {
  if (tree === undefined) return [undefined, undefined];
  if (tree.end <= at) {
    const [before, after] = split(tree.right, at);
    return [{ ...tree, right: before }, after];
  }
  if (tree.start >= at) {
    const [before, after] = split(tree.left, at);
    return [before, { ...tree, left: after }];
  }
  return [
    { ...tree, end: at, right: undefined },
    { ...tree, start: at, left: undefined },
  ];
}

/** Joins two trees; the first one is before the second one. */
function join(before: Tree, after: Tree): Tree {
  if (before === undefined) return after;
  if (after === undefined) return before;
  return before.priority > after.priority
    ? { ...before, right: join(before.right, after) }
    : { ...after, left: join(before, after.left) };
}
