/**
 * A file that several writers of one process append to.
 *
 * @module
 */

import { foreignWriters } from "../../ffi/descriptors.ts";
import {
  type OpenedFile,
  openRegularFile,
  removeFile,
} from "../../ffi/directory.ts";
import type { OpenFile } from "../../ffi/file.ts";
import type { Libc } from "../../ffi/libc.ts";
import { ONE_PAGE, unmap } from "../../ffi/mapping.ts";
import { absolutePath, withWritePrompt } from "../../ffi/permission.ts";
import { effectiveUserId } from "../../ffi/process.ts";
import { isSameFile, pathStatus } from "../../ffi/status.ts";
import { onTermination } from "../operation.ts";
import { LockTable, type Writers } from "./lock_table.ts";

/** An opened file, and the other writers of this process. */
export interface Opening extends OpenedFile {
  /** The other writers of this module. */
  readonly writers: Writers | undefined;
  /** True if another writer, of this module or another engine, appends to the file. */
  readonly isShared: boolean;
}

/** The marker and the sharing mode of a claimed file. */
export interface Claim {
  /** The address of a marker mapping that the writers share; 0 for a file without one. */
  readonly marker: bigint;
  /** True if the writer excludes others. */
  readonly isExclusive: boolean;
}

/** Maximum number of attempts to open a file that others keep renaming. */
const ATTEMPTS = 10;

/** A file in append mode, and this process's other writers of it. */
export class SharedFile {
  readonly file: OpenFile;
  readonly #table: LockTable;
  #marker = 0n;
  #isExclusive = false;

  private constructor(file: OpenFile) {
    this.file = file;
    this.#table = new LockTable(file);
  }

  /**
   * Opens or creates a file; see {@linkcode openRegularFile}.
   *
   * @param remedy Remedy for the error if another engine would overwrite appended records.
   * @param claim Checks the file and prepares it for records, while the door is locked.
   * Returns undefined if it has renamed the file, and a new one is to be created.
   * @throws {Deno.errors.Busy} If another writer excludes this one, or would overwrite records.
   * @throws Whatever `claim` throws.
   */
  static open(
    libc: Libc,
    path: string,
    remedy: string,
    claim: (opening: Opening) => Claim | undefined,
  ): SharedFile {
    const absolute = absolutePath(path);
    return withWritePrompt(() => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const opened = openRegularFile(
          libc,
          absolute,
          (file) => onTermination(() => file.close()),
        );
        const shared = new SharedFile(opened.file);
        if (shared.#tryJoin(opened, remedy, claim)) return shared;
      }
      throw new Deno.errors.Busy(
        `Cannot append to "${path}": another program keeps replacing it. Choose another directory.`,
      );
    });
  }

  /** Joins the writers of the file, or closes it. */
  #tryJoin(
    opened: OpenedFile,
    remedy: string,
    claim: (opening: Opening) => Claim | undefined,
  ): boolean {
    onTermination(() => this.close());
    let isJoined = false;
    try {
      isJoined = this.#table.withDoorLocked(() =>
        this.#join(opened, remedy, claim)
      );
      return isJoined;
    } catch (error) {
      if (opened.isNew) this.#removeIfUnused(opened);
      throw error;
    } finally {
      if (!isJoined) this.#abandon();
    }
  }

  #join(
    opened: OpenedFile,
    remedy: string,
    claim: (opening: Opening) => Claim | undefined,
  ): boolean {
    const { file, status } = opened;
    // Another writer may have renamed or removed it before the door was locked.
    if (!isSameFile(pathStatus(file.libc, file.path), status)) return false;
    const writers = this.#table.findWriters();
    const isShared = this.#requireSharing(opened, writers, remedy);
    const claimed = claim({ ...opened, writers, isShared });
    if (!claimed) return false;
    this.#marker = claimed.marker;
    this.#isExclusive = claimed.isExclusive;
    if (!this.#table.join(claimed.marker, claimed.isExclusive)) {
      throw busyError(file.path);
    }
    return true;
  }

  /** Returns whether others append to the file; throws if one excludes this writer. */
  #requireSharing(
    { file, status, isNew }: OpenedFile,
    writers: Writers | undefined,
    remedy: string,
  ): boolean {
    const { path } = file;
    if (this.#table.hasOtherProcess()) throw busyError(path);
    if (writers?.isExclusive) {
      throw new Deno.errors.Busy(
        `Cannot open "${path}": a writer of this process has it open with the sink "mapped", which excludes others. Choose another file.`,
      );
    }
    if (isNew && !writers) return false;
    const foreign = foreignWriters(file, status);
    if (!foreign.every(({ isAppending }) => isAppending)) {
      throw new Deno.errors.Busy(
        `Cannot append to "${path}": another engine of this process writes to it without append mode, and would overwrite records. ${remedy}`,
      );
    }
    return writers !== undefined || foreign.length > 0;
  }

  /** True if this writer excludes others. */
  get isExclusive(): boolean {
    return this.#isExclusive;
  }

  /**
   * Runs `action` while the door is locked; see {@linkcode LockTable.withDoorLocked}.
   *
   * @param action `isAlone` is false if the door could not be locked before the timeout.
   */
  withDoorLocked(action: (isAlone: boolean) => void): void {
    this.#table.withDoorLocked(action);
  }

  /** Returns whether this process has no other writer of the file. Lock the door first. */
  isOnlyWriter(): boolean {
    return this.#table.isOnly() && !this.hasForeignWriters();
  }

  /** Returns whether another engine of this process writes the file. */
  hasForeignWriters(): boolean {
    return foreignWriters(this.file, this.file.status()).length > 0;
  }

  /** True if the file is closed. */
  get isClosed(): boolean {
    return this.file.isClosed;
  }

  /**
   * Closes the file, and removes the marker if this writer was the last. Further calls
   * have no effect.
   */
  close(): void {
    if (this.isClosed) return;
    try {
      this.#table.withDoorLocked((isAlone) => this.#leave(isAlone));
    } finally {
      this.file.close();
    }
  }

  /** Leaves the writers of the file; the last one removes the marker. */
  #leave(isAlone: boolean): void {
    const marker = this.#marker;
    // Cleared first: another mapping may get that address.
    this.#marker = 0n;
    const isLast = isAlone && marker !== 0n && this.#table.isOnly();
    this.#table.leave();
    if (isLast) unmap(this.file, marker, ONE_PAGE);
  }

  /** Closes the file after an error; an error of closing is ignored. */
  #abandon(): void {
    try {
      this.close();
    } catch {
      // The first error is more important.
    }
  }

  /** Removes a file that was just created and is not used. */
  #removeIfUnused({ file, status }: OpenedFile): void {
    try {
      if (file.status().size > 0 || this.hasForeignWriters()) return;
      if (!isSameFile(pathStatus(file.libc, file.path), status)) return;
      removeFile(file.libc, file.path);
    } catch {
      // The first error is more important.
    }
  }
}

/** Creates the error for a file that another process writes. */
export const busyError = (path: string): Error =>
  new Deno.errors.Busy(
    `Cannot append to "${path}": another process writes to it. Choose another directory.`,
  );

/**
 * Refuses a file of another user, who could read what is appended to it.
 *
 * @param isOurs Returns whether this process has created the file although the file system
 * reports another owner (NFS with root_squash, FUSE).
 */
export function requireOwner(
  { file, status, isNew, writers }: Opening,
  isOurs: () => boolean,
): void {
  const user = effectiveUserId(file.libc);
  if (status.owner === user || isNew || writers || isOurs()) return;
  throw new Deno.errors.InvalidData(
    `Cannot append to "${file.path}": it belongs to user ${status.owner}, but this process is user ${user}. Choose another directory.`,
  );
}
