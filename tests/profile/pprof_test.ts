import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import type { FrameSymbol } from "../../src/profile/frame_symbol.ts";
import { toPprof } from "../../src/profile/pprof.ts";
import { buildProfile } from "../support/build_profile.ts";
import { decodePprof } from "../support/decode_pprof.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

const at = (name: string, file?: string, line = 0): FrameSymbol => ({
  name,
  category: "jitted",
  dso: "",
  source: file === undefined ? undefined : { file, line },
});

const main = { ...at("main"), category: "native" as const, dso: "/bin/a" };
const process = "a program 7";
const MS = 1e6;
/** A name that pprof would change if it mistook it for a mangled one. */
const PYTHON = "py::f<int>(x):/ü.py";

const f = at("f", "/a", 2);

/** Two threads. The function f has samples in lines of two files, and calls itself. */
const PROFILE = buildProfile([
  { process, symbols: [main, f], weight: MS },
  { process, symbols: [main, f], weight: MS },
  { process, symbols: [main, at("f", "/b", 9), at("f", "/a", 3)], weight: MS },
  { process, tid: 8, symbols: [at(PYTHON)], weight: 200 * MS },
]);

const noGo = await whyMissing("go");

describe("toPprof()", () => {
  it("adds up samples when their chains and threads are equal", async () => {
    const { sample, stringTable: { strings }, ...rest } = await decodePprof(
      await toPprof(PROFILE),
    );
    assertEquals(
      sample.map(({ value, label }) => [
        value.map(Number),
        label.map(({ key, str }) =>
          `${strings[Number(key)]}=${strings[Number(str)]}`
        ),
      ]),
      [
        [[2, 2 * MS], ["process=a program 7", "thread=a program 7"]],
        [[1, MS], ["process=a program 7", "thread=a program 7"]],
        [[1, 200 * MS], ["process=a program 7", "thread=thread 8 8"]],
      ],
    );
    assertEquals(
      rest.sampleType.map(({ type, unit }) => [
        strings[Number(type)],
        strings[Number(unit)],
      ]),
      [["samples", "count"], ["cpu", "nanoseconds"]],
    );
    assertEquals(
      BigInt(rest.timeNanos),
      BigInt(Date.UTC(2025, 0, 1)) * 10n ** 6n,
    );
    assertEquals(Number(rest.durationNanos), 3 * MS);
  });

  it("has each line with its file when a function has lines of two files", async () => {
    const { sample, location, function: functions, stringTable: { strings } } =
      await decodePprof(await toPprof(PROFILE));
    const chain = sample[1].locationId.map((id) => {
      const [{ functionId, line }] = location.find((location) =>
        location.id === id
      )!.line;
      const { name, filename } = functions.find(({ id }) => id === functionId)!;
      return `${strings[Number(name)]} ${strings[Number(filename)]}:${line}`;
    });
    assertEquals(chain, ["f /a:3", "f /b:9", "main :0"]);
  });

  it("has the event as its unit when it counts no time", async () => {
    const { sampleType, stringTable: { strings } } = await decodePprof(
      await toPprof({ ...PROFILE, event: "cycles:u" }),
    );
    const [, { type, unit }] = sampleType;
    assertEquals([strings[Number(type)], strings[Number(unit)]], [
      "cycles:u",
      "count",
    ]);
  });

  itUnless(
    noGo,
    "has the totals of functions when pprof reads it",
    async () => {
      using directory = temporaryDirectory();
      const file = join(directory.path, "profile.pb.gz");
      Deno.writeFileSync(file, await toPprof(PROFILE));
      const { stdout } = await runOrThrow([
        ...["go", "tool", "pprof", "-top", "-unit=ms", "-nodefraction=0", file],
      ] as unknown as ["go", ...string[]]);
      assertMatch(stdout, /^File: a program$/m);
      assertMatch(stdout, /^Duration: 3ms, Total samples = 203ms/m);
      const rows = Array.from(
        stdout.matchAll(/^ *(\d+(?:ms)?) .*% +(\d+(?:ms)?) +\S+% {2}(.*)$/gm),
        ([, ...columns]) => columns,
      );
      assertEquals(rows, [
        ["200ms", "200ms", PYTHON],
        ["3ms", "3ms", "f"],
        ["0", "3ms", "main"],
      ]);
    },
  );
});
