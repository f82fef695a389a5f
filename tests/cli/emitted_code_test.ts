import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import {
  cachedPath,
  emitCache,
  keepEmittedCode,
} from "../../src/cli/emitted_code.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { temporaryDirectory } from "../support/script.ts";

describe("the generated code of a recording", () => {
  it("is in Deno's cache directory when environment variables name it", () => {
    const cache = (variables: Record<string, string>) =>
      emitCache((name) => variables[name]);
    const [HOME, XDG_CACHE_HOME, DENO_DIR] = ["/me", "/caches", "/deno"];
    assertEquals(cache({ HOME, XDG_CACHE_HOME, DENO_DIR }), "/deno/gen");
    assertEquals(cache({ HOME, XDG_CACHE_HOME }), "/caches/deno/gen");
    assertEquals(cache({ HOME }), "/me/.cache/deno/gen");
    assertEquals(cache({}), undefined);
  });

  it("has the path in Deno's cache when its module is a file or remote", () => {
    assertEquals(cachedPath("file:///a%20b/c.ts"), "file/a b/c.ts.js");
    // sha256sum of "/c.ts?x=1"
    assertEquals(
      cachedPath("http://localhost:8000/c.ts?x=1"),
      "http/localhost_PORT8000/ac00ba44f5778deed52c5c4ab21cc348d39a11de7e2d6f3c5c1aeb9e76536093.js",
    );
    assertEquals(cachedPath("ext:core/a.ts"), undefined);
    assertEquals(cachedPath("/a.ts"), undefined);
  });

  it("is kept when functions can begin at the recorded positions", () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const cache = join(path, "gen");
    Deno.mkdirSync(join(cache, "file"), { recursive: true });
    Deno.writeTextFileSync(join(cache, "file", "a.ts.js"), "let f = (x) => 1;");
    Deno.writeTextFileSync(join(cache, "file", "b.ts.js"), "let f = 1;");
    const { bytes } = new DumpBuilder()
      .load({ name: "JS:~ file:///a.ts:1:1" })
      .load({ name: "JS:*f file:///a.ts:1:9" })
      .load({ name: "JS:*f file:///b.ts:2:9" })
      .load({ name: "JS:*f file:///missing.ts:1:1" })
      .load({ name: "f" });
    const dump = join(path, "jit-7.dump");
    Deno.writeFileSync(dump, bytes);
    const damaged = join(path, "jit-8.dump");
    Deno.writeTextFileSync(damaged, "no dump");
    const into = join(path, "emitted");
    assertEquals(keepEmittedCode([damaged, dump], cache, into), [
      { specifier: "file:///a.ts", file: "1.js" },
    ]);
    assertEquals(
      Deno.readTextFileSync(join(into, "1.js")),
      "let f = (x) => 1;",
    );
  });
});
