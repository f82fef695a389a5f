import { assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { SINKS } from "../../src/file/record_sink.ts";
import { itUnless } from "../support/it_unless.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";
import { crowd } from "./crowd.ts";
import {
  DISK_WRITERS,
  fillDisk,
  killOnFullDisk,
  whyNotMount,
} from "./full_disk.ts";
import { kill } from "./kills.ts";
import { killRecorders } from "./recorder_kills.ts";

const noMount = await whyNotMount();

describe("a dump under stress", () => {
  it("has all functions when 8 workers and an engine write it and one is terminated", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const counts = await crowd(path, 8, 5000);
    assertEquals(counts.functions, 40_000);
    assertGreater(counts.ofTerminated, 0);
    assertGreater(counts.foreign, 1000);
  });

  for (const sink of SINKS) {
    it(`loses no function whose call returned when 24 writers are killed with sink "${sink}"`, async () => {
      using directory = temporaryDirectory();
      const counts = await kill(directory.path, 24, sink);
      assertEquals(counts.kills, 24);
      // Every other pair of victims is killed after the first function.
      assertGreaterOrEqual(counts.functions, 12);
    });

    const name =
      `loses no function whose call returned when 8 are killed on a full disk with sink "${sink}"`;
    itUnless(noMount, name, async () => {
      using directory = temporaryDirectory();
      const counts = await killOnFullDisk(directory.path, 8, sink);
      assertEquals(counts.kills, 8);
      assertGreaterOrEqual(counts.functions, 4);
    });
  }

  for (const [sink, writers] of DISK_WRITERS) {
    for (const sizes of ["mixed", "equal"] as const) {
      const name =
        `has all functions when ${sizes} sizes fill a disk with ${writers} times sink "${sink}"`;
      itUnless(noMount, name, async () => {
        using directory = temporaryDirectory();
        const counts = await fillDisk(
          directory.path,
          writers,
          20,
          sizes,
          sink,
        );
        assertGreater(counts.functions, 100);
        assertGreater(counts.failures, 20 * writers);
        if (writers === 1) assertEquals(counts.skipped, 0);
        assertEquals(counts.widened, 0);
      });
    }
  }
});

describe("a recording under stress", () => {
  itWithRecorder(
    "is readable up to its last complete record when 6 recorders are killed",
    async () => {
      using directory = temporaryDirectory();
      const { kills, incomplete } = await killRecorders(directory.path, 6);
      assertEquals(kills, 6);
      // Every other recorder is killed while its program runs.
      assertGreaterOrEqual(incomplete, 3);
    },
  );
});
