import { assert, assertEquals, assertGreater } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { FRAME_EXAMPLES } from "../support/frame_examples.ts";
import { readLoads } from "../support/parse_dump.ts";
import { injectCommand, recordCommand, runOrThrow } from "../support/perf.ts";
import {
  elfOf,
  type Profile,
  profile,
  TEXT_OFFSET,
} from "../support/profile.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import { itBeforePerf, itWithPerf } from "../support/with_perf.ts";

const DEMO = new URL("../demo/", import.meta.url).href;

/** Callers of the demo's busy functions, from the innermost one to `main`. */
const CHAINS: Record<string, string[]> = {
  collatz: ["longest_collatz", "main"],
  gcd: ["coprime_pairs", "main"],
  polynomial_sum: ["main"],
};

/** Profiles the demo's program with copied stacks, for half a second. */
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

/** Returns perf's call chains of the samples, innermost function first. */
async function chains({ injected }: Profile): Promise<string[][]> {
  const { stdout } = await runOrThrow(
    ["perf", "script", "-i", injected, "-F", "ip,sym"],
  );
  return stdout.trim().split(/\n\n+/).map((sample) =>
    sample.split("\n").map((line) => line.trim().split(" ")[1])
  );
}

describe("perf record --call-graph dwarf, of functions without frame pointers", () => {
  itBeforePerf(
    "7.0",
    "finds .eh_frame only in images directly in /tmp",
    "has the whole chain when a sample is anywhere in a function",
    async () => {
      const found = await chains(await profileChains(true));
      for (const [name, callers] of Object.entries(CHAINS)) {
        const ofName = found.filter(([innermost]) => innermost === name);
        assertGreater(ofName.length, 10, name);
        for (const chain of ofName) {
          assertEquals(chain.slice(1, 1 + callers.length), callers, name);
        }
      }
      // fib calls itself, up to 23 deep.
      const depths = found.filter(([innermost]) => innermost === "fib")
        .map((chain) => {
          const depth = chain.findIndex((name) => name !== "fib");
          assertEquals(chain[depth], "main");
          return depth;
        });
      assertGreater(Math.max(...depths), 10);
    },
  );

  itBeforePerf(
    "7.0",
    "shows no frame at all if it cannot unwind",
    "has no callers when there is no unwind info",
    async () => {
      const found = await chains(await profileChains(false));
      for (const name of Object.keys(CHAINS)) {
        const ofName = found.filter(([innermost]) => innermost === name);
        assertGreater(ofName.length, 10, name);
        for (const [, caller] of ofName) {
          assert(!CHAINS[name].includes(caller), `${caller} calls ${name}`);
        }
      }
    },
  );
});

describe("the frames in perf's ELF files", () => {
  for (const example of FRAME_EXAMPLES) {
    const { description, eMachine, codeSize, unwinding, columns, rows } =
      example;
    itWithPerf(
      `are those of the steps when these are for ${description}`,
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
        // perf writes its own ELF machine, but readelf names registers by this field.
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
        // If a function's frame never changes, its only row is that of the CIE.
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
        // The search table has one entry, for the function.
        const { stdout: hdr } = await runOrThrow(
          ["objdump", "-s", "-j", ".eh_frame_hdr", elf],
        );
        assert(hdr.includes("011b033b"), hdr);
      },
    );
  }
});
