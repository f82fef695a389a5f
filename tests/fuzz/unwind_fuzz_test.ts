import { assert, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EM_AARCH64, EM_X86_64 } from "../../mod.ts";
import { ehFrameOffset } from "../../src/format/image_layout.ts";
import { RecognizedCode } from "../../src/unwind/recognized_code.ts";
import { splice } from "../../src/unwind/splice.ts";
import { encodeUnwindInfo } from "../../src/unwind/unwinding_info.ts";
import { Unwinder } from "../../src/unwind/unwinder.ts";
import { UnwindTable } from "../../src/unwind/unwind_table.ts";
import {
  ARM64_SIGRETURN,
  LIBFFI_CALL,
  LIBFFI_CLOSURE,
  registers,
  tableOf,
  X86_SIGRETURN,
} from "../support/build_stack.ts";
import { FRAME_EXAMPLES } from "../support/frame_examples.ts";
import { damage } from "./damage.ts";
import { Random } from "../support/random.ts";
import { cpuTime } from "../support/this_thread.ts";

const CASES = 20_000;

const STACK = 0x7ffd_0000_0000;
const CODE = 0x10000;
const WORDS = 64;

/** Returns a word of a stack; most words are valid return addresses or frame pointers. */
function word(random: Random): bigint {
  const kind = random.below(8);
  if (kind < 3) return BigInt(CODE + random.below(400));
  if (kind < 6) return BigInt(STACK + 8 * random.below(2 * WORDS));
  const halves = [0, 1, 0xffff_ffff, 0x8000_0000, random.below(2 ** 31)];
  return BigInt(random.of(halves)) << 32n | BigInt(random.of(halves));
}

describe("corrupt rules and stacks", () => {
  it("end the chain without an error when they are read", () => {
    const random = new Random(1);
    const ends = new Map<string, number>();
    let frames = 0;
    let recognized = 0;
    for (const eMachine of [EM_X86_64, EM_AARCH64]) {
      const unwinder = Unwinder.for(eMachine)!;
      const sections = FRAME_EXAMPLES
        .filter((example) => example.eMachine === eMachine)
        .map(({ unwinding }) =>
          encodeUnwindInfo("", eMachine, 200_000, unwinding)
        );
      for (let i = 0; i < CASES / 2; i++) {
        const { ehFrame, ehFrameHdr } = random.of(sections);
        const whole = [ehFrame, ehFrameHdr];
        const table = new UnwindTable({
          ehFrame: {
            bytes: damage([ehFrame], random),
            address: ehFrameOffset(200_000),
          },
          ehFrameHdr: random.below(2) === 0 ? undefined : {
            bytes: damage(whole, random),
            address: ehFrameOffset(200_000) + ehFrame.length,
          },
        });
        const stack = new BigUint64Array(WORDS);
        for (let at = 0; at < WORDS; at++) stack[at] = word(random);
        const values: Record<number, bigint> = {};
        for (let at = 0; at < 33; at++) values[at] = word(random);
        const [sp, pc] = eMachine === EM_X86_64 ? [7, 8] : [31, 32];
        if (random.below(8) > 0) values[sp] = BigInt(STACK);
        if (random.below(8) > 0) values[pc] = BigInt(CODE + random.below(300));
        // The code after the functions belongs to a file without unwind info.
        const code = new RecognizedCode((_, length) => {
          recognized++;
          const read = random.below(8) > 0 ? length : random.below(length);
          return random.of([
            ...[LIBFFI_CALL, LIBFFI_CLOSURE, new Uint8Array(0)],
            eMachine === EM_X86_64 ? X86_SIGRETURN : ARM64_SIGRETURN,
          ]).subarray(0, read);
        });
        const space = {
          tableAt: (address: number) =>
            address >= CODE && address < CODE + 300
              ? { table, bias: CODE }
              : address < CODE + 400
              ? { table: code, bias: CODE }
              : undefined,
          isExecutable: (address: number) =>
            address >= CODE && address < CODE + 400,
        };
        const bytes = new Uint8Array(stack.buffer)
          .subarray(0, random.below(8 * WORDS + 1));
        const chain = unwinder.unwind(registers(values), bytes, space);
        assert(chain.frames.length <= WORDS + 2);
        const kernel = Array.from(bytes.subarray(0, 8), (b) => CODE + b);
        splice(chain, kernel, space.isExecutable);
        frames += chain.frames.length;
        ends.set(chain.end, (ends.get(chain.end) ?? 0) + 1);
      }
    }
    // Most chains have several frames.
    assertGreater(frames, 1.5 * CASES);
    assertGreater(recognized, CASES / 20);
    for (const end of ["start of thread", "truncated stack", "wrong rules"]) {
      assertGreater(ends.get(end) ?? 0, CASES / 100, end);
    }
  });

  it("are evaluated in bounded time when expressions are random", () => {
    const random = new Random(2);
    const unwinder = Unwinder.for(EM_X86_64)!;
    const values = { 6: STACK + 16, 7: STACK, 8: CODE + 128 };
    const stack = new Uint8Array(8 * WORDS).fill(1);
    const start = cpuTime();
    for (let i = 0; i < CASES / 5; i++) {
      const operations = Uint8Array.from({ length: 60 }, () =>
        random.of([
          random.below(256),
          0x30 + random.below(32), // literals
          0x19 + random.below(0x17), // arithmetic, comparisons, jumps
        ]));
      // Some expressions jump backwards.
      if (random.below(4) === 0) operations.set([0x2f, 0xf0, 0xff], 20);
      const half = operations.subarray(0, 30);
      const table = tableOf(false, [
        ...[0x0f, 30, ...half], // CFA
        ...[0x16, 16, 60, ...operations], // rip
      ]);
      assert(table.find(128));
      unwinder.unwind(registers(values), stack, {
        tableAt: () => ({ table, bias: CODE }),
        isExecutable: () => true,
      });
    }
    assertLess(cpuTime() - start, 20_000);
  });
});
