import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { EM_X86_64, JitDumpFile } from "../../mod.ts";
import type { Sample } from "../../src/perf_data/sample.ts";
import { Dumps } from "../../src/profile/dumps.ts";
import { Processes } from "../../src/profile/processes.ts";
import { StackUnwinder } from "../../src/profile/stack_unwinder.ts";
import { NativeSymbols } from "../../src/symbols/native_symbols.ts";
import {
  registers,
  stackOf,
  X86_REGISTERS as X86,
} from "../support/build_stack.ts";
import { temporaryDirectory } from "../support/script.ts";

const LEAF = 0x10_0000;
const CALLER = 0x10_1000;
const STACK = 0x7ffd_0000_1000;

describe("StackUnwinder", () => {
  it("uses a dump's unwind info when the code is in a file that is mapped again", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, `jit-${Deno.pid}.dump`);
    const code = new Uint8Array(256);
    {
      using dump = new JitDumpFile(path, EM_X86_64);
      const common = { code, timestamp: 1000n };
      dump.dumpFunction({
        ...{ ...common, name: "leaf", address: LEAF, unwinding: [] },
      });
      dump.dumpFunction({
        ...{ ...common, name: "caller", address: CALLER },
        unwinding: [{ offset: 1, push: ["rbx"] }, { offset: 5, adjust: 16 }],
      });
    }
    const { pid } = Deno;
    const processes = new Processes();
    const dumps = new Dumps({
      ...{ directories: [], kept: new Map() },
      isThisMachine: () => false,
    });
    const marker = processes.map({
      ...{ pid, path, start: 0x1000, length: 0x1000, pageOffset: 0 },
      ...{ time: 0n, inode: Deno.statSync(path).ino! },
    })!;
    const clock = { startTime: 0n, tickRate: undefined, isMonotonic: true };
    processes.addDump(pid, dumps.of(marker, () => clock)!);
    // Each change of the memory's protection is recorded as a mapping of the file.
    for (let i = 0; i < 100; i++) {
      processes.map({
        ...{ pid, path: "/memfd:jit (deleted)", start: LEAF, length: 0x2000 },
        ...{ pageOffset: 0x1000 * i, time: BigInt(2000 + i), inode: 9 },
      });
    }
    using symbols = new NativeSymbols();
    const unwinder = new StackUnwinder(processes.spaces, () => symbols);
    const sample = {
      time: 5000,
      userRegisters: registers({
        [X86.rbp]: 0,
        [X86.rsp]: STACK,
        [X86.rip]: LEAF + 8,
      }),
      userStack: stackOf(STACK, 8, {
        [STACK]: CALLER + 0x50,
        [STACK + 8 + 24]: 0,
      }),
    } as Partial<Sample> as Sample;
    const process = processes.get(pid);
    const chain = unwinder.unwind(sample, process, "x86_64", []);
    assertEquals(
      chain?.frames.map(({ address, source }) => [address, source]),
      [[LEAF + 8, "context"], [CALLER + 0x50, "cfi"]],
    );
  });
});
