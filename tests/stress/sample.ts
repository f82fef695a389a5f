/**
 * Functions whose contents depend only on writer and index, so that corruption is detected.
 *
 * @module
 */

import { EM_X86_64, type JitFunction } from "../../mod.ts";
import type { ParsedFunction } from "../support/parse_dump.ts";

/** Interval of the functions that are larger than a batch. */
const GIANT_EVERY = 1000;
const GIANT_SIZE = 300_000;

/** The bytes that contain each function's code. */
const bytes = new Uint8Array(new ArrayBuffer(GIANT_SIZE + 256))
  .map((_, i) => i % 251);

function codeOf(writer: number, index: number): Uint8Array<ArrayBuffer> {
  const size = index % GIANT_EVERY === GIANT_EVERY - 1
    ? GIANT_SIZE
    : 1 + (index * 7919 + writer * 104_729) % 700;
  const start = (index + writer) % 251;
  return bytes.subarray(start, start + size);
}

const addressOf = (writer: number, index: number) =>
  (writer + 1) * 2 ** 36 + index * 2 ** 12;

/** Returns a writer's function with this index, with source lines and unwind info. */
export function sampleFunction(writer: number, index: number): JitFunction {
  const code = codeOf(writer, index);
  const file = `/src/writer ${writer}.calc`;
  return {
    name: `w${writer} f${index}`,
    code,
    address: addressOf(writer, index),
    lines: [
      { offset: 0, line: index + 1, file },
      { offset: code.length >> 1, line: index + 2, file },
    ],
    unwinding: code.length < 2 ? [] : [{ offset: 1, adjust: 16 }],
  };
}

/** The machine of {@linkcode sampleFunction}. */
export const SAMPLE_MACHINE = EM_X86_64;

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * Returns the writer and index of a function. Throws if it differs from what its writer
 * has written, except for spaces at the end of the name, which a full disk may leave.
 */
export function recognize(
  fn: ParsedFunction,
): { writer: number; index: number } {
  const [, writer, index] = (fn.name.match(/^w(\d+) f(\d+) *$/) ?? []).map(
    Number,
  );
  const address = BigInt(addressOf(writer, index));
  const lines = fn.debugInfo?.entries.map(({ line }) => line);
  const expectedLines = [index + 1, index + 2, index + 2];
  if (
    fn.address !== address ||
    fn.debugInfo?.address !== address ||
    !lines || lines.join() !== expectedLines.join() ||
    !fn.unwindingInfo || fn.unwindingInfo.ehFrame.length === 0 ||
    !isEqual(fn.code, codeOf(writer, index))
  ) {
    throw new Error(
      `${fn.name} of thread ${fn.tid} differs from what was written`,
    );
  }
  return { writer, index };
}
