import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { SourceMaps } from "../../src/profile/source_maps.ts";
import { temporaryDirectory } from "../support/script.ts";

const FILE = "file:///src/a.ts";

const NAME = `JS:*f ${FILE}:1:11`;

/** Its third line is generated as the first one of the code: "function f(n) {}". */
const SOURCE = "interface A {\n}\nfunction f(n: A) {}\n";

/** Maps column 0 to 3:1, and column 9 to 3:10. */
const MAP = { version: 3, sources: [FILE], names: [], mappings: "AAEA,SAAS" };

const CODE = "function f(n) {}\n//# sourceMappingURL=data:application/json;" +
  `base64,${btoa(JSON.stringify({ ...MAP, sourcesContent: [SOURCE] }))}\n`;

/** Calls `use` with the source maps of a recording that has the generated code. */
function withCode(code: string, use: (maps: SourceMaps) => void): void {
  using directory = temporaryDirectory();
  const path = join(directory.path, "1.js");
  Deno.writeTextFileSync(path, code);
  use(new SourceMaps(new Map([[FILE, path]])));
}

describe("source maps", () => {
  it("return lines and names of the source when the recording has the code", () => {
    withCode(CODE, (maps) => {
      const recorded = { file: FILE, line: 1, discrim: 11 };
      assertEquals(maps.lineOf(NAME, recorded), { file: FILE, line: 3 });
      assertEquals(maps.nameOf(NAME), `JS:*f ${FILE}:3:10`);
      assertEquals(maps.textOf(FILE)?.[2], "function f(n: A) {}");
    });
  });

  it("mark lines as generated when there is no map", () => {
    const recorded = { file: FILE, line: 1, discrim: 11 };
    const marked = { file: `${FILE} (generated)`, line: 1 };
    const check = (maps: SourceMaps) => {
      assertEquals(maps.lineOf(NAME, recorded), marked);
      assertEquals(maps.nameOf(NAME), NAME);
      assertEquals(maps.textOf(FILE), undefined);
    };
    check(new SourceMaps(new Map()));
    withCode("function f(n) {}\n", check);
    withCode(CODE.replace("base64,", "base64,AAAA"), check);
  });

  it("mark a line as generated when the map has no segment for it", () => {
    withCode(CODE, (maps) => {
      const recorded = { file: FILE, line: 2, discrim: 1 };
      const marked = { file: `${FILE} (generated)`, line: 2 };
      assertEquals(maps.lineOf(NAME, recorded), marked);
    });
  });

  it("leave lines unchanged when they are not of generated code", () => {
    const script = { file: "/a.js", line: 2, discrim: 3 };
    assertEquals(new SourceMaps(new Map()).lineOf(NAME, script), {
      file: "/a.js",
      line: 2,
    });
    const stripped = { file: FILE, line: 2, discrim: 3 };
    assertEquals(new SourceMaps(new Map()).lineOf("sum", stripped), stripped);
    assertEquals(new SourceMaps(undefined).lineOf(NAME, stripped), stripped);
  });
});
