import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { Model } from "../../page/model.ts";
import { profileOf } from "../../page/profile.ts";
import type { PageData } from "../../src/profile/page_format.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { jitdump } from "../support/jitdump.ts";
import { writeRecording } from "../support/jitted_recording.ts";
import { temporaryDirectory } from "../support/script.ts";

const noObjdump = await whyMissing("objdump");

/** Runs `jitdump report` on the recording in a directory. */
function report(directory: string, permissions: string[], ...args: string[]) {
  writeRecording(directory);
  const flags = ["--allow-read", ...permissions];
  return jitdump(["report", directory, ...args], flags);
}

/** Returns the data of a page. */
function dataOf(html: string): PageData {
  const [, json] = html.match(/id="data">(.*)<\/script>/)!;
  return JSON.parse(json);
}

describe("jitdump report --html", () => {
  itUnless(
    noObjdump,
    "writes instructions and sources when objdump may be run",
    async () => {
      using directory = temporaryDirectory();
      const { stdout, stderr } = await report(
        directory.path,
        ["--allow-run=objdump", "--allow-write", "--allow-env=TMPDIR"],
        ...["--html", "-"],
      );
      const data = dataOf(stdout);
      assertEquals(data.code.length, 4, stderr);
      const model = new Model(profileOf(data));
      const [fib] = model.rows.filter(({ frame }) =>
        data.frames.name[frame] === "w:fib/1"
      );
      const { sources: [rows], compilations } = model.code(fib.frame);
      assertEquals(data.files, [join(directory.path, "fib.calc")]);
      assertEquals(rows.map(({ line, text, weight }) => [line, text, weight]), [
        [1, "fn fib(n) {", 1e6],
        [2, "  return n", 3e6],
        [3, "}", 0],
        [4, "", 0],
      ]);
      assertEquals(compilations.length, 1);
      const [{ rows: instructions }] = compilations;
      assertEquals(instructions.length, 16);
      assertEquals(
        instructions.slice(0, 4).map(({ text, weight }) => [text, weight]),
        [["nop", 1e6], ["nop", 0], ["nop", 0], ["nop", 3e6]],
      );
      assertEquals(instructions[2].place?.line, 2);
    },
  );

  it("writes sources without instructions when running objdump is not allowed", async () => {
    using directory = temporaryDirectory();
    const { stdout } = await report(directory.path, [], "--html", "-");
    const data = dataOf(stdout);
    assertEquals(data.code, []);
    assertEquals(data.sources[0].text[0], "fn fib(n) {");
  });

  it("has the samples of --json when both are written", async () => {
    using directory = temporaryDirectory();
    const html = await report(directory.path, [], "--html", "-");
    const json = await report(directory.path, [], "--json");
    const model = new Model(profileOf(dataOf(html.stdout)));
    const { functions, samples, weight } = JSON.parse(json.stdout);
    assertEquals(model.whole, { samples, weight });
    assertEquals(
      model.rows.map(({ frame, ...sums }) => ({
        ...{ name: model.profile.frames[frame].name, ...sums },
      })),
      functions.map(
        ({ name, self, selfSamples, total, totalSamples }: Record<
          string,
          unknown
        >) => ({ name, self, selfSamples, total, totalSamples }),
      ),
    );
  });

  it("writes a file and prints its name when a path is given", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "page.html");
    const { stderr } = await report(
      directory.path,
      [`--allow-write=${path}`],
      ...["--html", path],
    );
    assertStringIncludes(stderr, `wrote ${path}`);
    assertStringIncludes(Deno.readTextFileSync(path), "<!DOCTYPE html>");
  });
});

describe("jitdump diff --html", () => {
  it("has the changes of two recordings when both have samples", async () => {
    using directory = temporaryDirectory();
    const [a, b] = ["a", "b"].map((name) => join(directory.path, name));
    for (const path of [a, b]) {
      Deno.mkdirSync(path);
      writeRecording(path);
    }
    const { stdout, stderr } = await jitdump(["diff", "--html", "-", a, b]);
    const data = dataOf(stdout);
    assertEquals(data.title, `${a} → ${b}`, stderr);
    const model = new Model(profileOf(data));
    assertEquals(model.whole, model.otherWhole);
    assertEquals(
      model.rows.map((row) => "change" in row ? row.change : undefined),
      [0, 0, 0, 0],
    );
  });
});
