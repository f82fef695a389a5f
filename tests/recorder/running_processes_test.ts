import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  hasEnded,
  mappedCode,
  parseMaps,
  threadIds,
  threadName,
} from "../../src/recorder/running_processes.ts";

describe("parseMaps()", () => {
  it("returns executable mappings when there are others", () => {
    const text = [
      "55d0c0000000-55d0c0001000 r--p 00000000 fe:01 12 /usr/bin/sh",
      "55d0c0001000-55d0c0003000 r-xp 00001000 fe:01 12                /usr/bin/a b",
      "7f0000000000-7f0000001000 rwxs 00000000 00:00 0 ",
      "7f0000002000-7f0000003000 r-xp 00000000 fe:01 13 /tmp/x\\012y (deleted)",
      "",
    ].join("\n");
    const maps = parseMaps(text, 5);
    assertEquals(maps.map(({ path }) => path), [
      "/usr/bin/a b",
      "//anon",
      "/tmp/x\ny (deleted)",
    ]);
    assertEquals(maps[0], {
      pid: 5,
      start: 0x55d0c0001000n,
      size: 0x2000n,
      pageOffset: 0x1000n,
      major: 0xfe,
      minor: 1,
      inode: 12n,
      protection: 5,
      flags: 2,
      path: "/usr/bin/a b",
    });
    assertEquals([maps[1].protection, maps[1].flags], [7, 1]);
  });
});

describe("running processes", () => {
  it("have threads, names and code when they run", () => {
    assert(threadIds(Deno.pid).includes(Deno.pid));
    assert(threadName(Deno.pid, Deno.pid) !== undefined);
    const paths = mappedCode(Deno.pid).map(({ path }) => path);
    assert(paths.includes(Deno.execPath()));
    assertEquals(hasEnded(Deno.pid), false);
  });

  it("have neither threads nor code when they have ended", async () => {
    const child = new Deno.Command("true").spawn();
    await child.status;
    assertEquals(threadIds(child.pid), []);
    assertEquals(mappedCode(child.pid), []);
    assert(hasEnded(child.pid));
  });
});
