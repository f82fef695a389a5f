/**
 * What the threads of a process know in common.
 *
 * @module
 */

import type { Libc } from "../ffi/libc.ts";
import { tryMapMemoryAt, unmapMemory } from "../ffi/mapping.ts";
import { readMemory, writeMemory } from "../ffi/memory.ts";
import {
  initializeMutex,
  lockMutex,
  MUTEX_SIZE,
  unlockMutex,
} from "../ffi/mutex.ts";
import { MemoryProbe } from "../ffi/probe.ts";
import type { FileStatus } from "../ffi/status.ts";
import { pause } from "./pause.ts";
import { processMark } from "./process_mark.ts";

/**
 * Where the table may lie: from 2³⁷ on, where neither programs nor the kernel's own
 * choice put anything, up to 2⁴⁶, and on AArch64 up to 2³⁸, which some kernels end soon
 * behind. (V8 reserves some 10 GiB in this range, anywhere.)
 */
const FIRST_ADDRESS = 1n << 37n;
const ADDRESS_END = 1n << (Deno.build.arch === "aarch64" ? 38n : 46n);
const STEP = 1n << 20n;
const PLACES = (ADDRESS_END - FIRST_ADDRESS) / STEP;
const CANDIDATES = 16n;

const SIZE = 1 << 20;
const ROW_SIZE = 128;
const ROWS = SIZE / ROW_SIZE;

/** The table's head takes the place of the first row. */
const HEAD = {
  mutex: 0,
  rows: MUTEX_SIZE, // u32, how many have been in use, the head included
  magic: MUTEX_SIZE + 8, // two u64
};

/** A row; that of a file that nobody has open is free. */
const ROW = {
  mutex: 0,
  device: MUTEX_SIZE, // u64
  inode: MUTEX_SIZE + 8, // u64
  marker: MUTEX_SIZE + 16, // u64
  users: MUTEX_SIZE + 24, // u32
};

/** How long a table that is being made may take to get its magic numbers, in ms. */
const PATIENCE = 100;

/** Each thread looks for the table once, whichever copies of this module it has. */
const ADDRESS_KEY = Symbol.for("@jitdump/jitdump: process table 1");

/**
 * The files that a process has open for appending, in whichever threads.
 *
 * The threads of a Deno program share no variable. They share the address space, and
 * the table lies at an address that follows from the process alone (see
 * {@linkcode processMark}), so the first to come puts it there and all others find it.
 *
 *     ┌──────┬───────┬───────┬─────
 *     │ head │ row 1 │ row 2 │ …     1 MiB, of which pages that nobody has used
 *     └──────┴───────┴───────┴─────  take no memory; it stays for the process's life
 *
 *     head   a mutex: who has it may open and close files
 *     row    a file, how many have it open, where its marker is, and a mutex: who has
 *            that may append, so that a record that finds no room is taken back before
 *            anything can come behind it
 *
 * A worker that is terminated, or ends, while it has a file open stays counted. It
 * cannot have a mutex then: Deno ends it only where it waits.
 */
export class ProcessTable {
  readonly #libc: Libc;
  readonly #address: bigint;

  private constructor(libc: Libc, address: bigint) {
    this.#libc = libc;
    this.#address = address;
  }

  /**
   * Finds the table, or makes it.
   *
   * @throws {JitDumpError} If there is no memory.
   */
  static ofProcess(libc: Libc): ProcessTable {
    const globals = globalThis as unknown as Record<symbol, bigint>;
    const address = globals[ADDRESS_KEY] ??= findOrMake(libc);
    return new ProcessTable(libc, address);
  }

  /** Does something while no other thread opens or closes files. */
  exclusively<T>(action: (table: ProcessTable) => T): T {
    const mutex = this.#address + BigInt(HEAD.mutex);
    lockMutex(this.#libc, mutex);
    try {
      return action(this);
    } finally {
      unlockMutex(this.#libc, mutex);
    }
  }

  /** The row of a file; undefined where nobody has it open. */
  find({ device, inode }: FileStatus): TableRow | undefined {
    const view = this.#read();
    const count = view.getUint32(HEAD.rows, true);
    for (let row = 1; row < count; row++) {
      const at = row * ROW_SIZE;
      if (
        view.getBigUint64(at + ROW.inode, true) === inode &&
        view.getBigUint64(at + ROW.device, true) === device &&
        view.getUint32(at + ROW.users, true) > 0
      ) return this.#row(row);
    }
  }

  /**
   * Adds a file that one user has open.
   *
   * @param marker The address of its marker; 0 where it needs none.
   */
  add({ device, inode }: FileStatus, marker: bigint): TableRow {
    const view = this.#read();
    const count = Math.max(1, view.getUint32(HEAD.rows, true));
    let row = 1;
    while (
      row < count && view.getUint32(row * ROW_SIZE + ROW.users, true) > 0
    ) {
      row++;
    }
    if (row === ROWS) {
      throw new Error(`Cannot open one more file: ${ROWS - 1} are open`);
    }
    if (row === count) {
      const rows = Uint32Array.of(row + 1);
      writeMemory(
        this.#libc,
        this.#address + BigInt(HEAD.rows),
        new Uint8Array(rows.buffer),
      );
    }
    const added = this.#row(row);
    initializeMutex(this.#libc, this.#address + BigInt(row * ROW_SIZE));
    added.set({ device, inode, marker, users: 1 });
    return added;
  }

  #row(row: number): TableRow {
    return new TableRow(this.#libc, this.#address + BigInt(row * ROW_SIZE));
  }

  /** The head, and the rows that have been in use. */
  #read(): DataView {
    const head = new Uint8Array(new ArrayBuffer(ROW_SIZE));
    readMemory(this.#libc, head, this.#address);
    const count = new DataView(head.buffer).getUint32(HEAD.rows, true);
    const rows = new Uint8Array(new ArrayBuffer(Math.max(1, count) * ROW_SIZE));
    readMemory(this.#libc, rows, this.#address);
    return new DataView(rows.buffer);
  }
}

/** What a row says. */
interface RowFields {
  device: bigint;
  inode: bigint;
  marker: bigint;
  users: number;
}

/** A file that is open, in one thread or more. */
export class TableRow {
  readonly #libc: Libc;
  readonly #address: bigint;

  constructor(libc: Libc, address: bigint) {
    this.#libc = libc;
    this.#address = address;
  }

  /** Waits until no other thread appends to the file; none will before {@linkcode unlock}. */
  lock(): void {
    lockMutex(this.#libc, this.#address + BigInt(ROW.mutex));
  }

  /** Lets others append again. */
  unlock(): void {
    unlockMutex(this.#libc, this.#address + BigInt(ROW.mutex));
  }

  /** How many have the file open. To be asked and changed by who may open and close. */
  get users(): number {
    return this.#get().users;
  }

  set users(users: number) {
    this.set({ ...this.#get(), users });
  }

  /** Where the file's marker is. */
  get marker(): bigint {
    return this.#get().marker;
  }

  #get(): RowFields {
    const bytes = new Uint8Array(new ArrayBuffer(ROW_SIZE));
    readMemory(this.#libc, bytes, this.#address);
    const view = new DataView(bytes.buffer);
    return {
      device: view.getBigUint64(ROW.device, true),
      inode: view.getBigUint64(ROW.inode, true),
      marker: view.getBigUint64(ROW.marker, true),
      users: view.getUint32(ROW.users, true),
    };
  }

  /** Changes all but the mutex. */
  set({ device, inode, marker, users }: RowFields): void {
    const view = new DataView(new ArrayBuffer(ROW_SIZE - ROW.device));
    view.setBigUint64(0, device, true);
    view.setBigUint64(ROW.inode - ROW.device, inode, true);
    view.setBigUint64(ROW.marker - ROW.device, marker, true);
    view.setUint32(ROW.users - ROW.device, users, true);
    writeMemory(
      this.#libc,
      this.#address + BigInt(ROW.device),
      new Uint8Array(view.buffer),
    );
  }
}

/** The numbers that only a table of this process and layout begins with. */
const magicOf = (libc: Libc) =>
  BigUint64Array.of(processMark(libc, 1n, 1n), processMark(libc, 1n, 2n));

function findOrMake(libc: Libc): bigint {
  using probe = new MemoryProbe(libc);
  const magic = magicOf(libc);
  const addresses = Array.from({ length: Number(CANDIDATES) }, (_, i) => {
    const place = processMark(libc, 2n, BigInt(i)) % PLACES;
    return FIRST_ADDRESS + place * STEP;
  });
  for (const address of addresses) {
    if (!tryMapMemoryAt(libc, address, SIZE)) {
      if (isTable(probe, address, magic, PATIENCE)) return address;
      continue;
    }
    // Something unrelated may have been here when the table was made elsewhere.
    const other = addresses.find((other) =>
      other !== address && isTable(probe, other, magic, 0)
    );
    if (other === undefined) {
      initializeMutex(libc, address + BigInt(HEAD.mutex));
      const at = address + BigInt(HEAD.magic);
      writeMemory(libc, at, new Uint8Array(magic.buffer));
      return address;
    }
    unmapMemory(libc, address, SIZE);
    return other;
  }
  throw new Error(
    `Cannot share memory with other threads: none of ${CANDIDATES} addresses is free`,
  );
}

/** Whether the table is at an address, or comes to be there. */
function isTable(
  probe: MemoryProbe,
  address: bigint,
  magic: BigUint64Array,
  patience: number,
): boolean {
  for (;; pause()) {
    const at = address + BigInt(HEAD.magic);
    const bytes = probe.read(at, magic.byteLength);
    if (!bytes) return false;
    const found = new BigUint64Array(bytes.buffer);
    if (found.every((word, i) => word === magic[i])) return true;
    // One that is being made has zeros there.
    if (found.some((word) => word !== 0n) || patience-- <= 0) return false;
  }
}
