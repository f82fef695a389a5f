import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import type { Profile } from "../../src/profile/profile.ts";
import { toSpeedscope } from "../../src/profile/speedscope.ts";
import { at, buildProfile, NATIVE_MAIN } from "../support/build_profile.ts";
import {
  describeInChromium,
  itInChromium,
  withPage,
} from "../support/chromium.ts";
import { Ajv, speedscopeSchema } from "../support/npm.ts";
import { npmDirectory } from "../support/npm_directory.ts";
import { temporaryDirectory } from "../support/script.ts";

const process = "a program 7";
const MS = 1e6;

/** Two threads. The function f has samples in two lines and in code without a line. */
const PROFILE = buildProfile([
  { process, symbols: [NATIVE_MAIN, at("f", 2)], weight: MS },
  { process, symbols: [NATIVE_MAIN, at("f"), at("g", 9)], weight: 3 * MS },
  { process, tid: 8, symbols: [at("g", 9)], weight: 2 * MS },
  { process, symbols: [NATIVE_MAIN, at("f", 3)], weight: MS },
]);

/** The schema's object, as far as it is used here. */
interface Speedscope {
  activeProfileIndex: number;
  shared: { frames: { name: string }[] };
  profiles: {
    name: string;
    unit: string;
    endValue: number;
    samples: number[][];
    weights: number[];
  }[];
}

const read = (profile: Profile): Speedscope =>
  JSON.parse(JSON.stringify(toSpeedscope(profile, "a name")));

describe("toSpeedscope()", () => {
  it("matches the schema of speedscope when there are several threads", () => {
    const validate = new Ajv({ strict: false }).compile(speedscopeSchema);
    assert(validate(read(PROFILE)), JSON.stringify(validate.errors));
    const text = JSON.stringify(read(PROFILE));
    assertEquals(validate(JSON.parse(text.replace("sampled", "some"))), false);
  });

  it("has one frame for a function when it has samples in several lines", () => {
    assertEquals<unknown>(read(PROFILE).shared.frames, [
      { name: "main", file: "/bin/a" },
      { name: "f", file: "/a.calc" },
      { name: "g", file: "/a.calc" },
    ]);
  });

  it("sorts samples by time when there are several threads", () => {
    const { profiles, activeProfileIndex } = read(PROFILE);
    assertEquals(
      profiles.map(({ name, samples, weights, endValue }) => [
        ...[name, samples, weights, endValue],
      ]),
      [
        ["a program 7", [[0, 1], [0, 1, 2], [0, 1]], [MS, 3 * MS, MS], 5 * MS],
        ["a program 7: thread 8 8", [[2]], [2 * MS], 2 * MS],
      ],
    );
    assertEquals(activeProfileIndex, 0);
  });

  it("has nanoseconds only when the event is a clock", () => {
    const unitOf = (event: string) =>
      read({ ...PROFILE, event }).profiles[0].unit;
    assertEquals(unitOf("task-clock:u"), "nanoseconds");
    assertEquals(unitOf("cycles"), "none");
  });
});

describeInChromium("a profile in speedscope", () => {
  itInChromium(
    "has the totals of functions when it is opened",
    async () => {
      using directory = temporaryDirectory();
      const script = join(directory.path, "profile.js");
      const text = JSON.stringify(toSpeedscope(PROFILE, "a name"));
      Deno.writeTextFileSync(
        script,
        `speedscope.loadFileFromBase64("a.json", ${
          JSON.stringify(btoa(text))
        })`,
      );
      const app = await npmDirectory("speedscope", "1.25.0");
      await withPage(
        `file://${app}/dist/release/index.html#localProfilePath=${script}&view=sandwich`,
        async (page) => {
          const row = page.locator("tr", { hasText: "main" });
          await row.waitFor();
          const rows = await page.locator("tr").allInnerTexts();
          assertEquals(
            rows.filter((row) => row.includes("%")).map((row) =>
              row.trim().split(/\s*[\t\n]\s*/)
            ).sort(),
            [
              ["3.00ms (60%)", "3.00ms (60%)", "g"],
              ["5.00ms (100%)", "0.00ns (<0.01%)", "main"],
              ["5.00ms (100%)", "2.00ms (40%)", "f"],
            ],
          );
        },
      );
    },
  );
});
