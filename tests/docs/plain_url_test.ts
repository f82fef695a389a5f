import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { readLoads } from "../support/parse_dump.ts";
import { type Outcome, run } from "../support/perf.ts";
import { LIBC, temporaryDirectory } from "../support/script.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** Serves the repository's files over HTTP on this machine until it is disposed. */
function serveRepository(): AsyncDisposable & {
  host: string;
  /** Paths that were requested. */
  requested: Set<string>;
} {
  const requested = new Set<string>();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
  }, async (request) => {
    const path = new URL(request.url).pathname.slice(1);
    requested.add(path);
    try {
      return new Response(await Deno.readFile(join(ROOT, path)), {
        headers: {
          "content-type": path.endsWith(".json")
            ? "application/json"
            : "application/typescript",
        },
      });
    } catch {
      return new Response("not found", { status: 404 });
    }
  });
  return {
    host: `127.0.0.1:${server.addr.port}`,
    requested,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/**
 * Runs a program in an otherwise empty directory, with an empty cache and without
 * permission prompts.
 */
function runAlone(
  directory: string,
  program: string,
  flags: string[],
): Promise<Outcome> {
  const project = join(directory, "project");
  Deno.mkdirSync(project);
  Deno.writeTextFileSync(join(project, "main.ts"), program);
  return run([Deno.execPath(), "run", "--quiet", ...flags, "main.ts"], {
    cwd: project,
    env: { DENO_DIR: join(directory, "cache"), NO_COLOR: "1" },
  });
}

describe("a program without a deno.json", () => {
  it("writes a dump when it imports the module by URL", async () => {
    using directory = temporaryDirectory();
    await using repository = serveRepository();
    const dumps = join(directory.path, "dumps");
    Deno.mkdirSync(dumps);
    const { stdout, stderr } = await runAlone(
      directory.path,
      `import { JitDumpFile } from "http://${repository.host}/mod.ts";
       using dump = JitDumpFile.forProcess("${dumps}");
       dump.dumpFunction({ name: "by URL", code: Uint8Array.of(0xc3) });
       console.log(dump.path);`,
      [
        `--allow-import=${repository.host}`,
        `--allow-ffi=${LIBC}`,
        `--allow-write=${dumps}`,
      ],
    );
    assertEquals(stderr, "");
    const names = readLoads(stdout.trim()).map(({ name }) => name);
    assertEquals(names, ["by URL"]);
    for (const path of repository.requested) {
      assertMatch(path, /^(mod\.ts|(src|ffi)\/.*\.ts)$/);
    }
    assert(repository.requested.size > 30);
  });

  it("imports the module and the reader when it has only --allow-import", async () => {
    using directory = temporaryDirectory();
    await using repository = serveRepository();
    const { stdout, stderr } = await runAlone(
      directory.path,
      `import { JitDumpFile } from "http://${repository.host}/mod.ts";
       import { JitDumpReader } from "http://${repository.host}/src/reader/mod.ts";
       console.log(JitDumpFile.name, JitDumpReader.name);`,
      [`--allow-import=${repository.host}`],
    );
    assertEquals(stderr, "");
    assertEquals(stdout, "JitDumpFile JitDumpReader\n");
  });
});

describe("the command line", () => {
  it("prints its usage when it is run by URL", async () => {
    using directory = temporaryDirectory();
    await using repository = serveRepository();
    const { stdout, code } = await run([
      Deno.execPath(),
      "run",
      "--quiet",
      `--allow-import=${repository.host}`,
      `http://${repository.host}/src/cli/main.ts`,
      "--help",
    ], {
      cwd: directory.path,
      env: { DENO_DIR: join(directory.path, "cache") },
    });
    assertEquals(code, 0);
    assertMatch(stdout, /^Usage: jitdump /);
  });
});
