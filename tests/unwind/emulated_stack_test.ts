import { assert, assertEquals, assertGreater } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { EM_AARCH64, type FrameStep } from "../../mod.ts";
import { RecognizedCode } from "../../src/unwind/recognized_code.ts";
import { encodeUnwindInfo } from "../../src/unwind/unwinding_info.ts";
import { UnwindTable } from "../../src/unwind/unwind_table.ts";
import { Unwinder } from "../../src/unwind/unwinder.ts";
import {
  compile,
  type CompiledFunction,
  type CompiledProgram,
} from "../demo/compile.ts";
import {
  CODE_OFFSET,
  elfOf,
  makeElf,
  PROGRAM_ADDRESS,
} from "../support/aarch64_program.ts";
import {
  type BuiltCode,
  codeSpaceOf,
  registers,
} from "../support/build_stack.ts";
import { EmulatedProgram } from "../support/gdb_stub.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithQemu } from "../support/with_qemu.ts";

const TEXT = `
  fn spin(n) { while n > 0 { n = n - 1; } return n; }
  fn twice(n) { return spin(n) + spin(n); }
  fn fib(n) { if n < 2 { return n; } return fib(n - 1) + fib(n - 2); }
  fn main(n) { return twice(n) + 10 * (twice(n) + fib(n)); }
`;

const SP = 31;
const PC = 32;

/** `svc #0`: a system call. The program uses one to print its result, and one to exit. */
const SVC = 0xd400_0001;

const isCall = (instruction: number) => instruction >>> 26 === 0b10_0101; // bl

const RET = 0xd65f_03c0;

/** `mov x29, sp` */
const SET_FRAME_POINTER = 0x9100_03fd;

/** `ldp x29, x30, [sp], #16` */
const RESTORE_FRAME_POINTER = 0xa8c1_7bfd;

/** The stack at one instruction. */
interface Stop {
  /** The interrupted instruction and the return addresses, innermost first. */
  readonly called: readonly number[];
  /** The addresses of the unwound chain. */
  readonly unwound: readonly number[];
  /** Indicates whether the frame pointer is that of the interrupted function. */
  readonly hasFrame: boolean;
}

/**
 * Executes a program, and unwinds its stack at each instruction of its functions.
 *
 * @param hasRules Indicates whether the functions have unwind info.
 */
async function unwindEach(
  qemu: string,
  program: CompiledProgram,
  hasRules: boolean,
): Promise<Stop[]> {
  using directory = temporaryDirectory();
  const file = join(directory.path, "program");
  const elf = makeElf(program, [3n]);
  Deno.writeFileSync(file, elf, { mode: 0o700 });
  const code = new DataView(elf.buffer, CODE_OFFSET);
  const end = PROGRAM_ADDRESS + program.code.length;
  const space = codeSpaceOf([
    ...program.functions.map((fn) => functionOf(fn, hasRules)),
    // The code that calls the program.
    { start: end, size: PROGRAM_ADDRESS + code.byteLength - end },
  ]);
  const unwinder = Unwinder.for(EM_AARCH64)!;
  await using emulated = await EmulatedProgram.start(
    qemu,
    file,
    join(directory.path, "socket"),
  );
  const returns: number[] = [];
  const frames: boolean[] = [];
  const stops: Stop[] = [];
  const top = Number((await emulated.registers())[SP]);
  for (;;) {
    const values = await emulated.registers();
    const [sp, pc] = [Number(values[SP]), Number(values[PC])];
    const instruction = code.getUint32(pc - PROGRAM_ADDRESS, true);
    if (instruction === SVC) return stops;
    if (pc < end) {
      const stack = await emulated.memory(sp, top - sp);
      const chain = unwinder.unwind(registers({ ...values }), stack, space);
      stops.push({
        called: [pc, ...returns.toReversed()],
        unwound: chain.frames.map(({ address }) => address),
        hasFrame: frames.at(-1) ?? false,
      });
    }
    if (isCall(instruction)) {
      returns.push(pc + 4);
      frames.push(false);
    } else if (instruction === RET) {
      returns.pop();
      frames.pop();
    } else if (instruction === SET_FRAME_POINTER) {
      frames[frames.length - 1] = true;
    } else if (instruction === RESTORE_FRAME_POINTER) {
      frames[frames.length - 1] = false;
    }
    await emulated.step();
  }
}

function functionOf(
  { start, end, unwinding }: CompiledFunction,
  hasRules: boolean,
): BuiltCode {
  const size = end - start;
  return {
    ...{ start: PROGRAM_ADDRESS + start, size },
    table: hasRules ? tableOfSteps(size, unwinding) : undefined,
  };
}

function tableOfSteps(size: number, steps: FrameStep[]): UnwindTable {
  const { ehFrame } = encodeUnwindInfo("", EM_AARCH64, size, steps);
  return UnwindTable.ofFunction(size, ehFrame);
}

const LINK = 30;

/** `movz x<register>, #value` */
const movz = (register: number, value: number) =>
  0xd280_0000 | value << 5 | register;

const SIGUSR1 = 10;

/** A program that sends a signal to itself in a function without a frame pointer. */
const WITH_SIGNAL = Uint32Array.of(
  ...[movz(0, SIGUSR1), 0x1000_0001 | 19 << 5, movz(2, 0)], // adr x1, struct sigaction
  ...[movz(3, 8), movz(8, 134), SVC], // rt_sigaction()
  ...[0x9400_0000 | 4], // bl to the function
  ...[movz(0, 0), movz(8, 93), SVC], // exit()
  // The function
  0xa9bf_7bfd, // stp x29, x30, [sp, #-16]!
  ...[movz(8, 172), SVC], // getpid()
  ...[movz(1, SIGUSR1), movz(8, 129), SVC], // kill()
  ...[RESTORE_FRAME_POINTER, RET],
  // The signal handler
  ...[RET, 0],
  // struct sigaction: handler, flags, restorer, mask
  ...[PROGRAM_ADDRESS + 72, 0, 0, 0, 0, 0, 0, 0],
);

/** Offsets of the return address of `bl`, the function, the interrupted code, the handler. */
const RETURN = 28;
const RAISE = 40;
const INTERRUPTED = 64;
const HANDLER = 72;

describe("stacks of an emulated AArch64", () => {
  for (const keepsFramePointers of [false, true]) {
    const kind = keepsFramePointers ? "with" : "without";
    itWithQemu(
      `are unwound at each instruction when code ${kind} frame pointers has unwind info`,
      async (qemu) => {
        const program = compile(TEXT, "aarch64", keepsFramePointers);
        const stops = await unwindEach(qemu, program, true);
        assertGreater(stops.length, 300);
        assert(stops.some(({ called }) => called.length >= 5));
        for (const { called, unwound } of stops) assertEquals(unwound, called);
      },
    );
  }

  itWithQemu(
    "are unwound within frames when code has only frame pointers",
    async (qemu) => {
      const program = compile(TEXT, "aarch64", true);
      const stops = await unwindEach(qemu, program, false);
      const within = stops.filter(({ hasFrame }) => hasFrame);
      assertGreater(within.length, 200);
      for (const { called, unwound } of within) assertEquals(unwound, called);
    },
  );

  itWithQemu(
    "have the interrupted function when a signal handler runs",
    async (qemu) => {
      using directory = temporaryDirectory();
      const file = join(directory.path, "program");
      const code = new Uint8Array(WITH_SIGNAL.buffer);
      Deno.writeFileSync(file, elfOf(code, 0), { mode: 0o700 });
      await using emulated = await EmulatedProgram.start(
        qemu,
        file,
        join(directory.path, "socket"),
      );
      const top = Number((await emulated.registers())[SP]);
      await emulated.runTo(PROGRAM_ADDRESS + HANDLER);
      const values = await emulated.registers();
      const sp = Number(values[SP]);
      const trampoline = Number(values[LINK]);
      const instructions = await emulated.memory(trampoline, 16);
      const interrupted = codeSpaceOf([
        { start: PROGRAM_ADDRESS, size: RAISE },
        {
          start: PROGRAM_ADDRESS + RAISE,
          size: HANDLER - RAISE,
          table: tableOfSteps(HANDLER - RAISE, [
            { offset: 4, push: ["x29", "x30"] },
          ]),
        },
        {
          start: PROGRAM_ADDRESS + HANDLER,
          size: 4,
          table: tableOfSteps(4, []),
        },
      ]);
      const { frames } = Unwinder.for(EM_AARCH64)!.unwind(
        registers({ ...values }),
        await emulated.memory(sp, top - sp),
        {
          tableAt: (address) =>
            address === trampoline - 1
              ? { table: new RecognizedCode(() => instructions), bias: 0 }
              : interrupted.tableAt(address),
          isExecutable: (address) =>
            address === trampoline - 1 || interrupted.isExecutable(address),
        },
      );
      assertEquals(
        frames.map(({ address, isInterrupted }) => [address, isInterrupted]),
        [
          [PROGRAM_ADDRESS + HANDLER, true],
          [trampoline, false],
          [PROGRAM_ADDRESS + INTERRUPTED, true],
          [PROGRAM_ADDRESS + RETURN, false],
        ],
      );
    },
  );
});
