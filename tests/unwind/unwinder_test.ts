import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EM_AARCH64, EM_X86_64, type FrameStep } from "../../mod.ts";
import { splice } from "../../src/unwind/splice.ts";
import { encodeUnwindInfo } from "../../src/unwind/unwinding_info.ts";
import { Unwinder } from "../../src/unwind/unwinder.ts";
import { UnwindTable } from "../../src/unwind/unwind_table.ts";
import type { UnwoundChain } from "../../src/unwind/unwound_chain.ts";
import {
  ARM64_REGISTERS as ARM64,
  type BuiltCode,
  codeSpaceOf,
  registers,
  stackOf,
  tableOf,
  X86_REGISTERS as X86,
} from "../support/build_stack.ts";

const x86 = Unwinder.for(EM_X86_64)!;
const aarch64 = Unwinder.for(EM_AARCH64)!;

/** Lowest address of the stacks. */
const STACK = 0x7ffd_0000_1000;

/** A function of 256 bytes. */
const fn = (
  start: number,
  steps?: FrameStep[],
  eMachine = EM_X86_64,
): BuiltCode => ({
  start,
  size: 256,
  table: steps &&
    UnwindTable.ofFunction(
      256,
      encodeUnwindInfo("", eMachine, 256, steps).ehFrame,
    ),
});

const LEAF = fn(0x10000, []);
const PUSHES = fn(0x20000, [
  { offset: 1, push: ["rbx"] },
  { offset: 5, adjust: 16 },
]);
const FRAMED = fn(0x30000, [
  { offset: 1, push: ["rbp"] },
  { offset: 4, setFramePointer: true },
]);
/** Code without rules. */
const BARE = fn(0x40000);
const SPACE = codeSpaceOf([LEAF, PUSHES, FRAMED, BARE]);

/** Formats the frames as "address source", with an exclamation mark if one was interrupted. */
const shown = ({ frames }: UnwoundChain) =>
  frames.map(({ address, source, isInterrupted }) =>
    `${address.toString(16)} ${source}${isInterrupted ? "!" : ""}`
  );

describe("Unwinder, x86-64", () => {
  it("follows the rules when frames have saved registers or a frame pointer", () => {
    const chain = x86.unwind(
      registers({
        [X86.rbp]: STACK + 0x40,
        [X86.rsp]: STACK,
        [X86.rip]: 0x10010,
      }),
      stackOf(STACK, 32, {
        [STACK]: 0x20050, // the leaf's return address
        [STACK + 8 + 24]: 0x30090, // after 16 bytes and rbx
        [STACK + 0x40]: STACK + 0x70,
        [STACK + 0x48]: 0x30020,
        [STACK + 0x70]: 0,
        [STACK + 0x78]: 0,
      }),
      SPACE,
    );
    assertEquals(shown(chain), [
      "10010 context!",
      "20050 cfi",
      "30090 cfi",
      "30020 cfi",
    ]);
    assertEquals(chain.end, "start of thread");
  });

  it("finds the function when it was interrupted at its first instruction", () => {
    const chain = x86.unwind(
      registers({ [X86.rbp]: 1, [X86.rsp]: STACK, [X86.rip]: 0x30000 }),
      stackOf(STACK, 4, { [STACK]: 0x10010 }),
      SPACE,
    );
    assertEquals(shown(chain), ["30000 context!", "10010 cfi"]);
  });

  it("uses the rules of the call when the call is a function's last instruction", () => {
    const next = fn(0x20100, [{ offset: 0, adjust: 160 }]);
    const chain = x86.unwind(
      registers({ [X86.rbp]: 1, [X86.rsp]: STACK, [X86.rip]: 0x10010 }),
      stackOf(STACK, 8, { [STACK]: 0x20100, [STACK + 32]: 0x10020 }),
      codeSpaceOf([LEAF, PUSHES, next]),
    );
    assertEquals(shown(chain), ["10010 context!", "20100 cfi", "10020 cfi"]);
  });

  // glibc 2.36's __restore_rt: registers are in a ucontext, rip at rsp + 168.
  const RESTORE = {
    ...fn(0x50000),
    table: tableOf(true, [
      ...[0x0f, 4, 0x77, 0xa0, 1, 0x06], // CFA: breg7 160, deref
      ...[0x10, 16, 3, 0x77, 0xa8, 1], // rip: at breg7 168
      ...[0x10, 6, 3, 0x77, 0xf8, 0], // rbp: at breg7 120
    ]),
  };
  const WITH_SIGNALS = codeSpaceOf([LEAF, PUSHES, FRAMED, RESTORE]);

  it("continues at the interrupted instruction when a frame is a signal handler's", () => {
    const chain = x86.unwind(
      registers({ [X86.rbp]: 1, [X86.rsp]: STACK, [X86.rip]: 0x10010 }),
      stackOf(STACK, 64, {
        [STACK]: 0x50001, // the handler returns to __restore_rt
        [STACK + 8 + 120]: STACK + 0x140,
        [STACK + 8 + 160]: STACK + 0x120,
        [STACK + 8 + 168]: 0x20000, // before its first push
        [STACK + 0x120]: 0x30040,
        [STACK + 0x140]: 0,
        [STACK + 0x148]: 0,
      }),
      WITH_SIGNALS,
    );
    assertEquals(shown(chain), [
      "10010 context!",
      "50001 cfi",
      "20000 cfi!",
      "30040 cfi",
    ]);
    assertEquals(chain.end, "start of thread");
  });

  it("finds the interrupted function and its callers when a signal handler has its own stack", () => {
    for (const interrupted of [STACK - 0x10_0000, STACK + 0x10_0000]) {
      const chain = x86.unwind(
        registers({ [X86.rbp]: 1, [X86.rsp]: STACK, [X86.rip]: 0x10010 }),
        stackOf(STACK, 64, {
          [STACK]: 0x50001,
          [STACK + 8 + 120]: interrupted + 0x40,
          [STACK + 8 + 160]: interrupted,
          [STACK + 8 + 168]: 0x30080,
        }),
        WITH_SIGNALS,
      );
      const found = ["10010 context!", "50001 cfi", "30080 cfi!"];
      assertEquals(shown(chain), found);
      assertEquals(chain.end, "truncated stack");
      // The handler does not change the frame pointer.
      const kernel = [0x10010, 0x30040, 0x30020];
      assertEquals(
        shown(splice(chain, kernel, WITH_SIGNALS.isExecutable)),
        [...found, "30040 kernel", "30020 kernel"],
      );
    }
  });

  it("evaluates the linker's expression when code is in the PLT", () => {
    const plt = {
      ...fn(0x50000),
      // breg7 8, breg16 0, lit15, and, lit11, ge, lit3, shl, plus
      table: tableOf(
        false,
        [0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22],
      ),
    };
    for (const [offset, depth] of [[0x10, 0], [0x1a, 0], [0x1b, 8]]) {
      const chain = x86.unwind(
        registers({
          [X86.rbp]: 1,
          [X86.rsp]: STACK,
          [X86.rip]: 0x50000 + offset,
        }),
        stackOf(STACK, 4, { [STACK + depth]: 0x10010 + depth }),
        codeSpaceOf([LEAF, plt]),
      );
      assertEquals(chain.frames[1]?.address, 0x10010 + depth, `${offset}`);
    }
  });

  it("follows frame pointers when there are no rules", () => {
    const chain = x86.unwind(
      registers({
        [X86.rbp]: STACK + 32,
        [X86.rsp]: STACK,
        [X86.rip]: 0x40010,
      }),
      stackOf(STACK, 16, {
        [STACK + 32]: STACK + 64,
        [STACK + 40]: 0x40020,
        [STACK + 64]: 0,
        [STACK + 72]: 0x40030,
      }),
      SPACE,
    );
    assertEquals(shown(chain), ["40010 context!", "40020 fp", "40030 fp"]);
    assertEquals(chain.end, "start of thread");
  });

  it("follows the frame pointer when the caller has rules without one", () => {
    const chain = x86.unwind(
      registers({
        [X86.rbp]: STACK + 32,
        [X86.rsp]: STACK,
        [X86.rip]: 0x40010,
      }),
      stackOf(STACK, 16, {
        [STACK + 32]: 1, // the caller's value of rbp
        [STACK + 40]: 0x20080,
        [STACK + 48 + 24]: 0x10010,
      }),
      SPACE,
    );
    assertEquals(shown(chain), ["40010 context!", "20080 fp", "10010 cfi"]);
  });

  it("finds the frame when rbp of libffi points to its block", () => {
    const block = STACK + 32;
    const chain = x86.unwind(
      registers({ [X86.rbp]: block, [X86.rsp]: STACK, [X86.rip]: 0x40010 }),
      stackOf(STACK, 32, {
        [STACK + 8]: 0x40050, // a return address of an earlier call
        [block]: 6, // flags
        [block + 8]: STACK + 0x90, // address of the result
        [block + 16]: STACK + 0x80, // the caller's rbp
        [block + 24]: 0x40020, // the return address
        [STACK + 0x80]: 0,
        [STACK + 0x88]: 0x40030,
      }),
      SPACE,
    );
    assertEquals(shown(chain), ["40010 context!", "40020 scan", "40030 fp"]);
  });

  it("rejects a frame pointer when the stack does not confirm it", () => {
    const rows: [string, number, Record<number, number>][] = [
      ["not aligned", STACK + 33, {}],
      ["below the stack pointer", STACK - 16, {}],
      ["no code", STACK + 32, { [STACK + 40]: 0x7000_0000 }],
      ["a loop", STACK + 32, {
        [STACK + 32]: STACK + 32,
        [STACK + 40]: 0x40020,
      }],
    ];
    for (const [fault, rbp, contents] of rows) {
      const chain = x86.unwind(
        registers({ [X86.rbp]: rbp, [X86.rsp]: STACK, [X86.rip]: 0x40010 }),
        stackOf(STACK, 16, contents),
        SPACE,
      );
      assertEquals(shown(chain), ["40010 context!"], fault);
      assertEquals(chain.end, "no rules", fault);
    }
  });

  it("follows the frame pointer when the rules do not lead to code", () => {
    const chain = x86.unwind(
      registers({
        [X86.rbp]: STACK + 32,
        [X86.rsp]: STACK,
        [X86.rip]: 0x10010,
      }),
      stackOf(STACK, 16, { [STACK]: 0x7000_0000, [STACK + 40]: 0x40020 }),
      SPACE,
    );
    assertEquals(shown(chain), ["10010 context!", "40020 fp"]);
  });

  it("reports a truncated stack when the next frame is beyond its copy", () => {
    for (const [rip, rbp] of [[0x20080, 1], [0x40010, STACK + 4096]]) {
      const chain = x86.unwind(
        registers({ [X86.rbp]: rbp, [X86.rsp]: STACK, [X86.rip]: rip }),
        stackOf(STACK, 2, {}),
        SPACE,
      );
      assertEquals(chain.frames.length, 1);
      assertEquals(chain.end, "truncated stack");
    }
  });

  it("ends when the stack pointer is too large for a number to be exact", () => {
    const rsp = 0x7fff_ffff_ffff_fff8n;
    for (const rip of [0x10010, 0x40010]) {
      const chain = x86.unwind(
        registers({ [X86.rbp]: rsp, [X86.rsp]: rsp, [X86.rip]: rip }),
        stackOf(STACK, 64, {}),
        SPACE,
      );
      assertEquals(chain.frames.length, 1);
      assertEquals(chain.end, "truncated stack");
    }
  });

  it("has no frames when the process has 32 bits, or registers are missing", () => {
    const values = { [X86.rsp]: STACK, [X86.rip]: 0x10010 };
    const stack = stackOf(STACK, 2, {});
    const none: UnwoundChain = { frames: [], end: "no registers" };
    assertEquals(x86.unwind(registers(values, 1), stack, SPACE), none);
    assertEquals(x86.unwind(registers({ [X86.rip]: 5 }), stack, SPACE), none);
    assertEquals(Unwinder.for(3), undefined);
  });
});

describe("Unwinder, AArch64", () => {
  const leaf = fn(0x10000, [], EM_AARCH64);
  const framed = fn(0x30000, [
    { offset: 4, push: ["x29", "x30"] },
    { offset: 8, setFramePointer: true },
    { offset: 12, push: ["x19", "x20"] },
  ], EM_AARCH64);
  const frameless = fn(0x20000, [
    { offset: 4, adjust: 32 },
    { offset: 8, save: ["x30"], at: 0 },
  ], EM_AARCH64);
  const space = codeSpaceOf([leaf, framed, frameless, BARE]);
  const signed = (address: number) => BigInt(address) | 0x2a3b_0000_0000_0000n;

  it("follows the link register when return addresses are signed", () => {
    const chain = aarch64.unwind(
      registers({
        [ARM64.x29]: STACK + 48,
        [ARM64.lr]: signed(0x20040),
        [ARM64.sp]: STACK,
        [ARM64.pc]: 0x10008,
      }),
      stackOf(STACK, 32, {
        [STACK]: signed(0x30050), // the return address of the frameless function
        [STACK + 48]: STACK + 96,
        [STACK + 56]: signed(0x40020),
        [STACK + 96]: 0,
        [STACK + 104]: signed(0x40030),
      }),
      space,
    );
    assertEquals(shown(chain), [
      "10008 context!",
      "20040 cfi",
      "30050 cfi",
      "40020 cfi",
      "40030 fp",
    ]);
    assertEquals(chain.end, "start of thread");
  });

  it("ignores the link register when the frame is a caller", () => {
    // This rule is wrong: a function that calls another must have saved the link register.
    const chain = aarch64.unwind(
      registers({
        [ARM64.x29]: STACK + 16,
        [ARM64.lr]: 0x10040,
        [ARM64.sp]: STACK,
        [ARM64.pc]: 0x10008,
      }),
      stackOf(STACK, 8, { [STACK + 16]: 0, [STACK + 24]: 0x40020 }),
      space,
    );
    assertEquals(shown(chain), ["10008 context!", "10040 cfi", "40020 fp"]);
  });
});

describe("splice()", () => {
  const isCode = (address: number) => address < 0x1_0000;
  const frames = (addresses: number[]) =>
    addresses.map((address, i) => ({
      address,
      isInterrupted: i === 0,
      source: i === 0 ? "context" as const : "cfi" as const,
    }));
  const spliced = (
    unwound: number[],
    kernel: number[],
    end: UnwoundChain["end"] = "truncated stack",
  ) => {
    const chain = splice({ frames: frames(unwound), end }, kernel, isCode);
    return [chain.frames.map(({ address }) => address), chain.end];
  };

  it("appends the kernel's frames when they continue after the last common one", () => {
    assertEquals(
      spliced([1, 2, 3, 4], [1, 4, 5, 6]),
      [[1, 2, 3, 4, 5, 6], "end of kernel chain"],
    );
  });

  it("appends all when the kernel's next frame is beyond the stack", () => {
    assertEquals(
      spliced([1, 2, 3], [1, 5, 6]),
      [[1, 2, 3, 5, 6], "end of kernel chain"],
    );
  });

  it("aligns frames by their order when a function is recursive", () => {
    assertEquals(
      spliced([1, 7, 7, 7], [1, 7, 7, 7, 7, 7, 8]),
      [[1, 7, 7, 7, 7, 7, 8], "end of kernel chain"],
    );
  });

  it("ends at the invalid frame when the kernel has followed no frame pointer", () => {
    assertEquals(
      spliced([1, 2], [1, 0x7fff_0000, 5]),
      [[1, 2], "truncated stack"],
    );
  });

  it("keeps a chain when it is complete", () => {
    assertEquals(
      spliced([1, 2], [1, 5], "start of thread"),
      [[1, 2], "start of thread"],
    );
  });

  it("returns the kernel's chain when there are no registers", () => {
    const chain = splice({ frames: [], end: "no registers" }, [1, 5], isCode);
    assertEquals(shown(chain), ["1 kernel!", "5 kernel"]);
    assert(chain.end === "end of kernel chain");
  });
});
