import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EM_AARCH64, EM_X86_64 } from "../../mod.ts";
import { RecognizedCode } from "../../src/unwind/recognized_code.ts";
import type { RecordedRegisters } from "../../src/unwind/machine_registers.ts";
import { type CodeSpace, Unwinder } from "../../src/unwind/unwinder.ts";
import {
  ARM64_REGISTERS as ARM64,
  ARM64_SIGRETURN,
  LIBFFI_CALL,
  LIBFFI_CLOSURE,
  registers,
  stackOf,
  X86_REGISTERS,
  X86_SIGRETURN,
} from "../support/build_stack.ts";

/** Lowest address of the stack. */
const STACK = 0x7ffd_0000_1000;

/** Code at return addresses. */
const CODE = new Map([
  [0x2000, LIBFFI_CALL],
  [0x3000, LIBFFI_CLOSURE],
  [0x2800, X86_SIGRETURN],
  [0x3800, ARM64_SIGRETURN],
]);

const TABLE = new RecognizedCode((address, length) =>
  (CODE.get(address) ?? new Uint8Array(0)).subarray(0, length)
);

/** Code whose only rules are those of `RecognizedCode`. */
const SPACE: CodeSpace = {
  tableAt: () => ({ table: TABLE, bias: 0 }),
  isExecutable: (address) => address >= 0x1000 && address < 0x5000,
};

function unwind(
  contents: Record<number, number | bigint>,
  values: RecordedRegisters,
  eMachine = EM_X86_64,
): string[] {
  const stack = stackOf(STACK, 128, contents);
  const { frames } = Unwinder.for(eMachine)!.unwind(values, stack, SPACE);
  return frames.map(({ address, source, isInterrupted }) =>
    `${address.toString(16)} ${source}${isInterrupted ? "!" : ""}`
  );
}

const x86 = (rbp: number) =>
  registers({
    [X86_REGISTERS.rbp]: rbp,
    [X86_REGISTERS.rsp]: STACK,
    [X86_REGISTERS.rip]: 0x1000,
  });

describe("RecognizedCode", () => {
  it("finds the caller when rbp of ffi_call_unix64 points to its block", () => {
    const [frame, block] = [STACK + 0x20, STACK + 0x80];
    const chain = unwind({
      [frame]: block,
      [frame + 8]: 0x2000,
      [block + 16]: STACK + 0x100,
      [block + 24]: 0x4000,
      [STACK + 0x100]: 0,
      [STACK + 0x108]: 0x4100,
    }, x86(frame));
    assertEquals(chain, ["1000 context!", "2000 fp", "4000 cfi", "4100 fp"]);
  });

  it("finds the caller of a closure when the closure does not change rbp", () => {
    const frame = STACK + 0x20;
    const chain = unwind({
      [frame]: STACK + 0x200, // rbp of an outer frame
      [frame + 8]: 0x3000,
      [frame + 16 + 216]: 0x4000,
      [STACK + 0x200]: 0,
      [STACK + 0x208]: 0x4100,
    }, x86(frame));
    assertEquals(chain, ["1000 context!", "3000 fp", "4000 cfi", "4100 fp"]);
  });

  it("uses frame pointers when libffi is for AArch64", () => {
    // ffi_closure_SYSV has an ordinary frame. The frame record of ffi_call_SYSV (sysv.S of
    // libffi 3.4) is in the frame of its caller, and its return address may be signed.
    const [closure, record] = [STACK + 0x20, STACK + 0x180];
    const signed = (address: number) =>
      BigInt(address) | 0x2a3b_0000_0000_0000n;
    const chain = unwind(
      {
        [STACK]: STACK + 0x10, // arguments that look like a frame record
        [STACK + 8]: 0x4010,
        [closure]: record,
        [closure + 8]: 0x2000,
        [record]: STACK + 0x200,
        [record + 8]: signed(0x4000),
        [STACK + 0x200]: 0,
        [STACK + 0x208]: signed(0x4100),
      },
      registers({
        [ARM64.x29]: closure,
        [ARM64.lr]: 0x3000,
        [ARM64.sp]: STACK,
        [ARM64.pc]: 0x1000,
      }),
      EM_AARCH64,
    );
    assertEquals(chain, ["1000 context!", "2000 fp", "4000 fp", "4100 fp"]);
  });

  it("finds the interrupted function when a signal handler runs on x86-64", () => {
    const [frame, context] = [STACK + 0x20, STACK + 0x30];
    const chain = unwind({
      [frame]: STACK + 0x200,
      [frame + 8]: 0x2800,
      [context + 120]: STACK + 0x300, // rbp
      [context + 160]: STACK + 0x280, // rsp
      [context + 168]: 0x4000, // rip
      [STACK + 0x300]: 0,
      [STACK + 0x308]: 0x4100,
    }, x86(frame));
    assertEquals(chain, ["1000 context!", "2800 fp", "4000 cfi!", "4100 fp"]);
  });

  it("finds the interrupted function when a signal handler runs on AArch64", () => {
    const [frame, siginfo] = [STACK + 0x20, STACK + 0x30];
    const chain = unwind(
      {
        [frame]: STACK + 0x300,
        [frame + 8]: 0x3800,
        [siginfo + 312 + 8 * 29]: STACK + 0x320, // x29
        [siginfo + 312 + 8 * 31]: STACK + 0x310, // sp
        [siginfo + 312 + 8 * 32]: 0x4000, // pc
        [STACK + 0x320]: 0,
        [STACK + 0x328]: 0x4100,
      },
      registers({
        [ARM64.x29]: frame,
        [ARM64.lr]: 0x3000,
        [ARM64.sp]: STACK,
        [ARM64.pc]: 0x1000,
      }),
      EM_AARCH64,
    );
    assertEquals(chain, ["1000 context!", "3800 fp", "4000 cfi!", "4100 fp"]);
  });
});
