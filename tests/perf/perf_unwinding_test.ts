import { assert, assertEquals, assertGreater } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { EM_AARCH64, EM_X86_64, type FrameStep } from "../../mod.ts";
import { readLoads } from "../support/parse_dump.ts";
import { injectCommand, recordCommand, runOrThrow } from "../support/perf.ts";
import {
  elfOf,
  type Profile,
  profile,
  TEXT_OFFSET,
} from "../support/profile.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const DEMO = new URL("../demo/", import.meta.url).href;

/** Who calls each of the demo's functions that work, up to the entry. */
const CHAINS: Record<string, string[]> = {
  collatz: ["longest_collatz", "main"],
  gcd: ["coprime_pairs", "main"],
  polynomial_sum: ["main"],
};

/** Profiles the demo's program with its call chains, for half a second. */
function profileChains(hasUnwinding: boolean): Promise<Profile> {
  return profile(
    (directory) =>
      scriptCommand(
        directory,
        `import { JitDumpFile } from "${MOD}";
         import { compile } from "${DEMO}compile.ts";
         import { makeExecutable } from "${DEMO}executable_memory.ts";
         const text = Deno.readTextFileSync(new URL("${DEMO}program.calc"));
         const { code, functions } = compile(text, Deno.build.arch);
         const memory = makeExecutable(code);
         using dump = JitDumpFile.forProcess("${directory}");
         dump.dumpFunctions(functions.map(({ name, start, end, unwinding }) => ({
           name,
           code: memory.subarray(start, end),
           ...(${hasUnwinding} ? { unwinding } : {}),
         })));
         const { start } = functions.find(({ name }) => name === "main");
         new Deno.UnsafeFnPointer(
           Deno.UnsafePointer.of(memory.subarray(start)),
           { parameters: ["i64"], result: "i64" },
         ).call(250n);`,
        ["--allow-all"],
      ),
    "-F",
    "499",
    "--call-graph",
    "dwarf,4096",
  );
}

/** The chains of the samples, innermost function first, as perf finds them. */
async function chains({ injected }: Profile): Promise<string[][]> {
  const { stdout } = await runOrThrow(
    ["perf", "script", "-i", injected, "-F", "ip,sym"],
  );
  return stdout.trim().split(/\n\n+/).map((sample) =>
    sample.split("\n").map((line) => line.trim().split(" ")[1])
  );
}

describe("perf record --call-graph dwarf, of functions without frame pointers", () => {
  itWithPerf(
    "has the whole chain, from wherever it is in a function",
    async () => {
      const found = await chains(await profileChains(true));
      for (const [name, callers] of Object.entries(CHAINS)) {
        const ofName = found.filter(([innermost]) => innermost === name);
        assertGreater(ofName.length, 10, name);
        for (const chain of ofName) {
          assertEquals(chain.slice(1, 1 + callers.length), callers, name);
        }
      }
      // Recursion: fib calls itself, up to 23 deep.
      const depths = found.filter(([innermost]) => innermost === "fib")
        .map((chain) => {
          const depth = chain.findIndex((name) => name !== "fib");
          assertEquals(chain[depth], "main");
          return depth;
        });
      assertGreater(Math.max(...depths), 10);
    },
  );

  itWithPerf("has none without the tables", async () => {
    const found = await chains(await profileChains(false));
    for (const name of Object.keys(CHAINS)) {
      const ofName = found.filter(([innermost]) => innermost === name);
      assertGreater(ofName.length, 10, name);
      for (const [, caller] of ofName) {
        assert(!CHAINS[name].includes(caller), `${caller} calls ${name}`);
      }
    }
  });
});

/** The rows of readelf's table of frames: where, the CFA, and the registers. */
type FrameRow = [offset: number, cfa: string, ...registers: string[]];

const FRAMES: {
  what: string;
  eMachine: number;
  codeSize: number;
  unwinding: FrameStep[];
  columns: string[];
  rows: FrameRow[];
}[] = [
  {
    what: "a leaf without a frame, x86-64",
    eMachine: EM_X86_64,
    codeSize: 10,
    unwinding: [],
    columns: ["ra"],
    rows: [[0, "rsp+8", "c-8"]],
  },
  {
    what: "a frame pointer and an epilogue amid the code, x86-64",
    eMachine: EM_X86_64,
    codeSize: 300,
    unwinding: [
      { offset: 1, push: ["rbp"] },
      { offset: 4, setFramePointer: true },
      { offset: 8, adjust: 64 },
      { offset: 100, rememberState: true },
      { offset: 100, unwound: true },
      { offset: 101, restoreState: true },
      { offset: 299, unwound: true },
    ],
    columns: ["rbp", "ra"],
    rows: [
      [0, "rsp+8", "u", "c-8"],
      [1, "rsp+16", "c-16", "c-8"],
      [4, "rbp+16", "c-16", "c-8"],
      [100, "rsp+8", "u", "c-8"],
      [101, "rbp+16", "c-16", "c-8"],
      [299, "rsp+8", "u", "c-8"],
    ],
  },
  {
    what: "pushes, pops and adjustments far apart, x86-64",
    eMachine: EM_X86_64,
    codeSize: 200_000,
    unwinding: [
      { offset: 2, push: ["r15"] },
      { offset: 3, push: ["rbx"] },
      { offset: 63, adjust: 400 },
      { offset: 200, adjust: -400 },
      { offset: 70_000, pop: ["rbx"] },
      { offset: 180_000, pop: ["r15"] },
    ],
    columns: ["rbx", "r15", "ra"],
    rows: [
      [0, "rsp+8", "u", "u", "c-8"],
      [2, "rsp+16", "u", "c-16", "c-8"],
      [3, "rsp+24", "c-24", "c-16", "c-8"],
      [63, "rsp+424", "c-24", "c-16", "c-8"],
      [200, "rsp+24", "c-24", "c-16", "c-8"],
      [70_000, "rsp+16", "u", "c-16", "c-8"],
      [180_000, "rsp+8", "u", "u", "c-8"],
    ],
  },
  {
    what: "a frame pointer that is popped, x86-64",
    eMachine: EM_X86_64,
    codeSize: 60,
    unwinding: [
      { offset: 1, push: ["rbp"] },
      { offset: 4, setFramePointer: true },
      { offset: 8, adjust: 32 },
      { offset: 50, pop: ["rbp"] },
    ],
    columns: ["rbp", "ra"],
    rows: [
      [0, "rsp+8", "u", "c-8"],
      [1, "rsp+16", "c-16", "c-8"],
      [4, "rbp+16", "c-16", "c-8"],
      [50, "rsp+8", "u", "c-8"],
    ],
  },
  {
    what: "an epilogue of several instructions amid the code, x86-64",
    eMachine: EM_X86_64,
    codeSize: 60,
    unwinding: [
      { offset: 1, push: ["rbx"] },
      { offset: 5, adjust: 16 },
      { offset: 20, rememberState: true },
      { offset: 20, adjust: -16 },
      { offset: 21, pop: ["rbx"] },
      { offset: 22, restoreState: true },
      { offset: 40, push: ["r12"] },
    ],
    columns: ["rbx", "r12", "ra"],
    rows: [
      [0, "rsp+8", "u", "u", "c-8"],
      [1, "rsp+16", "c-16", "u", "c-8"],
      [5, "rsp+32", "c-16", "u", "c-8"],
      [20, "rsp+16", "c-16", "u", "c-8"],
      [21, "rsp+8", "u", "u", "c-8"],
      [22, "rsp+32", "c-16", "u", "c-8"],
      [40, "rsp+40", "c-16", "c-40", "c-8"],
    ],
  },
  {
    what: "every register, and distances of every encoding, x86-64",
    eMachine: EM_X86_64,
    codeSize: 200_000,
    unwinding: [
      { offset: 63, push: ["rax"] },
      { offset: 63 + 64, push: ["rdx"] },
      { offset: 63 + 64 + 255, push: ["rcx"] },
      { offset: 63 + 64 + 255 + 256, push: ["rbx"] },
      { offset: 638 + 65535, push: ["rsi"] },
      { offset: 638 + 65535 + 65536, push: ["rdi"] },
      {
        offset: 131_710,
        push: ["r14", "r13", "r12", "r11", "r10", "r9", "r8"],
      },
    ],
    columns: [
      "rax",
      "rdx",
      "rcx",
      "rbx",
      "rsi",
      "rdi",
      "r8",
      "r9",
      "r10",
      "r11",
      "r12",
      "r13",
      "r14",
      "ra",
    ],
    rows: [
      [
        0,
        "rsp+8",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "c-8",
      ],
      [
        63,
        "rsp+16",
        "c-16",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "c-8",
      ],
      [
        127,
        "rsp+24",
        "c-16",
        "c-24",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "c-8",
      ],
      [
        382,
        "rsp+32",
        "c-16",
        "c-24",
        "c-32",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "c-8",
      ],
      [
        638,
        "rsp+40",
        "c-16",
        "c-24",
        "c-32",
        "c-40",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "c-8",
      ],
      [
        66_173,
        "rsp+48",
        "c-16",
        "c-24",
        "c-32",
        "c-40",
        "c-48",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "c-8",
      ],
      [
        131_709,
        "rsp+56",
        "c-16",
        "c-24",
        "c-32",
        "c-40",
        "c-48",
        "c-56",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "c-8",
      ],
      [
        131_710,
        "rsp+112",
        "c-16",
        "c-24",
        "c-32",
        "c-40",
        "c-48",
        "c-56",
        "c-64",
        "c-72",
        "c-80",
        "c-88",
        "c-96",
        "c-104",
        "c-112",
        "c-8",
      ],
    ],
  },
  {
    what: "a prologue as compilers make it, AArch64",
    eMachine: EM_AARCH64,
    codeSize: 400,
    unwinding: [
      { offset: 4, adjust: 48 }, // stp x29, x30, [sp, #-48]!
      { offset: 4, save: ["x29", "x30"], at: 0 },
      { offset: 8, setFramePointer: true },
      { offset: 12, save: ["x19", "x28"], at: 16 }, // stp x19, x28, [sp, #16]
      { offset: 16, save: ["d15"], at: 32 },
      { offset: 396, pop: ["x29", "x30"] }, // ldp x29, x30, [sp], #48
      { offset: 396, unwound: true },
    ],
    columns: ["x19", "x28", "x29", "ra", "v15"],
    rows: [
      [0, "sp+0", "u", "u", "u", "u", "u"],
      [4, "sp+48", "u", "u", "c-48", "c-40", "u"],
      [8, "x29+48", "u", "u", "c-48", "c-40", "u"],
      [12, "x29+48", "c-32", "c-24", "c-48", "c-40", "u"],
      [16, "x29+48", "c-32", "c-24", "c-48", "c-40", "c-16"],
      [396, "sp+0", "u", "u", "u", "u", "u"],
    ],
  },
  {
    what: "a leaf without a frame, AArch64",
    eMachine: EM_AARCH64,
    codeSize: 12,
    unwinding: [],
    columns: [],
    rows: [[0, "sp+0"]],
  },
  {
    what: "a frame pointer, saved registers and an epilogue, AArch64",
    eMachine: EM_AARCH64,
    codeSize: 4000,
    unwinding: [
      { offset: 4, push: ["x29", "x30"] },
      { offset: 8, setFramePointer: true },
      { offset: 12, push: ["x19", "x20"] },
      { offset: 16, push: ["d8", "d9"] },
      { offset: 400, rememberState: true },
      { offset: 400, unwound: true },
      { offset: 404, restoreState: true },
    ],
    columns: ["x19", "x20", "x29", "ra", "v8", "v9"],
    rows: [
      [0, "sp+0", "u", "u", "u", "u", "u", "u"],
      [4, "sp+16", "u", "u", "c-16", "c-8", "u", "u"],
      [8, "x29+16", "u", "u", "c-16", "c-8", "u", "u"],
      [12, "x29+16", "c-32", "c-24", "c-16", "c-8", "u", "u"],
      [16, "x29+16", "c-32", "c-24", "c-16", "c-8", "c-48", "c-40"],
      [400, "sp+0", "u", "u", "u", "u", "u", "u"],
      [404, "x29+16", "c-32", "c-24", "c-16", "c-8", "c-48", "c-40"],
    ],
  },
];

describe("the frames in the ELF files that perf makes", () => {
  for (const { what, eMachine, codeSize, unwinding, columns, rows } of FRAMES) {
    itWithPerf(
      `${what}: as described, at the function's addresses`,
      async () => {
        using directory = temporaryDirectory();
        const data = join(directory.path, "perf.data");
        const fn = { name: "f", address: 0x7000_0000_0000, unwinding };
        const script = scriptCommand(
          directory.path,
          `import { JitDumpFile } from "${MOD}";
         using dump = new JitDumpFile(
           "${directory.path}/jit-" + Deno.pid + ".dump", ${eMachine});
         const fn = ${JSON.stringify(fn)};
         dump.dumpFunction({ ...fn, code: new Uint8Array(${codeSize}) });`,
          ["--allow-all"],
        );
        await runOrThrow(recordCommand(data, script));
        await runOrThrow(injectCommand(data, `${data}.injected`));
        const dump = [...Deno.readDirSync(directory.path)].find(({ name }) =>
          name.endsWith(".dump")
        )!.name;
        const [load] = readLoads(join(directory.path, dump));
        const pid = Number(dump.match(/\d+/)![0]);
        const elf = elfOf({ directory: directory.path, pid }, load);
        // perf makes it for its own machine, and readelf names registers by that.
        const bytes = Deno.readFileSync(elf);
        new DataView(bytes.buffer).setUint16(18, eMachine, true);
        Deno.writeFileSync(elf, bytes);

        const { stdout, stderr } = await runOrThrow(
          ["readelf", "--debug-dump=frames-interp", "--wide", elf],
        );
        assertEquals(stderr, "");
        const [, cie, fde] = stdout.split(/ (?:CIE|FDE) /);
        const hex = (offset: number) =>
          (TEXT_OFFSET + offset).toString(16).padStart(16, "0");
        assert(fde.includes(`pc=${hex(0)}..${hex(codeSize)}`), fde);
        // Where a function's frame never changes, it is the one that all start with.
        const [header, ...table] = (/LOC/.test(fde) ? fde : cie)
          .replace(/^0{16} /m, `${hex(0)} `)
          .split("\n").slice(1)
          .map((line) =>
            line.trim().split(/\s+/)
          )
          .filter(([first]) => /^([0-9a-f]{16}|LOC)$/.test(first));
        assertEquals(header, ["LOC", "CFA", ...columns]);
        assertEquals(
          table,
          rows.map(([offset, ...rest]) => [hex(offset), ...rest]),
        );
        // The search table's one entry is the function's.
        const { stdout: hdr } = await runOrThrow(
          ["objdump", "-s", "-j", ".eh_frame_hdr", elf],
        );
        assert(hdr.includes("011b033b"), hdr);
      },
    );
  }
});
