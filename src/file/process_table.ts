/**
 * What the threads of a process know in common.
 *
 * @module
 */

import type { Libc } from "../../ffi/libc.ts";
import { tryMapMemoryAt, unmapMemory } from "../../ffi/mapping.ts";
import { readMemory, writeMemory } from "../../ffi/memory.ts";
import {
  initializeMutex,
  lockMutex,
  MUTEX_SIZE,
  unlockMutex,
} from "../../ffi/mutex.ts";
import { MemoryProbe } from "../../ffi/probe.ts";
import {
  initializeRwlock,
  lockAlone,
  lockShared,
  RWLOCK_SIZE,
  unlock,
} from "../../ffi/rwlock.ts";
import type { FileStatus } from "../../ffi/status.ts";
import { pause } from "./pause.ts";
import { processMark } from "./process_mark.ts";
import { type Struct, struct } from "../format/struct.ts";

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
const ROW_SIZE = 256;
const ROWS = SIZE / ROW_SIZE - 1;

/** The table's head takes the place of the first row. */
const HEAD = {
  mutex: 0,
  rows: MUTEX_SIZE, // u32, how many have been in use
  magic: MUTEX_SIZE + 8, // two u64
};

/** A row begins with its locks. */
const ROW = {
  turn: 0,
  lock: MUTEX_SIZE,
  fields: MUTEX_SIZE + RWLOCK_SIZE,
};

/** What a row says behind its locks; that of a file that nobody has open is free. */
interface RowFields {
  device: bigint;
  inode: bigint;
  /** The address of the file's marker. */
  marker: bigint;
  /** How many have the file open. */
  users: number;
  /** 1 where that can only be one. */
  isExclusive: number;
}

const RowFields: Struct<RowFields> = struct<RowFields>("RowFields", {
  device: "u64",
  inode: "u64",
  marker: "u64",
  users: "u32",
  isExclusive: "u32",
});

/**
 * How long a table that is being made may take to get its magic numbers, in ms. The
 * thread that makes it may have to wait for a processor; nothing else is likely to be
 * there, least of all with zeros in that place.
 */
const MAKING_PATIENCE_MS = 10_000;

/**
 * How long to wait, in seconds, for those who append. The largest append takes less, but
 * for a disk that hangs.
 */
const APPENDS_PATIENCE_S = 5n;

/** The same for those who open or close files, and may be waiting so themselves. */
const OPENING_PATIENCE_S = 20n;

/** Each thread looks for the table once, whichever copies of this module it has. */
const ADDRESS_KEY = Symbol.for("@jitdump/jitdump: process table 2");

/**
 * The files that a process has open for writing, in whichever threads.
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
 *     row    a file, how many have it open, where its marker is, and two locks: all may
 *            append at once, and each may ask for the others to wait: to take back a
 *            record that found no room, or where one may find none
 *
 * A worker that is terminated, or ends, while it has a file open stays counted. It
 * cannot have a lock then: Deno ends it only where it waits.
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
    const isLocked = lockMutex(this.#libc, mutex, OPENING_PATIENCE_S);
    try {
      return action(this);
    } finally {
      if (isLocked) unlockMutex(this.#libc, mutex);
    }
  }

  /** The row of a file; undefined where nobody has it open. */
  find({ device, inode }: FileStatus): TableRow | undefined {
    const row = this.#readRows().findIndex((fields) =>
      fields.users > 0 && fields.inode === inode && fields.device === device
    );
    return row === -1 ? undefined : this.#row(row);
  }

  /**
   * Adds a file that one user has open.
   *
   * @param marker The address of its marker; 0 where it needs none.
   * @param isExclusive Whether nobody else may have it open.
   */
  add(
    { device, inode }: FileStatus,
    marker: bigint,
    isExclusive: boolean,
  ): TableRow {
    const rows = this.#readRows();
    const free = rows.findIndex(({ users }) => users === 0);
    const row = free === -1 ? rows.length : free;
    if (row === ROWS) {
      throw new Error(`Cannot open one more file: ${ROWS} are open`);
    }
    const added = this.#row(row);
    added.initialize({
      device,
      inode,
      marker,
      users: 1,
      isExclusive: Number(isExclusive),
    });
    if (row === rows.length) {
      const count = new Uint8Array(Uint32Array.of(row + 1).buffer);
      writeMemory(this.#libc, this.#address + BigInt(HEAD.rows), count);
    }
    return added;
  }

  #row(row: number): TableRow {
    const offset = BigInt((row + 1) * ROW_SIZE);
    return new TableRow(this.#libc, this.#address + offset);
  }

  /** What the rows say that have been in use. */
  #readRows(): RowFields[] {
    const count = new Uint32Array(1);
    readMemory(
      this.#libc,
      new Uint8Array(count.buffer),
      this.#address + BigInt(HEAD.rows),
    );
    const rows = new Uint8Array(new ArrayBuffer(count[0] * ROW_SIZE));
    readMemory(this.#libc, rows, this.#address + BigInt(ROW_SIZE));
    return Array.from(
      { length: count[0] },
      (_, row) => RowFields.unpack(rows.subarray(row * ROW_SIZE + ROW.fields)),
    );
  }
}

/** A file that is open, in one thread or more. */
export class TableRow {
  readonly #libc: Libc;
  /** A mutex, for those who want the file alone. */
  readonly #turn: bigint;
  /** Who has it alone keeps from appending those who share it. */
  readonly #lock: bigint;
  readonly #fields: bigint;
  #patience = APPENDS_PATIENCE_S;

  constructor(libc: Libc, address: bigint) {
    this.#libc = libc;
    this.#turn = address + BigInt(ROW.turn);
    this.#lock = address + BigInt(ROW.lock);
    this.#fields = address + BigInt(ROW.fields);
  }

  /** Fills the row of which nobody has a lock. */
  initialize(fields: RowFields): void {
    initializeMutex(this.#libc, this.#turn);
    initializeRwlock(this.#libc, this.#lock);
    this.#write(fields);
  }

  /**
   * Waits until nobody has the file alone; nobody will before {@linkcode unlock}.
   *
   * @returns Whether there is something to unlock: not where a script that V8 has ended
   * in another thread has not given the lock back.
   */
  lockShared(): boolean {
    const isLocked = lockShared(this.#libc, this.#lock, this.#patience);
    if (!isLocked) this.#patience = 0n;
    return isLocked;
  }

  /** Gives {@linkcode lockShared} back. */
  unlock(): void {
    unlock(this.#libc, this.#lock);
  }

  /**
   * Does something while no other thread appends to the file.
   *
   * @param action Gets whether that is certain: not where a script that V8 has ended in
   * another thread has not given the lock back.
   */
  exclusively<T>(action: (isAlone: boolean) => T): T {
    // They take turns, so that each waits for no more than an append.
    const isTurn = lockMutex(this.#libc, this.#turn, this.#patience);
    const isAlone = lockAlone(this.#libc, this.#lock, this.#patience);
    // What was waited for in vain once is not waited for again.
    this.#patience = isTurn && isAlone ? APPENDS_PATIENCE_S : 0n;
    try {
      return action(isTurn && isAlone);
    } finally {
      if (isAlone) this.unlock();
      if (isTurn) unlockMutex(this.#libc, this.#turn);
    }
  }

  /** How many have the file open. To be changed only by who may open and close. */
  get users(): number {
    return this.#read().users;
  }

  set users(users: number) {
    this.#write({ ...this.#read(), users });
  }

  /** Whether nobody else may have the file open. */
  get isExclusive(): boolean {
    return this.#read().isExclusive === 1;
  }

  /** Where the file's marker is. */
  get marker(): bigint {
    return this.#read().marker;
  }

  #read(): RowFields {
    const bytes = new Uint8Array(new ArrayBuffer(RowFields.size));
    readMemory(this.#libc, bytes, this.#fields);
    return RowFields.unpack(bytes);
  }

  #write(fields: RowFields): void {
    const bytes = RowFields.pack(fields) as Uint8Array<ArrayBuffer>;
    writeMemory(this.#libc, this.#fields, bytes);
  }
}

/** The numbers that only a table of this process and layout begins with. */
const magicOf = (libc: Libc) =>
  BigUint64Array.of(processMark(libc, 1n, 3n), processMark(libc, 1n, 4n));

function findOrMake(libc: Libc): bigint {
  using probe = new MemoryProbe(libc);
  const magic = magicOf(libc);
  const addresses = Array.from({ length: Number(CANDIDATES) }, (_, i) => {
    const place = processMark(libc, 2n, BigInt(i)) % PLACES;
    return FIRST_ADDRESS + place * STEP;
  });
  for (const address of addresses) {
    if (!tryMapMemoryAt(libc, address, SIZE)) {
      if (isTable(probe, address, magic, MAKING_PATIENCE_MS)) return address;
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
