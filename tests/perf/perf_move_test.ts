import { assertEquals, assertGreater } from "@std/assert";
import { describe } from "@std/testing/bdd";
import { runOrThrow } from "../support/perf.ts";
import { profile } from "../support/profile.ts";
import { MOD, scriptCommand } from "../support/script.ts";
import { itBeforePerf } from "../support/with_perf.ts";

const DEMO = new URL("../demo/", import.meta.url).href;

/** Returns a program whose function moves to the address of another one. */
const PROGRAM = (directory: string) => `
  import { JitDumpFile } from "${MOD}";
  import { compile } from "${DEMO}compile.ts";
  import { makeExecutable } from "${DEMO}executable_memory.ts";
  const { code } = compile(
    "fn spin(n) { while n > 0 { n = n - 1; } return n; }",
    Deno.build.arch,
  );
  const memory = makeExecutable(new Uint8Array([...code, ...code]));
  const first = memory.subarray(0, code.length);
  const second = memory.subarray(code.length);
  using dump = JitDumpFile.forProcess("${directory}");
  const run = (phase, code) => {
    console.log(phase + "=" + dump.getTimeStamp());
    new Deno.UnsafeFnPointer(
      Deno.UnsafePointer.of(code),
      { parameters: ["i64"], result: "i64" },
    ).call(100_000_000n);
  };
  const address = (code) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(code));
  // perf must continue after this record.
  dump.dumpCodeCloseRecord();
  const codeIndex = dump.dumpFunction({ name: "mover", code: first });
  dump.dumpFunction({ name: "early", code: second });
  run("mover", first);
  run("early", second);
  dump.dumpCodeMoveRecord({
    codeIndex,
    oldAddress: address(first),
    newAddress: address(second),
    codeSize: second.length,
  });
  run("moved", second);
  console.log("first=" + address(first));
  console.log("second=" + address(second));
  console.log("size=" + second.length);
`;

describe("a function that moves, under perf", () => {
  itBeforePerf(
    "7.0",
    "crashes on a JIT_CODE_MOVE",
    "has its name at the old address and at the new one when perf reports",
    async () => {
      const { stdout, injected } = await profile((directory) =>
        scriptCommand(directory, PROGRAM(directory), ["--allow-all"])
      );
      const values = Object.fromEntries(
        stdout.trim().split("\n").map((line) => line.split("=")),
      );
      const size = BigInt(values.size);
      const isIn = (ip: bigint, start: bigint) =>
        start <= ip && ip < start + size;
      const script = await runOrThrow([
        "perf",
        "script",
        ...["-i", injected],
        "--ns",
        ...["-F", "time,ip,sym"],
      ]);
      const samples = script.stdout.trim().split("\n").map((line) => {
        const [time, ip, symbol] = line.trim().split(/:?\s+/);
        return {
          time: BigInt(time.replace(".", "")),
          ip: BigInt(`0x${ip}`),
          symbol,
        };
      });
      const phases: [string, bigint, bigint, string][] = [
        ["mover", BigInt(values.mover), BigInt(values.first), "mover"],
        ["early", BigInt(values.early), BigInt(values.second), "early"],
        ["moved", BigInt(values.moved), BigInt(values.second), "mover"],
      ];
      for (const [i, [phase, begin, address, symbol]] of phases.entries()) {
        const end = phases[i + 1]?.[1] ?? 2n ** 64n;
        const ofPhase = samples.filter(({ time, ip }) =>
          begin <= time && time < end && isIn(ip, address)
        );
        assertGreater(ofPhase.length, 50, phase);
        for (const sample of ofPhase) {
          assertEquals(sample.symbol, symbol, phase);
        }
      }
    },
  );
});
